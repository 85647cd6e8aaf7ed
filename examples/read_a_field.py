"""A whole microscope field: its cells are found, cut out and classified, and its quality is judged. Needs OpenCV.

python examples/read_a_field.py field.jpg
"""

import sys

from edge_runtime import Classifier, FieldReader, load_image


def main(path: str) -> None:
    """Print how many cells the field in ``path`` has, where the suspected ones lie, and whether it may count."""
    reader = FieldReader([Classifier.open()])  # several classifiers share the cells of a field out among threads
    result = reader.read(load_image(path))
    print(f"{len(result.verdicts)} cells; left out: {result.field.excluded_counts()}")
    for cell, verdict in zip(result.field.cells, result.verdicts, strict=True):
        if verdict.review:
            x, y, width, height = cell.box
            print(f"  {verdict.probability:.3f} at {x},{y} ({width} x {height} pixels)")
    for refusal in result.quality.refusals:
        print(f"Does not count: {refusal.message}")


if __name__ == "__main__":
    main(sys.argv[1])
