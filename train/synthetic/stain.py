"""Patients and their slides: stain, light, blur and noise, and how stain becomes colour (Beer-Lambert)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.synthetic.shapes import Map, blur, cloud

STAGES = ("ring", "trophozoite", "schizont", "gametocyte")
HEALTHY_EVERY = 5  # each fifth patient has no parasites
_FIRST_CHIP = 901  # beyond the NIH chips, so that a synthetic patient is never taken for a real one
_PATIENT, _CELL, _FIELD = range(3)  # first number of the spawn keys, so that the streams never meet

# Empty background and red cell as they look on slides from different hands: sRGB 0..255.
_LOOKS = (
    ((242, 222, 198), (222, 152, 136)),  # salmon, fresh eosin
    ((236, 208, 192), (204, 122, 134)),  # rose, thick eosin
    ((216, 220, 206), (178, 176, 192)),  # lilac grey, alkaline buffer
    ((206, 210, 212), (154, 156, 196)),  # blue, overstained with azure
    ((220, 200, 208), (166, 122, 168)),  # purple
    ((228, 210, 182), (192, 162, 142)),  # beige, old slide
    ((196, 222, 200), (172, 92, 126)),  # magenta under a green filter
)
# Share of the stages by species; falciparum's late stages hide in the organs.
_STAGE_MIX = {"falciparum": (0.70, 0.14, 0.05, 0.11), "vivax": (0.40, 0.34, 0.15, 0.11)}


@dataclass(frozen=True)
class SyntheticPatient:
    """One patient's slide.

    Attributes:
        name: as the NIH file names begin, for instance ``C901P1``.
        healthy: no parasites at all.
        species: ``"falciparum"`` or ``"vivax"``; decides stages, swelling and stippling.
        parasitaemia: share of infected red cells in the fields, 0 to 1.
        background: light through empty glass, float32 [3] RGB, 0 to 1.
        haemoglobin, chromatin, cytoplasm, pigment: optical density float32 [3] RGB of one thickness of each.
        strength: how deeply the parasites took the stain; 1 is usual.
        pallor: depth of the red cells' central pallor, 0 to 1.
        blur: standard deviation of the optics, as a part of a red cell's radius.
        noise: standard deviation of the sensor, 0 to 255 levels.
    """

    name: str
    healthy: bool
    species: str
    parasitaemia: float
    background: Map
    haemoglobin: Map
    chromatin: Map
    cytoplasm: Map
    pigment: Map
    strength: float
    pallor: float
    blur: float
    noise: float

    def stage(self, rng: np.random.Generator) -> str:
        """A stage as often as this patient's species shows it in the blood."""
        return str(rng.choice(STAGES, p=_STAGE_MIX[self.species]))


@dataclass
class Layers:
    """Thickness of each stained substance over a canvas, all float32 [h, w]; 1 is that of a plain red cell.

    Attributes:
        body: how much of each pixel the object covers, 0 to 1.
    """

    body: Map
    haemoglobin: Map
    chromatin: Map
    cytoplasm: Map
    pigment: Map

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Layers:
        """No substance anywhere on a canvas of (height, width)."""
        return cls(*np.zeros((5, *shape), np.float32))

    def density(self, patient: SyntheticPatient) -> Map:
        """Optical density float32 [3, h, w]; densities of overlapping objects add up."""
        substances = (self.haemoglobin, self.chromatin, self.cytoplasm, self.pigment)
        colours = np.stack([patient.haemoglobin, patient.chromatin, patient.cytoplasm, patient.pigment])
        density = np.zeros((3, *self.body.shape), np.float32)
        for channel, weights in zip(density, colours.T, strict=True):
            for weight, thickness in zip(weights, substances, strict=True):
                channel += weight * thickness
        return density

    def add(self, other: Layers) -> None:
        """Lay ``other`` over these; both have one shape."""
        np.maximum(self.body, other.body, out=self.body)
        self.haemoglobin += other.haemoglobin
        self.chromatin += other.chromatin
        self.cytoplasm += other.cytoplasm
        self.pigment += other.pigment

    def crop(self, window: tuple[slice, slice]) -> Layers:
        """The same layers over a part of the canvas; shares the memory."""
        return Layers(
            self.body[window], self.haemoglobin[window], self.chromatin[window], self.cytoplasm[window],
            self.pigment[window],
        )  # fmt: skip


def make_patient(seed: int, index: int) -> SyntheticPatient:
    """Patient ``index`` (from 0) of the world ``seed``; every fifth one is healthy."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_PATIENT, index)))
    glass, red = (np.array(colour, dtype=np.float64) / 255 for colour in _LOOKS[rng.integers(len(_LOOKS))])
    glass = np.clip(glass * rng.uniform(0.92, 1.03) + rng.normal(0, 0.012, 3), 0.3, 0.98)
    haemoglobin = np.maximum(np.log(glass / np.clip(red, 0.05, 1)), 0.01) * rng.uniform(0.8, 1.2)
    haemoglobin = np.maximum(haemoglobin + rng.normal(0, 0.025, 3), 0.01)
    chromatin = np.array([0.30, 1.30, 0.16]) * rng.uniform(0.85, 1.15) + rng.normal(0, [0.06, 0.08, 0.05])
    cytoplasm = np.array([0.48, 0.52, 0.06]) * rng.uniform(0.85, 1.15) + rng.normal(0, [0.05, 0.05, 0.02])
    return SyntheticPatient(
        name=f"C{_FIRST_CHIP + index}P{index + 1}",
        healthy=index % HEALTHY_EVERY == HEALTHY_EVERY - 1,
        species="falciparum" if rng.random() < 0.6 else "vivax",
        parasitaemia=float(np.exp(rng.uniform(np.log(0.02), np.log(0.12)))),
        background=glass.astype(np.float32),
        haemoglobin=haemoglobin.astype(np.float32),
        chromatin=np.maximum(chromatin, 0).astype(np.float32),
        cytoplasm=np.maximum(cytoplasm, 0).astype(np.float32),
        pigment=np.array([0.55, 0.85, 1.05], np.float32),
        strength=float(rng.uniform(0.75, 1.1)),
        pallor=float(rng.uniform(0.0, 0.5)),
        blur=float(rng.uniform(0.018, 0.045)),
        noise=float(rng.uniform(0.8, 2.8)),
    )


def cell_rng(seed: int, patient: int, index: int) -> np.random.Generator:
    """The stream of cell ``index`` of a patient, the same however many cells are made."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_CELL, patient, index)))


def field_rng(seed: int, patient: int, index: int) -> np.random.Generator:
    """The stream of field ``index`` of a patient, the same however many fields are made."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_FIELD, patient, index)))


def expose(
    rng: np.random.Generator, density: Map, light: Map, patient: SyntheticPatient, radius: float
) -> NDArray[np.uint8]:
    """The picture a camera takes: light through the stain, blurred by the optics, with sensor noise.

    Args:
        density: optical density float32 [3, h, w].
        light: what reaches the camera through empty glass, float32, broadcastable to ``density``, 0 to 1.
        radius: pixels of a red cell's radius, by which the blur scales.

    Returns:
        uint8 [h, w, 3] RGB.
    """
    picture = blur(light * np.exp(-density), patient.blur * radius * rng.uniform(0.8, 1.3))
    grain = rng.standard_normal(picture.shape, np.float32)
    grain += cloud(rng, picture.shape[1:], 3)  # demosaicing leaves coarser grain too
    levels = np.clip(picture * 255 + np.float32(patient.noise) * grain, 0, 255)
    return np.ascontiguousarray(np.rint(levels).astype(np.uint8).transpose(1, 2, 0))
