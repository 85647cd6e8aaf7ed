"""How often the counting intervals hold the truth: simulated for the corrected one, computed for the exact one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from edge_runtime.counting.corrected import corrected_rate
from edge_runtime.counting.intervals import Interval, exact
from edge_runtime.counting.known_slides import KnownSlides

EXPECTED = (0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0)
COUNTED = (500, 1_000, 5_000, 10_000)
MEAN_BAR = (0.94, 0.98)
LEAST_BAR = 0.92
EXACT_BAR = 0.95


@dataclass(frozen=True)
class Scenario:
    """The truth behind a simulation, and the validation data it is estimated from.

    Attributes:
        name: one word or two.
        blank: mean blank rate, 0..1.
        spread: coefficient of variation of the blank rate between slides; 0 for none.
        slides: parasite-free slides counted beforehand.
        cells: red cells on each of them.
        shape: "gamma" as the method assumes, or "lognormal".
        sensitivity: mean share of infected cells called.
        infected: infected cells of known truth it is estimated from.
        patients: patients they come from; 0 when patients do not differ and the method is told so.
        sensitivity_sd: standard deviation of the sensitivity between patients (a beta distribution).
        within: whether the bars apply; False where an assumption is broken on purpose or the data are few.
    """

    name: str
    blank: float
    spread: float
    slides: int = 30
    cells: int = 1_000
    shape: str = "gamma"
    sensitivity: float = 0.9
    infected: int = 1_000
    patients: int = 0
    sensitivity_sd: float = 0.0
    within: bool = True


SCENARIOS = (
    Scenario("no blank", 0.0, 0.0),
    Scenario("0.05 %, same", 0.0005, 0.0),
    Scenario("0.05 %, cv 1", 0.0005, 1.0),
    Scenario("0.2 %, same", 0.002, 0.0),
    Scenario("0.2 %, cv 0.5", 0.002, 0.5),
    Scenario("0.2 %, cv 1", 0.002, 1.0),
)
BEYOND = (
    Scenario("0.2 %, cv 1, lognormal", 0.002, 1.0, shape="lognormal", within=False),
    Scenario("0.2 %, cv 1, 8 slides", 0.002, 1.0, slides=8, within=False),
    Scenario("0.2 %, cv 1, 5 slides of 70", 0.002, 1.0, slides=5, cells=70, within=False),
    Scenario(
        "0.05 %, cv 1, patients differ in sensitivity", 0.0005, 1.0, patients=40, sensitivity_sd=0.05, within=False
    ),
)


@dataclass(frozen=True)
class CoveragePoint:
    """Coverage at one point of the grid.

    Attributes:
        scenario: its name.
        within: as in :class:`Scenario`.
        counted: red cells counted.
        expected: infected cells expected among them (true share x counted).
        coverage: share of intervals that held the true share.
        below: share of intervals that lay below it.
        above: share of intervals that lay above it.
        width: mean width of the intervals over the true share.
    """

    scenario: str
    within: bool
    counted: int
    expected: float
    coverage: float
    below: float
    above: float
    width: float


@dataclass(frozen=True)
class CoverageGrid:
    """All points, and what the bars are held against.

    Attributes:
        points: see :class:`CoveragePoint`.
        replicates: validation data sets, each with one slide, behind every point.
        draws: as it was asked for and only recorded: intervals are computed since, no longer drawn.
        seed: of the simulation.
        mean: mean coverage of the points within the assumptions.
        least: lowest of them.
        exact_least: lowest coverage of the exact interval, computed without simulation.
    """

    points: tuple[CoveragePoint, ...]
    replicates: int
    draws: int
    seed: int
    mean: float
    least: float
    exact_least: float

    @property
    def passed(self) -> bool:
        """Whether all three bars hold."""
        return MEAN_BAR[0] <= self.mean <= MEAN_BAR[1] and self.least >= LEAST_BAR and self.exact_least >= EXACT_BAR

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, bars included."""
        bars = {"mean": list(MEAN_BAR), "least": LEAST_BAR, "exact_least": EXACT_BAR}
        return {"benchmark": "counting", **asdict(self), "bars": bars, "passed": self.passed}


def coverage_grid(
    scenarios: Sequence[Scenario],
    counted: Sequence[int] = COUNTED,
    expected: Sequence[float] = EXPECTED,
    replicates: int = 2_000,
    draws: int = 2_000,
    seed: int = 0,
    done: Callable[[Scenario], None] = lambda scenario: None,
) -> CoverageGrid:
    """Simulate every scenario at every number of cells counted and infected cells expected.

    Each replicate draws the validation data anew, and for every point of the grid a slide with its own blank rate and
    its own number of called cells.

    Args:
        draws: recorded only.
        done: called after each scenario.
    """
    points: list[CoveragePoint] = []
    for number, scenario in enumerate(scenarios):
        points += _simulate(scenario, counted, expected, replicates, np.random.default_rng([seed, number]))
        done(scenario)
    inside = [point.coverage for point in points if point.within]
    return CoverageGrid(
        points=tuple(points),
        replicates=replicates,
        draws=draws,
        seed=seed,
        mean=math.fsum(inside) / len(inside),
        least=min(inside),
        exact_least=min(exact_coverage(cells, rate / cells) for cells in counted for rate in expected),
    )


def exact_coverage(counted: int, rate: float, level: float = 0.95) -> float:
    """Probability that the exact interval of a binomial count holds the rate, summed over all counts that matter."""
    middle, width = counted * rate, math.sqrt(counted * rate * (1 - rate))
    first, last = max(0, int(middle - 8 * width - 20)), min(counted, int(middle + 8 * width + 20))
    total = 0.0
    for x in range(first, last + 1):
        found = _exact(x, counted, level)
        if found.low <= rate <= found.high:
            ways = math.lgamma(counted + 1) - math.lgamma(x + 1) - math.lgamma(counted - x + 1)
            total += math.exp(ways + x * math.log(rate) + (counted - x) * math.log1p(-rate))
    return total


@lru_cache(maxsize=4_096)
def _exact(infected: int, counted: int, level: float) -> Interval:
    """The rates of a grid share their counts."""
    return exact(infected, counted, level)


def _simulate(
    scenario: Scenario,
    counted: Sequence[int],
    expected: Sequence[float],
    replicates: int,
    generator: np.random.Generator,
) -> list[CoveragePoint]:
    pairs = [(cells, infected) for cells in counted for infected in expected]
    below, above, width = np.zeros(len(pairs)), np.zeros(len(pairs)), np.zeros(len(pairs))
    for _ in range(replicates):
        blank, sensitivity = _validation(scenario, generator)
        own_blank = _blank_rates(scenario, len(pairs), generator)
        own_sensitivity = _sensitivities(scenario, len(pairs), generator)
        for i, (cells, infected) in enumerate(pairs):
            share = infected / cells
            called = generator.binomial(cells, own_sensitivity[i] * share + own_blank[i] * (1 - share))
            found = corrected_rate(int(called), cells, blank, sensitivity)
            below[i] += found.high < share
            above[i] += found.low > share
            width[i] += (found.high - found.low) / share
    return [
        CoveragePoint(
            scenario=scenario.name,
            within=scenario.within,
            counted=cells,
            expected=infected,
            coverage=float(1 - (below[i] + above[i]) / replicates),
            below=float(below[i] / replicates),
            above=float(above[i] / replicates),
            width=float(width[i] / replicates),
        )
        for i, (cells, infected) in enumerate(pairs)
    ]


def _validation(scenario: Scenario, generator: np.random.Generator) -> tuple[KnownSlides, KnownSlides]:
    called = generator.binomial(scenario.cells, _blank_rates(scenario, scenario.slides, generator))
    blank = KnownSlides(tuple(called.tolist()), (scenario.cells,) * scenario.slides)
    patients = scenario.patients or 1
    each = scenario.infected // patients
    found = generator.binomial(each, _sensitivities(scenario, patients, generator))
    return blank, KnownSlides(tuple(found.tolist()), (each,) * patients, spread=scenario.patients > 0)


def _blank_rates(scenario: Scenario, slides: int, generator: np.random.Generator) -> np.ndarray:
    if scenario.blank == 0 or scenario.spread == 0:
        return np.full(slides, scenario.blank)
    if scenario.shape == "gamma":
        shape = 1 / scenario.spread**2
        rates = generator.gamma(shape, scenario.blank / shape, slides)
    else:
        sigma = math.sqrt(math.log1p(scenario.spread**2))
        rates = generator.lognormal(math.log(scenario.blank) - sigma * sigma / 2, sigma, slides)
    return np.minimum(rates, 1.0)


def _sensitivities(scenario: Scenario, patients: int, generator: np.random.Generator) -> np.ndarray:
    if scenario.sensitivity_sd == 0:
        return np.full(patients, scenario.sensitivity)
    strength = scenario.sensitivity * (1 - scenario.sensitivity) / scenario.sensitivity_sd**2 - 1
    return generator.beta(scenario.sensitivity * strength, (1 - scenario.sensitivity) * strength, patients)
