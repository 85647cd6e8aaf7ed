"""What a model file is: graph, golden vectors, files without a card, compute units."""
