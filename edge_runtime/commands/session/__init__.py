"""``thinsmear session``: counting a smear by commands."""
