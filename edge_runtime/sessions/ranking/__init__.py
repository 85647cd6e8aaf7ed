"""Review by rank: a session's cells by their scores, a page at a time, and the count that this gives."""
