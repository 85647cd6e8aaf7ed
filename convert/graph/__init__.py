"""Keras graphs read and edited for conversion."""
