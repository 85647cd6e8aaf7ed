"""From a trained model to one .tflite file that carries its own contract: recipes, a drift gate, lint."""
