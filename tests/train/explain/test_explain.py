"""Explanations against cells whose parasite's place is known, and against models whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import normalise
from edge_runtime.errors import WrongUsage
from train.explain.cell_mask import cell_mask, share_inside
from train.explain.colours import AGAINST, FOR_PARASITE, fit, overlay, ramp
from train.explain.occlusion import FILLS, occlusion
from train.synthetic import draw_cell, draw_cell_and_parasite, make_patient

keras = pytest.importorskip("keras")

SIZE = 64
TRAINING, HELD_OUT = 320, 50


@dataclass
class Taught:
    """A network that has learnt synthetic cells, and cells of other patients with the place of each parasite."""

    model: Any
    contract: InputContract
    pixels: np.ndarray
    parasites: np.ndarray
    logits: np.ndarray

    def density(self, heats: np.ndarray) -> np.ndarray:
        """Of each cell: the share of the heat on the parasite, as a multiple of the parasite's share of the area."""
        mass = (heats * self.parasites).sum((1, 2)) / heats.sum((1, 2))
        return mass / self.parasites.mean((1, 2))

    def score(self, pixels: np.ndarray) -> np.ndarray:
        return np.asarray(self.model(normalise(pixels, self.contract), training=False), float)[:, 0]


def shrink(picture: np.ndarray, resample: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), resample))


def draw(seed: int, count: int, infected: Callable[[int], bool]) -> tuple[np.ndarray, np.ndarray]:
    """Cells uint8 [n, SIZE, SIZE, 3] and the place of their parasites bool [n, SIZE, SIZE]."""
    generator = np.random.default_rng(seed)
    pixels, parasites = [], []
    for number in range(count):
        patient = make_patient(seed, number % 20)
        stage = patient.stage(generator) if infected(number) else "uninfected"
        cell, parasite = draw_cell_and_parasite(generator, patient, stage)
        pixels.append(shrink(cell, Image.Resampling.BILINEAR))
        parasites.append(shrink(parasite, Image.Resampling.NEAREST))
    return np.stack(pixels), np.stack(parasites)


@pytest.fixture(scope="module")
def taught() -> Taught:
    from train.architectures import find

    architecture = find("cnn_128")
    contract = architecture.contract(SIZE)
    pixels, _ = draw(1, TRAINING, lambda number: number % 2 == 0)
    keras.utils.set_random_seed(0)
    model = architecture.build(SIZE, 1.0, None, 0.2)
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    targets = (np.arange(TRAINING) % 2 == 0).astype(np.float32)
    model.fit(normalise(pixels, contract), targets, batch_size=32, epochs=8, verbose=0)
    held_out, parasites = draw(2, HELD_OUT, lambda number: True)
    taught = Taught(model, contract, held_out, parasites, np.zeros(HELD_OUT))
    taught.logits = taught.score(held_out)
    return taught


def test_grad_cam_falls_on_the_parasite_and_not_on_the_background(taught: Taught) -> None:
    from train.explain.gradcam import GradCam

    found = taught.logits > 0
    assert found.mean() > 0.7  # else the network has learnt nothing worth explaining
    heats = GradCam(taught.model, taught.contract)(taught.pixels)
    density = taught.density(heats)[found]
    assert np.median(density) > 2.5  # chance is 1
    assert (density > 1).mean() > 0.95
    hottest = heats.reshape(HELD_OUT, -1).argmax(axis=1)
    hits = taught.parasites.reshape(HELD_OUT, -1)[np.arange(HELD_OUT), hottest]
    assert hits[found].mean() > 2 * taught.parasites[found].mean()
    outside = [1 - (share_inside(heat, cell_mask(cell)) or 0) for heat, cell in zip(heats, taught.pixels, strict=True)]
    black = 1 - np.mean([cell_mask(cell).mean() for cell in taught.pixels])
    assert np.mean(outside) < black / 2


def test_grad_cam_of_an_untrained_network_does_not(taught: Taught) -> None:
    """The same figures without training: what the test above sees is learnt, not drawn by the method."""
    from train.architectures import find
    from train.explain.gradcam import GradCam

    keras.utils.set_random_seed(3)
    untrained = find("cnn_128").build(SIZE, 1.0, None, 0.2)
    density = taught.density(GradCam(untrained, taught.contract)(taught.pixels) + 1e-9)
    assert np.median(density) < 2


def test_saliency_and_occlusion_find_the_parasite_too(taught: Taught) -> None:
    from train.explain.smoothgrad import smoothgrad

    surest = np.argsort(-taught.logits)[:5]
    taught_few = Taught(
        taught.model, taught.contract, taught.pixels[surest], taught.parasites[surest], taught.logits[surest]
    )
    covered = np.stack([np.maximum(occlusion(taught.score, cell), 0) for cell in taught_few.pixels])
    assert np.median(taught_few.density(covered)) > 2
    salient = np.stack([smoothgrad(taught.model, taught.contract, cell, samples=8) for cell in taught_few.pixels])
    assert np.median(taught_few.density(salient)) > 1.3
    again = smoothgrad(taught.model, taught.contract, taught_few.pixels[0], samples=8)
    np.testing.assert_allclose(again, salient[0], rtol=1e-3, atol=1e-8)


def test_the_layer_of_grad_cam_can_be_chosen(taught: Taught) -> None:
    from train.explain.gradcam import GradCam

    assert GradCam(taught.model, taught.contract).layer == "relu_4"
    assert GradCam(taught.model, taught.contract, "relu_2").grid == (32, 32)
    with pytest.raises(WrongUsage, match="relu_3"):
        GradCam(taught.model, taught.contract, "head_dense")


@pytest.mark.parametrize(
    "name, size, camera, first",
    [
        ("mobilenet_v2", 96, "block_6_expand_relu", "Conv1_relu"),
        ("cnn_170", 170, "conv_2", "conv_1"),
        ("cnn_224", 224, "conv_3", "conv_1"),
        ("vgg16", 32, "block4_conv3", "block1_conv1"),
        ("resnet50", 32, "conv3_block4_out", "conv1_relu"),
    ],
)
def test_each_family_has_its_layers(name: str, size: int, camera: str, first: str) -> None:
    from train.architectures import find
    from train.explain.feature_maps import FirstMaps
    from train.explain.gradcam import default_layer

    architecture = find(name)
    model = architecture.build(size, 0.35, None, 0.2)
    assert default_layer(model) == camera
    assert FirstMaps(model, architecture.contract(size)).layer == first


def test_a_network_without_maps_says_so() -> None:
    from train.explain.feature_maps import FirstMaps
    from train.explain.gradcam import GradCam

    inputs = keras.Input((8, 8, 3))
    dense = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
    for kind in (FirstMaps, GradCam):
        with pytest.raises(WrongUsage, match="--method"):
            kind(dense, InputContract(height=8, width=8))


def test_first_maps_are_what_the_first_layer_gives(taught: Taught) -> None:
    from train.explain.feature_maps import FirstMaps

    maps = FirstMaps(taught.model, taught.contract)
    values = maps(taught.pixels[0])
    assert maps.layer == "relu_1" and values.shape == (SIZE, SIZE, 16) and values.min() == 0
    convolved = taught.model.get_layer("bn_1")(
        taught.model.get_layer("conv_1")(normalise(taught.pixels[:1], taught.contract)), training=False
    )
    np.testing.assert_allclose(values, np.maximum(np.asarray(convolved), 0)[0], rtol=1e-4, atol=1e-5)


def spot_score(row: int, column: int, sign: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """A model that looks at the red of one pixel: logit = +-red / 50."""
    return lambda pixels: sign * pixels[:, row, column, 0].astype(float) / 50


@pytest.mark.parametrize("place", [(0, 0), (5, 9), (31, 17)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_occlusion_finds_the_one_pixel_that_matters(place: tuple[int, int], sign: float) -> None:
    pixels = np.full((32, 32, 3), 40, np.uint8)
    pixels[place] = 240
    heat = occlusion(spot_score(*place, sign), pixels, patch=6)
    row, column = np.unravel_index(np.abs(heat).argmax(), heat.shape)
    assert abs(row - place[0]) <= 3 and abs(column - place[1]) <= 3
    assert np.sign(heat[row, column]) == sign  # covering a parasite lowers the logit: positive
    assert 0.3 < abs(heat[row, column]) / (200 / 50) <= 1
    far = np.hypot(*np.meshgrid(np.arange(32) - place[1], np.arange(32) - place[0])) > 10
    assert np.abs(heat[far]).max() < 1e-9


@pytest.mark.parametrize("fill, drop", [("cell", 0.0), ("grey", -88 / 50), ("black", 40 / 50)])
def test_what_covers(fill: str, drop: float) -> None:
    """On a plain cell its own colour changes nothing, grey is brighter, black darker."""
    heat = occlusion(spot_score(16, 16), np.full((32, 32, 3), 40, np.uint8), fill)
    assert heat[16, 16] == pytest.approx(drop, abs=abs(drop) * 0.2)
    assert fill in FILLS


@pytest.mark.parametrize("options", [{"fill": "pink"}, {"patch": 0}])
def test_wrong_occlusion(options: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage):
        occlusion(spot_score(0, 0), np.zeros((8, 8, 3), np.uint8), **options)


def test_an_image_that_is_all_black_has_no_cell() -> None:
    black = np.zeros((16, 16, 3), np.uint8)
    assert not cell_mask(black).any()
    heat = occlusion(spot_score(8, 8), black)
    assert not heat.any() and share_inside(heat, cell_mask(black)) is None


def test_share_inside_counts_both_signs() -> None:
    heat = np.array([[3.0, -1.0], [0.0, 4.0]], np.float32)
    assert share_inside(heat, np.array([[True, True], [False, False]])) == pytest.approx(0.5)


def test_heat_is_laid_over_the_place_it_belongs_to() -> None:
    cell = fit(np.full((40, 80, 3), 150, np.uint8), 160)
    assert cell.size == (160, 80)
    heat = np.zeros((32, 32), np.float32)
    heat[3:7, 3:7], heat[26:30, 26:30] = 1, -1
    shown = np.asarray(overlay(cell, heat, 1.0)).astype(int)
    warm, cold = shown[12, 25], shown[69, 140]
    assert warm[0] - warm[2] > 40 and cold[2] - cold[0] > 40
    assert (shown[40, 80] == 150).all()
    assert (np.asarray(overlay(cell, heat * 0, 0.0)) == 150).all()


def test_colour_ramps_get_lighter_all_the_way() -> None:
    for stops in (FOR_PARASITE, AGAINST):
        luminance = ramp(np.linspace(0, 1, 50, dtype=np.float32), stops) @ np.array([0.299, 0.587, 0.114])
        assert (np.diff(luminance) > 0).all()


@pytest.mark.parametrize("stage", ["ring", "trophozoite", "schizont", "gametocyte", "uninfected"])
def test_the_place_of_a_synthetic_parasite_is_true(stage: str) -> None:
    for number in range(4):
        patient = make_patient(0, number)
        cell, parasite = draw_cell_and_parasite(np.random.default_rng(number), patient, stage)
        assert (cell == draw_cell(np.random.default_rng(number), patient, stage)).all()
        assert parasite.shape == cell.shape[:2] and not (parasite & ~cell_mask(cell)).sum() > 5
        if stage == "uninfected":
            assert not parasite.any()
        else:
            rest = cell_mask(cell) & ~parasite
            assert 0.005 < parasite.mean() < 0.6
            assert cell[parasite].mean() < cell[rest].mean()  # dye is dark
