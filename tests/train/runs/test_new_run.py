"""A run directory appears whole or not at all, and nothing that makes a run impossible is found out after it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.cli import run as thinsmear
from edge_runtime.errors import BadData, EnvironmentLacks, WrongUsage
from tests.conftest import SIZE, draw_patients
from train.runs.run import Run
from train.trainer.recipe import Recipe

pytest.importorskip("tensorflow")
from train.network.network import Network
from train.training import RunPlan, start_run

NETWORK = Network("cnn_128", SIZE)  # its default is ImageNet, which does not matter to a network without


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_patients(tmp_path_factory.mktemp("new") / "cells", patients=8, each=1)


def stop(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_stop_while_the_images_are_read_leaves_no_directory(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.data.dataset.Cells.fingerprint", property(stop))
    with pytest.raises(KeyboardInterrupt):
        start_run(tmp_path / "run", RunPlan(cells, NETWORK, Recipe()))
    assert not (tmp_path / "run").exists()


def test_a_start_cut_short_is_begun_anew_in_the_same_folder(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, teacher = tmp_path / "run", tmp_path / "scores.csv"
    run = start_run(tmp_path / "first", RunPlan(cells, NETWORK, Recipe()))
    learnt = [run.cells.paths[i] for i in run.indices("train")]
    teacher.write_text("\n".join(["path,probability", *(f"{path},0.5" for path in learnt)]) + "\n")
    with monkeypatch.context() as patched:
        patched.setattr("train.runs.starting.write_json", stop)
        with pytest.raises(KeyboardInterrupt):
            start_run(out, RunPlan(cells, NETWORK, Recipe(), teacher=teacher))
    assert names(out) == {"split.csv", "teacher.csv"}
    (out / ".config.json.0123456789ab.tmp").write_text("{")  # as a power cut leaves it
    assert start_run(out, RunPlan(cells, NETWORK, Recipe())).config["teacher_weight"] is None
    assert names(out) == {"split.csv", "config.json"}
    with pytest.raises(WrongUsage, match=f"not empty; choose another --out, or use --resume {out}"):
        start_run(out, RunPlan(cells, NETWORK, Recipe()))


@pytest.mark.parametrize("there", [("split.csv", "notes.txt"), ("teacher.csv",), ("config.json",), (".x.tmp",)])
def test_foreign_files_are_left_alone(there: tuple[str, ...], cells: Path, tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).write_text("mine")
    with pytest.raises(WrongUsage, match="already exists and is not empty"):
        start_run(tmp_path, RunPlan(cells, NETWORK, Recipe()))
    assert names(tmp_path) == set(there) and (tmp_path / there[0]).read_text() == "mine"


def test_a_table_of_cells_is_not_taken_for_a_leftover(cells: Path, tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text(f"path,label,patient\n{next(cells.glob('*/*.png'))},1,A\n")
    with pytest.raises(WrongUsage, match="not empty"):
        start_run(tmp_path, RunPlan(table, NETWORK, Recipe()))
    assert table.is_file()


def test_what_comes_to_lie_there_meanwhile_is_not_overwritten(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_run_starts() -> dict[str, str]:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.json").write_text("theirs")
        return {}

    monkeypatch.setattr("train.training.versions", another_run_starts)
    with pytest.raises(WrongUsage, match="already exists"):
        start_run(tmp_path / "run", RunPlan(cells, NETWORK, Recipe()))
    assert (tmp_path / "run" / "config.json").read_text() == "theirs"


def test_a_run_of_which_only_folds_are_trained_may_have_them_taught(cells: Path, tmp_path: Path) -> None:
    run = start_run(tmp_path / "run", RunPlan(cells, NETWORK, Recipe(), nested_teacher_weight=0.4))
    assert run.config["teacher_weight"] == 0.4 and names(run.path) == {"split.csv", "config.json"}
    assert Run.open(run.path).config == json.loads((run.path / "config.json").read_text())


def test_weights_are_remembered_by_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.weights.h5").touch()
    monkeypatch.chdir(tmp_path)
    assert Network(weights="w.weights.h5").settled().weights == str(tmp_path / "w.weights.h5")
    assert Network().settled() == Network()


def test_weights_for_a_network_that_takes_none_are_refused(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "w.weights.h5").touch()
    network = replace(NETWORK, weights=str(tmp_path / "w.weights.h5"))
    with pytest.raises(WrongUsage, match="cnn_128 learns from nothing and takes no weights; leave out --weights"):
        start_run(tmp_path / "run", RunPlan(cells, network, Recipe()))
    assert not (tmp_path / "run").exists()


def test_damaged_weights_are_refused_before_a_directory_is_laid(cells: Path, tmp_path: Path) -> None:
    file = tmp_path / "w.weights.h5"
    file.write_bytes(b"x")
    with pytest.raises(BadData, match=r"w\.weights\.h5 do not fit"):
        start_run(tmp_path / "run", RunPlan(cells, Network("vgg16", SIZE, weights=str(file)), Recipe()))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras", ".npz"])
def test_whatever_is_wrong_with_a_weights_file_is_one_sentence(ending: str, tmp_path: Path) -> None:
    import keras
    import numpy as np

    from train.architectures.layers import load_backbone

    small = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    path, whole = tmp_path / f"w{ending}", tmp_path / "whole.weights.h5"
    small.save_weights(whole)
    good, generator = whole.read_bytes(), np.random.default_rng(3)
    for _ in range(60):
        bad = bytearray(good[: generator.integers(1, len(good))])
        for place in generator.integers(0, len(bad), 30):
            bad[place] = generator.integers(0, 256)
        path.write_bytes(bytes(bad))
        with pytest.raises(BadData, match="do not fit"):
            load_backbone(small, path)


def test_a_failed_download_leaves_no_directory_and_no_chatter(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:  # fmt: skip
    def unreachable(name: str, url: str, **options: object) -> None:
        print(f"Downloading data from {url}")
        raise OSError("URL fetch failure")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", unreachable)
    out = tmp_path / "run"
    options = ("--size", "32", "--alpha", "0.35", "--json")
    assert thinsmear(["train", str(cells), "--out", str(out), *options]) == EnvironmentLacks.exit_code
    seen = capfd.readouterr()
    assert seen.out == "" and "give --weights FILE" in seen.err and "Downloading" not in seen.err
    assert not [warning for warning in recwarn if "input_shape" in str(warning.message)]
    assert not out.exists()


def test_images_that_are_all_bad_are_said_to_be(tmp_path: Path) -> None:
    for name in ("Parasitized/x0.png", "Uninfected/x1.png"):
        (tmp_path / "cells" / name).parent.mkdir(parents=True)
        (tmp_path / "cells" / name).write_text(f"nonsense, {name}")
    with pytest.raises(BadData, match=r"None of the 2 images in .* can be read"):
        start_run(tmp_path / "run", RunPlan(tmp_path / "cells", NETWORK, Recipe(), skip_bad=True))


def test_several_gpus_and_xla_are_refused_at_once(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mirrored:
        num_replicas_in_sync = 2

    monkeypatch.setattr("train.trainer.replicas.strategy_for", Mirrored)
    with pytest.raises(WrongUsage, match="leave out --jit"):
        start_run(tmp_path / "run", RunPlan(cells, NETWORK, Recipe(jit=True)))
    assert not os.path.lexists(tmp_path / "run")


def test_a_layout_without_patients_warns_as_a_split_by_image(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from train.evaluate.scores import split_warnings

    for number, path in enumerate(sorted(cells.glob("*/*.png"))):
        copy = tmp_path / "data" / ("test" if number % 4 == 0 else "train") / path.parent.name / f"x{number}.png"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    run = start_run(tmp_path / "run", RunPlan(tmp_path / "data", NETWORK, Recipe(), by_image=True))
    assert "WARNING: the split is by image" in capsys.readouterr().err
    assert len(split_warnings(run)) == 1
