"""The commands ``thinsmear bench ...``."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.accuracy_command import accuracy
from benchmarks.counting_command import counting
from benchmarks.fields_command import fields
from edge_runtime.console import accelerator_option, emit_json, is_quiet, json_option, note, verbosity_options
from edge_runtime.errors import NotConclusive, WrongUsage
from edge_runtime.names import printable

if TYPE_CHECKING:
    from benchmarks.latency import Latency
    from benchmarks.throughput import Throughput
    from benchmarks.timing import Preset
    from edge_runtime.modelfile import ModelFile

_USUAL_THREADS = (1, 2, 4)
_MOST_THREADS = 256


def _thread_counts(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """``1,2,4`` as different whole numbers in the order given; empty when the option is not."""
    if value is None:
        return ()
    try:
        counts = tuple(dict.fromkeys(int(part) for part in value.split(",")))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of whole numbers such as 1,2,4.") from error
    if not all(1 <= count <= _MOST_THREADS for count in counts):
        raise click.BadParameter(f"{value!r} has a number outside 1..{_MOST_THREADS}.")
    return counts


@click.group(short_help="Measure latency, quantisation and training speed.")
def bench() -> None:
    """Measure models on this machine, with the machine's facts and a verdict beside every figure."""


bench.add_command(accuracy)
bench.add_command(counting)
bench.add_command(fields)


@bench.command(
    short_help="Cold start, init, first inference, warm percentiles.",
    epilog="""\b
Examples:
  thinsmear bench latency                                the model that comes along, 1, 2 and 4 threads
  thinsmear bench latency a.tflite b.tflite --threads 1  two models after each other
  thinsmear bench latency m_edgetpu.tflite               what a Coral takes, where the model was compiled for one
  thinsmear bench latency --preset soak --save soak.json ten minutes a thread count, for a device in its case

\b
quick: 100 runs and 2 s; standard: 1,024 runs and 10 s; soak: 1,024 runs and 600 s (at least, whichever is longer).

Exit code 4 when a condition of a valid result is broken; the figures are printed all the same.""",
)
@click.argument("models", metavar="MODEL...", nargs=-1)
@click.option(
    "--threads", callback=_thread_counts, metavar="N,N,...", help="Threads of the runtime [1,2,4 as far as they fit]."
)
@accelerator_option
@click.option("--preset", type=click.Choice(["quick", "standard", "soak"]), default="standard", show_default=True)
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def latency(
    models: tuple[str, ...], threads: tuple[int, ...], accelerator: str, preset: str, save: Path | None, as_json: bool
) -> None:
    """Time one cell through MODEL (files, or names of models that come along; the default one if none is named).

    Warm calls of the program and of the bare interpreter take turns in one loop, so their ratio holds on a busy
    machine too; absolute times belong to the machine printed above them.
    """
    from benchmarks.coldstart import measure_cold_starts
    from benchmarks.latency import measure_latency, runtime_of
    from benchmarks.latency_report import cold_text, latency_text, machine_text, model_text, throughput_text
    from benchmarks.machine import available_processors, read_machine
    from benchmarks.picture import cell_png
    from benchmarks.throughput import measure_throughput
    from benchmarks.timing import PRESETS
    from benchmarks.verdict import result_word
    from edge_runtime.classifier import Classifier
    from edge_runtime.files import write_atomically
    from edge_runtime.images import load_image
    from edge_runtime.modelfile import find_model, read_model_file
    from edge_runtime.preprocess import resize

    if save is not None and not save.absolute().parent.is_dir():
        raise WrongUsage(f"There is no folder {printable(save.absolute().parent)} to save into; make it first.")
    files = [read_model_file(find_model(name)) for name in models or (None,)]
    runtimes = [runtime_of(file, accelerator) for file in files]
    counts = threads or tuple(count for count in _USUAL_THREADS if count <= available_processors())
    chosen = PRESETS[preset]
    machine = read_machine()
    document: dict[str, Any] = {
        "benchmark": "latency",
        "preset": preset,
        "machine": machine.to_json(),
        "runtime": dict(zip(("name", "version"), runtimes[0], strict=True)),
        "models": [],
    }
    if not as_json:
        click.echo(machine_text(machine, " ".join(runtimes[0])))
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="thinsmear-bench-") as folder:
        image = Path(folder) / "cell.png"
        image.write_bytes(cell_png())
        for file, (backend, _) in zip(files, runtimes, strict=True):
            assert file.card is not None  # runtime_of refuses files without one
            size = (file.card.input.width, file.card.input.height)
            classifier = Classifier(file, accelerator=accelerator)
            cold = measure_cold_starts(file.path, image, backend, chosen.cold_starts, classifier.on_edgetpu)
            if not as_json:
                click.echo(f"{model_text(file, size, classifier.units)}\n{cold_text(cold)}")
            measured: list[Latency] = []
            for count in counts:
                with _Countdown(file, count, chosen) as countdown:
                    measured.append(
                        measure_latency(file, image, count, chosen, countdown.show, accelerator=accelerator)
                    )
                if not as_json:
                    click.echo(latency_text(measured[-1]))
                broken += [c.name for c in measured[-1].verdict.conditions if c.met is False]
            pools: list[Throughput] = []
            if max(counts) > 1 and not classifier.on_edgetpu:  # which runs one model at a time
                pixels = resize(load_image(image), classifier.contract)
                pools = measure_throughput(classifier, pixels, counts, chosen)
                if not as_json:
                    click.echo(throughput_text(pools))
            document["models"].append(
                {
                    "path": str(file.path),
                    "model": file.id,
                    "bytes": file.path.stat().st_size,
                    "input": list(size),
                    "units": asdict(classifier.units),
                    "cold_start": cold.to_json(),
                    "threads": [one.to_json() for one in measured],
                    "pools": [one.to_json() for one in pools],
                }
            )
    document["result"] = result_word(not broken)
    if as_json:
        emit_json(document)
    if save is not None:
        import json

        write_atomically(save, json.dumps(document, indent=1, allow_nan=False) + "\n")
        note(f"Wrote {printable(save)}.")
    if broken:
        raise NotConclusive(
            f"The result is INVALID ({', '.join(dict.fromkeys(broken))}: No); let the machine rest, close what else "
            "runs on it, and measure again."
        )


@bench.command(
    short_help="The classic recipe as tutorials write it against ours.",
    epilog="""\b
Examples:
  thinsmear bench training cell_images --weights mobilenet_v2.weights.h5
  thinsmear bench training cell_images --most 2000 --head-epochs 2 --epochs 2""",
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--weights", default="imagenet", show_default=True, metavar="imagenet|none|FILE")
@click.option("--size", default=128, show_default=True, type=click.IntRange(32, 512), help="Input height and width.")
@click.option("--alpha", default=1.0, show_default=True, help="Width of the network.")
@click.option("--head-epochs", default=5, show_default=True, type=click.IntRange(1, 1000))
@click.option("--epochs", default=5, show_default=True, type=click.IntRange(1, 1000), help="With the last 20 layers.")
@click.option("--most", type=click.IntRange(100), help="Use this many of the cells [all].")
@click.option("--recommended", is_flag=True, help="Time the recommended recipe (all layers) as well.")
@click.option("--patients", metavar="REGEX", help="Finds the patient in a file name (group 1, or all of the match).")
@click.option("--seed", default=0, show_default=True)
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def training(
    data: Path,
    weights: str,
    size: int,
    alpha: float,
    head_epochs: int,
    epochs: int,
    most: int | None,
    recommended: bool,
    patients: str | None,
    seed: int,
    save: Path | None,
    as_json: bool,
) -> None:
    """Train the classic two-phase MobileNetV2 twice on DATA, from the files to the model, and compare the times.

    Once with an image generator and a pass of the whole network every epoch, once with cells decoded once and the
    frozen layers run ahead. Same cells, epochs, batches, augmentation and learning rates; AUC on unseen patients.
    """
    from train.tensorflow_setup import require_tensorflow

    require_tensorflow()
    import json

    from benchmarks.machine import read_machine
    from benchmarks.training import classic_recipe, compare, document, patients_apart, shortened, usual_recipe
    from edge_runtime.console import table
    from edge_runtime.files import write_atomically
    from train.dataset import scan
    from train.training import Network

    cells = scan(data, patients)
    cells, parts = shortened(cells, patients_apart(cells, seed), most or len(cells), seed)
    network = Network(size=size, alpha=alpha, weights=None if weights == "none" else weights)
    recipe = classic_recipe(head_epochs, epochs, seed)
    with tempfile.TemporaryDirectory(prefix="thinsmear-bench-") as folder:
        results = compare(cells, parts, network, recipe, Path(folder), usual_recipe(seed) if recommended else None)
    counts = {part: int((parts == part).sum()) for part in ("train", "val", "test")}
    found = {**document(results, network, recipe, counts), "machine": read_machine().to_json()}
    if as_json:
        emit_json(found)
    else:
        rows = [
            (r.name, f"{r.seconds:.0f}", "-" if r.test_auc is None else f"{r.test_auc:.4f}", f"{r.test_accuracy:.4f}")
            for r in results
        ]
        click.echo(table(("way", "seconds", "test AUC", "test accuracy"), rows, right=(1, 2, 3)))
        click.echo(f"\n{counts['train']} training cells; the same recipe {found['speedup']:.1f} times as fast")
    if save is not None:
        write_atomically(save, json.dumps(found, indent=1, allow_nan=False) + "\n")
        note(f"Wrote {printable(save)}.")


class _Countdown:
    """A progress bar over the seconds of one measurement; on stderr, only where someone watches."""

    def __init__(self, file: ModelFile, threads: int, preset: Preset) -> None:
        import sys

        hidden = is_quiet() or not sys.stderr.isatty()
        self._bar = None
        if not hidden:
            label = f"{file.path.name[:40]}, {threads} threads"
            self._bar = click.progressbar(length=max(1, round(preset.min_seconds)), label=label, file=sys.stderr)
        self._shown = 0

    def __enter__(self) -> _Countdown:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        if self._bar is not None:
            self._bar.__exit__(*reason)

    def show(self, seconds: float) -> None:
        """Move the bar to that many seconds."""
        if self._bar is not None and int(seconds) > self._shown:
            self._bar.update(int(seconds) - self._shown)
            self._shown = int(seconds)
