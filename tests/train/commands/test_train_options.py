"""Options of `train` that would do nothing are refused before anything is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.cli import run as thinsmear


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--looks 3", "--looks goes with --last-layers"),
        ("--teacher-weight 0.3", "--teacher-weight goes with --teacher"),
        ("--batch-size 0", "0 is not in the range"),
        ("--arch cnn_128 --alpha 0.5", "has no meaning for cnn_128"),
        ("--finish", "--finish goes with --resume"),
    ],
)
def test_what_would_do_nothing_is_refused(
    options: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert thinsmear(["train", str(tmp_path / "cells"), "--out", str(out), *options.split()]) == 2
    assert message in capfd.readouterr().err
    assert not out.exists()


def test_half_precision_without_a_gpu_is_said_and_not_recorded(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorflow")
    from train.commands.train import network_and_recipe, train

    def recipe(*words: str, gpu: bool) -> bool:
        return network_and_recipe(train.make_context("train", list(words)).params, gpu)[1].mixed_precision

    assert [recipe(gpu=True), recipe("--full-precision", gpu=True), recipe(gpu=False)] == [True, False, False]
    assert capfd.readouterr().err == ""
    assert recipe("--mixed-precision", gpu=False) is False
    assert "no GPU here" in capfd.readouterr().err
