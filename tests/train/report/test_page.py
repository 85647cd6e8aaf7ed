"""The page of all HTML reports: what is asked for is there, what is not leaves no trace, and all text is escaped."""

from __future__ import annotations

from edge_runtime.core.card import RESEARCH_USE
from train.report.page import page


def test_a_bare_page_has_a_heading_the_notice_and_its_content() -> None:
    text = page("Cells & more", "<p>content</p>")
    assert "<title>Cells &amp; more</title>" in text and "<h1>Cells &amp; more</h1>" in text
    assert '<main id="main">\n<p>content</p>\n</main>' in text and text.count(RESEARCH_USE) == 1
    assert "<nav" not in text and "<footer" not in text and 'class="skip"' not in text


def test_links_subtitle_footer_and_style_are_added() -> None:
    links = {"data": "Data <1>"}
    text = page("T", "", subtitle="3 < 4 cells", links=links, footer="numpy 2 & more", style=".x { color: red; }")
    assert '<a class="skip" href="#main">' in text and '<li><a href="#data">Data &lt;1&gt;</a></li>' in text
    assert "<p>3 &lt; 4 cells</p>" in text and "<p>numpy 2 &amp; more</p>" in text
    assert ".x { color: red; }</style>" in text and text.count(RESEARCH_USE) == 2


def test_bytes_that_are_no_text_do_not_keep_it_from_being_written() -> None:
    assert "\\udce9.png" in page("\udce9.png", "").encode("utf-8").decode("utf-8")
