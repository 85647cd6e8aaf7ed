"""Whether a field may count: focus, light, stain and density, each refusal with its reason and what to turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.fields.opencv import opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.fields.segmentation.segment import SegmentedField

FOCUS_SHARE = 0.75  # of the best focus of a session (ulc-malaria-scope refuses below the same)
# Focus below which cells are blurred whatever the session. An edge blurred by a Gaussian of sigma s has the focus
# diameter / (2.5 s); here that is half a micrometre, as wide as a ring's chromatin dot. Sharp fields have 8 to 15, some
# usable ones 6.6; what is only a little out of focus shows against the session's best.
_BLURRED = 6.4
_FULL = 254  # a pixel whose three channels all reach it is saturated
_SATURATED = 0.30
_DIM = 0.30  # brightness of empty glass
_CELLS = 5  # fewer single cells are no monolayer
_SPARSE = 0.02  # of the picture covered with cells
_THICK = 0.80
_CROWDED = 0.60  # of the stain in clumps
# What red cells are like when they are what was found.
_COLOURLESS = 0.1  # difference between the channels' densities, as a part of the greatest; stains have 0.2 and more
_SINGLE = 0.25  # part of the stain that single whole cells make up
_SPREAD = 0.5  # interquartile range of their areas, in their median
_FILL = (0.66, 0.88)  # median part of its box that a cell fills; a disc fills 0.785, a square 1


@dataclass(frozen=True)
class Refusal:
    """Why a field does not count.

    Attributes:
        kind: "empty", "focus", "saturated", "exposure", "density", "stain", "objects" or "repeat".
        message: one sentence: what is wrong, the value, and what to do at the microscope.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class Quality:
    """A field's quality.

    Attributes:
        focus: steepness of the cells' edges: how many times the usual contrast would change across one cell; 0 when
            there are none. Compare only within one session.
        relative_focus: as a part of the best of the session, 0..1; None outside a session.
        saturated: part of the pixels at full scale in all channels, 0..1.
        exposure: brightness of empty glass, 0..1.
        density: part of the picture that is covered with stained objects, 0..1.
        cells: single whole cells.
        refusals: empty for a field that counts.
    """

    focus: float
    relative_focus: float | None
    saturated: float
    exposure: float
    density: float
    cells: int
    refusals: tuple[Refusal, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the field may count."""
        return not self.refusals

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``refused`` is there only when it has something to say."""
        document: dict[str, Any] = {
            "focus": self.focus,
            "saturated": self.saturated,
            "exposure": self.exposure,
            "density": self.density,
            "accepted": self.accepted,
        }
        if self.relative_focus is not None:
            document["relative_focus"] = self.relative_focus
        if self.refusals:
            document["refused"] = [{"kind": item.kind, "message": item.message} for item in self.refusals]
        return document


def measure_quality(image: NDArray[np.uint8], field: SegmentedField) -> Quality:
    """The quality of one field by itself.

    Args:
        image: uint8 [h, w, 3], RGB.
        field: what :func:`edge_runtime.fields.segment` found in it.
    """
    quality = Quality(
        focus=_focus(field),
        relative_focus=None,
        saturated=_saturated(image),
        exposure=float(field.work.light.level.max() / 255),
        density=field.covered,
        cells=len(field.cells),
    )
    return replace(quality, refusals=tuple(_refusals(quality, field)))


def _focus(field: SegmentedField) -> float:
    if not field.cells:
        return 0.0
    cv2 = opencv()
    work = field.work
    light = cv2.extractChannel(np.ascontiguousarray(work.picture), 1)
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(light, cv2.CV_32F, 0, 1, scale=1 / 8)
    steep = cv2.magnitude(across, down)
    # as many pixels as the outlines are long (a disc's is 4 areas / diameter): few cells are no less sharp than many
    edges = min(0.5, 4 * field.covered / max(work.diameter, 1.0))
    edge = float(np.quantile(steep[::3, ::3], 1 - edges))
    return edge * work.diameter / max(work.level * float(work.light.level[1]), 1.0)


def _saturated(image: NDArray[np.uint8]) -> float:
    cv2 = opencv()
    red, green, blue = cv2.split(np.ascontiguousarray(image[::3, ::3]))
    return float((cv2.min(cv2.min(red, green), blue) >= _FULL).mean())


def _refusals(quality: Quality, field: SegmentedField) -> list[Refusal]:
    refusals = []

    def refuse(kind: str, message: str) -> None:
        refusals.append(Refusal(kind, message))

    if quality.exposure < _DIM:
        refuse("exposure", f"Empty glass has only {quality.exposure:.0%} of full brightness; turn up the lamp.")
    if quality.saturated > _SATURATED:
        refuse("saturated", f"{quality.saturated:.0%} of the pixels are saturated; turn down the lamp or exposure.")
    if quality.cells < _CELLS:
        refuse(
            "empty" if quality.cells == 0 else "density",
            f"{quality.cells} single whole cells were found, at least {_CELLS} are needed; move to the monolayer and "
            "focus.",
        )
        return refusals
    if quality.focus < _BLURRED:
        refuse(
            "focus",
            f"The edges of the cells are blurred (focus {quality.focus:.1f}, below {_BLURRED:g}); turn the fine focus.",
        )
    if quality.density < _SPARSE:
        refuse("density", f"Cells cover only {quality.density:.1%} of the field; move towards the thicker part.")
    if (chroma := _chroma(field)) < _COLOURLESS:
        refuse(
            "stain",
            f"The cells have no colour (their channels differ by {chroma:.0%}, at least {_COLOURLESS:.0%} is needed); "
            "set the camera to colour and its saturation to normal, or stain the smear.",
        )
    if (strange := _strange(field)) is not None:
        refuse("objects", f"What was found does not look like red cells: {strange}; move to the monolayer and focus.")
    if quality.density > _THICK or field.crowded > _CROWDED:
        refuse(
            "density",
            f"Cells cover {quality.density:.0%} of the field and {field.crowded:.0%} of them lie in clumps; move "
            "towards the feathered edge, where they lie side by side.",
        )
    return refusals


def _chroma(field: SegmentedField) -> float:
    """How much the optical densities of the usual cell differ between the channels, as a part of the greatest."""
    density = -np.log(np.maximum(field.stain, 1.0) / np.maximum(field.work.light.level, 1.0))
    return float((density.max() - density.min()) / max(float(density.max()), 0.01))


def _strange(field: SegmentedField) -> str | None:
    """In what the single objects differ from red cells; None when they do not."""
    areas = np.array([np.count_nonzero(cell.mask) for cell in field.cells], np.float64)
    boxes = np.array([cell.mask.size for cell in field.cells], np.float64)
    single = float(areas.sum() / max(field.covered * field.work.darkness.size, 1.0))
    if single < _SINGLE:
        return f"single objects make up only {single:.0%} of what is stained"
    quarter, median, three = np.percentile(areas, [25, 50, 75])
    if three - quarter > _SPREAD * median:
        return f"their areas differ by {(three - quarter) / median:.0%} of the median"
    fill = float(np.median(areas / boxes))
    if not _FILL[0] <= fill <= _FILL[1]:
        return f"they fill {fill:.0%} of their boxes, round ones {np.pi / 4:.0%}"
    return None
