"""The measurement: slides drawn again at several parasitaemias, reviewed by rank, and what their counts hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.review.drawn import DrawnSlide, draw_slide
from benchmarks.review.slides import ReviewSlide, curve_of
from edge_runtime.counting import Batch, CaptureCurve, CurveSource, exact, ranked_count
from edge_runtime.errors import NotConclusive

COUNTED = 5_000
SHARES = (0.0002, 0.001, 0.005, 0.02, 0.05)
CONTROLS = (3, 5, 10)
FOUND = (0.9, 0.95, 0.99)
LOOKED = (*range(0, 600, 24), 600)  # of the picture
CLEAN_RUN, STRICT = "clean-run", "strict"
_OF_STRICT = 4  # the strict rule, which weighs the rest at every page, is measured on one in so many slides


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        replicates: slides drawn at each share; the real ones take turns.
        seed: same seed, same figures.
        review_point: P from which the machine asks for a verdict.
        curve: measured too, in place of control slides; None for none.
        counted: cells of a drawn slide.
        shares: of infected cells.
        controls: how many control slides.
    """

    replicates: int
    seed: int
    review_point: float
    curve: CaptureCurve | None = None
    counted: int = COUNTED
    shares: tuple[float, ...] = SHARES
    controls: tuple[int, ...] = CONTROLS


@dataclass
class _Counts:
    """Counts of one share, one rule and one curve: a row for each slide drawn."""

    looked: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    held: list[tuple[int, bool]] = field(default_factory=list)
    unsaid: int = 0

    def add(self, slide: int, batch: Batch, whole: Batch, curve: CaptureCurve, share: float) -> None:
        """Count a reviewed slide.

        Args:
            slide: which real one it was drawn from.
            whole: the same slide, every cell looked at.
            share: the truth.
        """
        self.looked.append(batch.looked)
        try:
            counted = ranked_count([batch], curve)
        except NotConclusive:
            self.unsaid += 1
            return
        sure = exact(whole.infected, whole.counted)
        self.rates.append(counted.rate)
        self.widths.append((counted.high - counted.low) / (sure.high - sure.low))
        self.held.append((slide, counted.low <= share <= counted.high))

    def to_json(self, share: float) -> dict[str, Any]:
        """Plain JSON values; None where no interval was given."""
        said, held = len(self.held), sum(one for _, one in self.held)
        sure = exact(held, said) if said else None
        slides = {slide for slide, _ in self.held}
        by_slide = [np.mean([one for at, one in self.held if at == slide]) for slide in slides]
        return {
            "slides": len(self.looked),
            "looked": _spread(self.looked),
            "unsaid": self.unsaid,
            "coverage": held / said if said else None,
            "coverage_low": None if sure is None else sure.low,
            "coverage_high": None if sure is None else sure.high,
            "least_slide": float(min(by_slide)) if said else None,
            "width": float(np.median(self.widths)) if said else None,
            "bias": float(np.mean(self.rates) / share - 1) if said else None,
        }


def measure(
    slides: Sequence[ReviewSlide], plan: Plan, done: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Draw, review and count slides at each share.

    A slide's control slides are some of the other real slides, as they are, drawn anew for each; where there are fewer
    than asked for, all of them.

    Args:
        slides: three or more.
        done: called after each share.

    Returns:
        "prevalences" and "intervals", plain JSON values; see ``schemas/review.json``.
    """
    prevalences: list[dict[str, Any]] = []
    intervals: list[dict[str, Any]] = []
    for number, share in enumerate(plan.shares):
        drawn: list[DrawnSlide] = []
        ended: list[Batch] = []
        counts: dict[tuple[str, int | None], _Counts] = {}
        for turn in range(plan.replicates):
            generator = np.random.default_rng([plan.seed, number, turn])
            place = turn % len(slides)
            one = draw_slide(slides[place], plan.counted, share, plan.review_point, generator)
            drawn.append(one)
            ended.append(one.by_clean_run())
            for name, curve in _curves(slides, place, plan, generator):
                counts.setdefault((CLEAN_RUN, name), _Counts()).add(place, ended[-1], one.whole, curve, share)
                if turn * _OF_STRICT < plan.replicates and name in (max(plan.controls), None):
                    strict = one.by_strict_rule(curve)
                    counts.setdefault((STRICT, name), _Counts()).add(place, strict, one.whole, curve, share)
        prevalences.append(_prevalence(share, drawn, ended))
        intervals += [
            {"share": share, "rule": rule, "controls": name, **found.to_json(share)}
            for (rule, name), found in sorted(counts.items(), key=lambda one: (one[0][0], one[0][1] or 0))
        ]
        done(share)
    return {"prevalences": prevalences, "intervals": intervals}


def _curves(
    slides: Sequence[ReviewSlide], place: int, plan: Plan, generator: np.random.Generator
) -> list[tuple[int | None, CaptureCurve]]:
    """Curves of so many other slides, and the one that was given (None)."""
    others = [slide for at, slide in enumerate(slides) if at != place]
    order = generator.permutation(len(others))
    found: list[tuple[int | None, CaptureCurve]] = [
        (count, curve_of([others[at] for at in order[:count]], CurveSource.OWN)) for count in plan.controls
    ]
    return found if plan.curve is None else [*found, (None, plan.curve)]


def _prevalence(share: float, drawn: Sequence[DrawnSlide], ended: Sequence[Batch]) -> dict[str, Any]:
    """What finding costs at one share."""
    infected = [one for one in drawn if len(one.ranks)]
    return {
        "share": share,
        "slides": len(drawn),
        "with_infected": len(infected),
        "to_find": [
            {"found": part, **_spread([one.to_find(part) or 0 for one in infected])} for part in FOUND if infected
        ],
        "review_point": _spread([one.flagged for one in drawn]),
        "looked": _spread([batch.looked for batch in ended]),
        "shows_one": float(np.mean([batch.infected > 0 for batch in ended])),
        "found": [
            float(np.mean([one.found(looked) / len(one.ranks) for one in infected])) if infected else None
            for looked in LOOKED
        ],
    }


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {"median": float(np.median(values)), "p90": float(np.quantile(values, 0.9))}


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as a document keeps it."""
    kept = asdict(plan)
    curve = plan.curve
    kept["curve"] = None if curve is None else {"source": curve.source.value, "slides": len(curve.found)}
    return kept
