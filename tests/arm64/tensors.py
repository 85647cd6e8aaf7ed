"""Run by the arm64 tests on both machines: every step from image file to decision, as arrays to compare.

python tensors.py FOLDER OUT.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge_runtime.core.classifier import Classifier
from edge_runtime.core.images import IMAGE_SUFFIXES, load_image
from edge_runtime.core.preprocess import lookup_table, resize, to_tensor

classifier = Classifier.open()
contract, tensor = classifier.contract, classifier.interpreter.input
table = lookup_table(contract, tensor.dtype, tensor.scale, tensor.zero_point)
inputs, outputs, decisions = [], [], []
for path in sorted(path for path in Path(sys.argv[1]).rglob("*") if path.suffix in IMAGE_SUFFIXES):
    image = load_image(path)
    inputs.append(to_tensor(resize(image, contract)[np.newaxis], table, contract))
    outputs.append(classifier.interpreter.run(inputs[-1]).ravel())
    result = classifier.classify(image)
    decisions.append([result.label == classifier.labels[1], result.review, result.count])
np.savez(sys.argv[2], inputs=np.concatenate(inputs), outputs=np.stack(outputs), decisions=np.array(decisions))
