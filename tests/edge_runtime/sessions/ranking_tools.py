"""What the tests of review by rank share: a model with a capture curve, sessions of scored cells, and a reader."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from edge_runtime.counting import CaptureCurve, CurveSource, capture_curve
from edge_runtime.sessions import ModelRecord, Session, SessionPlan, Store
from edge_runtime.sessions.ranking.answers import PageAnswer, PageResult, answer_page
from edge_runtime.sessions.ranking.grid import GridPage, next_page
from edge_runtime.sessions.verdicts import Verdict
from tests.edge_runtime.sessions import session_tools
from tests.edge_runtime.sessions.session_tools import DETAILS, MODEL, PLAN, image

POSITIVE = SessionPlan("POS1", purpose="positive")


def card_curve() -> CaptureCurve:
    """Ten held-out patients, nine in ten of whose infected cells lie within the top hundredth."""
    draw = random.Random(1)
    return capture_curve([[draw.random() ** 4 / 3 for _ in range(40)] for _ in range(10)], CurveSource.CARD)


TRUSTED = replace(MODEL, details={**DETAILS, "capture": card_curve().to_json()})


def scores(cells: int, infected: int, seed: int) -> list[float]:
    """Scores of a field, its infected cells first, which score highest; the others fall off evenly below 0.2."""
    draw = random.Random(seed)
    return [0.9 + draw.random() / 10 for _ in range(infected)] + [draw.random() / 5 for _ in range(cells - infected)]


def session_of(
    store: Store, fields: list[list[float]], model: ModelRecord = TRUSTED, plan: SessionPlan = PLAN, first: int = 0
) -> Session:
    """A session with a field for each list of scores."""
    session = store.new_session(plan)
    add_fields(store, session, fields, model, first)
    return session


def add_fields(
    store: Store, session: Session, fields: list[list[float]], model: ModelRecord = TRUSTED, first: int = 0
) -> None:
    """Add a field for each list of scores."""
    for number, values in enumerate(fields, first):
        store.add_field(session, image(number, 20, 20), session_tools.field(values), model)


@dataclass
class Reader:
    """A person who looks at pages and marks what is known to be there.

    Attributes:
        store: the store.
        session: whose pages.
        truth: verdicts of the cells that hold something, by name.
        code: of the person.
        size: cells a page.
        pages: pages answered, oldest first.
    """

    store: Store
    session: Session
    truth: dict[str, str] = field(default_factory=dict)
    code: str = "RV"
    size: int = 24
    pages: list[GridPage] = field(default_factory=list)

    def next(self, again: bool = False) -> GridPage | None:
        """The next page."""
        return next_page(self.store, self.session, self.code, self.size, again)

    def answer(self, page: GridPage, key: str | None = None) -> PageResult:
        """Answer a page by the truth."""
        names = tuple(cell.name for cell in page.cells)
        marked = {name: Verdict(name, self.truth[name]) for name in names if name in self.truth}
        self.pages.append(page)
        wanted = key or f"{self.code}-page-{len(self.pages):04}"
        return answer_page(self.store, self.session, PageAnswer(wanted, self.code, names, marked))

    def read(self, most: int = 10_000, again: bool = False) -> Iterator[GridPage]:
        """Answer page after page until there is none."""
        for _ in range(most):
            page = self.next(again)
            if page is None:
                return
            self.answer(page)
            yield page

    def read_all(self, most: int = 10_000, again: bool = False) -> int:
        """How many pages were answered."""
        return sum(1 for _ in self.read(most, again))
