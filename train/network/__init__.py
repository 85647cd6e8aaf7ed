"""The Keras side: a network, its scores, TensorFlow's set-up and silence."""
