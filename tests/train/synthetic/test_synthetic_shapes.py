"""The drawing tools of the synthetic smears against geometry and SciPy, and the parasites against the textbook."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from train.synthetic import make_patient
from train.synthetic.cell import paint_red_cell
from train.synthetic.shapes import ObjectGrid, blur, cloud, crescent, dot, outline, relative_radius
from train.synthetic.stain import Layers, SyntheticPatient, expose


def patient_of(species: str) -> SyntheticPatient:
    return dataclasses.replace(make_patient(0, 0), species=species, strength=1.0)


def painted(stage: str, species: str, seed: int) -> Layers:
    rng = np.random.default_rng(seed)
    return paint_red_cell(rng, patient_of(species), (240, 240), (120.0, 120.0), 60.0, stage, 0.0)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 3.3])
def test_blur_agrees_with_scipy(sigma: float) -> None:
    image = np.random.default_rng(0).random((3, 31, 40), np.float32)
    reach = int(np.ceil(2.5 * sigma))
    expected = ndimage.gaussian_filter(image, (0, sigma, sigma), mode="nearest", radius=(0, reach, reach))
    np.testing.assert_allclose(blur(image, sigma), expected, atol=2e-6)


def test_no_blur_changes_nothing() -> None:
    image = np.random.default_rng(0).random((3, 8, 8), np.float32)
    np.testing.assert_array_equal(blur(image, 0.0), image)


def test_a_dot_has_the_area_of_a_circle_and_a_second_one_does_not_add_up() -> None:
    grid = ObjectGrid((80, 90), (40.0, 35.0), 20.0)
    layer = np.zeros((80, 90), np.float32)
    dot(layer, grid, 0.2, -0.1, 0.5, 1.0)
    once = layer.copy()
    dot(layer, grid, 0.2, -0.1, 0.5, 1.0)
    assert layer.sum() == pytest.approx(np.pi * 10**2, rel=0.02)
    np.testing.assert_array_equal(layer, once)
    assert ndimage.center_of_mass(layer) == pytest.approx((33.0, 44.0), abs=0.05)


def test_a_shape_beyond_the_canvas_is_cut_and_one_far_outside_leaves_no_trace() -> None:
    grid = ObjectGrid((20, 20), (0.0, 0.0), 10.0)
    layer = np.zeros((20, 20), np.float32)
    dot(layer, grid, 0.0, 0.0, 0.5, 1.0)
    assert 0 < layer.sum() < np.pi * 25 / 2
    dot(layer, grid, -9.0, -9.0, 0.5, 5.0)
    assert layer.max() <= 1.0


def test_relative_radius_is_one_on_the_edge_of_a_turned_ellipse() -> None:
    angle = np.linspace(0, 2 * np.pi, 50, dtype=np.float32)
    u, v = 2.0 * np.cos(angle), 0.5 * np.sin(angle)
    x, y = u * np.cos(0.7) - v * np.sin(0.7), u * np.sin(0.7) + v * np.cos(0.7)
    np.testing.assert_allclose(relative_radius(x, y, (2.0, 0.5), 0.7, np.ones(512, np.float32)), 1.0, atol=1e-5)


def test_a_crescent_is_as_long_and_as_wide_as_asked() -> None:
    depth, along = crescent(ObjectGrid((200, 200), (100.0, 100.0), 50.0), 0.0, 0.0, 1.2, 1.1, 0.35, 0.0)
    inside = depth > 0
    assert np.abs(along[inside]).max() <= 1.0
    column = inside[:, 100]
    assert column.sum() / 50 == pytest.approx(2 * 0.35, abs=0.04)
    assert inside.any(0).sum() / 50 == pytest.approx(2 * 1.2 * np.sin(1.1 / 1.2), abs=0.25)


def test_texture_is_smooth_bounded_and_fills_odd_sizes() -> None:
    texture = cloud(np.random.default_rng(2), (37, 53), 8)
    assert texture.shape == (37, 53) and np.abs(texture).max() <= 1.0
    assert np.abs(np.diff(texture, axis=0)).max() < 0.5
    assert texture.std() > 0.15


def test_an_outline_without_roughness_is_a_circle() -> None:
    np.testing.assert_array_equal(outline(np.random.default_rng(0), 0.0), 1.0)


def test_densities_add_up_and_empty_glass_shows_the_background() -> None:
    patient = dataclasses.replace(make_patient(0, 0), noise=0.0)
    one, two = painted("uninfected", "vivax", 1), painted("ring", "vivax", 2)
    separate = one.density(patient) + two.density(patient)
    one.add(two)
    np.testing.assert_allclose(one.density(patient), separate, atol=1e-5)
    light = patient.background[:, None, None]
    glass = expose(np.random.default_rng(0), np.zeros((3, 20, 20), np.float32), light, patient, 10.0)
    assert np.abs(glass / 255 - patient.background).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    ("stage", "species", "fewest", "most"),
    [
        ("uninfected", "vivax", 0, 0),
        ("ring", "vivax", 1, 4),
        ("ring", "falciparum", 1, 4),
        ("schizont", "vivax", 6, 22),
    ],
)
def test_chromatin_masses_are_as_many_as_the_stage_has(stage: str, species: str, fewest: int, most: int) -> None:
    counts = [ndimage.label(painted(stage, species, seed).chromatin > 0.55)[1] for seed in range(8)]
    assert fewest <= np.median(counts) <= most


def test_pigment_comes_with_age() -> None:
    amounts = {
        stage: np.mean([painted(stage, "vivax", seed).pigment.sum() for seed in range(5)])
        for stage in ("uninfected", "ring", "trophozoite", "schizont", "gametocyte")
    }
    assert amounts["uninfected"] == amounts["ring"] == 0
    assert min(amounts["trophozoite"], amounts["schizont"], amounts["gametocyte"]) > 20


@pytest.mark.parametrize(("species", "banana"), [("falciparum", True), ("vivax", False)])
def test_only_falciparum_has_banana_shaped_gametocytes(species: str, banana: bool) -> None:
    longness = []
    for seed in range(6):
        points = np.argwhere(painted("gametocyte", species, seed).cytoplasm > 0.4).astype(float)
        narrow, wide = np.linalg.eigvalsh(np.cov(points.T))
        longness.append(np.sqrt(wide / narrow))
    assert bool(np.median(longness) > 1.7) == banana


def test_vivax_swells_and_pales_its_cell() -> None:
    healthy = [painted("uninfected", "vivax", seed) for seed in range(6)]
    infected = [painted("schizont", "vivax", seed) for seed in range(6)]
    assert np.mean([c.body.sum() for c in infected]) > 1.25 * np.mean([c.body.sum() for c in healthy])
    assert np.mean([c.haemoglobin.max() for c in infected]) < 0.9 * np.mean([c.haemoglobin.max() for c in healthy])
