"""``bench review``: cells to look at, coverage and width, limit of detection, and a picture of what is found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.report.section import Detail, FigurePlot, FigureTable, Section, make_section, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RULES = {"clean-run": "96 clean in a row", "strict": "strict"}


def section(document: Mapping[str, Any]) -> Section:
    """What finding costs, what the count holds, what a slide shows at all."""
    return make_section(
        document,
        "Review by rank",
        {"Model": document["model"], "Slides": _slides(document)},
        [
            FigureTable("Cells to look at: median (90th percentile)", _FINDING, _finding(document)),
            FigureTable("Limit of detection", ("reviewed", "share", "infected cells/µL"), _limits(document)),
            FigureTable("Counts by control slides", _COUNTING, _intervals(document, bars=True)),
        ],
        _remarks(document),
        FigurePlot(
            partial(_draw, document),
            (7.0, 4.0),
            "Share of a slide's infected cells found, against cells looked at from the top of its ranking",
            f"Mean share found of the infected cells of slides of {document['counted']:,} cells.",
        ),
        details=[
            Detail(
                [
                    FigureTable("All rules and control slides", _COUNTING, _intervals(document)),
                    FigureTable("Share of infected cells by depth", _capture_headings(document), _capture(document)),
                ]
            )
        ],
    )


_FINDING = ("infected", "90 % found", "95 %", "99 %", "a review by rank", "the review point")
_COUNTING = ("infected", "rule", "curve", "slides", "looked at", "coverage", "least slide", "width", "bias")


def _slides(document: Mapping[str, Any]) -> str:
    slides = document["slides"]
    infected, healthy = (sum(slide[kind] for slide in slides) for kind in ("infected", "healthy"))
    unseen = sum(slide["unseen"] for slide in slides)
    fields = document["fields"]
    read = "" if fields is None else f" from {fields['accepted']} of {fields['read']} fields"
    missed = f"; {unseen} annotated infected cells were not boxed" if unseen else ""
    return f"{len(slides)}{read}, with {infected:,} infected and {healthy:,} other cells{missed}"


def _finding(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in document["prevalences"]:
        finding = [_typical(entry) for entry in one["to_find"]] or ["", "", ""]
        rows.append((_percent(one["share"]), *finding, _typical(one["looked"]), _typical(one["review_point"])))
    return rows


def _limits(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    names = {
        "review": "96 clean cells",
        "review_point": "all above the review point",
        "machine": "nothing: the machine's count",
    }
    found, dense = document["limits"], document["red_cells_per_microlitre"]
    return [
        (words, number(found[name], ".3%"), number(found[name] and found[name] * dense, ",.0f"))
        for name, words in names.items()
    ]


def _intervals(document: Mapping[str, Any], bars: bool = False) -> list[tuple[str, ...]]:
    """A row for each; with ``bars`` of the default rule only, with the most control slides or the given curve."""
    most = max(document["plan"]["controls"])
    rows: list[tuple[str, ...]] = []
    for one in document["intervals"]:
        if bars and (one["rule"] != "clean-run" or one["controls"] not in (most, None)):
            continue
        curve = "given" if one["controls"] is None else f"{one['controls']} controls"
        coverage = number(one["coverage"], ".1%")
        if one["coverage"] is not None:
            coverage += f" ({one['coverage_low']:.1%} to {one['coverage_high']:.1%})"
        rows.append(
            (
                _percent(one["share"]),
                _RULES[one["rule"]],
                curve,
                f"{one['slides']:,}",
                _typical(one["looked"]),
                coverage,
                number(one["least_slide"], ".0%"),
                number(one["width"], ".2f"),
                number(one["bias"], "+.1%"),
            )
        )
    return rows


def _capture_headings(document: Mapping[str, Any]) -> tuple[str, ...]:
    return "kind", "cells", *(f"top {_percent(top)}" for top in document["capture"]["tops"])


def _capture(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (one["kind"], f"{one['cells']:,}", *(f"{share:.0%}" for share in one["shares"]))
        for one in document["capture"]["kinds"]
    ]


def _remarks(document: Mapping[str, Any]) -> list[str]:
    plan = document["plan"]
    given = plan["curve"]
    curve = "" if given is None else f" given: {given['slides']} slides, {given['source']}."
    return [
        f"Cells of a real slide are drawn again to {document['counted']:,}, so many of them infected; the annotation "
        f"is the reviewer. A review by rank goes on in pages of {document['page']} until the last {document['run']} "
        "cells in a row were clean. Control slides are other slides as they are, never the slide itself.",
        "coverage: slides whose 95 % interval holds the true share, with the interval that so many drawn slides leave; "
        "least slide: of those drawn from any one real slide. width: of the interval against that of a review of every "
        f"cell, median. bias: of the mean estimate.{curve} Seed {plan['seed']}.",
    ]


def _draw(document: Mapping[str, Any], axes: Axes) -> None:
    """A line for each share of infected cells."""
    looked = document["looked_axis"]
    for one in document["prevalences"]:
        if None not in one["found"]:
            shares = [100 * share for share in one["found"]]
            axes.plot(looked, shares, label=f"{_percent(one['share'])} infected")
    axes.set_ylim(0, 103)
    axes.set_xlim(0, looked[-1])
    axes.set_xlabel("cells looked at, most suspicious first")
    axes.set_ylabel("infected cells found, %")
    axes.legend(loc="lower right")


def _typical(found: Mapping[str, float]) -> str:
    return f"{found['median']:,.0f} ({found['p90']:,.0f})"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
