"""A frozen BatchNorm folded into its convolution changes neither the function nor its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from train.architectures import find
from train.network.tensorflow_setup import require_tensorflow
from train.trainer.folded_batchnorm import with_folded_normalisation
from train.trainer.frozen_layers import choose_trainable

require_tensorflow()


@pytest.mark.parametrize(
    ("name", "alpha", "folded"),
    [
        ("mobilenet_v2", 0.35, 52),
        pytest.param("resnet50", 1.0, 53, marks=pytest.mark.long),
        ("cnn_128", 1.0, 4),
    ],
)
def test_function_and_gradients_stay(name: str, alpha: float, folded: int) -> None:
    import tensorflow as tf

    model = find(name).build(32, alpha, None, 0.0)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "moving" in weight.path or "gamma" in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    choose_trainable(model, None, pretrained=True)
    fast = with_folded_normalisation(model)
    assert sum(layer.name.startswith("folded_") for layer in fast.layers) == folded

    images = tf.constant(rng.uniform(-1, 1, (4, 32, 32, 3)), tf.float32)
    results = []
    for network in (model, fast):
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = tf.reduce_sum(logits**2)
        results.append((logits, tape.gradient(loss, model.trainable_variables)))
    (slow_logits, slow_gradients), (fast_logits, fast_gradients) = results
    np.testing.assert_allclose(fast_logits, slow_logits, rtol=1e-3, atol=1e-5)
    for slow, quick in zip(slow_gradients, fast_gradients, strict=True):
        scale = float(tf.reduce_max(tf.abs(slow))) + 1e-6
        np.testing.assert_allclose(np.array(quick) / scale, np.array(slow) / scale, atol=2e-3)


def test_trained_normalisation_is_left_alone() -> None:
    model = find("mobilenet_v2").build(32, 0.35, None, 0.0)
    choose_trainable(model, None, pretrained=False)
    assert not any(layer.name.startswith("folded_") for layer in with_folded_normalisation(model).layers)
