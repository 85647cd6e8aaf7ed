"""Where in a cell a model sees a parasite: four ways to look, and the pictures that show them."""
