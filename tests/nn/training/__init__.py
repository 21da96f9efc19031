"""What fit does, option by option."""
