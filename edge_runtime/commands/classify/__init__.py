"""``thinsmear classify``: cells and whole fields."""
