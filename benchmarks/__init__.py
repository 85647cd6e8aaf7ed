"""Measuring what the other packages made: latency and accuracy, with the machine's facts beside every figure."""
