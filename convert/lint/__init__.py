"""What an Edge TPU or a CPU would refuse in a .tflite file."""
