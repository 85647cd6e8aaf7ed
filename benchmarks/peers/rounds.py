"""Starts every peer, lets all answer the same cells in turns, and makes a row of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.percentiles import Summary, interval, median, summarise
from benchmarks.peers.footprint import closure, installed_bytes
from benchmarks.peers.lineup import OWN, Contender
from benchmarks.peers.process import First, PeerFailed, PeerProcess
from benchmarks.peers.protocol import packages_of
from edge_runtime.common.console import progress
from train.metrics.metrics import auc

BLOCK = 8  # cells of one peer in a row; the one before them is not counted, as it meets the caches of another peer


@dataclass(frozen=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: in each, every peer classifies :data:`BLOCK` cells.
        starts: processes started of each, after one that does not count.
    """

    rounds: int
    starts: int


AMOUNTS = {"quick": Amount(rounds=32, starts=2), "standard": Amount(rounds=128, starts=5)}


@dataclass(frozen=True)
class PeerResult:
    """One peer; figures are None and ``error`` says why where it could not be measured.

    Attributes:
        name, precision, source: see :class:`benchmarks.peers.lineup.Contender`.
        runtime, version, threads: of the runtime, and how it is held to one thread.
        model_bytes: of the model file it runs.
        cell: a decoded image to P(parasitized): resize, preparation, inference.
        infer: the runtime's call in it.
        ratio: of :attr:`cell` over this program's, the median over the rounds.
        ratio_interval: its 95 % interval.
        start_ms: process start to first answer, median.
        peak_mib: resident memory at most until then.
        installed_bytes: files of the distributions it needs.
        packages: their names.
        accuracy, auc: where labels are known, and both classes occur for the AUC.
        agreement: share of cells decided as by this program.
    """

    name: str
    precision: str
    source: str
    error: str | None = None
    runtime: str | None = None
    version: str | None = None
    threads: str | None = None
    model_bytes: int | None = None
    cell: Summary | None = None
    infer: Summary | None = None
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    start_ms: float | None = None
    peak_mib: float | None = None
    installed_bytes: int | None = None
    packages: tuple[str, ...] = ()
    accuracy: float | None = None
    auc: float | None = None
    agreement: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        document = asdict(self)
        for name in ("cell", "infer"):
            summary: Summary | None = getattr(self, name)
            document[name] = None if summary is None else summary.to_json()
        document["packages"] = list(self.packages)
        document["ratio_interval"] = None if self.ratio_interval is None else list(self.ratio_interval)
        return document


class _Runner:
    """One contender while it is measured; after a failure it only knows the reason."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.error = contender.reason
        self.starts: list[First] = []
        self.process: PeerProcess | None = None
        self.probabilities: np.ndarray | None = None
        self.rounds: list[list[tuple[int, int]]] = []

    def start(self, stack: ExitStack, keep: bool) -> None:
        """Start the process; end it again unless it is to be kept for the rounds."""
        if self.error is not None or self.contender.job is None:
            return
        try:
            process = PeerProcess(self.contender.job)
        except PeerFailed as error:
            self.error = str(error)
            return
        self.starts.append(process.first)
        if keep:
            self.process = stack.enter_context(process)
        else:
            process.close()

    def score(self, cells: int) -> None:
        """Classify every cell once."""
        if self.error is None and self.process is not None:
            try:
                self.process.load()
                self.probabilities = np.array(self.process.time(range(cells))[0])
            except PeerFailed as error:
                self.error = str(error)

    def round(self, numbers: Sequence[int]) -> None:
        """Time one block; its first cell is done once more before, uncounted."""
        if self.error is None and self.process is not None:
            try:
                self.rounds.append(self.process.time([numbers[0], *numbers])[1][1:])
            except PeerFailed as error:
                self.error = str(error)


def measure(contenders: Sequence[Contender], labels: np.ndarray | None, amount: Amount) -> list[PeerResult]:
    """Measure all; a peer that fails is a row with its reason.

    Args:
        contenders: this program's own first, all with the same cells.
        labels: int [n], 1 parasitized, or None.
        amount: how much.
    """
    runners = [_Runner(contender) for contender in contenders]
    cells = next((len(c.job.images) for c in contenders if c.job is not None), 0)
    with ExitStack() as stack:
        with progress(range(amount.starts + 1), "starting") as turns:
            for turn in turns:
                for runner in runners:
                    runner.start(stack, keep=turn == amount.starts)
        with progress(runners, "classifying", len(runners)) as shown:
            for runner in shown:
                runner.score(cells)
        with progress(range(amount.rounds), "rounds", amount.rounds) as rounds:
            for number in rounds:
                block = [(number * BLOCK + place) % cells for place in range(BLOCK)]
                first = number % len(runners)
                for runner in runners[first:] + runners[:first]:
                    runner.round(block)
    own = next(runner for runner in runners if runner.contender.name == OWN)
    return [_row(runner, own, labels) for runner in runners]


def _row(runner: _Runner, own: _Runner, labels: np.ndarray | None) -> PeerResult:
    contender = runner.contender
    if runner.error is not None or contender.job is None:
        return PeerResult(contender.name, contender.precision, contender.source, error=runner.error)
    assert runner.probabilities is not None
    starts = runner.starts[1:]
    peaks = [start.peak_mib for start in starts if start.peak_mib is not None]
    packages = closure(packages_of(contender.job.kind))
    ratios = [] if own.error is not None else sorted(map(_block_ratio, runner.rounds, own.rounds))
    called = runner.probabilities >= 0.5
    area = math.nan if labels is None else auc(labels, runner.probabilities)
    return PeerResult(
        contender.name,
        contender.precision,
        contender.source,
        **runner.starts[-1].about,
        model_bytes=Path(contender.job.model).stat().st_size,
        cell=summarise([whole for block in runner.rounds for whole, _ in block]),
        infer=summarise([inside for block in runner.rounds for _, inside in block]),
        ratio=median(ratios) if ratios else None,
        ratio_interval=interval(ratios, 50) if ratios else None,
        start_ms=median(sorted(start.milliseconds for start in starts)),
        peak_mib=max(peaks) if peaks else None,
        installed_bytes=installed_bytes(packages),
        packages=tuple(packages),
        accuracy=None if labels is None else float((called == (labels == 1)).mean()),
        auc=None if math.isnan(area) else area,
        agreement=None if own.probabilities is None else float((called == (own.probabilities >= 0.5)).mean()),
    )


def _block_ratio(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> float:
    """Medians of one round's blocks, one over the other."""
    return median(sorted(whole for whole, _ in one)) / median(sorted(whole for whole, _ in other))
