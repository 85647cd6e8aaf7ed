"""Counts a walk through the code: project files that calls enter, and how often they go from one file to another."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.harness.floors import floor_of, is_climb

PACKAGES = ("edge_runtime", "train", "convert", "benchmarks")
_OWN = Path(__file__).parent
Function = tuple[str, str, int]  # file, name, line


class Project:
    """Knows which files are the project's.

    Attributes:
        root: the folder of the packages.
    """

    def __init__(self, root: Path = _OWN.parents[1], packages: tuple[str, ...] = PACKAGES) -> None:
        self.root = root
        self._packages = packages
        self._known: dict[str, str | None] = {}

    def file_of(self, frame: FrameType) -> str | None:
        """The frame's file below the root, with slashes; None when it is no file of the project.

        The files of this folder measure, so they are none either.
        """
        name = frame.f_code.co_filename
        try:
            return self._known[name]
        except KeyError:
            return self._known.setdefault(name, self._find(Path(name)))

    def _find(self, path: Path) -> str | None:
        if not path.is_relative_to(self.root) or path.parent == _OWN:
            return None
        below = path.relative_to(self.root)
        return below.as_posix() if below.parts[0] in self._packages else None


@dataclass(frozen=True)
class Walk:
    """What was counted. Importing a module is no part of a walk, and child processes are not followed.

    Attributes:
        files: entered, in the order of their first call.
        transitions: pairs of files, caller and callee, with at least one call; frames of other packages that lie
            between do not count.
        steps: pairs of functions in two files with at least one call: what a reader follows, each loop once.
        returns: steps into a file that was entered before.
        calls: from a file into another, loops included; a generator or coroutine counts each time it goes on.
        threads: name -> files entered on it.
    """

    files: tuple[str, ...]
    transitions: tuple[tuple[str, str], ...]
    steps: int
    returns: int
    calls: int
    threads: dict[str, int]

    @property
    def climbs(self) -> list[tuple[str, str]]:
        """The transitions into a file on a higher floor."""
        return [pair for pair in self.transitions if is_climb(*pair)]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "files": len(self.files),
            "transitions": len(self.transitions),
            "climbs": len(self.climbs),
            "steps": self.steps,
            "returns": self.returns,
            "calls": self.calls,
            "threads": self.threads,
            "climbing": [f"{caller} > {callee}" for caller, callee in self.climbs],
            "without_floor": [file for file in self.files if floor_of(file) is None],
        }


class CallTrace:
    """Watches all calls of the threads that begin within :meth:`watching`, and of the one that enters it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._counting = False
        self._clear()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Threads that begin within the block are seen; nothing is counted yet."""
        threading.setprofile(self._seen)
        sys.setprofile(self._seen)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]  # documented as the way to end it

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count, from zero, what all watched threads do during the block."""
        self._clear()
        self._counting = True
        try:
            yield
        finally:
            self._counting = False

    def walk(self) -> Walk:
        """What the last :meth:`counting` counted."""
        with self._lock:
            threads = {name: len(files) for name, files in sorted(self._threads.items())}
            return Walk(tuple(self._files), tuple(self._pairs), len(self._steps), self._returns, self._calls, threads)

    def _clear(self) -> None:
        # dictionaries for their order
        self._files: dict[str, None] = {}
        self._pairs: dict[tuple[str, str], None] = {}
        self._steps: set[tuple[Function, Function]] = set()
        self._threads: dict[str, set[str]] = {}
        self._returns = self._calls = 0

    def _seen(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or not self._counting:
            return
        file = self._project.file_of(frame)
        if file is None:
            return
        caller: FrameType | None = None
        above: FrameType | None = frame
        while above is not None:
            if self._project.file_of(above) is not None:
                if above.f_code.co_name == "<module>":
                    return  # an import, or what one calls
                if caller is None and above is not frame:
                    caller = above
            above = above.f_back
        with self._lock:
            self._note(file, frame, caller)

    def _note(self, file: str, frame: FrameType, caller: FrameType | None) -> None:
        origin = None if caller is None else self._project.file_of(caller)
        if caller is not None and origin is not None and origin != file:
            self._calls += 1
            self._pairs[origin, file] = None
            step = (_function(origin, caller), _function(file, frame))
            if step not in self._steps:
                self._steps.add(step)
                self._returns += file in self._files
        self._files[file] = None
        self._threads.setdefault(threading.current_thread().name, set()).add(file)


def _function(file: str, frame: FrameType) -> Function:
    return file, frame.f_code.co_name, frame.f_code.co_firstlineno
