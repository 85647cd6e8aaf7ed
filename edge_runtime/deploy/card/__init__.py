"""Preparing a freshly flashed card so that it becomes an instrument at its first boot, without keyboard or network."""
