"""Lists of cells as spreadsheets and programs write them: separators, encodings, headings, and numbers for labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.errors import BadData, WrongUsage
from tests.train.data.test_dataset import touch
from train.data.reading import Reading
from train.data.scan import scan

PLAIN = "path,label\na.png,parasitized\nb.png,uninfected\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separators_and_encodings(separator: str, encoding: str, ending: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    text = PLAIN.replace(",", separator).replace("\n", ending)
    (tmp_path / "cells.csv").write_bytes(text.encode(encoding))
    assert scan(tmp_path / "cells.csv").labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    "text",
    [
        "filename,class\na.png,infected\nb.png,healthy\n",
        "File Name;Class;Remark\na.png;malaria;x, y\nb.png;no-malaria;\n",
        "sep=;\npath;label\na.png;sick\nb.png;clean\n",
        "image_name\tdiagnosis\na.png\tfalciparum\nb.png\tnegative\n",
        "id,image-path,label\n1,a.png,positive\n2,b.png,negative\n",
        "a.png,parasitized\nb.png,uninfected\n",
        "uninfected;b.png\nparasitized;a.png\n",
        "7,./a.png,not healthy\n8,b.png,healthy\n",
        "path,infected\na.png,1\nb.png,0\n",
        "path;is_parasitized\na.png;True\nb.png;False\n",
        "path,uninfected\na.png,no\nb.png,yes\n",
        "filename, Parasitized, Uninfected\na.png, 1, 0\nb.png, 0, 1\n",
        "path,label\n\na.png,sick\n,\nb.png,clean\n\n",
        'path,label\n"a.png","sick"\n"b.png","clean"\n',
    ],
)
def test_headings_and_none(text: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "cells.csv").write_text(text)
    cells = scan(tmp_path / "cells.csv")
    assert (cells.paths, cells.labels.tolist()) == (("a.png", "b.png"), [1, 0])


def test_columns_without_a_heading_are_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "cells.csv").write_text("sick;a.png\nclean;b.png\n")
    scan(tmp_path / "cells.csv")
    assert "no heading: column 2 is taken for the path, column 1 for the label" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("where;what\na;b\n", "has columns where, what separated by semicolons; it needs path and label"),
        ("where\twhat\na\tb\n", "separated by tabs; it needs path and label"),
        ("where,what\na,b\n", "separated by commas; it needs"),
        ("where\na\n", "has columns where; it needs"),
        ("path,infected\na.png,perhaps\n", 'line 2: "perhaps" is neither yes nor no'),
        ("path,Parasitized,Uninfected\na.png,1,1\n", "line 2: one column says parasitized, another uninfected"),
        ("path,label\na.png,sick\nb.png\n", 'line 3: label "" is neither'),
    ],
)
def test_lists_that_do_not_tell_are_refused(text: str, words: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "cells.csv").write_text(text)
    with pytest.raises(BadData, match=words):
        scan(tmp_path / "cells.csv")


@pytest.mark.parametrize(
    ("heading", "zero", "one"), [("path,label\n", "0", "1"), ("", "0", "1"), ("path,class\n", "0.0", "1.0")]
)
def test_numbers_alone_are_no_label(heading: str, zero: str, one: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "cells.csv").write_text(f"{heading}a.png,{zero}\nb.png,{one}\nc.png,{one}\n")
    with pytest.raises(BadData, match=r"0 \(1 image\), 1 \(2 images\), .* --parasitized 0 "):
        scan(tmp_path / "cells.csv")
    assert scan(tmp_path / "cells.csv", Reading(parasitized=("0",))).labels.tolist() == [1, 0, 0]
    with pytest.raises(WrongUsage, match="no such number"):
        scan(tmp_path / "cells.csv", Reading(parasitized=("3",)))


def test_labels_that_are_not_what_the_folder_says_are_pointed_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "Parasitized/a.png", "Parasitized/b.png", "Uninfected/c.png")
    rows = "Parasitized/a.png,clean\nParasitized/b.png,sick\nUninfected/c.png,clean\n"
    (tmp_path / "corrected.csv").write_text("path,label\n" + rows)
    assert scan(tmp_path / "corrected.csv").labels.tolist() == [0, 1, 0]
    assert "1 of 3 labels in" in capfd.readouterr().err


def test_half_a_character_of_utf16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_bytes(PLAIN.encode("utf-16") + b"x")
    with pytest.raises(BadData, match="UTF-16 but is damaged"):
        scan(tmp_path / "cells.csv")
