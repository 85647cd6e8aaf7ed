"""Infected cells outside the machine's count: objects that a person confirmed, and cells that a person added."""
