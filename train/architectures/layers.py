"""Pieces the families share: the classification head, and loading of pretrained weights."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.common.console import is_quiet
from edge_runtime.errors import BadData, EnvironmentLacks

if TYPE_CHECKING:
    import keras


def head(features: Any, dropout: float, units: int = 128) -> Any:
    """GlobalAveragePooling, Dense(units, relu), Dropout, one logit. ``features`` is [n, h, w, c]."""
    import keras

    pooled = keras.layers.GlobalAveragePooling2D(name="head_pool")(features)
    hidden = keras.layers.Dense(units, activation="relu", name="head_dense")(pooled)
    dropped = keras.layers.Dropout(dropout, name="head_dropout")(hidden)
    # float32 whatever the policy: a logit in half precision has steps near 0.01 at 10.
    return keras.layers.Dense(1, dtype="float32", name="head_logit")(dropped)


def with_backbone(
    make: Any, size: int, weights: str | Path | None, dropout: float, last_layer: str | None = None, **options: Any
) -> keras.Model:
    """A ``keras.applications`` backbone without its top, flat in one graph with our head.

    Args:
        make: the function of ``keras.applications``.
        weights: "imagenet" (Keras downloads them), a weights file, or None for random ones.
        last_layer: name of the layer after which our head comes; None for the whole backbone.

    Raises:
        EnvironmentLacks: the ImageNet weights cannot be downloaded here.
        BadData: the weights file is missing or of another network.
    """
    import keras

    inputs = keras.Input((size, size, 3), name="pixels")
    try:
        with _keras_on_stderr():
            backbone = make(
                include_top=False, weights="imagenet" if weights == "imagenet" else None, input_tensor=inputs, **options
            )
    except Exception as error:
        # Keras raises whatever its downloader does; only the download can fail here.
        if weights != "imagenet":
            raise
        raise EnvironmentLacks(
            f"The ImageNet weights cannot be downloaded ({error}); fetch them elsewhere and give --weights FILE."
        ) from error
    if weights is not None and weights != "imagenet":
        load_backbone(backbone, Path(weights))
    features = backbone.output if last_layer is None else backbone.get_layer(last_layer).output
    return keras.Model(inputs, head(features, dropout), name=backbone.name)


@contextlib.contextmanager
def _keras_on_stderr() -> Iterator[None]:
    """Keras tells of its download on stdout, which carries results, and warns that weights of another size serve."""
    hidden = is_quiet() or not sys.stderr.isatty()  # as edge_runtime.common.console.progress
    screen = io.StringIO() if hidden else sys.stderr
    with contextlib.redirect_stdout(screen), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_backbone(backbone: keras.Model, path: Path) -> None:
    """Load a Keras 3 weights file into a backbone.

    Raises:
        BadData: no such file, a damaged one, or its shapes are another network's.
    """
    if not path.is_file():
        raise BadData(f"There is no weights file {path}.")
    try:
        backbone.load_weights(path)
    except Exception as error:
        # Of a damaged file h5py and Keras raise nearly anything, some of it without a word.
        sentence = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadData(f"The weights in {path} do not fit {backbone.name}: {sentence}") from error
