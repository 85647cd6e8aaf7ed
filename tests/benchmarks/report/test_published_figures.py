"""The tables of README and docs/models.md are what the saved benchmarks give: nobody typed or forgot a figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.cli import run as thinsmear

ROOT = Path(__file__).resolve().parents[3]
BENCH = ROOT / "docs" / "bench"


@pytest.mark.parametrize(
    ("text", "saved"),
    [
        ("README.md", [BENCH / "models.json"]),
        ("docs/models.md", [BENCH / "models.json", BENCH / "peers.json", BENCH / "more" / "peers-fast.json"]),
        ("docs/fields.md", [BENCH / "more" / "fields.json"]),
        ("docs/training.md", [BENCH / "training.json"]),
        ("docs/training-tried.md", [BENCH / "more" / f"recipes-{name}.json" for name in ("seeds", "short", "full")]),
    ],
    ids=["README", "models", "fields", "training", "tried"],
)
def test_figures_are_those_of_the_benchmarks(text: str, saved: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    code = thinsmear(["bench", "report", *map(str, saved), "--readme", str(ROOT / text), "--check"])
    assert code == 0, capfd.readouterr().err


def test_they_are_of_the_models_that_come_along() -> None:
    import json

    from edge_runtime.core.model_file import find_model, read_model_file

    document = json.loads((BENCH / "models.json").read_text())
    for row in document["models"]:
        assert row["id"] == read_model_file(find_model(row["name"])).id
