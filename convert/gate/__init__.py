"""The drift gate: held-out cells, limits, the verdict, and the steps up when an attempt fails."""
