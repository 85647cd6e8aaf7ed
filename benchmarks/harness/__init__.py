"""What every benchmark stands on: the saved document, the machine, timing, percentiles, unseen patients."""
