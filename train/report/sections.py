"""The sections of the report, each from the evaluation document to pieces of HTML; an empty one is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_runtime.common.text import as_utf8
from edge_runtime.core.card import LIMITS, RESEARCH_USE
from train.metrics.metrics import METRICS
from train.report import plots
from train.report.error_pictures import ERRORS, ErrorPicture
from train.report.html import (
    bullets,
    cell_picture,
    facts,
    folded,
    interval,
    number,
    paragraph,
    plot,
    table,
    tile,
)
from train.report.model_card import model_card

_TITLES = {
    "f1": "F1",
    "mcc": "MCC (Matthews)",
    "auc": "AUC",
    "brier": "Brier score (0 is best)",
    "ece": "Calibration error, ECE (0 is best)",
}


def summary(evaluation: Mapping[str, Any]) -> list[str]:
    """Warnings, the four figures everybody asks for, and the table of all of them."""
    metrics, macro = evaluation["metrics"], evaluation["patient_macro"]
    tiles = [
        tile(title, number(metrics[name]["value"]), f"95 % interval {interval(metrics[name])}")
        for title, name in (
            ("Accuracy", "accuracy"),
            ("Sensitivity", "sensitivity"),
            ("Specificity", "specificity"),
            ("AUC", "auc"),
        )
    ]
    headings = ["Figure", "All cells", "95 % interval"]
    if macro:
        headings += ["Mean over patients", "95 % interval", "Patients"]
    rows = []
    for name in METRICS:
        row = [_TITLES.get(name, name.replace("_", " ").capitalize()), number(metrics[name]["value"])]
        row.append(interval(metrics[name]))
        if macro:
            row += [number(macro[name]["value"]), interval(macro[name]), str(macro[name]["patients"])]
        rows.append(row)
    for held, value in (("sensitivity", "specificity"), ("specificity", "sensitivity")):
        entry = evaluation["at_fixed"][held]
        row = [f"{held.capitalize()} at {value} {entry[value]:g}", number(entry["value"]), interval(entry)]
        rows.append(row + (["", "", ""] if macro else []))
    unit = evaluation["interval"]["resampled"]
    undefined = sorted({entry["reason"] for entry in metrics.values() if entry["value"] is None})
    return [
        *(paragraph(warning, "note") for warning in evaluation["warnings"]),
        f'<div class="tiles">{"".join(tiles)}</div>',
        table(
            f"Called parasitized from P {evaluation['threshold']:g} up; intervals by resampling {unit}.", headings, rows
        ),
        *(paragraph(note, "soft") for note in evaluation["notes"]),
        *_folds(evaluation),
        *(paragraph(f"Undefined here: {reason}.", "soft") for reason in undefined),
    ]


def _folds(evaluation: Mapping[str, Any]) -> list[str]:
    rows = [
        [fold["fold"] + 1, fold["cells"], fold["patients"], number(fold["accuracy"]), number(fold["auc"])]
        for fold in evaluation.get("folds", ())
    ]
    caption = "Each fold, judged by the model that saw none of its patients."
    return [table(caption, ["Fold", "Cells", "Patients", "Accuracy", "AUC"], rows)] if rows else []


def curves(evaluation: Mapping[str, Any]) -> list[str]:
    """ROC, precision-recall and reliability side by side, and how the answers are spread."""
    auc, error = number(evaluation["metrics"]["auc"]["value"]), number(evaluation["metrics"]["ece"]["value"])
    three = [
        plot(plots.roc_plot(evaluation), f"ROC curve, AUC {auc}", "ROC curve with the three thresholds."),
        plot(
            plots.precision_recall_plot(evaluation),
            "Precision against recall",
            "Precision depends on the mix of cells, which in blood is another one.",
        ),
        plot(
            plots.reliability_plot(evaluation),
            f"Reliability curve, calibration error {error}",
            "Reliability: stated P against the share labelled parasitized, with 95 % Wilson intervals.",
        ),
    ]
    return [
        f'<div class="plots">{"".join(three)}</div>',
        plot(
            plots.prediction_plot(evaluation),
            "Histogram of P(parasitized) for both labels",
            "How the answers are spread. A model that collapsed to one class has a single column.",
        ),
    ]


def points(evaluation: Mapping[str, Any]) -> list[str]:
    """Confusion at each threshold, the threshold curve and the blank rate."""
    rows = []
    half = {
        "threshold": evaluation["threshold"],
        "confusion": evaluation["confusion"],
        **{name: evaluation["metrics"][name] for name in ("sensitivity", "specificity", "precision")},
    }
    for name, point in {"label": half, **evaluation["operating_points"]}.items():
        rows.append(
            [
                name,
                f"{point['threshold']:.5g}",
                *(point["confusion"][kind] for kind in ("tp", "fn", "fp", "tn")),
                f"{number(point['sensitivity']['value'])} ({interval(point['sensitivity'])})",
                f"{number(point['specificity']['value'])} ({interval(point['specificity'])})",
            ]
        )
    blank = evaluation["blank_rate"]
    return [
        paragraph(
            "Review sends a cell to a person and is sensitive; count is strict, because in a count every false call is "
            "multiplied by the thousands of healthy cells of a smear."
        ),
        table(
            "Confusion matrix at each threshold, in cells; 95 % intervals in brackets.",
            ["Point", "Threshold", "Found", "Missed", "False calls", "Rightly left", "Sensitivity", "Specificity"],
            rows,
        ),
        plot(
            plots.threshold_plot(evaluation),
            "Sensitivity, specificity and precision at every threshold",
            "What other thresholds would give; the axis is stretched at both ends.",
        ),
        *([] if blank is None else [f"<h3>Blank rate at the counting threshold</h3>{paragraph(blank['statement'])}"]),
    ]


def patients(evaluation: Mapping[str, Any]) -> list[str]:
    """The spread between patients, the worst of them, and all of them folded away."""
    if not evaluation["per_patient"]:
        return [paragraph("No patient is known for these images, so the spread between them is not known either.")]
    headings = ["Patient", "Cells", "Parasitized", "Wrong", "Accuracy", "Sensitivity", "Specificity"]

    def rows(patients: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        return [
            [row["patient"], str(row["cells"]), str(row["parasitized"]), str(row["errors"])]
            + [number(row[name], 3) for name in ("accuracy", "sensitivity", "specificity")]
            for row in patients
        ]

    every = rows(evaluation["per_patient"])
    return [
        plot(
            plots.patient_plot(evaluation),
            "Accuracy of every patient against the number of their cells",
            "One mark a patient. Patients with few cells scatter by chance.",
        ),
        table(
            "Worst patients, by the upper end of the interval of their accuracy.",
            headings,
            rows(evaluation["worst_patients"]),
        ),
        folded(f"All {len(every)} patients", table("In the order of their names.", headings, every)),
    ]


def errors(evaluation: Mapping[str, Any], errors: Sequence[ErrorPicture]) -> list[str]:
    """Pictures of wrong cells, missed ones first, each a link to its file, and the list of all of them."""
    counts = evaluation["confusion"]
    pictured = (
        f" Pictured: {len(errors):,} of {counts['fn'] + counts['fp']:,} wrong cells, of each kind those that the model "
        "was surest of; look for doubtful labels among them. A picture leads to its file."
    )
    content = [
        paragraph(
            f"{counts['fn']:,} parasitized cells were called uninfected and {counts['fp']:,} uninfected cells "
            "parasitized." + (pictured if errors else "")
        ),
        f'<p>Every wrong cell, the surest mistakes first: <a href="{ERRORS}">{ERRORS}</a> beside this report.</p>',
    ]
    for label, heading in ((1, "Missed (labelled parasitized)"), (0, "False calls (labelled uninfected)")):
        pictures = "".join(
            cell_picture(
                error.png,
                error.path.absolute().as_uri(),
                f"Cell {as_utf8(error.path.name)}",
                [f"P {error.probability:.3f}", error.patient or as_utf8(error.path.name)],
            )
            for error in errors
            if error.label == label
        )
        if pictures:
            content.append(f'<h3>{escape(heading)}</h3><div class="cells">{pictures}</div>')
    return content


def training(settings: Mapping[str, Any], history: Mapping[str, Sequence[Any]]) -> list[str]:
    """The training history and its settings; empty for a model without a run."""
    content = [
        plot(
            plots.history_plot(history),
            "Training history",
            "Training (dashed) and validation; a vertical line where the second phase begins.",
        )
    ]
    if settings:
        content.append(folded("Settings", facts(settings)))
    return [block for block in content if block]


def card(
    evaluation: Mapping[str, Any], model: Mapping[str, Any], trained_on: Mapping[str, Any], data: Mapping[str, Any]
) -> list[str]:
    """The model card."""
    cards = model_card(evaluation, model, trained_on, data)
    return [f"<h3>{escape(card.heading)}</h3>{bullets(card.lines)}" for card in cards]


def limits(evaluation: Mapping[str, Any]) -> list[str]:
    """What none of the figures can say."""
    return [
        bullets(
            [
                RESEARCH_USE,
                *(f"{limit[0].upper()}{limit[1:]}." for limit in LIMITS),
                "P assumes the mix of classes of the cells it was calibrated on; in blood far fewer are infected.",
                "These figures hold for patients, stains and microscopes like those of the data, and for no others.",
                f"Intervals carry the chance of who was in the test ({evaluation['interval']['resampled']} resampled), "
                "not that of training again, and not the doubt in the labels.",
            ]
        )
    ]
