"""Cells in another laboratory's look, and through a device's mask and camera: what changes and what must not."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from train.trainer.tissue import OWN, SOURCES, TABLE, density_of, read_csv, restained_towards, tissue

tf = pytest.importorskip("tensorflow")

SIDE = 32
_ROWS, _COLUMNS = np.mgrid[:SIDE, :SIDE]
DISC = (_ROWS - 15.5) ** 2 + (_COLUMNS - 15.5) ** 2 < 150


def cells(count: int, colour: tuple[int, int, int] = (200, 150, 160)) -> np.ndarray:
    """Noisy round cells, every second one with a dark dot: uint8 [count, 32, 32, 3]."""
    noise = np.random.default_rng(0).normal(0, 8, (count, SIDE, SIDE, 1))
    images = np.clip(np.array(colour) + noise, 61, 255) * DISC[..., None]
    images[1::2, 12:16, 12:16] = (110, 61, 120)
    return images.astype(np.uint8)


def means(pixels: np.ndarray) -> np.ndarray:
    """Mean optical density of each cell's channels, [n, 3]."""
    return np.array([density_of(one)[0] for one in pixels])


def test_the_table_holds_several_laboratories() -> None:
    every, chula, cbc = tissue(), tissue("chula"), tissue("cbc")
    assert len(every.means) == len(chula.means) + len(cbc.means) > 1000
    assert {row["laboratory"] for row in read_csv(TABLE)} == {"chula", "cbc", OWN}
    for one in (every, chula, cbc):
        assert one.means.shape == one.spreads.shape and np.isfinite(one.means).all()
        assert (one.spreads > 0).all() and (one.own_spread > 0).all()


def test_a_card_names_whose_cells_were_the_pattern() -> None:
    from train.trainer.augment import PRESETS

    assert restained_towards(asdict(PRESETS["device"])) == list(SOURCES.values())
    assert restained_towards(asdict(PRESETS["device-cbc"])) == [SOURCES["cbc"]]
    assert restained_towards(asdict(PRESETS["strong"])) == restained_towards({"flips": True}) == []
    assert all("MIT" in words for words in SOURCES.values())
    assert set(SOURCES) | {OWN} == {row["laboratory"] for row in read_csv(TABLE)}


def test_density_of_a_cell() -> None:
    mean, spread = density_of(np.full((4, 4, 3), 127, np.uint8))
    np.testing.assert_allclose(mean, np.log(2))
    np.testing.assert_allclose(spread, 0)
    assert np.isnan(density_of(np.zeros((4, 4, 3), np.uint8))[0]).all()  # no tissue, nothing measured


def test_cells_come_close_to_the_other_laboratory() -> None:
    from train.trainer.restain import restain

    images = cells(64)
    moved = restain(tf.constant(images, tf.float32), tf.constant([1, 2]), 1.0, "chula").numpy() * DISC[..., None]
    target = tissue("chula").means.mean(axis=0)
    before, after = (np.abs(means(one).mean(axis=0) - target) for one in (images, np.clip(moved, 0, 255)))
    assert (after < 0.7 * before).all()


def test_both_classes_are_moved_alike_and_the_parasite_stays_dark() -> None:
    from train.trainer.restain import restain

    images = cells(256)
    moved = restain(tf.constant(images, tf.float32), tf.constant([1, 2]), 1.0, "").numpy()
    outside = DISC.copy()
    outside[12:16, 12:16] = False
    plain = [moved[k::2][:, outside].mean() for k in (0, 1)]
    assert abs(plain[0] - plain[1]) < 6  # the rest of the cell does not tell the class
    contrast = moved[1::2][:, outside].mean(axis=(1, 2)) - moved[1::2][:, 12:16, 12:16].mean(axis=(1, 2, 3))
    assert contrast.min() > 20


def test_the_share_is_kept_and_others_stay_as_they_were() -> None:
    from train.trainer.restain import restain

    images = cells(200)
    moved = restain(tf.constant(images, tf.float32), tf.constant([3, 4]), 0.25, "").numpy()
    same = (moved == images).all(axis=(1, 2, 3))
    assert 0.65 < same.mean() < 0.85


def test_outlines_only_lose() -> None:
    from train.trainer.camera import trim_outline

    mask = tf.constant(np.repeat(DISC[None, ..., None], 100, 0), tf.float32)
    trimmed = trim_outline(mask, tf.constant([1, 2]), 1.0).numpy()
    assert ((trimmed == 0) | (trimmed == 1)).all() and (trimmed <= mask.numpy()).all()
    part = trimmed.sum(axis=(1, 2, 3)) / DISC.sum()
    assert part.min() > 0.75 and part.max() <= 1 and part.std() > 0.01
    np.testing.assert_array_equal(trim_outline(mask, tf.constant([1, 2]), 0.0).numpy(), mask.numpy())


def test_compression_loses_detail_and_keeps_the_colour() -> None:
    from train.trainer.camera import compress

    images = tf.constant(np.random.default_rng(0).uniform(60, 200, (16, SIDE, SIDE, 3)), tf.float32)
    lossy = compress(images, tf.constant([1, 2]), 1.0).numpy()
    error = np.abs(lossy - images.numpy())
    assert 2 < error.mean() < 40
    np.testing.assert_allclose(lossy.mean(axis=(1, 2)), images.numpy().mean(axis=(1, 2)), atol=3)
    flat = tf.fill((4, SIDE, SIDE, 3), 128.0)
    np.testing.assert_allclose(compress(flat, tf.constant([1, 2]), 1.0).numpy(), 128, atol=1.5)
    odd = images[:, :30, :30]
    assert compress(odd, tf.constant([1, 2]), 1.0) is odd  # no whole blocks


def test_sharpening_widens_edges_only() -> None:
    from train.trainer.camera import sharpen

    images = tf.constant(cells(8), tf.float32)
    np.testing.assert_array_equal(sharpen(images, images, tf.constant([1, 2]), 1.0).numpy(), images.numpy())
    softer = sharpen(images, tf.fill(images.shape, 100.0), tf.constant([1, 2]), 1.0).numpy()
    inside = images.numpy() > 101
    assert (softer[inside] >= images.numpy()[inside]).all() and softer.max() <= 255


def test_glass_lies_around_the_cell_only() -> None:
    from train.trainer.camera import on_glass

    images = tf.constant(cells(32), tf.float32)
    bright = on_glass(images, tf.constant([1, 2]), 1.0).numpy()
    assert bright[:, ~DISC].min() >= 255 * np.exp(-0.25) - 1
    inner = (_ROWS - 15.5) ** 2 + (_COLUMNS - 15.5) ** 2 < 90
    np.testing.assert_array_equal(bright[:, inner], images.numpy()[:, inner])


def test_the_device_preset_repeats_with_its_seed_and_leaves_most_backgrounds_black() -> None:
    from train.trainer.augment import augment, preset

    images, targets = tf.constant(cells(64)), tf.zeros((64, 1))
    first, again, other = (
        augment(images, targets, tf.constant([1, k]), preset("device"))[0].numpy() for k in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() >= 0 and first.max() <= 255
    assert (first[:, 0, 0].max(axis=-1) == 0).mean() > 0.8


def test_new_shares_leave_what_was_drawn_before_as_it_was() -> None:
    """A run of an earlier version that is resumed must see the images it would have seen."""
    from train.trainer.augment import PRESETS, augment

    images, targets = tf.constant(cells(8)), tf.zeros((8, 1))
    strong, nothing = (
        augment(images, targets, tf.constant([1, 2]), how)[0].numpy()
        for how in (PRESETS["strong"], replace(PRESETS["device"], restain=0, outline=0, sharpen=0, jpeg=0, glass=0))
    )
    np.testing.assert_array_equal(strong, nothing)
