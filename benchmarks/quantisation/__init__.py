"""What every way of quantising a run costs in accuracy."""
