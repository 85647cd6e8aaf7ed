"""Answers to a contact sheet: read from a table as spreadsheets write it, and given as pages of the review by rank."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.codes import checked_code, checked_sheet
from edge_runtime.sessions.ranking.answers import PageAnswer, PageResult, answer_page
from edge_runtime.sessions.ranking.batches import NO_PARASITE
from edge_runtime.sessions.sheets.contents import Sheet, sheet_of
from edge_runtime.sessions.verdicts import Verdict

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

OTHERS = "others"  # in the column number: all cells that no other row names
_COLUMNS = {"sheet", "number", "cell", "verdict", "species", "stage"}
_Row = Mapping[str, str]


@dataclass(frozen=True)
class SheetAnswer:
    """What a reader says of a sheet.

    Attributes:
        sheet: code.
        marked: verdicts by the cell's number or name, as the reader wrote it.
        others: whether all other cells of the sheet hold no parasite; else nothing is said of them.
    """

    sheet: str
    marked: tuple[tuple[_Row, Verdict], ...]
    others: bool


@dataclass(frozen=True)
class SheetResult:
    """What became of an answer.

    Attributes:
        sheet: code.
        shown: cells of the sheet.
        answered: of these, those that the answer speaks of.
        parasites: of these, with a parasite of any stage.
        pages: one for each batch.
    """

    sheet: str
    shown: int
    answered: int
    parasites: int
    pages: tuple[PageResult, ...]

    @property
    def accepted(self) -> int:
        """Verdicts that were added; 0 when the same answer was there already."""
        return sum(page.accepted for page in self.pages if not page.repeat)

    @property
    def repeat(self) -> bool:
        """Whether the same answer was there already."""
        return all(page.repeat for page in self.pages)

    @property
    def kept(self) -> tuple[str, ...]:
        """Cells left unmarked that the same reviewer had marked before, and which stay so."""
        return tuple(name for page in self.pages for name in page.kept)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "sheet": self.sheet,
            "cells": self.shown,
            "answered": self.answered,
            "parasites": self.parasites,
            "accepted": self.accepted,
            "repeat": self.repeat,
            "kept": list(self.kept),
            "pages": [page.to_json() for page in self.pages],
        }


def table_text(content: bytes) -> str:
    """The text of a table's file: UTF-8, with or without its mark, or UTF-16 with its mark.

    Raises:
        WrongUsage: neither.
    """
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUsage(
            f"The table is no UTF-8 text (byte {error.start:,} of it); save it as CSV with the encoding UTF-8."
        ) from error
    if "\0" in text:
        raise WrongUsage("The table holds zero bytes, so it is no CSV; save it as CSV with the encoding UTF-8.")
    return text


def read_answer(text: str, code: str | None = None, others: bool = False) -> SheetAnswer:
    """An answer from CSV (comma, semicolon or tab) with the columns verdict, number or cell, and, where wanted, sheet.

    Species and stage are columns too. Rows without a verdict are as if they were not there; the row whose number is
    "others" says no-parasite of all cells that no other row names.

    Args:
        code: of the sheet, where the table does not say it.
        others: say it here instead.

    Raises:
        WrongUsage: a column is missing or unknown, a row has too many values, or the sheet is not said, or two are.
    """
    reader = _reader(text)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    found = set(reader.fieldnames)
    if not ("verdict" in found and {"number", "cell"} & found and found <= _COLUMNS):
        raise WrongUsage(
            f"The columns are {printable(', '.join(reader.fieldnames) or 'none')}; they must be verdict, number or "
            "cell, and, where wanted, sheet, species and stage."
        )
    sheets = set() if code is None else {checked_sheet(code)}
    marked = []
    for line, values in enumerate(_rows(reader), 2):
        if None in values:
            raise WrongUsage(f"Row {line} of the table has more values than the heading has columns; mend that row.")
        row = {name: (value or "").strip() for name, value in values.items()}
        if row.get("sheet"):
            sheets.add(checked_sheet(row["sheet"]))
        verdict = row["verdict"].lower()
        if row.get("number", "").lower() == OTHERS:
            if verdict != NO_PARASITE:
                raise WrongUsage(
                    f"Row {line} says {printable(verdict)!r} of all other cells; only {NO_PARASITE} can be said so."
                )
            others = True
        elif verdict:
            said = Verdict(row.get("cell", ""), verdict, row.get("species") or None, row.get("stage") or None)
            marked.append((row, said))
    if len(sheets) != 1:
        raise WrongUsage(
            f"The table names {len(sheets)} sheets; say with --of-sheet, or in a column sheet, which one it answers."
        )
    return SheetAnswer(sheets.pop(), tuple(marked), others)


def give_answer(store: Store, session: Session, answer: SheetAnswer, reviewer: str) -> SheetResult:
    """Give the verdicts of an answer, a page for each batch; the same answer of the same reviewer counts once.

    A corrected answer is one of its own: its verdicts hold, and those before them stay in the history.

    Raises:
        WrongUsage: the sheet is of another session, a cell is none of its cells or named twice, a value is none of
            those allowed, or the answer says nothing.
        StoreProblem: the disk is full or fails; the same answer goes on where it stopped.
    """
    checked_code("reviewer", reviewer)
    sheet = sheet_of(store, session, answer.sheet)
    verdicts = _verdicts(sheet, answer.marked)
    shown = [cell for cell in sheet.cells if answer.others or cell.name in verdicts]
    if not shown:
        raise WrongUsage(
            f"The answer to sheet {sheet.code} holds no verdict; if none of its cells holds a parasite, say so with "
            "--none-of-the-others."
        )
    pages = []
    for batch in sorted({cell.batch for cell in shown}, reverse=True):
        names = tuple(cell.name for cell in shown if cell.batch == batch)
        said = {name: verdicts[name] for name in names if name in verdicts}
        key = _key(sheet, batch, reviewer, names, said.values())
        pages.append(answer_page(store, session, PageAnswer(key, reviewer, names, said)))
    parasites = sum(verdict.verdict in ("asexual", "gametocyte") for verdict in verdicts.values())
    return SheetResult(sheet.code, len(sheet.cells), len(shown), parasites, tuple(pages))


def _verdicts(sheet: Sheet, marked: Iterable[tuple[_Row, Verdict]]) -> dict[str, Verdict]:
    """Verdicts by the cell's name, all of them checked."""
    by_number = {str(cell.number): cell.name for cell in sheet.cells}
    names = set(by_number.values())
    found: dict[str, Verdict] = {}
    for row, said in marked:
        number, name = row.get("number", ""), row.get("cell", "")
        number = number.lstrip("0") if number.isascii() and number.isdigit() else number
        if number and number not in by_number:
            raise WrongUsage(
                f"Sheet {sheet.code} has no number {printable(row['number'])!r}, only 1 to {len(sheet.cells):,}; is "
                "it the answer to another sheet?"
            )
        if name and (name not in names or (number and by_number[number] != name)):
            there = f"number {number} is cell {by_number[number]}" if number else "it is not on it"
            raise WrongUsage(
                f"Cell {printable(name)!r} does not fit sheet {sheet.code}: {there}; is it the answer to another sheet?"
            )
        if not (number or name):
            raise WrongUsage(
                f"A verdict {printable(said.verdict)!r} in the answer to sheet {sheet.code} names no cell; give its "
                "number."
            )
        name = name or by_number[number]
        if name in found:
            raise WrongUsage(f"Cell {name} has two rows in the answer to sheet {sheet.code}; leave one of them.")
        found[name] = Verdict(name, said.verdict, said.species, said.stage)
        found[name].check()
    return found


def _key(sheet: Sheet, batch: int, reviewer: str, names: Iterable[str], said: Iterable[Verdict]) -> str:
    """A page's key that the same answer of the same reviewer to the same sheet always has."""
    content = repr((reviewer, list(names), sorted(tuple(vars(verdict).items()) for verdict in said)))
    return f"{sheet.code}-{batch}-{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def _rows(reader: csv.DictReader[str]) -> Iterator[dict[str | Any, str | Any]]:
    try:
        yield from reader
    except csv.Error as error:
        raise WrongUsage(f"The table is no CSV ({error}); save it as CSV with the encoding UTF-8.") from error


def _reader(text: str) -> csv.DictReader[str]:
    """The rows of a table; its heading says by what they are divided."""
    heading = text.partition("\n")[0]
    divider = max(",;\t", key=heading.count)
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=divider)
