"""Sessions on slides whose truth is known: one for each slide, device, model and kind of image, until discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_runtime.sessions import clock as clocks
from edge_runtime.sessions.records import SessionPlan
from edge_runtime.sessions.store.rows import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store


def known_session(
    store: Store, purpose: str, slide: str, model_sha256: str, kind: str, plan: Mapping[str, Any] | None = None
) -> Session:
    """The newest session of a slide on this device; begun when there is none that fits.

    Args:
        purpose: "blank" or "positive".
        slide: code.
        model_sha256: what it is to be counted with.
        kind: "field" or "cell".
        plan: what else a new one is begun with.

    Raises:
        WrongUsage: the slide is no code.
    """
    with store.reading() as connection:
        row = connection.execute(
            """SELECT s.* FROM sessions AS s LEFT JOIN models AS m ON m.id = s.model_id
            WHERE s.purpose = ? AND s.slide = ? AND s.device = ? AND NOT s.discarded
            AND (m.sha256 IS NULL OR m.sha256 = ?)
            AND NOT EXISTS (SELECT 1 FROM fields AS f WHERE f.session_id = s.id AND f.kind <> ?)
            ORDER BY s.id DESC LIMIT 1""",
            (purpose, slide, clocks.device_id(), model_sha256, kind),
        ).fetchone()
    return session_of(row) if row else store.new_session(SessionPlan(slide, purpose=purpose, **(plan or {})))


def discard_known(store: Store, purpose: str, slide: str) -> bool:
    """Let nothing rest on a slide any more, of whatever device and model; its records stay. Whether there was one."""
    with store.writing() as connection:
        changed = connection.execute(
            "UPDATE sessions SET discarded = 1 WHERE purpose = ? AND slide = ? AND NOT discarded", (purpose, slide)
        ).rowcount
    return bool(changed)
