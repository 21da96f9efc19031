"""Programs that judge the project: what a change costs, and what the tests notice."""
