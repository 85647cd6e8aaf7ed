"""The drift gate: held-out cells, limits, the decision, and the steps up when an attempt fails."""
