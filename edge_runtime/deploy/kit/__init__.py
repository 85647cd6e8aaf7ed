"""The offline kit: wheels, models, units, and the list that proves them."""
