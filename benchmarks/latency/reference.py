"""Reference latencies: a CSV with a row for each board, model and number of threads, and comparing with them."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.harness.envelope import read_document
from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage

SHIPPED = Path(__file__).with_name("reference.csv")
COMPARED = ("infer_ms", "file_ms")  # the runtime's share, and all a user waits for


@dataclass(frozen=True)
class Reference:
    """One measured row; times are medians in milliseconds.

    Attributes:
        board: its name; empty where the machine tells none.
        processor: its model name.
        model: the first 12 digits of its flatbuffer's SHA-256 (:func:`network_id`).
        threads: of the runtime's kernels.
        input: height x width.
        runtime, thinsmear, date, preset: what measured it, when and how long.
        infer_ms: one warm inference inside the program.
        file_ms: a cell from its file to the decision.
        bare_ms: the bare interpreter.
        start_ms: process start to answer of ``thinsmear classify``.
    """

    board: str
    processor: str
    model: str
    threads: int
    input: str
    runtime: str
    thinsmear: str
    date: str
    preset: str
    infer_ms: float
    file_ms: float
    bare_ms: float
    start_ms: float

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What makes a row: the machine, the model, the threads."""
        return self.board, self.processor, self.model, self.threads


@dataclass(frozen=True)
class Comparison:
    """One figure against its reference; a ratio above 1 is slower."""

    model: str
    threads: int
    figure: str
    milliseconds: float
    reference: float

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.milliseconds / self.reference

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True)
class References:
    """What is compared with.

    Attributes:
        rows: measured before.
        one_run: they are one saved run, so that the user has chosen what to hold against it; a table of boards serves
            only the machine and the model that a row names.
    """

    rows: tuple[Reference, ...]
    one_run: bool

    def fitting(self, machine: tuple[str, str], model: str, threads: int) -> Reference | None:
        """The row of the same machine, model and threads; of one run also that of another machine, and of another
        model when the run has only one."""
        for row in self.rows:
            if row.key == (*machine, model, threads):
                return row
        if not self.one_run:
            return None
        same = [row for row in self.rows if row.threads == threads]
        if len({row.model for row in self.rows}) > 1:
            same = [row for row in same if row.model == model]
        return same[0] if same else None


def network_id(flatbuffer: bytes) -> str:
    """12 digits that name what is computed; unlike a file's, they stay when only its card changes."""
    return hashlib.sha256(flatbuffer).hexdigest()[:12]


def rows_of(document: Mapping[str, Any]) -> list[Reference]:
    """The rows a document of ``bench latency`` makes.

    Raises:
        BadData: it lacks what a row needs.
    """
    try:
        machine = document["machine"]
        return [
            Reference(
                board=machine["board"] or "",
                processor=machine["processor"] or "",
                model=model["flatbuffer"],
                threads=one["threads"],
                input=f"{model['input'][1]}x{model['input'][0]}",
                runtime=f"{document['runtime']['name']} {document['runtime']['version']}",
                thinsmear=machine["thinsmear"],
                date=document["date"][:10],
                preset=document["preset"],
                infer_ms=_short(one["latency"]["median_ms"]),
                file_ms=_short(one["file"]["median_ms"]),
                bare_ms=_short(one["bare"]["median_ms"]),
                start_ms=_short(model["cold_start"]["classify"]["median_ms"]),
            )
            for model in document["models"]
            for one in model["threads"]
        ]
    except (KeyError, TypeError, IndexError) as error:
        raise BadData(f"The latency document lacks {error!r}; measure again with this program.") from error


def read_references(name: str) -> References:
    """A reference by its name.

    Args:
        name: a CSV of rows, a JSON file of ``bench latency --save``, or "shipped" for the CSV that comes along.

    Raises:
        WrongUsage: there is no such file.
        BadData: it is damaged, or another benchmark's.
    """
    path = SHIPPED if name == "shipped" else Path(name)
    if path.suffix.lower() == ".csv":
        return References(tuple(_read_csv(path)), one_run=False)
    kind, document = read_document(path)
    if kind != "latency":
        raise BadData(f"{printable(path)} is a document of `bench {kind}`; latencies compare with `bench latency`.")
    return References(tuple(rows_of(document)), one_run=True)


def compare(rows: Sequence[Reference], references: References) -> list[Comparison]:
    """Each figure of each row that has a reference."""
    found = []
    for row in rows:
        reference = references.fitting((row.board, row.processor), row.model, row.threads)
        if reference is not None:
            found += [
                Comparison(row.model, row.threads, figure, getattr(row, figure), getattr(reference, figure))
                for figure in COMPARED
            ]
    return found


def add_rows(path: Path, rows: Iterable[Reference]) -> None:
    """Add rows to a CSV; a row of the same machine, model and threads is replaced.

    Raises:
        BadData: the CSV is damaged.
    """
    known = {row.key: row for row in (_read_csv(path) if path.is_file() else [])}
    known.update({row.key: row for row in rows})
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [column.name for column in fields(Reference)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(known[key]) for key in sorted(known))
    write_atomically(path, stream.getvalue())


def _read_csv(path: Path) -> list[Reference]:
    name = printable(path)
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        made = [Reference(**_typed(row)) for row in rows]
    except FileNotFoundError as error:
        raise WrongUsage(f"There is no reference {name}; `bench latency --save FILE.csv` makes one.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{name} is no table of references: {error}.") from error
    if not all(getattr(row, figure) > 0 for row in made for figure in COMPARED):
        raise BadData(f"{name} has a time that is not above 0.")
    return made


def _typed(row: Mapping[str, str]) -> dict[str, Any]:
    whole, real = ("threads",), ("infer_ms", "file_ms", "bare_ms", "start_ms")
    return {**row, **{key: int(row[key]) for key in whole}, **{key: float(row[key]) for key in real}}


def _short(value: float) -> float:
    return float(f"{value:.5g}")
