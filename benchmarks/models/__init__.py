"""Models beside each other on the same unseen cells, and candidates for the one that comes along."""
