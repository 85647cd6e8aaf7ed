"""Uneven light taken out: a smooth model of the empty glass, and how much of it each pixel keeps back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.fields.opencv import opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP = 8  # pixels between the samples that the glass is fitted to
_BRIGHTEST = 97.0  # percentile of the green channel that surely is glass when there is any
# Rounds of the fit: terms of the polynomial, and how far from it (as a part of it) a sample still is glass.
_ROUNDS = ((1, 0.14), (3, 0.12), (3, 0.10), (6, 0.08), (6, 0.06), (6, 0.05))
_DARKEST_GLASS = 20.0
_WEIGHTS = (0.1, 0.8, 0.1)  # of red, green, blue: haemoglobin and every common stain absorb green most


@dataclass(frozen=True)
class Light:
    """The light of a field.

    Attributes:
        glass: level of the empty glass at an eighth of the picture's resolution, float32 [h/8, w/8, 3], 0..255.
        share: part of the picture that looks like glass, 0..1.
        noise: standard deviation of the darkness (see :func:`darkness`) of glass, robustly estimated.
    """

    glass: NDArray[np.float32]
    share: float
    noise: float

    @property
    def level(self) -> NDArray[np.float32]:
        """Mean colour of the glass, float32 [3], 0..255."""
        return np.asarray(self.glass.mean((0, 1)), np.float32)


def read_light(picture: NDArray[np.uint8]) -> Light:
    """Fit a second-order surface to the pixels that look like empty glass.

    The brightest pixels of the green channel start it; each round fits the surface to the pixels near the last one,
    so cells, which are darker, drop out.

    Args:
        picture: uint8 [h, w, 3], RGB.
    """
    samples = picture[::_STEP, ::_STEP].astype(np.float32)
    rows, columns = samples.shape[:2]
    x = np.broadcast_to(np.linspace(-1, 1, columns, dtype=np.float32), (rows, columns)).ravel()
    y = np.broadcast_to(np.linspace(-1, 1, rows, dtype=np.float32)[:, None], (rows, columns)).ravel()
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    colours = samples.reshape(-1, 3)
    green = colours[:, 1]
    surface = np.full_like(green, max(float(np.percentile(green, _BRIGHTEST)), 1.0))
    near = np.abs(green - surface) < _ROUNDS[0][1] * surface
    for order, tolerance in _ROUNDS[1:]:
        if near.sum() < 50:
            break
        surface = terms[:, :order] @ _fit(terms[near, :order], green[near])
        near = np.abs(green - surface) < tolerance * np.maximum(surface, 1)
    if near.sum() < 50:  # no glass to speak of: call the brightest level flat
        flat = np.maximum(np.percentile(colours, _BRIGHTEST, axis=0), _DARKEST_GLASS).astype(np.float32)
        return Light(np.broadcast_to(flat, (rows, columns, 3)).astype(np.float32), 0.0, 0.0)
    fitted = np.clip(terms @ _fit(terms[near], colours[near]), _DARKEST_GLASS, 255.0)
    kept = 1 - (colours[near] / fitted[near]) @ np.array(_WEIGHTS, np.float32)
    noise = 1.4826 * float(np.median(np.abs(kept - np.median(kept))))
    return Light(fitted.reshape(rows, columns, 3).astype(np.float32), float(near.mean()), noise)


def gain_for(light: Light, size: tuple[int, int]) -> NDArray[np.float32]:
    """What each channel of each pixel is multiplied with to give its part of the light passed, float32 [h, w, 3].

    Args:
        size: (width, height) of the picture.
    """
    cv2 = opencv()
    gain = np.array(_WEIGHTS, np.float32) / light.glass
    return np.asarray(cv2.resize(gain, size, interpolation=cv2.INTER_LINEAR), np.float32)


def darkness(picture: NDArray[np.uint8], gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each pixel keeps back of the light through empty glass: 0 glass, 1 black; float32 [h, w].

    It is an absorptance (1 - I / glass), not an optical density: deep stain then does not tower above pale cells.

    Args:
        picture: uint8 [h, w, 3], RGB.
        gain: of :func:`gain_for`.
    """
    cv2 = opencv()
    passed = cv2.transform(cv2.multiply(picture, gain, dtype=cv2.CV_32F), np.ones((1, 3), np.float32))
    return np.asarray(np.clip(1 - passed, 0, 1), np.float32)


def _fit(terms: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Least squares by the normal equations: six unknowns, and the columns are of one size."""
    square = terms.T @ terms
    square[np.diag_indices_from(square)] += 1e-3 * len(terms)
    return np.asarray(np.linalg.solve(square.astype(np.float64), (terms.T @ values).astype(np.float64)), np.float32)
