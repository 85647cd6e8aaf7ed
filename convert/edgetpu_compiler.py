"""Compile for the Edge TPU: call the compiler, read what its log really says, put the card back on the result."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge_runtime.common.files import write_atomically
from edge_runtime.core.card import Card
from edge_runtime.core.model_file import pack_model
from edge_runtime.errors import BadModel, EnvironmentLacks, GateFailed

COMPILER = "edgetpu_compiler"
MAPPED = "Mapped to Edge TPU"
_SECONDS = 600
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"^(?P<what>.+?): (?P<number>[\d.]+)(?P<unit>B|KiB|MiB|GiB)$")
_ROW = re.compile(r"^(?P<operator>[A-Z0-9_a-z-]+)\s+(?P<count>\d+)\s+(?P<status>\S.*)$")
_ABSENT = (
    f"There is no {COMPILER} on the PATH. It runs on x86-64 Linux only: add the repository "
    '"deb https://packages.cloud.google.com/apt coral-edgetpu-stable main", then `apt-get install edgetpu-compiler` '
    "(coral.ai/docs/edgetpu/compiler); or leave --edgetpu out and compile the model there, it stays a valid input."
)


@dataclass(frozen=True)
class OperatorRow:
    """A line of the compiler's operator table: the operator, how many of it, and what became of them."""

    operator: str
    count: int
    status: str


@dataclass(frozen=True)
class CompilerLog:
    """What the compiler said.

    Attributes:
        version: of the compiler, None when it did not say.
        on_chip: bytes of weights kept on the chip.
        remaining: bytes left there.
        off_chip: bytes of weights streamed for every image.
        subgraphs: parts that run on the Edge TPU.
        rows: the operator table.
    """

    version: str | None
    on_chip: int
    remaining: int
    off_chip: int
    subgraphs: int
    rows: tuple[OperatorRow, ...]

    @property
    def mapped(self) -> int:
        """Operators on the Edge TPU."""
        return sum(row.count for row in self.rows if row.status == MAPPED)

    @property
    def on_cpu(self) -> int:
        """Operators left to the CPU."""
        return sum(row.count for row in self.rows if row.status != MAPPED)

    @property
    def summary(self) -> str:
        """One line as TPU delegates report it."""
        return f"Compute units: Edge TPU ({self.mapped}) | CPU ({self.on_cpu}) | Total ({self.mapped + self.on_cpu})"

    def problems(self) -> Iterator[str]:
        """What makes the result unfit, in words; the compiler itself calls all of this a success."""
        if not self.mapped:
            yield "not one operator was mapped to the Edge TPU"
        for row in self.rows:
            if row.status != MAPPED:
                yield f"{row.count} {row.operator} run on the CPU ({row.status})"
        if self.off_chip:
            yield f"{self.off_chip:,} bytes of weights do not fit on the chip and are streamed for every image"
        if self.subgraphs > 1:
            yield f"the model was cut into {self.subgraphs} parts, between which data go back to the CPU"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for the card."""
        return {**asdict(self), "mapped": self.mapped, "on_cpu": self.on_cpu}


def parse_log(text: str) -> CompilerLog:
    """Read the compiler's output (with ``-s``).

    Raises:
        BadModel: the compiler did not compile; its own reason is passed on.
    """
    lines = [line.strip() for line in text.splitlines()]
    sizes: dict[str, int] = {}
    rows = []
    for line in lines:
        if found := _SIZE.match(line):
            sizes[found["what"]] = round(float(found["number"]) * _UNITS[found["unit"]])
        elif found := _ROW.match(line):
            rows.append(OperatorRow(found["operator"], int(found["count"]), found["status"]))
    memory = "memory used for caching model parameters"
    if f"On-chip {memory}" not in sizes or not rows:
        reasons = [line for line in lines if re.match(r"ERROR|Invalid|Internal|Compilation failed|Model could", line)]
        raise BadModel(
            f"The Edge TPU compiler gave up: {' '.join(reasons) or text.strip()[-300:] or 'it said nothing'}. See "
            "`thinsmear lint MODEL --target edgetpu`."
        )
    version = next((line.split()[-1] for line in lines if line.startswith("Edge TPU Compiler version")), None)
    subgraphs = next((int(line.split()[-1]) for line in lines if line.startswith("Number of Edge TPU subgraphs")), 0)
    return CompilerLog(
        version=version,
        on_chip=sizes[f"On-chip {memory}"],
        remaining=sizes.get("On-chip memory remaining for caching model parameters", 0),
        off_chip=sizes.get("Off-chip memory used for streaming uncached model parameters", 0),
        subgraphs=subgraphs,
        rows=tuple(rows),
    )


def require_compiler() -> str:
    """Path of the compiler; EnvironmentLacks with the way to get it when there is none."""
    path = shutil.which(COMPILER)
    if path is None:
        raise EnvironmentLacks(_ABSENT)
    return path


def compile_model(flatbuffer: bytes, card: Card, golden: bytes | None, out: Path) -> CompilerLog:
    """Compile a model; the file gets the same labels, golden vectors and card, with the compiler's report.

    Args:
        flatbuffer: the model.
        card: its card.
        golden: its golden vectors, as :func:`edge_runtime.core.model_file.pack_model` takes them.
        out: where the compiled model goes; nothing is written when the result is unfit.

    Raises:
        EnvironmentLacks: there is no compiler.
        BadModel: the compiler gave up.
        GateFailed: operators fall back to the CPU, or weights are streamed.
    """
    compiled, log = _compile(require_compiler(), flatbuffer)
    before = hashlib.sha256(flatbuffer).hexdigest()
    details = {**card.details, "target": "edgetpu", "edgetpu": log.to_json(), "before_compilation_sha256": before}
    write_atomically(out, pack_model(compiled, replace(card, details=details), golden))
    return log


def _compile(compiler: str, flatbuffer: bytes) -> tuple[bytes, CompilerLog]:
    with tempfile.TemporaryDirectory(prefix="thinsmear-edgetpu-") as folder:
        source = Path(folder) / "model.tflite"
        source.write_bytes(flatbuffer)
        try:
            done = subprocess.run(
                [compiler, "-s", "-o", folder, str(source)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BadModel(f"The Edge TPU compiler was not done after {_SECONDS} s; the model is too large.") from error
        except OSError as error:
            raise EnvironmentLacks(f"{compiler} cannot be started ({error.strerror}); {_ABSENT}") from error
        log = parse_log(done.stdout.decode("utf-8", "backslashreplace"))
        problems = list(log.problems())
        if problems:
            raise GateFailed(f"The compiled model is unfit: {'; '.join(problems)}. {log.summary}.")
        compiled = source.with_name("model_edgetpu.tflite")
        if not compiled.is_file():
            raise BadModel(f"The Edge TPU compiler ended with status {done.returncode} and wrote no model.")
        return compiled.read_bytes(), log
