"""One cell, from its file to a decision: images, sources, preprocessing, back ends, decision, model file."""
