"""What to keep of a camera's pictures that nobody chose, and how far the count is after each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_runtime.core.classifier import CellResult
from edge_runtime.core.encoding import write_png
from edge_runtime.sessions.blank_slides import blank_rate
from edge_runtime.sessions.intake import Intake, from_camera
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.review import reviewed
from edge_runtime.sessions.session_counts import stop_state

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.counting import StopState
    from edge_runtime.fields import FieldResult
    from edge_runtime.sessions.records import ModelRecord, Session
    from edge_runtime.sessions.store.store import Store

    Result = CellResult | FieldResult


class Recorder:
    """Adds a camera's pictures to one session, each durably before the next is looked at.

    Repeats are not kept. Of pictures that are refused one after the other for the same reasons only the first is, or a
    slide that lies still and out of focus would fill the disk.

    Attributes:
        session: where they go.
        intake: the way there, which judges fields within the session.
        stop: where the count stands under the session's rule; None without a rule.
    """

    def __init__(self, store: Store, session: Session, model: ModelRecord, kind: str, camera: str) -> None:
        """Begin to record.

        Args:
            model: what classifies the pictures.
            kind: "field" or "cell", what each picture shows.
            camera: as it may be shown.
        """
        self.session = session
        self.intake = Intake(store, session, model)
        self._store = store
        self._model = model
        self._camera = camera
        self._refused: frozenset[str] = frozenset()
        self._blank = blank_rate(store, model.sha256, session.device, kind)
        self.stop: StopState | None = None
        self._look()

    @property
    def reached(self) -> bool:
        """Whether the stop rule says that enough is counted."""
        return self.stop is not None and self.stop.reached

    def keep(
        self, pixels: NDArray[np.uint8], result: Result, settings: Mapping[str, Any], repeat: bool
    ) -> dict[str, Any]:
        """Keep a picture unless it repeats another; the keys of the JSON line that say so.

        Args:
            pixels: uint8 [h, w, 3], RGB, upright.
            result: what was found; a field's quality as :attr:`intake` judged it.
            settings: of the camera for this picture.
            repeat: it shows what an earlier one showed.

        Raises:
            as :meth:`edge_runtime.sessions.intake.Intake.keep`.
        """
        number = None
        if not repeat:
            refused = _refused(result)
            again = bool(refused) and refused == self._refused
            self._refused = refused
            if not again:
                camera = from_camera(self._camera, pixels, settings)
                number = self.intake.keep(pixels, result, write_png(pixels), camera).added.number
                self._look()
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

    def _look(self) -> None:
        """Read how far the session is; the review too, for somebody may review meanwhile."""
        with self._store.reading():
            self._totals = self._store.totals(self.session)
            review = reviewed(self._store, self.session, self._totals)
            ranked = ranked_review(self._store, self.session, self._totals, self._model) if review.begun else None
        rule = self.session.plan.stop_rule
        self.stop = stop_state(rule, self._totals, self._model, self._blank, review, ranked)


def _refused(result: Result) -> frozenset[str]:
    """Kinds of reasons why its cells do not count."""
    return frozenset() if isinstance(result, CellResult) else frozenset(one.kind for one in result.quality.refusals)
