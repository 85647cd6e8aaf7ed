"""Figures for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_runtime import __version__

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0)  # seconds
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
Sample = tuple[str, float]  # labels as Prometheus writes them, and the value


class Metrics:
    """Counts requests; everything else is asked for when somebody looks. Any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._sources: list[tuple[str, str, str, Callable[[], float]]] = []

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        with self._lock:
            self._requests[route, method if method in _METHODS else "OTHER", status] += 1
            self._seconds[route] += seconds
            for bound in (*_BOUNDS, float("inf")):
                if seconds <= bound:
                    self._buckets[route, bound] += 1

    def watch(self, name: str, kind: str, help_text: str, read: Callable[[], float]) -> None:
        """Show what ``read`` gives as ``thinsmear_<name>``, a "counter" or a "gauge"."""
        self._sources.append((name, kind, help_text, read))

    def text(self) -> str:
        """All of it."""
        with self._lock:
            requests, buckets, seconds = dict(self._requests), dict(self._buckets), dict(self._seconds)
        lines = _family("build_info", "gauge", "The running version.", [(f'{{version="{__version__}"}}', 1)])
        lines += _family(
            "requests_total",
            "counter",
            "Requests answered.",
            [
                (f'{{route="{_escaped(route)}",method="{method}",status="{status}"}}', count)
                for (route, method, status), count in sorted(requests.items())
            ],
        )
        lines += _histogram(buckets, seconds)
        for name, kind, help_text, read in self._sources:
            lines += _family(name, kind, help_text, [("", read())])
        resident = resident_bytes()
        if resident is not None:
            lines += _family("resident_bytes", "gauge", "Memory of the process.", [("", resident)])
        return "\n".join(lines) + "\n"


def resident_bytes() -> int | None:
    """Memory of this process; None where the system does not say."""
    if sys.platform != "linux":
        return None
    import os

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _histogram(buckets: dict[tuple[str, float], int], seconds: dict[str, float]) -> list[str]:
    name = "thinsmear_request_seconds"
    lines = [f"# HELP {name} Time from a request to the end of its answer.", f"# TYPE {name} histogram"]
    for route in sorted(seconds):
        label = _escaped(route)
        for bound in (*_BOUNDS, float("inf")):
            shown = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'{name}_bucket{{route="{label}",le="{shown}"}} {buckets.get((route, bound), 0)}')
        lines.append(f'{name}_sum{{route="{label}"}} {seconds[route]:.6f}')
        lines.append(f'{name}_count{{route="{label}"}} {buckets.get((route, float("inf")), 0)}')
    return lines


def _family(name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> list[str]:
    full = f"thinsmear_{name}"
    return [
        f"# HELP {full} {help_text}",
        f"# TYPE {full} {kind}",
        *(f"{full}{labels} {value:.15g}" for labels, value in samples),
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
