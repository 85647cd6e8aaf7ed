"""``thinsmear session`` as people and scripts call it, with the tiny model on single-cell images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import cli
from edge_runtime.core import model_file
from edge_runtime.sessions import codes, open_existing
from edge_runtime.sessions.ranking.answers import PageAnswer, answer_page
from edge_runtime.sessions.ranking.grid import next_page
from edge_runtime.sessions.verdicts import Verdict

RED, PALE, BLUE = (200, 60, 40), (130, 110, 130), (40, 60, 200)
Cell = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` of `thinsmear session` in the temporary folder: exit code, stdout, stderr."""
    monkeypatch.setattr(model_file, "MODELS", model_path.parent)
    monkeypatch.setitem(cli.COMMANDS, "session", ("edge_runtime.commands.session.command:session", ""))
    monkeypatch.setenv("THINSMEAR_STORE", str(model_path.parent / "store"))
    model_path.rename(model_path.with_name("default.tflite"))
    monkeypatch.chdir(model_path.parent)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["session", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def document(result: tuple[int, str, str]) -> Any:
    code, output, error = result
    assert code == 0, error
    return json.loads(output)


@pytest.fixture
def smear(run: Run, cell: Cell) -> str:
    """A session of three cells: one called infected, one suspected, one neither."""
    for name, colour in (("c/1.png", RED), ("c/2.png", PALE), ("c/3.png", BLUE)):
        cell(name, colour)
    code: str = document(
        run("new", "--slide", "A17", "--operator", "AB", "--stop", "who", "--json", "--min-free", "0")
    )["session"]
    assert run("add", code, "c", "--cells", "--min-free", "0", "-q")[0] == 0
    return code


def test_new_prints_the_codes(run: Run) -> None:
    code, output, _ = run("new", "--slide", "A17", "--min-free", "0")
    assert code == 0 and "For Research Use Only" in output
    words = dict(line.split(maxsplit=1) for line in output.splitlines()[:3])
    assert codes.checked_session(words["session"]) and codes.checked_participant(words["participant"])


def test_adding_says_the_totals_and_goes_on_after_bad_images(run: Run, smear: str, cell: Cell) -> None:
    cell("more/a.png", RED, (21, 21))
    Path("more/b.png").write_bytes(b"")
    Path("more/c.png").write_bytes(Path("c/1.png").read_bytes())
    code, output, error = run("add", "newest", "more", "--cells", "--json", "--min-free", "0")
    first, second, third = map(json.loads, output.splitlines())
    assert code == 1 and "1 of 3 images could not be read" in error
    assert (first["field"], first["repeat"], first["cells"]) == (4, False, 1)
    assert first["totals"] == {"fields": 0, "single_cells": 4, "refused": 0, "cells": 4, "suspected": 3, "infected": 2}
    assert second["error"]["kind"] == "empty-file" and list(second) == ["source", "error"]
    assert (third["field"], third["repeat"], third["totals"]["cells"]) == (1, True, 4)


def test_status_list_and_check(run: Run, smear: str) -> None:
    status = document(run("status", "--json", "--check"))
    assert (status["session"], status["totals"]["cells"], status["review"]["pending"]) == (smear, 3, 2)
    assert status["stop"]["to_go"] == 4997
    assert "3 of 5,000 red cells" in run("status", smear)[1]
    listed = document(run("list", "--json"))["sessions"]
    assert [(row["session"], row["totals"]["infected"]) for row in listed] == [(smear, 1)]
    (next(Path("store/images").rglob("*.png"))).unlink()
    code, _, error = run("status", "--check")
    assert code == 1 and "cannot be read" in error and "1 problems" in error


def test_review_report_and_export(run: Run, smear: str) -> None:
    assert [row["cell"] for row in document(run("review", "--json"))["cells"]] == ["1.1", "2.1"]
    Path("v.csv").write_text("cell,verdict\n1.1,asexual\n2.1,no-parasite\n")
    assert document(run("review", "--from", "v.csv", "--reviewer", "RV", "--json"))["complete"] is True
    assert document(run("review", "--undo", "2.1", "--reviewer", "RV", "--json"))["pending"] == 1
    run("review", smear, "--cell", "2.1", "--verdict", "gametocyte", "--reviewer", "RV")
    assert run("review", "--counted", "200", "--asexual", "1", "--reviewer", "RV")[0] == 0
    report = document(run("report", "--json", "--out", "r.html", "--out", "r.pdf", "-q"))
    assert (report["headline"], report["asexual"]["infected"], report["gametocytes"]["infected"]) == ("reviewed", 1, 1)
    assert report["manual"][0]["counted"] == 200
    assert Path("r.html").read_text().startswith("<!doctype html>") and Path("r.pdf").read_bytes().startswith(b"%PDF")
    assert "Asexual parasites, reviewed" in run("report")[1]
    assert run("export")[1].splitlines()[0].startswith("session,participant,slide,field,cell")
    assert len(document(run("export", "--json"))["cells"]) == 3
    assert Path(document(run("export", "--out", "x", "--json"))["files"][0]).name == "session.json"


def test_blank(run: Run, cell: Cell) -> None:
    code, output, _ = run(
        "blank", "NEG1", *(str(cell(f"n/{i}.png", BLUE, (20 + i, 20))) for i in range(3)), "--cells", "--min-free", "0"
    )
    assert code == 0 and "Blank rate 0 %" in output and "limit of detection with 5,000 cells" in output
    cell("m/1.png", RED)
    blank = document(run("blank", "NEG1", "m", "--cells", "--json", "--min-free", "0", "-q"))
    assert blank["slides"] == [{"slide": "NEG1", "cells": 4, "infected": 1}] and len(blank["detection"]) == 3
    assert "not established on this device" in run("blank", "--min-free", "0")[1]  # of whole fields there is none
    assert document(run("blank", "--discard", "NEG1", "--cells", "--json", "--min-free", "0"))["slides"] == []
    assert "(blank, discarded)" in run("list")[1]
    assert run("blank", "--discard", "NEG1", "--min-free", "0")[0] == 2
    assert run("blank", "NEG1", "m", "--discard", "NEG2", "--min-free", "0")[0] == 2


def review_of(store: Path, slide: str, *parasites: str) -> None:
    """Look at all cells of a slide, once, and mark some."""
    with open_existing(store) as opened:
        session = next(one for one in opened.sessions() if one.plan.slide == slide)
        while (page := next_page(opened, session, "RV", 500)) is not None:
            names = tuple(cell.name for cell in page.cells)
            marked = {name: Verdict(name, "asexual") for name in names if name in parasites}
            answer_page(opened, session, PageAnswer(f"page-{page.number:04}", "RV", names, marked))


def test_positive(run: Run, cell: Cell) -> None:
    cell("p/1.png", RED)
    cell("p/2.png", BLUE)
    ways = ("--cells", "--min-free", "0", "-q")
    text = run("positive", "POS1", "p", *ways)[1]
    assert "2 cells to look at" in text and "No slide can be used yet" in text
    again = document(run("positive", "POS1", "p", *ways, "--json"))
    (slide,) = again["slides"]
    assert (slide["slide"], slide["session"], slide["cells"], slide["used"]) == ("POS1", again["session"], 2, False)
    assert again["curve"] is None and again["check"] is None
    review_of(Path("store"), "POS1", "1.1")
    alone = document(run("positive", *ways, "--json"))
    assert "session" not in alone and alone["slides"][0]["lacks"] == "fewer than 1,000 cells"
    assert (alone["slides"][0]["looked"], alone["slides"][0]["infected"]) == (2, 1)
    assert "(positive)" in run("list")[1] and "No positive control slide" in run("positive", "--min-free", "0")[1]
    assert document(run("positive", "--discard", "POS1", *ways, "--json"))["slides"] == []
    assert "(positive, discarded)" in run("list")[1]
    assert run("positive", "--discard", "POS1", "--min-free", "0")[0] == 2
    assert run("positive", "POS1", "--min-free", "0")[0] == 2
    assert run("positive", "POS1", "p", "--discard", "POS2", *ways)[0] == 2


def test_a_blank_that_a_person_read_says_what_the_person_called(run: Run, cell: Cell) -> None:
    cell("n/1.png", RED)
    cell("n/2.png", BLUE)
    ways = ("--cells", "--min-free", "0", "-q")
    run("blank", "NEG1", "n", *ways)
    review_of(Path("store"), "NEG1", "1.1")
    blank = document(run("blank", *ways, "--json"))
    assert blank["slides"] == [{"slide": "NEG1", "cells": 2, "infected": 1, "looked": 2, "read": 1}]
    assert (blank["reader"]["positives"], blank["reader"]["cells"]) == ([1], [2])
    assert "A person with the machine called 1 of 2 cells infected" in run("blank", *ways)[1]


def test_status_says_where_the_review_by_rank_stands(run: Run, smear: str) -> None:
    before = document(run("status", smear, "--json"))
    assert (before["rank"]["leading"], before["rank"]["looked"], before["rank"]["reason"]) == (
        "machine", 0, "nobody has looked at a cell yet",
    )  # fmt: skip
    review_of(Path("store"), "A17", "1.1")
    after = document(run("status", smear, "--json"))
    assert (after["rank"]["leading"], after["headline"]["kind"], after["rank"]["looked"]) == ("reviewed", "reviewed", 3)
    assert after["rank"]["estimate"]["rests_on"] == "everything was looked at"
    text = run("status", smear)[1]
    assert "3 of 3 cells looked at" in text and "Asexual parasites, reviewed: 33.3 %" in text


def test_a_blank_says_how_many_cells_a_limit_takes(run: Run, cell: Cell) -> None:
    images = [str(cell(f"n/{i}.png", BLUE, (20 + i, 20))) for i in range(60)]
    ways = ("--cells", "--min-free", "0", "-q")
    text = run("blank", "NEG1", *images, *ways, "--limit", "4000000")[1]
    assert "for 4,000,000 infected cells per microlitre (5,000,000 red cells per microlitre assumed" in text
    assert "cells in all give a limit of detection of 80 %" in text
    plans = [document(run("blank", *ways, "--json", *more)) for more in (("--limit", "10"), ())]
    assert plans[0]["planned"]["total"] is None and "leaves" in plans[0]["planned"]["reason"]
    assert "planned" not in plans[1]
    nothing = document(run("blank", "--min-free", "0", "--json", "--limit", "1000"))
    assert nothing["planned"] is None and nothing["detection"] == []


def test_retain_and_site(run: Run, smear: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("site", "--clock-is-right")
    planned = document(run("retain", "--days", "0", "--dry-run", "--json"))
    assert planned["images"] == 3 and len(list(Path("store/images").rglob("*.png"))) == 3
    assert "3 images removed" in run("retain", "--days", "0")[1]
    assert list(Path("store/images").rglob("*.png")) == []
    site = document(run("site", "--code", "KISUMU", "--pattern", r"KE\d{4}", "--json"))
    assert (site["site"], site["participant_pattern"]) == ("KISUMU", r"KE\d{4}")
    begun = document(run("new", "--slide", "B1", "--participant", "KE0012", "--json", "--min-free", "0"))
    assert (begun["participant"], begun["site"]) == ("KE0012", "KISUMU")


@pytest.mark.parametrize(
    ("arguments", "code", "match"),
    [
        (("status",), 2, "no store"),
        (("new", "--slide", "A 17"), 2, "slide code"),
        (("new", "--slide", "A17", "--participant", "Jane"), 2, "Never use a name"),
        (("new", "--slide", "A17", "--min-free", "999999999"), 3, "MB are free"),
        (("site", "--pattern", ".*"), 2, "must not be a name"),
        (("blank", "NEG1"), 2, "no image"),
        (("report", "--out", "r.doc"), 2, "end its name"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], code: int, match: str) -> None:
    result = run(*arguments)
    assert result[0] == code and match in result[2] and "Traceback" not in result[2]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("review", "--cell", "1.1", "--verdict", "asexual"), "--reviewer"),
        (("review", "--cell", "1.1", "--reviewer", "AB"), "--verdict"),
        (("review", "--cell", "1.1", "--undo", "1.1", "--reviewer", "AB"), "at a time"),
        (("add", "newest", "nothing", "--cells", "--model", "missing.tflite", "--min-free", "0"), "no model file"),
        (("status", "S-2222222"), "no session"),
    ],
)
def test_wrong_usage_of_a_session(run: Run, smear: str, arguments: tuple[str, ...], match: str) -> None:
    code, _, error = run(*arguments)
    assert code == 2 and match in error


def draw_field(path: Path, seed: int, noise: int) -> None:
    """A thin film of 5 x 4 round cells at places that follow from the seed."""
    rows, columns = np.mgrid[:480, :640]
    pixels = np.repeat(225 - (rows + columns)[..., None] / 50, 3, axis=2)  # a lamp that is brighter on one side
    places = np.random.default_rng(seed)
    for i in range(20):
        x, y = 64 + 128 * (i % 5) + places.integers(-20, 20), 60 + 120 * (i // 5) + places.integers(-15, 15)
        pixels[(rows - y) ** 2 + (columns - x) ** 2 < 30**2] = (190, 120, 140)
    pixels += np.random.default_rng(noise).normal(0, 2, pixels.shape)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


def test_whole_fields_are_judged_against_those_of_earlier_calls(run: Run) -> None:
    pytest.importorskip("cv2", reason="whole fields need OpenCV")
    document(run("new", "--slide", "A17", "--json", "--min-free", "0"))
    for seed, noise in ((1, 1), (2, 2)):
        draw_field(Path(f"f/{seed}.png"), seed, noise)
    assert run("add", "newest", "f", "--min-free", "0")[0] == 0
    draw_field(Path("again.png"), 1, 3)  # the stage did not move: other noise, the same cells
    line = document(run("add", "newest", "again.png", "--json", "--min-free", "0"))
    assert (line["field"], line["repeat"], line["quality"]["accepted"]) == (3, False, False)
    assert [reason["kind"] for reason in line["quality"]["refused"]] == ["repeat"]
    assert (line["totals"]["fields"], line["totals"]["refused"], line["totals"]["cells"]) == (2, 1, 40)
