"""A contact sheet in Chromium: marked on a telephone, kept over a reload, saved, and read back from the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.sheets.answers import give_answer, read_answer, table_text
from edge_runtime.sessions.sheets.contents import make_sheet
from edge_runtime.sessions.sheets.html import sheet_html
from edge_runtime.sessions.sheets.pictures import sheet_pictures
from tests.edge_runtime.sessions.ranking_tools import scores, session_of
from tests.edge_runtime.sessions.session_tools import store_in


def test_a_sheet_is_marked_saved_and_read_back(browser: Any, tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, [scores(100, 1, seed) for seed in range(3)])
        sheet = make_sheet(store, session)
        (tmp_path / "sheet.html").write_text(
            "".join(sheet_html(sheet, sheet_pictures(store, session, sheet))), encoding="utf-8"
        )
        page = browser.new_page(viewport={"width": 390, "height": 844})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((tmp_path / "sheet.html").as_uri())
        cells = page.locator(".cell")
        assert cells.count() == len(sheet.cells) == 120
        cells.nth(0).click()
        for _ in range(2):
            cells.nth(1).click()
        for _ in range(3):
            cells.nth(2).press("Enter")
        for _ in range(4):
            cells.nth(3).click()  # and off again
        assert cells.nth(1).get_attribute("aria-label") == "cell 2, gametocyte"
        page.select_option("#species", "vivax")
        page.reload()
        assert page.locator("#count").inner_text() == "1 asexual, 1 gametocyte, 1 unsure"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert (
            cells.nth(0).bounding_box()["width"] >= 88
            and cells.nth(3).bounding_box()["y"] == cells.nth(0).bounding_box()["y"]
        )
        with page.expect_download() as saved:
            page.click("#save")
        assert saved.value.suggested_filename == f"{sheet.code}.csv" and page.locator("textarea").is_visible()
        text = table_text(Path(saved.value.path()).read_bytes())
        assert page.locator("textarea").input_value().splitlines() == text.splitlines()
        page.close()
        result = give_answer(store, session, read_answer(text), "RV")
        review = ranked_review(store, session)
        with store.reading() as connection:
            species = [row[0] for row in connection.execute("SELECT species FROM current_verdicts WHERE species <> ''")]
    assert not said, said
    assert (result.answered, result.parasites, review.looked, review.unsure) == (120, 2, 120, 1)
    assert species == ["vivax", "vivax"]
