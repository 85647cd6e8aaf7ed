"""A run's folder: its files, how it starts, what it was made with."""
