"""A field's pixels to outlined cells: illumination, mask, splitting, shapes, what is left out."""
