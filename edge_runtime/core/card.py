"""The model card: what a model file says about its input, its output, its training and its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edge_runtime.errors import BadModel

FORMAT = "thinsmear-model"
FORMAT_VERSION = 1
RESEARCH_USE = "For Research Use Only. Not for use in diagnostic procedures."
LABELS = ("Uninfected", "Parasitized")
LIMITS = (
    "species not identified",
    "thick films not supported",
    "single red blood cells of thin smears only, black outside the cell",
)
CLASS = "class"  # kind of an output that is the number of a class
_MAX_SIDE = 4096


@dataclass(frozen=True)
class InputContract:
    """How a cell image becomes the model's real-valued input.

    ``real[..., c] = pixel[..., c] * scale[c] + offset[c]`` with the pixel in 0..255 and the channels in
    ``channels`` order. The image is stretched (not padded) to ``height`` x ``width`` with Pillow's filter
    ``resample``; everything outside the cell is black (0, 0, 0) before resizing.
    """

    height: int = 128
    width: int = 128
    channels: str = "RGB"
    resample: str = "bilinear"
    fit: str = "stretch"
    background: str = "black"
    scale: tuple[float, float, float] = (1 / 127.5, 1 / 127.5, 1 / 127.5)
    offset: tuple[float, float, float] = (-1.0, -1.0, -1.0)

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_SIDE:
                raise BadModel(f"The card's input {name} is {value!r}; it must be a whole number in 1..{_MAX_SIDE}.")
        _one_of("input channels", self.channels, ("RGB", "BGR"))
        _one_of("input resample", self.resample, ("bilinear",))
        _one_of("input fit", self.fit, ("stretch",))
        _one_of("input background", self.background, ("black",))
        for name in ("scale", "offset"):
            values = getattr(self, name)
            if not isinstance(values, tuple) or len(values) != 3 or not all(_is_number(v) for v in values):
                raise BadModel(f"The card's input {name} is {values!r}; it must be three finite numbers.")


@dataclass(frozen=True)
class OutputContract:
    """How the model's output becomes P(parasitized).

    ``P = sigmoid(logit / temperature + bias)``. ``kind`` "logit": the single output is the logit. Kind
    "probability": the output is already a probability (models of other makers); its log-odds are used. Kind "class":
    the output is the number of a class, so P is 0 or 1 and says nothing more.
    Attributes:
        index: which value stands for "parasitized" when the output holds several (their softmax is taken), or which
            class number.
        complement: the output speaks for "uninfected" instead, so its logit changes sign (Keras orders its classes
            by the alphabet, and P comes before U).
    """

    kind: str = "logit"
    index: int = 0
    temperature: float = 1.0
    bias: float = 0.0
    complement: bool = False

    def __post_init__(self) -> None:
        _one_of("output kind", self.kind, ("logit", "probability", CLASS))
        if not isinstance(self.index, int) or isinstance(self.index, bool) or self.index < 0:
            raise BadModel(f"The card's output index is {self.index!r}; it must be a whole number from 0 up.")
        if not isinstance(self.complement, bool):
            raise BadModel(f"The card's output complement is {self.complement!r}; it must be true or false.")
        if not _is_number(self.temperature) or self.temperature <= 0:
            raise BadModel(f"The card's calibration temperature is {self.temperature!r}; it must be above 0.")
        if not _is_number(self.bias):
            raise BadModel(f"The card's calibration bias is {self.bias!r}; it must be a finite number.")


@dataclass(frozen=True)
class OperatingPoints:
    """Thresholds on the calibrated P(parasitized), both in 0..1.

    Attributes:
        review: at or above it, a person should look at the cell (sensitive).
        count: at or above it, the cell is counted as infected (strict).
    """

    review: float = 0.5
    count: float = 0.5

    def __post_init__(self) -> None:
        for name in ("review", "count"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 1:
                raise BadModel(f"The card's operating point {name} is {value!r}; it must lie in 0..1.")


@dataclass(frozen=True)
class Card:
    """A validated card.

    Attributes:
        input: see :class:`InputContract`.
        output: see :class:`OutputContract`.
        points: see :class:`OperatingPoints`.
        details: everything else on the card, plain JSON values (name, architecture, training, metrics,
            blank_rate, recipe, representative, drift, gate, tools, licence, ...), not needed to classify.
    """

    input: InputContract = field(default_factory=InputContract)
    output: OutputContract = field(default_factory=OutputContract)
    points: OperatingPoints = field(default_factory=OperatingPoints)
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON document of the card, format and version first."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "notice": RESEARCH_USE,
            "input": asdict(self.input),
            "output": asdict(self.output),
            "operating_points": asdict(self.points),
            "limits": list(LIMITS),
            **{k: v for k, v in self.details.items() if k not in _OWN_KEYS},
        }


_OWN_KEYS = ("format", "format_version", "notice", "input", "output", "operating_points", "limits")


def parse_card(document: object) -> Card:
    """Validate a decoded ``card.json``.

    Raises:
        BadModel: the document is no card, is newer than this program, or breaks the schema.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadModel(f'The model\'s card.json is not a thinsmear card (no "format": "{FORMAT}").')
    version = document.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadModel(f"The card's format_version is {version!r}; it must be a whole number from 1 up.")
    if version > FORMAT_VERSION:
        raise BadModel(
            f"The card has format version {version}, this program reads up to {FORMAT_VERSION}; upgrade thinsmear."
        )
    details = {k: v for k, v in document.items() if k not in _OWN_KEYS}
    return Card(
        input=_section(InputContract, document, "input"),
        output=_section(OutputContract, document, "output"),
        points=_section(OperatingPoints, document, "operating_points"),
        details=details,
    )


def _section(kind: type, document: dict[str, Any], name: str) -> Any:
    values = document.get(name)
    if not isinstance(values, dict):
        raise BadModel(f'The card has no section "{name}".')
    known = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    unknown = sorted(set(values) - known)
    missing = sorted(known - set(values))
    if unknown or missing:
        raise BadModel(f'The card\'s section "{name}" has unknown fields {unknown} or lacks fields {missing}.')
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise BadModel(f'The card\'s section "{name}" is malformed: {error}.') from error


def _one_of(what: str, value: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise BadModel(f"The card's {what} is {value!r}; supported: {', '.join(allowed)}.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
