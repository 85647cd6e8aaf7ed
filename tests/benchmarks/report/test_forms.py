"""One section, three forms: every figure is in each of them."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from benchmarks.report.forms import html, markdown, table_text, text
from benchmarks.report.section import FigureTable, section_of
from tests.benchmarks.report.documents import ALL


@pytest.mark.parametrize("kind", ALL)
def test_each_form_has_every_figure(kind: str) -> None:
    section = section_of(kind, ALL[kind](), kind)
    forms = [text(section), markdown(section).replace("\\|", "|"), unescape(html(section, kind, None))]
    tables = [*section.tables, *(table for detail in section.details for table in detail.tables)]
    remarks = [*section.remarks, *(remark for detail in section.details for remark in detail.remarks)]
    assert tables
    for form in forms:
        for table in tables:
            assert all(cell in form for row in (table.headings, *table.rows) for cell in row)
        assert all(remark in form for remark in remarks)
        assert all(value in form for value in section.facts.values())


@pytest.mark.parametrize("kind", ALL)
def test_a_readme_has_neither_heading_nor_details(kind: str) -> None:
    section = section_of(kind, ALL[kind](), kind)
    block = markdown(section, level=0)
    assert f"# {section.title}" not in block
    for detail in section.details:
        assert not any(remark in block for remark in detail.remarks)


def test_a_wide_table_goes_on_below_itself() -> None:
    wide = FigureTable("Many", ("name", *"abc"), [("x", "1" * 60, "2" * 60, "3" * 60)])
    assert table_text(wide).splitlines() == [
        "Many",
        f"name  {'a':>60}  {'b':>60}",
        f"----  {'-' * 60}  {'-' * 60}",
        f"x     {'1' * 60}  {'2' * 60}",
        "",
        f"name  {'c':>60}",
        f"----  {'-' * 60}",
        f"x     {'3' * 60}",
    ]


def test_a_bar_in_a_cell_ends_no_column() -> None:
    section = replace(section_of("models", ALL["models"](), "x"), tables=[FigureTable("", ("name",), [("a|b",)])])
    assert "\n| a\\|b |\n" in markdown(section)
