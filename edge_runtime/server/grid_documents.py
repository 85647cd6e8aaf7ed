"""What the API says of a review by rank: the next page, where the review stands, what was said of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_runtime.sessions.ranking.grid import next_page
from edge_runtime.sessions.ranking.object_pages import OBJECTS, marks_of_page, next_object_page
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.ranking.sprite import pictured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_runtime.core.lines import Document
    from edge_runtime.sessions.ranking.answers import PageResult
    from edge_runtime.sessions.ranking.page_marks import Mark
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_SHORT = (
    "leading", "begun", "cells", "looked", "later", "at_least", "unsure", "pages", "enough", "alarm", "reason", "rest",
    "most", "curve", "left_out",
)  # fmt: skip
_COUNT = ("infected", "rate", "low", "high", "per_microlitre")


def grid_document(store: Store, session: Session, reviewer: str, size: int, again: bool) -> Document:
    """The next page, null when there is none, and where the review stands.

    Of a cell it says its name and whether there is a picture; no score, nor why it is on the page.
    """
    found = next_page(store, session, reviewer, size, again)
    page = None
    if found is not None:
        names = [cell.name for cell in found.cells]
        seen = set(pictured(store, session, names))
        page = {
            "batch": found.batch,
            "number": found.number,
            "kind": found.kind,
            "last": found.last,
            "cells": [{"cell": name, "picture": name in seen} for name in names],
        }
    elif not again:
        page = _objects(store, session, reviewer, size)
    return {"page": page, "state": _state(store, session)}


def answered_document(
    store: Store, session: Session, result: PageResult, reviewer: str, size: int, again: bool
) -> Document:
    """After an answer: what became of it, with the scores of the cells that were marked, and the next page."""
    marks = marks_of_page(store, session, reviewer, result.key)
    return {
        "accepted": result.accepted,
        "answered": {**result.to_json(), "marks": [mark.to_json() for mark in marks]},
        **grid_document(store, session, reviewer, size, again),
    }


def undone_document(
    store: Store, session: Session, taken_back: int, marks: Sequence[Mark], reviewer: str, size: int, again: bool
) -> Document:
    """After a page was taken back: what was marked on it, and the page to look at now."""
    return {
        "taken_back": taken_back,
        "marks": [mark.to_json() for mark in marks],
        **grid_document(store, session, reviewer, size, again),
    }


def _objects(store: Store, session: Session, reviewer: str, size: int) -> Document | None:
    """The next page of what was left out, null when there is none."""
    found = next_object_page(store, session, reviewer, size)
    if found is None:
        return None
    cells = [{"cell": item.name, "picture": True, "reason": item.reason} for item in found.objects]
    return {"batch": found.batch, "number": found.number, "kind": OBJECTS, "last": found.last, "cells": cells}


def _state(store: Store, session: Session) -> Document:
    """The short form of a ranked review."""
    review = ranked_review(store, session).to_json()
    return {
        **{name: review[name] for name in _SHORT},
        "estimate": _count(review["estimate"]),
        "gametocytes": _count(review["gametocytes"]),
    }


def _count(count: dict[str, Any] | None) -> Document | None:
    return None if count is None else {name: count[name] for name in _COUNT}
