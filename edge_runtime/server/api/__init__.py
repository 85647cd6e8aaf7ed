"""The HTTP API: one module per group of addresses, its documents, and their description."""
