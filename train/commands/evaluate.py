"""``thinsmear evaluate``: measure a run or a model file on labelled cells."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.commands.options import DESCRIBING, cardless_options
from edge_runtime.common.console import emit_json, json_option, note, table, typed, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.core.card import OutputContract
from edge_runtime.errors import WrongUsage
from train.commands.data_options import READING, data_options
from train.data.reading import Reading

if TYPE_CHECKING:
    from edge_runtime.inspection.opening import ModelDescription
    from train.evaluate.scores import Scores


@click.command(
    short_help="Measure a run or a model on labelled cells.",
    epilog="""\b
Examples:
  thinsmear evaluate runs/first                        its own test patients
  thinsmear evaluate runs/first --split val --json     its validation patients, as JSON
  thinsmear evaluate runs/first --folds 5              its recipe, cross-validated over all patients
  thinsmear evaluate model.tflite cells/ --out results the device's own path, with a report
  thinsmear evaluate runs/first other-lab/             all cells of another data set
  thinsmear evaluate b.tflite cells/ --against results/probabilities.csv   is b better than that, cell by cell
  thinsmear evaluate other.tflite cells/ --labels Parasitized,Uninfected --input-range 0..1""",
)
@click.argument("target", metavar="RUN|MODEL", type=click.Path())
@click.argument("data", metavar="[DATA]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train", "all"]),
    help="Which part of the data [test where a split is known, else all].",
)
@click.option(
    "--folds",
    metavar="K",
    type=click.IntRange(2, 1000),
    help="RUN only: cross-validate its recipe in K folds of patients; trains K models and goes on where it stopped.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write metrics.json, probabilities.csv, errors.csv and report.html here.",
)
@click.option("--against", metavar="SCORES.csv", type=click.Path(path_type=Path),
              help="Also the paired difference to other scores of the same cells.")  # fmt: skip
@data_options
@click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be read, instead of stopping.")
@click.option("--resamples", default=2000, show_default=True, type=click.IntRange(100, 100_000),
              help="Bootstrap resamplings of the patients.")  # fmt: skip
@click.option("--threads", default=None, type=click.IntRange(1, 256), help="Cells at a time, MODEL only [processors].")
@cardless_options
@json_option
@verbosity_options
def evaluate(
    target: str,
    data: Path | None,
    split: str | None,
    folds: int | None,
    out: Path | None,
    against: Path | None,
    reading: Reading,
    skip_bad: bool,
    resamples: int,
    threads: int | None,
    description: ModelDescription,
    as_json: bool,
) -> None:
    """Accuracy, sensitivity, specificity, AUC, calibration and more, each with an interval over patients.

    RUN is a folder that training wrote; it knows its data and which patients it has not seen. MODEL is a .tflite
    file, or the name of a model that comes along, and runs exactly as on the device; it needs DATA. DATA is a folder
    with Parasitized/ and Uninfected/, or a CSV with path, label and, if known, patient.
    """
    is_run = Path(target).is_dir()
    if folds is not None and (data is not None or not is_run):
        raise WrongUsage("--folds cross-validates the recipe of a RUN on its own data; leave DATA out.")
    _refuse_idle_options(is_run, data is not None, folds is not None)
    if out is not None and (out / "config.json").is_file() and (out / "split.csv").is_file():
        raise WrongUsage(f"{printable(out)} is a run, whose own report would be overwritten; choose another --out.")
    if folds is not None:
        _cross_validate(Path(target), folds, split or "all", out, against, resamples, as_json)
        return
    from train.evaluate.scores import Request, score_model, score_run

    request = Request(data, split, reading, skip_bad)
    if is_run:
        scores = score_run(Path(target), request)
    else:
        scores = score_model(target, request, threads or os.cpu_count() or 1, description)
    _show(_evaluated(scores, out, against, resamples), as_json)
    if out is not None:
        _write_probabilities(out / "probabilities.csv", scores)
        note(f"Wrote metrics.json, probabilities.csv, errors.csv and report.html in {out}.")


def _refuse_idle_options(is_run: bool, with_data: bool, folds: bool) -> None:
    """What would do nothing must not be passed over in silence."""
    idle: dict[str, str] = {}
    if is_run:
        why = "A RUN knows its labels and its input, and runs on the threads that TensorFlow takes"
        idle |= dict.fromkeys((*DESCRIBING, "threads"), why)
        if not with_data:
            idle |= dict.fromkeys(READING, "A RUN without DATA knows its labels and patients")
    if folds:
        idle["skip_bad"] = "--folds takes the images that the RUN was started with"
    given = [(spelling, idle[name]) for name, spelling in typed(click.get_current_context()).items() if name in idle]
    if given:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in given))
        raise WrongUsage(f"{reasons}; leave out {', '.join(spelling for spelling, _ in given)}.")


def _evaluated(
    scores: Scores, out: Path | None, against: Path | None, resamples: int, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The evaluation document, with the comparison to other scores when one is asked for."""
    from train.evaluate.paired_comparison import compare_paired
    from train.evaluate.results import evaluate_scores

    further = dict(extra or {})
    if against is not None:
        further["against"] = compare_paired(scores.cells, scores.probabilities, against, resamples)
    return evaluate_scores(scores, out, resamples, further)


def _show(document: Mapping[str, Any], as_json: bool) -> None:
    from train.evaluate.paired_comparison import comparison_text
    from train.evaluate.results import summary_text

    if as_json:
        emit_json(document)
        return
    click.echo(summary_text(document))
    if "folds" in document:
        click.echo("\n" + _folds_text(document["folds"]))
    if "against" in document:
        click.echo("\n" + comparison_text(document["against"]))


def _folds_text(folds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            fold["fold"] + 1,
            fold["cells"],
            fold["patients"],
            f"{fold['accuracy']:.4f}",
            "-" if fold["auc"] is None else f"{fold['auc']:.4f}",
        )
        for fold in folds
    ]
    return table(("fold", "cells", "patients", "accuracy", "AUC"), rows, right=range(5))


def _write_probabilities(path: Path, scores: Scores) -> None:
    from train.data.tables import write_csv

    cells = scores.cells
    patients = cells.patients or ("",) * len(cells)
    rows = zip(cells.paths, cells.labels.tolist(), patients, scores.probabilities.tolist(), strict=True)
    write_csv(path, ("path", "label", "patient", "probability"), rows)


def _cross_validate(
    path: Path, folds: int, part: str, out: Path | None, against: Path | None, resamples: int, as_json: bool
) -> None:
    from train.cross_validation import cross_validate, point_warnings
    from train.evaluate.report_header import run_header
    from train.evaluate.scores import Scores
    from train.network.tensorflow_setup import require_tensorflow
    from train.runs.provenance import require_images
    from train.runs.run import Run

    require_tensorflow()
    run = Run.open(path)
    require_images(run, run.cells, "move or link them there")
    judged = cross_validate(run, folds, part)
    header = replace(
        run_header(run, judged.cells, part),
        title=f"{folds}-fold cross-validation by patient of the recipe of {printable(path.resolve().name)}",
        history={},
    )
    # Each fold's own calibration is in the logits already.
    scores = Scores(judged.cells, judged.logits, OutputContract(), run.points, header, point_warnings(run, part))
    document = _evaluated(scores, out or judged.folder, against, resamples, {"folds": judged.spread()})
    _show(document, as_json)
    note(f"Wrote {judged.folder}/scores.csv, and metrics.json, errors.csv and report.html in {out or judged.folder}.")
