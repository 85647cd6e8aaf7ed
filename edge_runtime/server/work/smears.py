"""For each session a judge that knows its fields: kept between requests, one request of a session at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_runtime.sessions.analysis import session_judge
from edge_runtime.sessions.browse import last_number

if TYPE_CHECKING:
    from edge_runtime.fields.smear import Smear
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_KEPT = 8  # sessions in use at a time


@dataclass
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    judge: Smear | None = None
    last: int = -1


class Judges:
    """Judges of the sessions that were used last. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def knows(self, code: str) -> bool:
        """Whether a session's judge is at hand, or being made."""
        with self._lock:
            return code in self._entries

    @contextlib.contextmanager
    def judging(self, store: Store, session: Session) -> Iterator[Smear]:
        """The judge of a session, for this thread alone: judge and store the field within the block.

        It is made anew from the stored images when another process has added some.
        """
        with self._lock:
            entry = self._entries.setdefault(session.code, _Entry())
            self._entries.move_to_end(session.code)
            while len(self._entries) > _KEPT:
                self._entries.popitem(last=False)
        with entry.lock:
            if entry.judge is None or entry.last != last_number(store, session):
                entry.judge = session_judge(store, session)
            try:
                yield entry.judge
            except BaseException:
                entry.judge = None  # it remembers a field that was not stored
                raise
            entry.last = last_number(store, session)
