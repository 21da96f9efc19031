"""The site: its pages, tables and pictures."""
