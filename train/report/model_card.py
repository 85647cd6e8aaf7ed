"""The model card in words, in the sections of Mitchell et al. 2019: what it is for, made from, good and bad at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_runtime.core.card import LIMITS, RESEARCH_USE
from train.report.error_pictures import ERRORS


@dataclass(frozen=True)
class CardSection:
    """A heading of the card and what stands below it, in plain text."""

    heading: str
    lines: tuple[str, ...]


def model_card(
    evaluation: Mapping[str, Any],
    model: Mapping[str, Any],
    trained_on: Mapping[str, Any],
    data: Mapping[str, Any],
) -> list[CardSection]:
    """Write the card of an evaluated model.

    Args:
        evaluation: document of :func:`train.metrics.evaluation.evaluate`.
        model: names and values that describe the model (architecture, input size, file, recipe).
        trained_on: names and values that describe what it learnt from; empty when that is not recorded.
        data: names and values that describe what it was evaluated on.
    """
    return [
        CardSection("Model details", _pairs(model) or ("Not recorded.",)),
        CardSection(
            "Intended use",
            (
                "Sorting single red blood cells cut from Giemsa-stained thin smears into parasitized and uninfected, "
                "as an aid to people who count parasites in research, teaching and quality control.",
                "Intended users: developers of microscopy devices, and laboratory staff who check what it proposes.",
                "Out of scope: diagnosis or treatment of a person, thick films, species, life stages, other stains, "
                "and any use without a person who looks at the cells it selects.",
                RESEARCH_USE,
            ),
        ),
        CardSection("Factors", _factors(evaluation)),
        CardSection("Metrics", _metrics(evaluation)),
        CardSection("Evaluation data", (*_cells(evaluation), *_pairs(_not_counted(data)))),
        CardSection("Training data", _pairs(trained_on) or ("Not recorded with this model.",)),
        CardSection("Quantitative analyses", _analyses(evaluation)),
        CardSection("Ethical considerations", _ethics(evaluation)),
        CardSection("Caveats and recommendations", _caveats(evaluation)),
    ]


def _factors(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        "Patients differ (parasite density, anaemia, stain uptake), and so do slides, stains, microscopes and cameras. "
        "Figures are therefore given by patient as well as by cell.",
        "Age, sex, ethnicity, haemoglobin variants and parasite species are not recorded in the data, so differences "
        "between such groups cannot be measured here."
        + ("" if evaluation["patients"] else " Patients are not known either for these images."),
    )


def _metrics(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    points = evaluation["operating_points"]
    unit = evaluation["interval"]["resampled"]
    return (
        "Sensitivity and specificity say what is missed and what is falsely called; AUC and average precision say how "
        "well cells are ranked whatever the threshold; Brier and ECE say whether a stated P can be believed.",
        f"Decision thresholds on P: 0.5 for the label, {points['review']['threshold']:.4g} for review by a person, "
        f"{points['count']['threshold']:.4g} for counting.",
        f"Intervals: 95 %, percentile bootstrap over {unit}, {evaluation['interval']['replicates']:,} resamplings.",
    )


def _cells(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    cells, patients = evaluation["cells"], evaluation["patients"]
    line = f"{cells['total']:,} cells, {cells['parasitized']:,} parasitized and {cells['uninfected']:,} uninfected"
    if patients is None:
        return (line + "; patients are not known.",)
    return (
        f"{line}, of {patients['total']} patients ({patients['infected']} with parasitized cells, "
        f"{patients['healthy']} without); {patients['cells_min']} to {patients['cells_max']} cells a patient.",
        "The mix of classes is that of the collection, not of blood: precision and P do not carry over to a smear, "
        "where far fewer cells are infected.",
    )


def _analyses(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    lines = [f"By cell: {_triple(evaluation['metrics'])}."]
    if evaluation["patient_macro"]:
        lines.append(f"Mean over patients: {_triple(evaluation['patient_macro'])}.")
    worst = evaluation["worst_patients"]
    if worst:
        lines.append(
            f"Worst patient: {worst[0]['patient']}, {worst[0]['errors']} of {worst[0]['cells']} cells wrong. The "
            "section on patients shows them all."
        )
    return tuple(lines)


def _triple(metrics: Mapping[str, Any]) -> str:
    shown = []
    for name in ("accuracy", "sensitivity", "specificity", "auc"):
        entry = metrics[name]
        title = "AUC" if name == "auc" else name
        if entry["value"] is None:
            shown.append(f"{title} undefined ({entry['reason']})")
        elif entry["low"] is None:
            shown.append(f"{title} {entry['value']:.4f}")
        else:
            shown.append(f"{title} {entry['value']:.4f} ({entry['low']:.4f} to {entry['high']:.4f})")
    return ", ".join(shown)


def _ethics(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    missed = evaluation["operating_points"]["review"]["sensitivity"]["value"]
    here = "" if missed is None else f" Below the review threshold lay {1 - missed:.1%} of the parasitized cells here."
    return (
        "Patient safety: a missed infection can cost a life and a false one delays the search for another cause. No "
        f"result of this model may decide on treatment, and no count proves that a person is free of parasites.{here}",
        "Fairness: the cells come from few places and few microscopes. Before use elsewhere it has to be measured on "
        "local slides; poor stains, old microscopes and anaemic patients are where it may fail first.",
        "Transparency: this report has the thresholds, intervals, fingerprints of data and split as far as they are "
        f"recorded, and pictures of the surest mistakes; {ERRORS} beside it lists every wrong cell. Explanations (heat "
        "maps) show where a network looked, not that it was right.",
        "Privacy: cell images carry no face or name, but file names may carry patient numbers. This report contains "
        "such names, pictures of cells and links to where their files lie; share it as you would share the data.",
        "Human oversight: a trained person reviews the cells above the review threshold, samples those below it, and "
        "can overrule every result.",
    )


def _caveats(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    lines = [f"{limit[0].upper()}{limit[1:]}." for limit in LIMITS]
    lines.append(
        "About 5 % of the labels of the NIH collection were called doubtful by an expert audit (Fuhad 2020), so an "
        "accuracy much above 0.97 there says little."
    )
    if evaluation["blank_rate"]:
        lines.append("Blank rate: " + evaluation["blank_rate"]["statement"])
    lines.append(
        "A device has its own blank rate, because fields hold platelets, debris and stain that a collection of cut-out "
        "cells does not: measure it on known-negative slides of the same microscope before counting."
    )
    return tuple(lines)


def _not_counted(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the evaluation itself has counted."""
    return {name: value for name, value in data.items() if name not in ("Images", "Classes", "Patients")}


def _pairs(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name}: {value}" for name, value in values.items())
