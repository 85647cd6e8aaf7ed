"""Latency of a model on this machine: cold start, percentiles, stages, throughput, and whether they are valid."""
