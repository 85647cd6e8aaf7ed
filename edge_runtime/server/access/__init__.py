"""Who may do what: tokens, cookies, limits, the guard in front of every request."""
