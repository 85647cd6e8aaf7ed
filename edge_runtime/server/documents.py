"""What the API answers with: fields, sessions, statuses, reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.sessions.manual_counts import manual_counts
from edge_runtime.sessions.ranking.ranked_review import MACHINE, REVIEWED
from edge_runtime.sessions.report.words import NOT_ESTABLISHED, detection_words
from edge_runtime.sessions.review import current_verdict, reviewed, suspected_cells
from edge_runtime.sessions.session_counts import excluded, leading, reviewed_count
from edge_runtime.sessions.status import session_status

if TYPE_CHECKING:
    from edge_runtime.core.lines import Document
    from edge_runtime.sessions.records import FieldRecord, Session
    from edge_runtime.sessions.store.store import Store


def status_document(store: Store, session: Session) -> Document:
    """``session status --json``, with the figures of the count so far."""
    with store.reading():
        status, by_eye = session_status(store, session), manual_counts(store, session)
    cells = session.plan.red_cells_per_microlitre()
    machine = status.machine
    limit = None if machine is None else machine.summary.detection
    document: Document = {
        **status.to_json(),
        "machine": None if machine is None else machine.to_json(),
        "reviewed": None,
        "excludes": None,
        "excludes_kind": None,
        "to_count": None,
        "detection_limit": None,
        "detection_words": NOT_ESTABLISHED,
        "manual": [count.to_json() for count in by_eye],
    }
    if status.totals.cells:
        document["excludes"] = excluded(status.totals, status.review, status.ranked)
        document["excludes_kind"] = REVIEWED if leading(status.review, status.ranked) == REVIEWED else MACHINE
    if status.totals.cells and status.review.begun:
        asexual, gametocytes = reviewed_count(status.review, status.totals, cells)
        document["reviewed"] = {**asexual.to_json(), "gametocytes": gametocytes.to_json()}
    if session.plan.stop_rule is not None and status.stop is not None:
        document["to_count"] = status.stop.to_go
    if machine is not None and limit is not None and status.blank is not None:
        share = limit.limit
        per_microlitre = None if share is None else share * cells.per_microlitre
        document["detection_limit"] = {**limit.to_json(), "per_ul": per_microlitre}
        document["detection_words"] = detection_words(machine, status.blank, cells)
    return document


def field_document(
    session: Session, number: int, repeat: bool, size: tuple[int, int] | None, record: FieldRecord, model: str
) -> Document:
    """One field of a session, without the session's status.

    Args:
        size: (width, height) of the upright image; None when it is no longer there.
        model: SHA-256 of its file.
    """
    cells = [
        {
            "cell": f"{number}.{index}",
            "box": None if cell.box is None else list(cell.box),
            "probability": cell.probability,
            "review": cell.review,
            "count": cell.count,
            "infected": cell.count,
            "suspected": cell.suspected,
        }
        for index, cell in enumerate(record.cells, 1)
    ]
    width, height = size or (None, None)
    return {
        "session": session.code,
        "field": number,
        "repeat": repeat,
        "accepted": record.accepted,
        "width": width,
        "height": height,
        "image": None if size is None else f"/v1/sessions/{session.code}/fields/{number}/image",
        "result": {
            "cells": cells,
            "excluded": dict(record.excluded),
            "quality": dict(record.quality),
            "objects": [{"object": f"{number}.o{k}", **o.to_json()} for k, o in enumerate(record.objects, 1)],
            "model": model[:12],
        },
    }


def session_rows(store: Store, most: int) -> list[Document]:
    """The newest sessions with their totals, newest first."""
    with store.reading():
        found = [(session, store.totals(session)) for session in store.sessions()[-most:]]
    return [
        {
            "code": session.code,
            "participant": session.plan.participant,
            "slide": session.plan.slide,
            "site": session.plan.site,
            "operator": session.plan.operator,
            "purpose": session.plan.purpose,
            "stop": session.plan.stop_rule,
            "begun": session.recorded_at,
            "clock": session.clock,
            "fields": totals.fields + totals.single_cells,
            "cells": totals.cells,
            "suspected": totals.suspected,
            "infected": totals.infected,
        }
        for session, totals in reversed(found)
    ]


def review_document(store: Store, session: Session, most: int, pending_only: bool) -> Document:
    """Where the review stands, and the first cells of the queue."""
    with store.reading():
        review = reviewed(store, session)
        cells = [cell.to_json() for cell in suspected_cells(store, session, most, pending_only)]
    return {"review": review.to_json(), "cells": cells}


def verdict_document(store: Store, session: Session, cell: str, most: int, pending_only: bool) -> Document:
    """After a verdict was given or taken back: the review, what now holds of the cell, and the session's status."""
    with store.reading():
        review = review_document(store, session, most, pending_only)
        holds = current_verdict(store, session, cell)
        return {**review, "verdict": holds, "status": status_document(store, session)}
