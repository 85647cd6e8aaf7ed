"""``thinsmear demo``: synthetic smears, training, conversion, gate, classification and latency in one go."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edge_runtime.cli import root
from edge_runtime.common.console import emit_json, json_option, note, table, verbosity_options
from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.errors import NotConclusive, WrongUsage

_MARK = ".thinsmear-demo"  # says that a folder was made here, so that a second demo may replace what it holds
_SIZE = 64  # pixels; synthetic parasites are still plain to see, and training takes a minute or two instead of five
_CELLS_A_PATIENT = (
    50  # many patients rather than many cells of few: what varies is the stain, and the split is by patient
)
_SHOWN = 8  # cells in the table of `classify`
_SMEARS, _CACHE, _RUN, _MODEL = "smears", "cache", "run", "model.tflite"
_LATENCY, _SUMMARY = "latency.json", "summary.json"


@dataclass(frozen=True)
class DemoStep:
    """One command of the demo: its name, what it is there for, its arguments."""

    name: str
    purpose: str
    arguments: tuple[str, ...]

    @property
    def line(self) -> str:
        """As one would type it."""
        return " ".join(("thinsmear", self.name, *(printable(argument) for argument in self.arguments)))


@dataclass(frozen=True)
class StepResult:
    """How a step ended: seconds, and why it could not decide (None when it could)."""

    step: DemoStep
    seconds: float
    doubt: str | None


@click.command(
    short_help="The whole path on synthetic smears, in a few minutes.",
    epilog="""\b
Examples:
  thinsmear demo
  thinsmear demo --out /tmp/demo --cells 6000

Exit code 1 when the drift gate fails, 4 when the cells are too few for it to tell.""",
)
@click.option(
    "--out",
    default="thinsmear-demo",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for everything it makes; what an earlier demo left there is replaced.",
)
@click.option("--cells", default=4000, show_default=True, type=click.IntRange(200, 100_000), help="Synthetic cells.")
@json_option
@verbosity_options
def demo(out: Path, cells: int, as_json: bool) -> None:
    """Draw synthetic smears, train on them, convert the model, prove the conversion, classify and measure.

    Needs no data and no network. The model only knows synthetic cells; it shows the path and is of no use otherwise.
    """
    _prepare(out)
    context = click.get_current_context()
    outcomes: list[StepResult] = []
    # A step may need what an earlier one wrote (which patients are for testing), so each is made when its turn comes.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        for make in (_synth, _train, _convert, _check, _classify, _bench):
            outcomes.append(_carry_out(context, make(out, cells), len(outcomes) + 1))
    summary = _summary(out, outcomes)
    write_atomically(out / _SUMMARY, json.dumps(summary, indent=1, allow_nan=False) + "\n")
    if as_json:
        emit_json(summary)
    else:
        click.echo(_summary_text(summary))
    # A busy machine makes latency figures worthless but proves nothing against the demo; the gate is another matter.
    doubts = [outcome for outcome in outcomes if outcome.doubt and outcome.step.name != "bench"]
    if doubts:
        raise NotConclusive(f"{doubts[0].step.name} could not decide: {doubts[0].doubt} More --cells may help.")


def _prepare(out: Path) -> None:
    """Make the folder, or empty the one of an earlier demo.

    Raises:
        WrongUsage: the folder holds something else.
    """
    if out.is_dir() and any(out.iterdir()):
        if not (out / _MARK).is_file():
            raise WrongUsage(
                f"{printable(out)} is not empty and not of an earlier demo; name another folder with --out."
            )
        for name in (_SMEARS, _CACHE, _RUN):
            shutil.rmtree(out / name, ignore_errors=True)
        for left in (*out.glob(f"{_MODEL}*"), out / _LATENCY, out / _SUMMARY):
            left.unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / _MARK, "")


def _synth(out: Path, cells: int) -> DemoStep:
    patients = str(max(20, cells // _CELLS_A_PATIENT))
    return DemoStep(
        "synth", "draw smears", (str(out / _SMEARS), "--cells", str(cells), "--patients", patients, "--fields", "2")
    )


def _train(out: Path, cells: int) -> DemoStep:
    network = ("--arch", "cnn_128", "--size", str(_SIZE), "--weights", "none")
    schedule = ("--epochs", "6", "--rate", "0.003", "--ema", "0.9", "--augment", "standard")
    cache = ("--cache", str(out / _CACHE))
    data = str(out / _SMEARS / "cells")
    return DemoStep("train", "learn from some patients", (data, "--out", str(out / _RUN), *network, *schedule, *cache))


def _convert(out: Path, cells: int) -> DemoStep:
    return DemoStep("convert", "make the one file that travels", (str(out / _RUN), "--out", str(out / _MODEL)))


def _check(out: Path, cells: int) -> DemoStep:
    arguments = (str(out / _MODEL), "--against", str(out / _RUN), "--data", str(out / _SMEARS / "cells"))
    return DemoStep("check", "prove that nothing was lost on the way", arguments)


def _classify(out: Path, cells: int) -> DemoStep:
    return DemoStep("classify", "what a device does", ("--model", str(out / _MODEL), *unseen_cells(out / _RUN, out)))


def _bench(out: Path, cells: int) -> DemoStep:
    arguments = ("latency", str(out / _MODEL), "--preset", "quick", "--threads", "1", "--save", str(out / _LATENCY))
    return DemoStep("bench", "how long a cell takes here", arguments)


def unseen_cells(run: Path, out: Path) -> list[str]:
    """Paths of a few cells of test patients, as many of each class, of several patients."""
    chosen: dict[str, list[str]] = {}
    with (run / "split.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["part"] == "test":
                chosen.setdefault(row["label"], []).append(str(out / _SMEARS / "cells" / row["path"]))
    wanted = _SHOWN // max(1, len(chosen))
    # evenly from the list, which is sorted by patient, so that several patients are shown
    return [
        path for label in sorted(chosen) for path in chosen[label][:: max(1, len(chosen[label]) // wanted)][:wanted]
    ]


def _carry_out(context: click.Context, step: DemoStep, number: int) -> StepResult:
    """Run a command in this process; one that measured but could not decide does not stop the demo."""
    note(f"\n[{number}/6] {step.purpose}\n$ {step.line}")
    command = root.get_command(context, step.name)
    assert command is not None
    doubt = None
    before = time.monotonic()
    try:
        with command.make_context(step.name, list(step.arguments), parent=context) as own:
            command.invoke(own)
    except NotConclusive as error:
        doubt = str(error)
    except click.exceptions.Exit as error:
        if error.exit_code not in (0, NotConclusive.exit_code):
            raise
        doubt = "too little to tell." if error.exit_code else None
    if doubt:
        note(f"not conclusive: {doubt}")
    return StepResult(step, time.monotonic() - before, doubt)


def _summary(out: Path, outcomes: Sequence[StepResult]) -> dict[str, Any]:
    """What was made and measured, read back from the files themselves."""
    from edge_runtime.core.model_file import read_model_file

    metrics = json.loads((out / _RUN / "metrics.json").read_text(encoding="utf-8"))
    latency = json.loads((out / _LATENCY).read_text(encoding="utf-8"))
    measured = latency["models"][0]
    model = read_model_file(out / _MODEL)
    names = ("accuracy", "sensitivity", "specificity", "auc")
    return {
        "notice": RESEARCH_USE,
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "steps": [
            {"command": o.step.line, "seconds": round(o.seconds, 1), "not_conclusive": o.doubt} for o in outcomes
        ],
        "test_cells": metrics["cells"]["total"],
        "test_patients": metrics["patients"]["total"],
        "test": {name: metrics["metrics"][name]["value"] for name in names},
        "model": {"id": model.id, "bytes": measured["bytes"]},
        "gate": next((o.doubt for o in outcomes if o.step.name == "check" and o.doubt), "passed"),
        "latency": {
            "result": latency["result"],
            "cell_from_file_median_ms": measured["threads"][0]["file"]["median_ms"],
            "inference_median_ms": measured["threads"][0]["latency"]["median_ms"],
            "process_start_to_answer_ms": measured["cold_start"]["classify"]["median_ms"],
        },
        "paths": {
            "smears": str(out / _SMEARS),
            "run": str(out / _RUN),
            "report": str(out / _RUN / "report.html"),
            "model": str(out / _MODEL),
            "latency": str(out / _LATENCY),
            "summary": str(out / _SUMMARY),
        },
    }


def _summary_text(summary: dict[str, Any]) -> str:
    test, latency = summary["test"], summary["latency"]
    steps = [(step["command"].split()[1], f"{step['seconds']:.1f}") for step in summary["steps"]]
    figures = ", ".join(f"{name.upper() if name == 'auc' else name} {value:.4f}" for name, value in test.items())
    width = max(map(len, summary["paths"]))
    paths = "\n".join(f"  {name:{width}}  {printable(path)}" for name, path in summary["paths"].items())
    return (
        f"\n{table(('step', 'seconds'), [*steps, ('all', summary['seconds'])], right=(1,))}\n\n"
        f"patients never seen: {summary['test_patients']}, {summary['test_cells']:,} cells: {figures}\n"
        f"int8 against float32: {summary['gate']}\n"
        f"model {summary['model']['id']}: {summary['model']['bytes']:,} bytes\n"
        f"a cell from its file to the decision: {latency['cell_from_file_median_ms']:.2f} ms, of which inference "
        f"{latency['inference_median_ms']:.2f} ms; a process from its start to the answer: "
        f"{latency['process_start_to_answer_ms']:.0f} ms ({latency['result']} measurement)\n\n"
        f"{paths}\n\nThe cells are drawn, not photographed: these figures say nothing about real smears.\n"
        f"{RESEARCH_USE}"
    )
