"""Training recipes against each other, and the time of the classic recipe."""
