"""Keeps what ``thinsmear watch --session`` sees in a session, each picture durably before the next is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_runtime.core.encoding import write_png
from edge_runtime.sessions.blank_slides import blank_rate
from edge_runtime.sessions.records import CELL, FIELD, Cell, FieldRecord, ModelRecord
from edge_runtime.sessions.review import reviewed
from edge_runtime.sessions.session_counts import stop_state

if TYPE_CHECKING:
    from edge_runtime.cameras import Frame
    from edge_runtime.commands.watch.outcomes import PictureJudgement
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.counting import StopState
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store


class Recorder:
    """Adds a camera's pictures to one session.

    Repeats are not kept. Of pictures that are refused one after the other for the same reasons only the first is, or a
    slide that lies still and out of focus would fill the disk.

    Attributes:
        session: where they go.
        stop: where the count stands under the session's rule; None without a rule.
    """

    def __init__(self, store: Store, session: Session, classifier: Classifier, single: bool, camera: str) -> None:
        """Begin to record.

        Args:
            single: each picture is one cell.
            camera: what the records call it.
        """
        self.session = session
        self._store = store
        self._model = ModelRecord.of(classifier)
        self._single = single
        self._camera = camera
        self._refused: frozenset[str] = frozenset()
        kind = CELL if single else FIELD
        self._blank = blank_rate(store, self._model.sha256, session.device, kind)
        self._totals = store.totals(session)
        self.stop: StopState | None = self._stop_state()

    @property
    def reached(self) -> bool:
        """Whether the stop rule says that enough is counted."""
        return self.stop is not None and self.stop.reached

    def keep(self, frame: Frame, verdict: PictureJudgement) -> dict[str, Any]:
        """Keep a picture unless it repeats another; the keys of the JSON line that say so.

        Raises:
            as :meth:`edge_runtime.sessions.store.store.Store.add_field`.
        """
        number = None
        again = bool(verdict.refused) and verdict.refused == self._refused
        if not verdict.repeat:
            self._refused = verdict.refused
            if not again:
                number = self._add(frame, verdict)
        return {
            "session": self.session.code,
            "field": number,
            "totals": self._totals.to_json(),
            "stop": None if self.stop is None else self.stop.to_json(),
        }

    def summary(self) -> str:
        """The session so far, in a sentence."""
        totals = self._totals
        images = totals.fields + totals.single_cells
        return (
            f"Session {self.session.code}: {totals.cells:,} cells in {images:,} {'image' if images == 1 else 'images'} "
            f"({totals.refused:,} refused), {totals.infected:,} called infected, {totals.suspected:,} suspected."
        )

    def _add(self, frame: Frame, verdict: PictureJudgement) -> int:
        record = _cell(verdict.line) if self._single else FieldRecord.from_json(verdict.line)
        added = self._store.add_field(
            self.session, write_png(frame.pixels), record, self._model, self._settings(frame), frame.pixels
        )
        self._totals = added.totals
        self.stop = self._stop_state()
        return added.number

    def _stop_state(self) -> StopState | None:
        """Read anew each time, for somebody may review meanwhile."""
        review = reviewed(self._store, self.session)
        return stop_state(self.session.plan.stop_rule, self._totals, self._model, self._blank, review)

    def _settings(self, frame: Frame) -> dict[str, Any]:
        """No path of a replay and no time: the one may hold a name, the other is the record's own."""
        height, width = frame.pixels.shape[:2]
        return {"source": self._camera, "width": width, "height": height, **frame.settings}


def _cell(values: dict[str, Any]) -> FieldRecord:
    return FieldRecord((Cell(values["probability"], values["review"], values["count"]),), CELL)
