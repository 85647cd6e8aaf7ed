"""Training: what is frozen stays frozen, a resumed run equals an uninterrupted one, a run explains itself."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edge_runtime.core.card import InputContract
from edge_runtime.errors import BadData, WrongUsage
from train.evaluate.measure import measure_run, read_scores
from train.network.network import Network
from train.runs.run import Run
from train.trainer.augment import PRESETS
from train.trainer.recipe import Recipe
from train.training import RunPlan, start_run

pytest.importorskip("tensorflow")

SIZE = 32


def draw_cells(root: Path, patients: int = 12, each: int = 6, broken: bool = False) -> Path:
    """Discs with or without a dark dot: trivially learnable cells of several patients."""
    generator = np.random.default_rng(5)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 16) ** 2 + (columns - 16) ** 2 < 200
    for patient in range(patients):
        for label in ("Parasitized", "Uninfected"):
            (root / label).mkdir(parents=True, exist_ok=True)
            for number in range(each):
                pixels = np.where(disc[..., None], generator.integers(170, 220, (SIZE, SIZE, 3)), 0)
                if label == "Parasitized":
                    y, x = generator.integers(9, 19, 2)
                    pixels[y : y + 6, x : x + 6] = (90, 20, 110)
                name = root / label / f"C{patient}P{patient}_cell_{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(name)
    if broken:
        (root / "Uninfected" / "C1P1_cell_99.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return root


@pytest.fixture
def parts() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    targets = np.arange(48) % 2
    pixels = generator.integers(100, 200, (48, SIZE, SIZE, 3)).astype(np.uint8)
    pixels[targets == 1, 10:20, 10:20] = 20
    return pixels, targets.astype(np.float32)


def small_model(seed: int = 0):
    import keras

    from train.architectures import find

    keras.utils.set_random_seed(seed)
    return find("mobilenet_v2").build(SIZE, 0.35, None, 0.2)


def fit(parts: tuple[np.ndarray, np.ndarray], recipe: Recipe, checkpoint: Path | None = None, stop_after: int = 99):
    from train.trainer.training_set import TrainingSet, Untrained
    from train.trainer.two_phase import train_two_phases

    pixels, targets = parts
    model = small_model()

    def interrupt(history: list[dict]) -> None:
        if sum(row["phase"] == 2 for row in history) >= stop_after:
            raise KeyboardInterrupt

    contract = InputContract(height=SIZE, width=SIZE)
    part = TrainingSet(pixels, targets, np.arange(36)), TrainingSet(pixels, targets, np.arange(36, 48))
    return train_two_phases(Untrained(model, contract, True), *part, recipe, checkpoint, interrupt)


def test_batch_normalisation_of_a_pretrained_backbone_stays_bit_equal(
    parts: tuple[np.ndarray, np.ndarray], eager: None
) -> None:
    import keras

    def statistics(model: keras.Model) -> list[np.ndarray]:
        return [
            weight.numpy()
            for layer in model.layers
            if isinstance(layer, keras.layers.BatchNormalization)
            for weight in layer.weights
        ]

    untouched = small_model()
    before = statistics(untouched)
    trained = fit(parts, Recipe(head_epochs=1, epochs=1, batch=12)).model
    assert all(np.array_equal(a, b) for a, b in zip(before, statistics(trained), strict=True))
    changed = [
        not np.array_equal(a.numpy(), b.numpy())
        for a, b in zip(untouched.trainable_weights, trained.trainable_weights, strict=False)
    ]
    assert any(changed)


def test_last_layers_leaves_the_lower_backbone_untouched() -> None:
    from train.trainer.frozen_layers import choose_trainable

    model = small_model()
    choose_trainable(model, last_layers=20, pretrained=True)
    backbone = [layer for layer in model.layers if not layer.name.startswith("head")]
    assert not any(layer.trainable for layer in backbone[:-20])
    assert any(layer.trainable for layer in backbone[-20:])
    assert all(layer.trainable for layer in model.layers if layer.name in ("head_dense", "head_logit"))


def test_a_checkpoint_of_another_network_or_a_damaged_one_is_refused(
    parts: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    from train.trainer import checkpoint

    path = tmp_path / "other.npz"
    state = {"epoch": 1, "history": [], "best_loss": None, "since_best": 0}
    checkpoint.save(path, {"model": [np.zeros(3)], "optimizer": [], "average": [], "best": []}, state)
    with pytest.raises(BadData, match="another network"):
        fit(parts, Recipe(epochs=1, batch=12), path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadData, match="damaged"):
        fit(parts, Recipe(epochs=1, batch=12), path)


@pytest.mark.parametrize("preset", ["none", "flips", "standard", "stain", "strong", "mixup", "restain"])
def test_augmentation_keeps_the_background_black_and_repeats_with_its_seed(preset: str) -> None:
    import tensorflow as tf

    from train.trainer.augment import PRESETS, augment

    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 15.5) ** 2 + (columns - 15.5) ** 2 < 120
    images = np.where(disc[..., None], 160, 0).astype(np.uint8) * np.ones((8, 1, 1, 3), np.uint8)
    images[:, 12, 14] = (60, 10, 90)
    targets = tf.constant(np.arange(8)[:, None] % 2, tf.float32)
    how = PRESETS[preset]
    first, labels = augment(tf.constant(images), targets, tf.constant([1, 2]), how)
    again, _ = augment(tf.constant(images), targets, tf.constant([1, 2]), how)
    other, _ = augment(tf.constant(images), targets, tf.constant([1, 3]), how)
    np.testing.assert_array_equal(first.numpy(), again.numpy())
    assert np.abs(first.numpy()[:, 0, :]).max() == 0
    assert first.numpy().min() >= 0 and first.numpy().max() <= 255
    assert (preset == "none") == np.array_equal(first.numpy(), other.numpy())
    assert labels.numpy().min() >= 0 and labels.numpy().max() <= 1
    if preset == "none":
        np.testing.assert_array_equal(first.numpy(), images)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"epochs": 0}, "epochs"),
        ({"rate": -1.0}, "rate"),
        ({"ema": 1.0}, "ema"),
        ({"last_layers": 0}, "last layers"),
        ({"seed": 2**31}, "seed is 2147483648"),
        ({"jit": True, "augmentation": PRESETS["mixup"]}, "mixup; leave out --jit"),
        ({"jit": True, "augmentation": PRESETS["strong"]}, "rotate; leave out --jit"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_is_refused(change: dict, word: str) -> None:
    with pytest.raises(WrongUsage, match=word):
        replace(Recipe(), **change)


def invoke(*arguments: object):
    from train.commands.train import train

    return CliRunner().invoke(train, [str(argument) for argument in arguments])


def test_a_run_is_self_describing_and_is_not_overwritten(tmp_path: Path, eager: None) -> None:
    data = draw_cells(tmp_path / "data", broken=True)
    (data / "Uninfected" / ".hidden.png").write_bytes(b"")
    options = ("--arch", "cnn_128", "--size", SIZE, "--weights", "none", "--epochs", 2, "--batch-size", 16)
    broken = invoke(data, "--out", tmp_path / "run", *options)
    assert "1 of 145 images cannot be used" in str(broken.exception)
    assert not (tmp_path / "run").exists()
    done = invoke(data, "--out", tmp_path / "run", "--skip-bad", "--json", *options)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert {"metrics", "confusion"} & set(document)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "split.csv", "model.keras", "history.csv", "scores.csv", "metrics.json",
            "calibration.json", "report.html", "checkpoints"} <= names  # fmt: skip
    run = Run.open(tmp_path / "run")
    assert run.finished and run.config["data"]["split_by"] == "patient" and len(run.cells) == 144
    by_part = [{run.cells.patients[i] for i in run.indices(part)} for part in ("train", "val", "test")]
    assert not (by_part[0] & by_part[1] or by_part[0] & by_part[2] or by_part[1] & by_part[2])
    assert run.points.count >= run.points.review
    assert run.model().output_shape == (None, 1)
    again = invoke(data, "--out", tmp_path / "run", *options)
    assert isinstance(again.exception, WrongUsage) and "already exists" in str(again.exception)
    assert isinstance(invoke("--resume", tmp_path / "run").exception, WrongUsage)
    (tmp_path / "run" / "split.csv").write_text("path,label,patient,part\nx.png,1,C1,train\n")
    with pytest.raises(BadData, match="changed after training"):
        Run.open(tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--epochs", 20, "--arch", "vgg16"), "leave out --arch, --epochs."),
        (("--jit",), "leave out --jit."),
        (("--full-precision",), "leave out --mixed-precision/--full-precision."),
        (("--seed", 0), "leave out --seed."),  # its default, but asked for
    ],
)
def test_a_resumed_run_takes_no_new_settings(options: tuple, named: str, tmp_path: Path) -> None:
    failed = invoke("--resume", tmp_path / "run", *options)
    assert isinstance(failed.exception, WrongUsage) and str(failed.exception).endswith(named)


def test_a_resumed_run_may_finish_quietly_as_json(tmp_path: Path) -> None:
    failed = invoke("--resume", tmp_path / "run", "--finish", "--json", "-q", "-v")
    assert isinstance(failed.exception, WrongUsage) and "is not a run directory" in str(failed.exception)


def test_a_width_is_refused_where_there_is_only_one(tmp_path: Path) -> None:
    failed = invoke(tmp_path, "--out", tmp_path / "run", "--arch", "vgg16", "--alpha", "0.5")
    assert isinstance(failed.exception, WrongUsage) and "--alpha 0.5" in str(failed.exception)


def test_a_run_by_image_with_odd_names_can_be_measured_and_read_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = draw_cells(tmp_path / "data", patients=6, each=4)
    names = [data / label / os.fsdecode(b"C%dP%d_\xff.png" % (i, i)) for i in range(3) for label in
             ("Parasitized", "Uninfected")]  # fmt: skip
    content = (data / "Uninfected" / "C1P1_cell_0.png").read_bytes()
    for number, name in enumerate(names):
        name.write_bytes(content + bytes([number]))  # the same picture, not the same file
    monkeypatch.chdir(tmp_path)
    network = Network("cnn_128", SIZE, weights=None)
    run = start_run(Path("run"), RunPlan(data, network, Recipe(), by_image=True, cache=Path("cache")))
    assert "7 images are nearly the same as another" in capsys.readouterr().err
    same = [place for place, path in enumerate(run.cells.paths) if path.endswith("_\udcff.png")]
    assert len(set(run.parts[same])) == 1
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["cache"] == str(tmp_path / "cache")
    pixels = np.zeros((len(run.cells), SIZE, SIZE, 3), np.uint8)
    document = measure_run(run, network.build(0.0), pixels, ("as training found",))
    assert document["warnings"][0].startswith("The split is by image")
    assert "The split is by image" in (tmp_path / "run" / "report.html").read_text()
    kept = [run.cells.paths[i] for i in run.indices("val", "test")]
    assert set(read_scores(tmp_path / "run" / "scores.csv")) == set(kept)
    assert Run.open(tmp_path / "run").cells.paths == run.cells.paths


def test_settings_keep_names_that_are_no_utf8(tmp_path: Path) -> None:
    from train.data.tables import write_json
    from train.runs.run import patients_hash

    write_json(tmp_path / "config.json", {"root": "/data/\udcff"})
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == {"root": "/data/\udcff"}
    parts = np.array(["train"])
    assert patients_hash(("\udcff",), parts) != patients_hash(("\udcfe",), parts)


def test_a_missing_weights_file_is_noticed_before_anything_is_made(tmp_path: Path) -> None:
    data = draw_cells(tmp_path / "data", patients=6, each=1)
    failed = invoke(data, "--out", tmp_path / "run", "--weights", tmp_path / "none.h5")
    assert isinstance(failed.exception, WrongUsage) and "no weights file" in str(failed.exception)
    assert not (tmp_path / "run").exists()


def test_decoded_pixels_are_cached_and_a_damaged_cache_is_noticed(tmp_path: Path) -> None:
    from train.data.cache import load_pixels
    from train.data.scan import scan

    cells = scan(draw_cells(tmp_path / "data", patients=2))
    contract = InputContract(height=24, width=24)
    fresh = np.array(load_pixels(cells, contract, None))
    np.testing.assert_array_equal(fresh, load_pixels(cells, contract, tmp_path / "cache"))
    (file,) = (tmp_path / "cache").glob("*.npy")
    stamp = file.stat().st_mtime_ns
    load_pixels(cells, contract, tmp_path / "cache")
    assert file.stat().st_mtime_ns == stamp
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 255
    file.write_bytes(bytes(damaged))
    np.testing.assert_array_equal(fresh, load_pixels(cells, contract, tmp_path / "cache"))
    first = next(iter(cells.files()))
    Image.new("RGB", (SIZE, SIZE), (9, 9, 9)).save(first)
    assert load_pixels(scan(tmp_path / "data"), contract, tmp_path / "cache")[0].max() == 9
