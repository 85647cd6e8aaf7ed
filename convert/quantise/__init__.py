"""From a Keras graph to an int8 flatbuffer: recipes, ranges, calibration cells, bias correction."""
