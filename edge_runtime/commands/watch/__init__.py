"""``thinsmear watch``: a camera's pictures as they come."""
