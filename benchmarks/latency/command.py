"""The command ``thinsmear bench latency``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import accelerator_option, emit_json, json_option, note, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import GateFailed, NotConclusive, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.harness.machine import Machine
    from benchmarks.latency.one_model import LatencyRequest
    from benchmarks.latency.reference import References
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
    from benchmarks.harness.envelope import check_folder, envelope
    from benchmarks.harness.machine import available_processors, read_machine
    from benchmarks.harness.timing import PRESETS
    from benchmarks.latency.latency import runtime_of
    from benchmarks.latency.one_model import LatencyRequest
    from benchmarks.latency.reference import read_references
    from benchmarks.latency.validity import result_word
    from edge_runtime.core.model_file import open_model

    check_folder(save)
    references = read_references(reference) if reference else None
    files = [open_model(name) for name in models or (None,)]
    runtimes = [runtime_of(file, accelerator) for file in files]
    counts = threads or tuple(count for count in _USUAL_THREADS if count <= available_processors())
    machine = read_machine()
    if references is not None:
        _check_references(references, reference or "", machine, files, counts)
    head: dict[str, Any] = {
        "preset": preset,
        "machine": machine.to_json(),
        "runtime": dict(zip(("name", "version"), runtimes[0], strict=True)),
    }
    backends = [name for name, _ in runtimes]
    request = LatencyRequest(counts, PRESETS[preset], accelerator)
    payload = {**head, "models": _measure(head, files, backends, request, _nothing if as_json else click.echo)}
    broken = _broken(payload["models"])
    payload["result"] = result_word(not broken)
    document = envelope("latency", payload)
    if references is not None:
        _compare(document, references, reference or "", tolerance)
    _deliver(document, as_json, save)
    _conclude(document, broken, save)


def _nothing(text: str) -> None:
    """Where figures go that nobody reads yet."""


def _check_references(
    references: References, name: str, machine: Machine, files: Sequence[ModelFile], counts: Sequence[int]
) -> None:
    """Refuse to measure what could not be compared.

    Raises:
        WrongUsage: no row fits this machine, a network and a number of threads.
    """
    from benchmarks.latency.reference import network_id

    here = (machine.board or "", machine.processor or "")
    networks = [network_id(file.flatbuffer) for file in files]
    if not any(references.fitting(here, network, count) for network in networks for count in counts):
        raise WrongUsage(
            f"{printable(name)} has no row of {' '.join(filter(None, here)) or 'this machine'} for network "
            f"{networks[0]} and these threads; measure without --compare, and --save one."
        )


def _measure(
    head: Mapping[str, Any],
    files: Sequence[ModelFile],
    backends: Sequence[str],
    request: LatencyRequest,
    show: Callable[[str], object],
) -> list[dict[str, Any]]:
    """Every model on the same picture, one after the other."""
    from benchmarks.latency.one_model import measure_model
    from benchmarks.latency.picture import cell_png
    from benchmarks.latency.section import machine_facts

    show("\n".join(f"{name:10}{value}" for name, value in machine_facts(head).items()))
    with tempfile.TemporaryDirectory(prefix="thinsmear-bench-") as folder:
        image = Path(folder) / "cell.png"
        image.write_bytes(cell_png())
        return [
            measure_model(file, backend, image, request, lambda text: show(f"\n{text}"))
            for file, backend in zip(files, backends, strict=True)
        ]


def _broken(models: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the conditions that are not met, each once."""
    conditions = [c for model in models for one in model["threads"] for c in one["verdict"]["conditions"]]
    return list(dict.fromkeys(c["name"] for c in conditions if c["met"] is False))


def _compare(document: dict[str, Any], references: References, name: str, tolerance: float) -> None:
    """Add ``compared`` to the document, when there is a reference for any of its figures."""
    from benchmarks.latency.reference import compare, rows_of

    comparisons = compare(rows_of(document), references)
    if comparisons:
        document["compared"] = {
            "reference": name,
            "tolerance": tolerance,
            "within": all(one.ratio <= 1 + tolerance for one in comparisons),
            "figures": [one.to_json() for one in comparisons],
        }


def _deliver(document: Mapping[str, Any], as_json: bool, save: Path | None) -> None:
    """The document as JSON, or the comparison below the figures that were shown already."""
    from benchmarks.harness.envelope import save_document
    from benchmarks.latency.section import comparison_table
    from benchmarks.report.forms import table_text

    if as_json:
        emit_json(document)
    elif "compared" in document:
        click.echo(f"\n{table_text(comparison_table(document['compared']))}")
    if save is not None and not _is_table(save):
        save_document(save, document)


def _conclude(document: Mapping[str, Any], broken: Sequence[str], save: Path | None) -> None:
    """Keep the rows of a valid result where a table was asked for, and say what it comes to.

    Raises:
        NotConclusive: a condition is broken.
        GateFailed: a figure is slower than its reference allows.
    """
    from benchmarks.latency.reference import add_rows, rows_of

    if broken:
        raise NotConclusive(
            f"The result is INVALID ({', '.join(broken)}: No); let the machine rest, close what else "
            "runs on it, and measure again."
        )
    if save is not None and _is_table(save):  # only what is valid may become a reference
        rows = rows_of(document)
        add_rows(save, rows)
        note(f"{len(rows)} rows are now in {printable(save)}.")
    compared = document.get("compared")
    if compared is not None and not compared["within"]:
        worst = max(compared["figures"], key=lambda one: one["ratio"])
        raise GateFailed(
            f"{worst['figure']} is {worst['ratio']:.2f} times its reference ({worst['milliseconds']:.3f} against "
            f"{worst['reference']:.3f} ms, {worst['threads']} threads), {1 + compared['tolerance']:.2f} is allowed; "
            "find what became slower, or save a new reference."
        )


def _is_table(path: Path) -> bool:
    return path.suffix.lower() == ".csv"
