"""Damage in JPEG data that decoders pass over: the segments, the fit of the data, the walk through their codes."""
