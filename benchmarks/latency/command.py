"""The command ``thinsmear bench latency``."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import accelerator_option, emit_json, is_quiet, json_option, note, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import GateFailed, NotConclusive, WrongUsage

if TYPE_CHECKING:
    from benchmarks.harness.timing import Preset
    from benchmarks.latency.latency import Latency
    from benchmarks.latency.throughput import Throughput
    from edge_runtime.core.model_file import ModelFile

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


@click.command(
    short_help="Cold start, init, first inference, warm percentiles.",
    epilog="""\b
Examples:
  thinsmear bench latency                                the model that comes along, 1, 2 and 4 threads
  thinsmear bench latency a.tflite b.tflite --threads 1  two models after each other
  thinsmear bench latency m_edgetpu.tflite               what a Coral takes, where the model was compiled for one
  thinsmear bench latency --preset soak --save soak.json ten minutes a thread count, for a device in its case
  thinsmear bench latency --compare shipped              against what was measured on boards of this kind
  thinsmear bench latency --save reference.csv           add this board to a table of references

\b
quick: 100 runs and 2 s; standard: 1,024 runs and 10 s; soak: 1,024 runs and 600 s (at least, whichever is longer).

Exit code 4 when a condition of a valid result is broken, 1 when a valid one is slower than --compare allows; the
figures are printed all the same.""",
)
@click.argument("models", metavar="MODEL...", nargs=-1)
@click.option(
    "--threads", callback=_thread_counts, metavar="N,N,...", help="Threads of the runtime [1,2,4 as far as they fit]."
)
@accelerator_option
@click.option("--preset", type=click.Choice(["quick", "standard", "soak"]), default="standard", show_default=True)
@click.option(
    "--compare",
    "reference",
    metavar="REF",
    help="Against a saved JSON, a CSV of references, or `shipped` for the CSV that comes along.",
)
@click.option(
    "--tolerance",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 10),
    help="How much slower than REF a median may be.",
)
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the JSON here; into a .csv, add a row of references.",
)
@json_option
@verbosity_options
def latency(
    models: tuple[str, ...],
    threads: tuple[int, ...],
    accelerator: str,
    preset: str,
    reference: str | None,
    tolerance: float,
    save: Path | None,
    as_json: bool,
) -> None:
    """Time one cell through MODEL (files, or names of models that come along; the default one if none is named).

    Warm calls of the program and of the bare interpreter take turns in one loop, so their ratio holds on a busy
    machine too; absolute times belong to the machine printed above them.
    """
    from benchmarks.harness.envelope import check_folder, envelope, save_document
    from benchmarks.harness.machine import available_processors, read_machine
    from benchmarks.harness.timing import PRESETS
    from benchmarks.latency.coldstart import measure_cold_starts
    from benchmarks.latency.latency import measure_latency, runtime_of
    from benchmarks.latency.picture import cell_png
    from benchmarks.latency.reference import add_rows, compare, comparison_text, network_id, read_references, rows_of
    from benchmarks.latency.text import cold_text, latency_text, machine_text, model_text, throughput_text
    from benchmarks.latency.throughput import measure_throughput
    from benchmarks.latency.validity import result_word
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.images import load_image
    from edge_runtime.core.model_file import find_model, read_model_file
    from edge_runtime.core.preprocess import resize

    check_folder(save)
    references = read_references(reference) if reference else None
    files = [read_model_file(find_model(name)) for name in models or (None,)]
    runtimes = [runtime_of(file, accelerator) for file in files]
    counts = threads or tuple(count for count in _USUAL_THREADS if count <= available_processors())
    chosen = PRESETS[preset]
    machine = read_machine()
    here = (machine.board or "", machine.processor or "")
    if references and not any(
        references.fitting(here, network_id(file.flatbuffer), count) for file in files for count in counts
    ):
        raise WrongUsage(
            f"{printable(reference or '')} has no row of {' '.join(filter(None, here)) or 'this machine'} for network "
            f"{network_id(files[0].flatbuffer)} and these threads; measure without --compare, and --save one."
        )
    payload: dict[str, Any] = {
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
            payload["models"].append(
                {
                    "path": str(file.path),
                    "model": file.id,
                    "flatbuffer": network_id(file.flatbuffer),
                    "bytes": file.path.stat().st_size,
                    "input": list(size),
                    "units": asdict(classifier.units),
                    "cold_start": cold.to_json(),
                    "threads": [one.to_json() for one in measured],
                    "pools": [one.to_json() for one in pools],
                }
            )
    payload["result"] = result_word(not broken)
    document = envelope("latency", payload)
    rows = rows_of(document)
    comparisons = compare(rows, references) if references else []
    slower = [one for one in comparisons if one.ratio > 1 + tolerance]
    if comparisons:
        document["compared"] = {
            "reference": reference,
            "tolerance": tolerance,
            "within": not slower,
            "figures": [one.to_json() for one in comparisons],
        }
        if not as_json:
            click.echo(comparison_text(comparisons, tolerance))
    if as_json:
        emit_json(document)
    if save is not None and save.suffix.lower() != ".csv":
        save_document(save, document)
    if broken:
        raise NotConclusive(
            f"The result is INVALID ({', '.join(dict.fromkeys(broken))}: No); let the machine rest, close what else "
            "runs on it, and measure again."
        )
    if save is not None and save.suffix.lower() == ".csv":  # only what is valid may become a reference
        add_rows(save, rows)
        note(f"{len(rows)} rows are now in {printable(save)}.")
    if slower:
        worst = max(slower, key=lambda one: one.ratio)
        raise GateFailed(
            f"{worst.figure} is {worst.ratio:.2f} times its reference ({worst.milliseconds:.3f} against "
            f"{worst.reference:.3f} ms, {worst.threads} threads), {1 + tolerance:.2f} is allowed; find what became "
            "slower, or save a new reference."
        )


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
