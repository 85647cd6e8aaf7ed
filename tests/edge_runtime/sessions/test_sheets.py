"""Contact sheets: which cells they show, how they are drawn, and what becomes of the answers that come back."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions import Session, Store
from edge_runtime.sessions.codes import checked_sheet, new_sheet
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.sheets.answers import (
    SheetResult,
    give_answer,
    read_answer,
    table_text,
)
from edge_runtime.sessions.sheets.contents import Sheet, make_sheet
from edge_runtime.sessions.sheets.html import sheet_html
from edge_runtime.sessions.sheets.pictures import sheet_pictures
from edge_runtime.sessions.sheets.png import sheet_pngs
from edge_runtime.sessions.store.retention import retain
from tests.edge_runtime.sessions.ranking_tools import Reader, add_fields, scores, session_of
from tests.edge_runtime.sessions.session_tools import Clock, store_in

FIELDS = [scores(100, 2, seed) for seed in range(6)]  # 600 cells, the first two of each field infected
TRUTH = {f"{number}.{cell}": "asexual" for number in range(1, 7) for cell in (1, 2)}


def table(sheet: Sheet, truth: dict[str, str], others: bool = True) -> str:
    """A reader's answer to a sheet, by number."""
    marked = [(cell.number, truth[cell.name]) for cell in sheet.cells if cell.name in truth]
    rows = [f"{sheet.code},{number},{verdict}" for number, verdict in marked]
    end = [f"{sheet.code},others,no-parasite"] if others else []
    return "\r\n".join(["sheet,number,verdict", *rows, *end, ""])


def answer(store: Store, session: Session, text: str, reviewer: str = "RV", **options: object) -> SheetResult:
    return give_answer(store, session, read_answer(text, **options), reviewer)  # type: ignore[arg-type]


def test_sheets_review_a_slide_as_the_grid_does(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session, grid = session_of(store, FIELDS), session_of(store, FIELDS)
        first = make_sheet(store, session)
        assert [cell.number for cell in first.cells] == list(range(1, 121))  # 96 by rank, 24 random ones
        assert {cell.name for cell in first.cells} >= set(TRUTH) and checked_sheet(first.code) == first.code
        assert make_sheet(store, session) == first  # until it is answered
        result = answer(store, session, table(first, TRUTH))
        assert (result.answered, result.parasites, result.accepted, result.repeat) == (120, 12, 120, False)
        second = make_sheet(store, session)
        assert second.code != first.code and not {c.name for c in second.cells} & {c.name for c in first.cells}
        answer(store, session, table(second, TRUTH))
        with pytest.raises(WrongUsage, match=r"No cell of session S-\w+ is left to look at"):
            make_sheet(store, session)
        by_sheet = ranked_review(store, session)
        Reader(store, grid, TRUTH).read_all()
        by_grid = ranked_review(store, grid)
    assert by_sheet.leading == by_grid.leading == "reviewed" and by_sheet.found == by_grid.found == 12
    assert by_sheet.asexual is not None and by_grid.asexual is not None and by_sheet.looked >= by_grid.looked
    assert by_sheet.asexual.low < 12 / 600 < by_sheet.asexual.high and by_sheet.asexual.rate < by_grid.asexual.rate
    assert by_sheet.pages == 2


def test_a_sheet_takes_all_open_batches_the_newest_first(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        old = make_sheet(store, session, 10)
        add_fields(store, session, [scores(200, 3, 77)], first=50)
        sheet = make_sheet(store, session, 200)
        assert [cell.batch for cell in old.cells] == [1] * 10
        numbers = [cell.batch for cell in sheet.cells]
        assert numbers == sorted(numbers, reverse=True) and set(numbers) == {1, 2}
        assert sheet.cells[0].name in {"7.1", "7.2", "7.3"}
        document = "".join(sheet_html(sheet, sheet_pictures(store, session, sheet)))
        assert "<h2>Fields 7 to 7</h2>" in document and "<h2>Fields 1 to 6</h2>" in document
        result = answer(store, session, table(sheet, TRUTH | {f"7.{cell}": "gametocyte" for cell in (1, 2, 3)}))
        late = answer(store, session, table(old, TRUTH), "OTHER")
        review = ranked_review(store, session)
    assert [page.batch for page in result.pages] == [2, 1] and sum(page.cells for page in result.pages) == len(numbers)
    assert late.answered == 10 and late.repeat is False  # a sheet that was made earlier still counts
    assert review.readers is not None and review.readers.kappa.cells == 10  # two readers of the same cells
    assert (review.found, review.found_gametocytes) == (12, 3)


def test_the_same_answer_counts_once_and_a_corrected_one_holds(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        sheet = make_sheet(store, session, 30)
        first = answer(store, session, table(sheet, TRUTH))
        again = answer(store, session, table(sheet, TRUTH).replace(",", ";"))
        assert (again.repeat, again.accepted, ranked_review(store, session).pages) == (True, 0, 1)
        found = next(cell for cell in sheet.cells if cell.name in TRUTH)
        fewer = {name: verdict for name, verdict in TRUTH.items() if name != found.name}
        kept = answer(store, session, table(sheet, fewer))
        assert (
            kept.kept == (found.name,) and ranked_review(store, session).found == 12
        )  # leaving out takes nothing back
        text = f"number,verdict\n{found.number},no-parasite\n"
        assert answer(store, session, text, code=sheet.code).accepted == 1
        assert ranked_review(store, session).found == 11
    assert first.accepted == 30


def test_without_a_word_on_the_others_nothing_is_said_of_them(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        sheet = make_sheet(store, session, 30)
        part = answer(store, session, "cell,verdict,species,stage\n1.1,asexual,vivax,ring\n1.2,,,\n", code=sheet.code)
        assert (part.answered, part.shown, ranked_review(store, session).looked) == (1, 30, 1)
        all_of_it = answer(store, session, "number,verdict\n", code=sheet.code.lower(), others=True)
        assert (all_of_it.answered, all_of_it.kept, ranked_review(store, session).looked) == (30, ("1.1",), 30)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("number,verdict\n1,asexual\n", "names 0 sheets; say with --of-sheet"),
        ("sheet,number,verdict\n{sheet},1,asexual\n{other},2,asexual\n", "names 2 sheets"),
        ("sheet,number,verdict\n{other},1,asexual\n", "was not made from this store"),
        ("sheet,number,verdict\nQ-2222223,1,asexual\n", "is no sheet's code"),
        ("sheet,number,verdict\n{theirs},1,asexual\n", "is of session S-"),
        ("sheet,number,verdict\n{sheet},31,asexual\n", "has no number '31', only 1 to 30; is it the answer to another"),
        ("sheet,number,verdict\n{sheet},one,asexual\n", "has no number 'one'"),
        ("sheet,number,verdict\n{sheet},1,asexual\n{sheet},01,unsure\n", "has two rows"),
        ("sheet,number,cell,verdict\n{sheet},1,9.9,asexual\n", "does not fit sheet .*: number 1 is cell"),
        ("sheet,cell,verdict\n{sheet},9.9,asexual\n", "it is not on it"),
        ("sheet,number,verdict\n{sheet},,asexual\n", "names no cell; give its number"),
        ("sheet,number,verdict\n{sheet},1,sick\n", "verdict 'sick'"),
        ("sheet,number,verdict,stage\n{sheet},1,gametocyte,ring\n", "asexual parasite only"),
        ("sheet,number,verdict\n{sheet},others,asexual\n", "only no-parasite can be said so"),
        ("sheet,number,verdict\n{sheet},1,\n", "holds no verdict; if none of its cells"),
        ("sheet,number\n{sheet},1\n", "must be verdict, number or cell"),
        ("sheet,number,verdict,name\n{sheet},1,asexual,x\n", "must be verdict, number or cell"),
        ("sheet,number,verdict\n{sheet},1,asexual,x\n", "Row 2 of the table has more values"),
        ("sheet,number,verdict\n{sheet},1," + "x" * 200_000, "is no CSV"),
    ],
)
def test_a_wrong_answer_is_one_sentence_and_adds_nothing(tmp_path: Path, text: str, match: str) -> None:
    with store_in(tmp_path / "s") as store:
        session, theirs = session_of(store, FIELDS[:2]), session_of(store, FIELDS[:2])
        codes = {"sheet": make_sheet(store, session, 30).code, "theirs": make_sheet(store, theirs, 30).code}
        with pytest.raises(WrongUsage, match=match):
            answer(store, session, text.format(**codes, other=new_sheet()))
        assert ranked_review(store, session).looked == 0


def test_tables_as_spreadsheets_write_them() -> None:
    text = "sheet;number;verdict\r\nä;1;asexual\r\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert table_text(text.encode(encoding)) == text
    for wrong in (text.encode("latin-1"), b"PK\x03\x04\x00\x00"):
        with pytest.raises(WrongUsage, match="save it as CSV with the encoding UTF-8"):
            table_text(wrong)
    read = read_answer(" Number \tVERDICT\n7\tAsexual \n", new_sheet())
    assert [(row["number"], said.verdict) for row, said in read.marked] == [("7", "asexual")]


def test_the_document_holds_all_it_needs_and_no_score(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        sheet = make_sheet(store, session)
        pictures = sheet_pictures(store, session, sheet)
    document = "".join(sheet_html(sheet, pictures))
    assert set(pictures) == {cell.name for cell in sheet.cells}
    assert document.count("data:image/jpeg;base64,") == len(sheet.cells) == document.count('class="cell"')
    assert document.count(RESEARCH_USE) == 2 and sheet.code in document and "http" not in document.replace("http-e", "")
    without = re.sub(r"base64,[A-Za-z0-9+/=]+", "", document)
    assert "0." not in re.sub(r"<style>.*?</style>", "", without, flags=re.S)  # no score
    assert re.search("audit|random|rank|probab", without) is None
    script = re.search(r"<script>(.*)</script>", document, re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in document and "default-src 'none'" in document


@pytest.mark.parametrize(("cells", "pages"), [(10, 1), (96, 1), (270, 3)])
def test_the_pictures_are_pages_of_paper(tmp_path: Path, cells: int, pages: int) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, [scores(300, 3, 1)])
        sheet = make_sheet(store, session, cells)
        files = list(sheet_pngs(sheet, sheet_pictures(store, session, sheet)))
    assert len(files) == pages
    for content in files:
        with Image.open(io.BytesIO(content)) as page:
            assert (page.size, round(page.info["dpi"][0])) == ((1654, 2339), 200)
            extrema = page.convert("L").getextrema()
            assert extrema[0] < 60 and extrema[1] == 255


def test_cells_without_a_picture_are_no_sheet(tmp_path: Path) -> None:
    with store_in(tmp_path / "s", clock := Clock()) as store:
        session = session_of(store, [scores(300, 3, 1)])  # a few of a field's cells keep a picture of their own
        clock.pass_seconds(1)
        assert retain(store, 0).images == 1
        sheet = make_sheet(store, session)
        with pytest.raises(WrongUsage, match="cells have no picture any more, because retention removed the images"):
            sheet_pictures(store, session, sheet)


def test_a_sheet_goes_with_its_session(tmp_path: Path) -> None:
    with store_in(tmp_path / "s", clock := Clock()) as store:
        make_sheet(store, session_of(store, FIELDS[:1]), 5)
        clock.pass_seconds(1)
        retain(store, 0, "sessions")
        with store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM review_sheets").fetchone()[0] == 0
