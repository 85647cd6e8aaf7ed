"""From cells to slides: counts of simulated slides of known parasitaemia, made from held-out patients' scores.

A slide belongs to one infected patient, whose parasitized cells are drawn again and again from that patient's own
scores; the sensitivity the correction knows comes from the *other* patients. Healthy cells are never drawn from the few
there are: each slide has a blank rate of its own from a beta-binomial fitted to the healthy patients, and what the
correction knows of it is drawn anew for every slide too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.counting.beta_binomial import BlankFit, draw_rates, fit_blanks
from benchmarks.counting.held_out_scores import HeldOutPatients
from edge_runtime.counting import KnownSlides, corrected_rate, detection_limit, exact, red_cells

LEVELS = (0, 1_000, 10_000, 50_000, 200_000)
COUNTED = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
PATIENTS, SLIDES = "healthy patients", "blank slides"
FITTED, NOT_EXCLUDED = "as fitted", "not excluded"
_RED_CELLS = red_cells().per_microlitre


@dataclass(frozen=True)
class Setting:
    """What is true of blanks, and what the correction knows of them.

    Attributes:
        truth: "as fitted", or "not excluded": the highest mean that the healthy patients do not exclude.
        mean: blank rate, 0..1.
        spread: its coefficient of variation between slides.
        known_from: "healthy patients", as many and as large as there are; or "blank slides" of the microscope.
        slides: how many are known.
        cells: on all of them.
    """

    truth: str
    mean: float
    spread: float
    known_from: str
    slides: int
    cells: int


@dataclass(frozen=True)
class SlidePoint:
    """Simulated slides of one parasitaemia and one number of cells. Densities are infected cells per microlitre.

    Attributes:
        setting: position in :attr:`SlideStudy.settings`.
        level: true density.
        counted: red cells.
        slides: how many were simulated.
        detected: of these, called "detected": more cells called than parasite-free slides explain (Currie).
        detected_low: exact 95 % interval of their share, 0..1; of the simulation, not of people.
        detected_high: upper end.
        least_patient: lowest share of slides detected of any one infected patient; None at level 0.
        called: mean of the cells called infected.
        estimate: mean of the corrected density, as it is reported (never below 0).
        bias: ``estimate`` less ``level``.
        unclipped_bias: the same for estimates that may fall below 0.
        held: slides whose corrected 95 % interval holds the true density.
        held_low: exact 95 % interval of their share.
        held_high: upper end.
        low: median of the lower ends.
        high: median of the upper ends.
        limit: median limit of detection; None when most slides have none.
    """

    setting: int
    level: float
    counted: int
    slides: int
    detected: int
    detected_low: float
    detected_high: float
    least_patient: float | None
    called: float
    estimate: float
    bias: float
    unclipped_bias: float
    held: int
    held_low: float
    held_high: float
    low: float
    high: float
    limit: float | None


@dataclass(frozen=True)
class SlideStudy:
    """All points, and what they rest on.

    Attributes:
        held_out: the patients.
        blanks: fitted to the healthy ones.
        settings: see :class:`Setting`.
        points: see :class:`SlidePoint`.
        draws: as it was asked for and only recorded: intervals are computed since, no longer drawn.
        seed: of the simulation.
    """

    held_out: HeldOutPatients
    blanks: BlankFit
    settings: tuple[Setting, ...]
    points: tuple[SlidePoint, ...]
    draws: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "held_out": self.held_out.to_json(),
            "blanks": self.blanks.to_json(),
            "settings": [asdict(setting) for setting in self.settings],
            "points": [asdict(point) for point in self.points],
            "red_cells_per_microlitre": _RED_CELLS,
            "draws": self.draws,
            "seed": self.seed,
        }


def simulate_slides(
    held_out: HeldOutPatients,
    slides: int = 200,
    blank_slides: tuple[int, int] = (10, 1_000),
    levels: Sequence[float] = LEVELS,
    counted: Sequence[int] = COUNTED,
    draws: int = 2_000,
    seed: int = 0,
    done: Callable[[Setting], None] = lambda setting: None,
) -> SlideStudy:
    """Simulate ``slides`` slides for every setting, parasitaemia and number of cells.

    Args:
        held_out: patients and their cells.
        slides: at each point; infected patients take turns, so each gives as many.
        blank_slides: how many parasite-free slides of a microscope, and red cells on each.
        levels: infected cells per microlitre.
        counted: red cells.
        draws: recorded only.
        seed: same seed, same figures.
        done: called after each setting.

    Raises:
        NotConclusive: infected cells are called no more often than blank ones.
    """
    blanks = fit_blanks(*zip(*((one.called, one.cells) for one in held_out.healthy), strict=True))
    sizes = {
        PATIENTS: tuple(one.cells for one in held_out.healthy),
        SLIDES: (blank_slides[1],) * blank_slides[0],
    }
    settings = tuple(
        Setting(truth, mean, blanks.spread, known_from, len(cells), sum(cells))
        for truth, mean in ((FITTED, blanks.mean), (NOT_EXCLUDED, blanks.upper))
        for known_from, cells in sizes.items()
    )
    points: list[SlidePoint] = []
    for number, setting in enumerate(settings):
        generator = np.random.default_rng([seed, number])
        study = _Study(held_out, setting, sizes[setting.known_from], generator)
        seen = [study.slide(turn, levels, counted) for turn in range(slides)]
        points += [
            _point(number, level, cells, [row[i] for row in seen], len(held_out.infected))
            for i, (level, cells) in enumerate((level, cells) for cells in counted for level in levels)
        ]
        done(setting)
    return SlideStudy(held_out, blanks, settings, tuple(points), draws, seed)


@dataclass(frozen=True)
class _Seen:
    called: int
    rate: float
    unclipped: float
    low: float
    high: float
    detected: bool
    limit: float | None


class _Study:
    """One setting: makes slides and counts them."""

    def __init__(
        self, held_out: HeldOutPatients, setting: Setting, sizes: tuple[int, ...], generator: np.random.Generator
    ) -> None:
        self._infected = held_out.infected
        self._setting = setting
        self._sizes = sizes
        self._generator = generator

    def slide(self, turn: int, levels: Sequence[float], counted: Sequence[int]) -> list[_Seen]:
        """One patient's slides at every point, with one set of blanks known beforehand."""
        patient = self._infected[turn % len(self._infected)]
        others = [one for i, one in enumerate(self._infected) if i != turn % len(self._infected)]
        known = KnownSlides(tuple(one.called for one in others), tuple(one.cells for one in others), source="others")
        blank = KnownSlides(tuple(self._called(self._rates(len(self._sizes)), self._sizes).tolist()), self._sizes)
        seen = []
        for cells in counted:
            limit = detection_limit(cells, blank, known)
            for level in levels:
                infected = self._generator.binomial(cells, level / _RED_CELLS)
                found = self._generator.binomial(infected, patient.called / patient.cells)
                false = int(self._called(self._rates(1), (cells - infected,))[0])
                fixed = corrected_rate(int(found) + false, cells, blank, known)
                seen.append(
                    _Seen(
                        called=int(found) + false,
                        rate=fixed.rate,
                        unclipped=fixed.unclipped,
                        low=fixed.low,
                        high=fixed.high,
                        detected=fixed.infected >= limit.threshold,
                        limit=limit.limit,
                    )
                )
        return seen

    def _rates(self, slides: int) -> np.ndarray:
        return draw_rates(self._setting.mean, self._setting.spread, slides, self._generator)

    def _called(self, rates: np.ndarray, cells: Sequence[int]) -> np.ndarray:
        return np.asarray(self._generator.binomial(cells, rates))


def _point(setting: int, level: float, cells: int, seen: Sequence[_Seen], patients: int) -> SlidePoint:
    share = level / _RED_CELLS
    detected, held = sum(one.detected for one in seen), sum(one.low <= share <= one.high for one in seen)
    found, kept = exact(detected, len(seen)), exact(held, len(seen))
    turns = [seen[first::patients] for first in range(min(patients, len(seen)))]
    estimate = float(np.mean([one.rate for one in seen]))
    limits = [1.0 if one.limit is None else one.limit for one in seen]
    limit = float(np.median(limits))
    return SlidePoint(
        setting=setting,
        level=level,
        counted=cells,
        slides=len(seen),
        detected=detected,
        detected_low=found.low,
        detected_high=found.high,
        least_patient=min(float(np.mean([one.detected for one in turn])) for turn in turns) if level else None,
        called=float(np.mean([one.called for one in seen])),
        estimate=estimate * _RED_CELLS,
        bias=(estimate - share) * _RED_CELLS,
        unclipped_bias=(float(np.mean([one.unclipped for one in seen])) - share) * _RED_CELLS,
        held=held,
        held_low=kept.low,
        held_high=kept.high,
        low=float(np.median([one.low for one in seen])) * _RED_CELLS,
        high=float(np.median([one.high for one in seen])) * _RED_CELLS,
        limit=None if limit >= 1 else limit * _RED_CELLS,
    )
