"""What everything may use: text, files, the terminal, the board."""
