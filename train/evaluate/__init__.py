"""A run or a model measured on labelled cells."""
