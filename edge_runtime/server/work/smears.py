"""For each session the fields that it has so far: kept between requests, one request of a session at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_runtime.sessions.intake import SessionSmear

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session

_KEPT = 8  # sessions in use at a time


@dataclass
class _Entry:
    smear: SessionSmear
    lock: threading.Lock = field(default_factory=threading.Lock)


class Smears:
    """The smears of the sessions that were used last. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def knows(self, code: str) -> bool:
        """Whether a session's smear is at hand, or being recalled."""
        with self._lock:
            return code in self._entries

    @contextlib.contextmanager
    def using(self, session: Session) -> Iterator[SessionSmear]:
        """The smear of a session, for this thread alone: judge and store the field within the block."""
        with self._lock:
            entry = self._entries.setdefault(session.code, _Entry(SessionSmear(session)))
            self._entries.move_to_end(session.code)
            while len(self._entries) > _KEPT:
                self._entries.popitem(last=False)
        with entry.lock:
            yield entry.smear
