"""What the machine left out over HTTP: pages of objects after those of cells, and cells that a person adds to a field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.sessions import open_store
from tests.edge_runtime.server.server_tools import TestClient, client, is_problem
from tests.edge_runtime.sessions.test_left_out import slide


@pytest.fixture
def code(tmp_path: Path) -> str:
    """Of a session of 300 cells in two fields, two of them infected, with three objects."""
    with open_store(tmp_path / "store", create=True, min_free=0) as store:
        return slide(store).code


@pytest.fixture
def caller(code: str, tmp_path: Path) -> Iterator[TestClient]:
    with client(tmp_path) as found:
        yield found


def _answer(caller: TestClient, code: str, page: dict[str, Any], marks: dict[str, Any], key: str) -> dict[str, Any]:
    names = [cell["cell"] for cell in page["cells"]]
    said = {"key": key, "reviewer": "AB", "cells": names, "size": 24}
    marks = {name: mark for name, mark in marks.items() if name in names}
    answer = caller.post(f"/v1/sessions/{code}/grid", json={**said, "verdicts": marks})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _page_of_objects(caller: TestClient, code: str) -> dict[str, Any]:
    """Answer pages of cells until one of objects comes."""
    document = caller.get(f"/v1/sessions/{code}/grid", params={"reviewer": "AB", "size": 24}).json()
    infected = {name: {"verdict": "asexual"} for name in ("1.1", "2.1")}
    for number in range(30):
        if document["page"] is None or document["page"]["kind"] == "objects":
            break
        document = _answer(caller, code, document["page"], infected, f"page-{number:04}")
    assert document["page"] is not None, "no page of objects came"
    page: dict[str, Any] = document["page"]
    return page


def test_objects_come_after_the_last_page_of_cells(caller: TestClient, code: str) -> None:
    page = _page_of_objects(caller, code)
    assert page["cells"] == [
        {"cell": "1.o1", "picture": True, "reason": "clump"},
        {"cell": "2.o1", "picture": True, "reason": "border"},
        {"cell": "1.o2", "picture": True, "reason": "debris"},
    ]
    names = ",".join(cell["cell"] for cell in page["cells"])
    sprite = caller.get(f"/v1/sessions/{code}/grid/sprite", params={"cells": names, "side": 64})
    assert sprite.headers["content-type"] == "image/jpeg" and "immutable" in sprite.headers["cache-control"]
    assert caller.get(f"/v1/sessions/{code}/cells/1.o1/picture").headers["content-type"] == "image/jpeg"
    done = _answer(caller, code, page, {"1.o1": {"verdict": "asexual"}}, "objects-1")
    assert done["page"] is None and done["accepted"] == 3
    assert [mark["probability"] for mark in done["answered"]["marks"]] == [0.97]
    assert done["state"]["left_out"]["asexual"] == 1 and done["state"]["estimate"]["infected"] == 3
    back = caller.post(f"/v1/sessions/{code}/grid/undo", json={"reviewer": "AB"}).json()
    assert back["taken_back"] == 3 and back["page"]["kind"] == "objects"
    assert back["state"]["left_out"]["looked"] == 0 and back["state"]["estimate"]["infected"] == 2


def test_unknown_objects_are_problems(caller: TestClient, code: str) -> None:
    path = f"/v1/sessions/{code}"
    is_problem(caller.get(f"{path}/grid/sprite", params={"cells": "1.o9"}), 404, "no-cell")
    is_problem(caller.get(f"{path}/cells/1.o9/picture"), 404, "no-cell")
    is_problem(caller.get(f"{path}/cells/1.a1/picture"), 404, "no-cell")


def test_a_cell_is_added_and_taken_back(caller: TestClient, code: str) -> None:
    path = f"/v1/sessions/{code}"
    said = {"x": 120, "y": 20, "verdict": "gametocyte", "reviewer": "AB", "key": "tap-0001"}
    first = caller.post(f"{path}/fields/1/added-cells", json=said)
    again = caller.post(f"{path}/fields/1/added-cells", json=said)
    assert first.status_code == again.status_code == 201 and first.json()["cell"] == again.json()["cell"]
    assert first.json()["cell"]["cell"] == "1.a1" and first.json()["status"]["review"]["gametocytes"] == 1
    assert caller.get(f"{path}/fields/1").json()["added"] == first.json()["added"] == again.json()["added"]
    assert caller.get(f"{path}/fields/1").json()["result"]["objects"][0]["object"] == "1.o1"
    assert caller.get(f"{path}/cells/1.a1/picture").status_code == 200
    gone = caller.delete(f"{path}/added-cells/1.a1", params={"reviewer": "AB"}).json()
    assert gone["cell"] is None and gone["added"] == [] and gone["status"]["review"]["gametocytes"] == 0
    is_problem(caller.delete(f"{path}/added-cells/1.a1", params={"reviewer": "AB"}), 409, "no-verdict")


def test_where_no_cell_can_be_added_is_told(caller: TestClient, code: str) -> None:
    path = f"/v1/sessions/{code}/fields"
    said = {"x": 15, "y": 10, "verdict": "asexual", "reviewer": "AB"}
    is_problem(caller.post(f"{path}/1/added-cells", json=said), 409, "cell-there")
    is_problem(caller.post(f"{path}/1/added-cells", json={**said, "x": 5000}), 409, "no-cell-added")
    is_problem(caller.post(f"{path}/9/added-cells", json=said), 404, "no-field")
    assert caller.post(f"{path}/1/added-cells", json={**said, "verdict": "no-parasite"}).status_code == 422
    assert caller.post(f"{path}/1/added-cells", json={**said, "x": -1}).status_code == 422
