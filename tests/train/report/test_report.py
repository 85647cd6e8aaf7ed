"""The report: self-contained, well-formed, complete, escaped, and readable without seeing the plots."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.core.card import RESEARCH_USE, OperatingPoints, OutputContract
from train.data.dataset import Cells
from train.data.tables import read_csv
from train.evaluate.results import evaluate_scores, summary_text
from train.evaluate.scores import Scores
from train.metrics.evaluation import evaluate
from train.report import plots, sections
from train.report.error_pictures import ErrorPicture, error_pictures
from train.report.html import table
from train.report.model_card import model_card
from train.report.report import ReportHeader, build_report

POINTS = OperatingPoints(review=0.2, count=0.95)
HISTORY = {"phase": [1, 1, 2, 2], "loss": [0.6, 0.4, 0.3, 0.2], "val_loss": [0.5, 0.4, None, 0.3]}
PLOTS = ["roc", "precision_recall", "reliability", "threshold", "patient", "prediction"]
VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects what the tests ask about."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(named)
        if tag == "a":
            self.links.append(str(named["href"]))
        if "id" in named:
            self.ids.append(str(named["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(html: str) -> Outline:
    parsed = Outline()
    parsed.feed(html)
    assert parsed.open == []
    return parsed


def scores(one_class: bool = False) -> tuple[np.ndarray, np.ndarray, list[str]]:
    generator = np.random.default_rng(1)
    patient = np.repeat(np.arange(8), 25)
    labels = ((patient >= 2) & (generator.random(200) < 0.5)).astype(int) * (not one_class)
    return labels, 3.0 * labels - 1.5 + generator.normal(0, 1, 200), [f"C{i}<b>&$x$" for i in patient]


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    return evaluate(*scores(), OutputContract(), POINTS, replicates=100)


@pytest.fixture(scope="module")
def bare() -> dict[str, Any]:
    """Nothing known: one class, no patients."""
    labels, logits, _ = scores(one_class=True)
    return evaluate(labels, logits, None, OutputContract(), POINTS, replicates=100)


@pytest.fixture(scope="module")
def html(evaluation: dict[str, Any]) -> str:
    return build_report(evaluation, ReportHeader("Run 1", {"A": "b"}, {"Folder": "/data"}, {"Epochs": 3}, HISTORY))


@pytest.fixture()
def cells(tmp_path: Path) -> Cells:
    """Twelve small images; number 11 is broken."""
    for i in range(12):
        Image.new("RGB", (40 + i, 30), (i * 20, 60, 90)).save(tmp_path / f"a b#{i}.png")
    (tmp_path / "a b#11.png").write_bytes(b"broken")
    paths = tuple(f"a b#{i}.png" for i in range(12))
    return Cells(tmp_path, paths, np.array([0, 1] * 6, np.int8), tuple("PQ" * 6))


def test_report_is_well_formed_and_loads_nothing(html: str) -> None:
    parsed = outline(html)
    assert all(str(image["src"]).startswith("data:image/") for image in parsed.images)
    assert [link for link in parsed.links if not link.startswith("#")] == ["errors.csv"]
    assert not parsed.tags & {"script", "link", "iframe", "object", "form"}
    assert "default-src 'none'" in html
    assert "url(" not in html and "@import" not in html


def test_every_section_is_there_and_every_link_leads_somewhere(html: str) -> None:
    parsed = outline(html)
    targets = {link[1:] for link in parsed.links if link.startswith("#")}
    assert targets <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    wanted = {"summary", "curves", "points", "patients", "errors", "training", "data", "card", "limits"}
    assert wanted <= targets
    assert html.count(RESEARCH_USE) >= 3


def test_pictures_have_texts_for_those_who_cannot_see_them(html: str) -> None:
    parsed = outline(html)
    assert len(parsed.images) == 7
    assert all(len(str(image["alt"])) > 10 for image in parsed.images)


def test_figures_in_the_report_are_those_of_the_evaluation(evaluation: dict[str, Any], html: str) -> None:
    for name in ("accuracy", "sensitivity", "auc", "brier", "ece"):
        assert f"{evaluation['metrics'][name]['value']:.4f}" in html
    for count in evaluation["confusion"].values():
        assert f'<td class="n">{count}</td>' in html
    for row in evaluation["per_patient"]:
        assert f'<td class="n">{row["cells"]}</td>' in html


def test_foreign_text_is_escaped(evaluation: dict[str, Any]) -> None:
    hostile = "<script>alert(1)</script>\"'&"
    html = build_report(
        evaluation,
        ReportHeader(hostile, {hostile: hostile}, {hostile: hostile}, {hostile: hostile}, {}, {hostile: hostile}),
    )
    assert "script" not in outline(html).tags
    assert "C0&lt;b&gt;&amp;$x$" in html


def test_names_that_are_no_text_do_not_break_the_report(tmp_path: Path) -> None:
    labels, logits, patients = scores()
    odd = [name.replace("C7", "\udce9") for name in patients]
    paths = tuple(f"{i}.png" for i in range(200))
    data = Cells(tmp_path, paths, labels.astype(np.int8), tuple(odd))
    document = evaluate_scores(Scores(data, logits, OutputContract(), POINTS, ReportHeader("Odd")), tmp_path, 100)
    assert json.loads((tmp_path / "metrics.json").read_text()) == document
    assert "\\udce9" in (tmp_path / "report.html").read_text(encoding="utf-8")
    summary_text(document).encode()
    wrong = read_csv(tmp_path / "errors.csv")
    assert len(wrong) == document["confusion"]["fn"] + document["confusion"]["fp"]
    assert any(row["patient"].startswith("\udce9") for row in wrong)


def test_every_wrong_cell_is_listed_and_the_report_says_how_many_are_pictured(tmp_path: Path) -> None:
    labels = np.tile([0, 1], 20)
    paths = tuple(f'a, "{i}"\n.png' for i in range(40))
    data = Cells(tmp_path, paths, labels.astype(np.int8), tuple("PQ" * 20))
    for path in paths:
        Image.new("RGB", (8, 8)).save(tmp_path / path)
    logits = np.where(labels == 1, -0.1, 0.1) * np.arange(1, 41)
    logits[:10] *= -1  # these ten are right
    document = evaluate_scores(Scores(data, logits, OutputContract(), POINTS, ReportHeader("Errors")), tmp_path, 100)
    wrong = read_csv(tmp_path / "errors.csv")
    assert [row["path"] for row in wrong] == [paths[i] for i in range(39, 9, -1)]
    assert [row["label"] for row in wrong[:2]] == ["1", "0"]
    assert float(wrong[-1]["probability"]) == pytest.approx(1 / (1 + np.exp(-1.1)))
    html = (tmp_path / "report.html").read_text()
    assert "Pictured: 24 of 30 wrong cells" in html and '<a href="errors.csv">' in html
    assert len([image for image in outline(html).images if str(image["src"]).startswith("data:image/png")]) == 24
    assert document["confusion"]["fn"] + document["confusion"]["fp"] == 30


def test_report_of_one_class_without_patients_says_what_is_missing(bare: dict[str, Any]) -> None:
    html = build_report(bare, ReportHeader("Bare"))
    outline(html)
    assert "Undefined here: there are no parasitized cells." in html
    assert "the spread between them is not known" in html
    assert "nan" not in re.sub(r'src="[^"]*"', "", html).lower().split()
    assert re.search(r"AUC +- +-", summary_text({"title": "Bare", **bare}))


def test_warnings_stand_in_the_summary(evaluation: dict[str, Any]) -> None:
    collapsed = evaluate(*scores()[:1], np.full(200, -4.0), scores()[2], OutputContract(), POINTS, 100)
    assert '<p class="note">The model calls 100.0% of the cells uninfected' in sections.summary(collapsed)[0]
    assert "collapsed" not in "".join(sections.summary(evaluation))


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize(("form", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_plots_are_images(name: str, form: str, magic: bytes, evaluation: dict[str, Any]) -> None:
    draw = getattr(plots, f"{name}_plot")
    image = draw(evaluation, form)
    assert image.startswith(magic)
    assert draw(evaluation, form) == image


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("roc", False),
        ("precision_recall", False),
        ("reliability", True),
        ("threshold", True),
        ("patient", False),
        ("prediction", True),
    ],
)
def test_plots_without_their_data_are_left_out(name: str, drawn: bool, bare: dict[str, Any]) -> None:
    assert (getattr(plots, f"{name}_plot")(bare) is not None) == drawn


@pytest.mark.parametrize(
    ("history", "drawn"), [(HISTORY, True), ({"val_auc": [0.9]}, True), ({}, False), ({"epoch": [1, 2]}, False)]
)
def test_history_is_drawn_when_it_holds_figures(history: dict[str, list[float | None]], drawn: bool) -> None:
    assert (plots.history_plot(history) is not None) == drawn


def test_errors_come_surest_first_and_both_kinds_get_room(cells: Cells) -> None:
    p = np.where(cells.labels == 1, 0.05, 0.95) + np.linspace(0, 0.04, 12)
    got = error_pictures(cells, p, limit=6)
    assert [error.label for error in got] == [0, 0, 0, 1, 1, 1]
    assert [error.probability for error in got] == sorted((e.probability for e in got[:3]), reverse=True) + sorted(
        e.probability for e in got[3:]
    )
    assert all(error.png.startswith(b"\x89PNG") for error in got)


def test_rightly_called_and_unreadable_cells_are_no_pictures(cells: Cells) -> None:
    wrong_only_eleven = np.where(cells.labels == 1, 0.9, 0.1)
    wrong_only_eleven[11] = 0.1
    assert error_pictures(cells, wrong_only_eleven) == []


def test_one_kind_of_error_may_fill_the_page(cells: Cells) -> None:
    assert len(error_pictures(cells, np.full(12, 0.9), limit=6)) == 6


def test_error_pictures_lead_to_their_files(cells: Cells, evaluation: dict[str, Any]) -> None:
    errors = error_pictures(cells, np.full(12, 0.9), limit=2)
    parsed = outline("".join(sections.errors(evaluation, errors)))
    links = [link for link in parsed.links if link.startswith("file:")]
    assert links == [error.path.as_uri() for error in errors]
    assert "%20" in links[0] and "%23" in links[0]


def test_missed_cells_and_false_calls_stand_apart(tmp_path: Path, evaluation: dict[str, Any]) -> None:
    errors = [ErrorPicture(tmp_path / f"{label}.png", None, label, 0.3, b"x") for label in (0, 1)]
    html = "".join(sections.errors(evaluation, errors))
    assert html.index("Missed (labelled") < html.index("1.png") < html.index("False calls (l") < html.index("0.png")


def test_model_card_has_the_sections_of_the_accepted_form(evaluation: dict[str, Any]) -> None:
    model, learnt, judged = {"Licence": "not stated"}, {"Learnt from": "9 cells"}, {"Fingerprint": "12ab"}
    cards = {card.heading: " ".join(card.lines) for card in model_card(evaluation, model, learnt, judged)}
    assert list(cards) == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]
    for subject in ("Patient safety", "Fairness", "Transparency", "Privacy", "Human oversight"):
        assert subject in cards["Ethical considerations"]
    assert cards["Model details"] == "Licence: not stated" and cards["Training data"] == "Learnt from: 9 cells"
    assert cards["Evaluation data"].startswith("200 cells, ") and "Fingerprint: 12ab" in cards["Evaluation data"]
    assert "errors.csv beside it lists every wrong cell" in cards["Ethical considerations"]
    assert "every wrong cell are open in this report" not in cards["Ethical considerations"]
    assert RESEARCH_USE in cards["Intended use"]
    assert "8 patients (6 with parasitized cells, 2 without)" in cards["Evaluation data"]
    assert "pecies not identified" in cards["Caveats and recommendations"]
    assert "negative" not in cards["Quantitative analyses"]


def test_table_cells_are_escaped_and_headed() -> None:
    html = table("C<", ["A", "B"], [["x", "<y>"]])
    assert '<th scope="row">x</th><td class="n">&lt;y&gt;</td>' in html
    assert "<caption>C&lt;</caption>" in html
