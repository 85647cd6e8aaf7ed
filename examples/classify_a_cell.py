"""One cell image, black outside the cell, to a calibrated probability and two decisions.

python examples/classify_a_cell.py cell.png
"""

import sys

from edge_runtime import Classifier, load_image


def main(path: str) -> None:
    """Print what the model that comes along says of the cell in ``path``."""
    classifier = Classifier.open()  # or a model file of yours, or the name of another that comes along
    cell = classifier.classify(load_image(path))
    print(f"{cell.label}: probability {cell.probability:.3f}, model {classifier.model.id}")
    if cell.count:
        print("At or above the strict operating point: it counts as infected.")
    elif cell.review:
        print("At or above the sensitive operating point: a person should look at it.")


if __name__ == "__main__":
    main(sys.argv[1])
