"""The HTTP API as programs call it: the same answers as the command line, sessions from begin to report."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import cli
from edge_runtime.counting import exact, rule_of_three
from edge_runtime.sessions import ModelRecord, open_store
from edge_runtime.sessions.blank_slides import blank_session
from tests.edge_runtime.server.server_tools import (
    TestClient,
    begin,
    cell_image,
    client,
    field_image,
    is_problem,
    uploads,
)
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, filled
from tests.edge_runtime.sessions.session_tools import field as made_up_field
from tests.edge_runtime.sessions.session_tools import image as made_up_image

pytest.importorskip("cv2", reason="whole fields need OpenCV")


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[TestClient]:
    with client(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def field() -> bytes:
    return field_image()


def without_disk(document: dict[str, Any]) -> dict[str, Any]:
    """A field's document without the free space of a disk that others use too."""
    status = {name: value for name, value in document["status"].items() if name != "free_bytes"}
    return {**document, "status": status}


def test_classify_answers_with_the_lines_of_the_command(
    caller: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"a.png": cell_image(), "b.png": cell_image((90, 40, 120), (57, 61)), "c.png": b"no image", "d.png": b""}
    monkeypatch.chdir(tmp_path)
    for name, content in contents.items():
        Path(name).write_bytes(content)
    assert cli.run(["classify", "--json", *contents]) == 1
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answer = caller.post("/v1/classify", files=[("files", item) for item in contents.items()])
    assert answer.status_code == 200
    assert answer.json() == {"results": printed}
    assert [list(line) for line in answer.json()["results"]] == [list(line) for line in printed]


def test_fields_answer_with_the_lines_of_the_command(
    caller: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    field: bytes,
) -> None:
    monkeypatch.chdir(tmp_path)
    dark = io.BytesIO()
    Image.fromarray((np.asarray(Image.open(io.BytesIO(field))) * 0.15).astype(np.uint8)).save(dark, "PNG")
    contents = {"smear.png": field, "dark.png": dark.getvalue(), "bad.png": field[:2000]}
    for name, content in contents.items():
        Path(name).write_bytes(content)
    assert cli.run(["classify", "--field", "--json", *contents]) == 1
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answer = caller.post("/v1/fields", files=[("files", item) for item in contents.items()])
    assert answer.json() == {"results": printed} and len(printed[0]["cells"]) > 5


def test_a_session_from_begin_to_report(caller: TestClient, field: bytes) -> None:
    code = begin(caller, stain="giemsa", rbc_per_ul=4_500_000, stop="who", operator="AB", magnification=1000)
    status = caller.get(f"/v1/sessions/{code}").json()
    assert status["machine"] is None and status["to_count"] is None and status["participant"]
    assert status["detection_words"] == "detection limit not established on this device"

    added = caller.post(f"/v1/sessions/{code}/fields", files=uploads(field, b"no image", field)).json()["results"]
    assert [("field" in line, line.get("repeat")) for line in added] == [(True, False), (False, None), (True, True)]
    first = added[0]
    assert (first["width"], first["height"], first["accepted"]) == (480, 360, True)
    cells = first["result"]["cells"]
    assert cells[0]["cell"] == "1.1" and {"infected", "suspected", "box", "probability"} <= set(cells[0])
    assert first["status"]["totals"]["cells"] == len(cells) == added[2]["status"]["totals"]["cells"]
    assert first["status"]["machine"]["counted"] == len(cells)
    assert first["status"]["to_count"] == 5000 - len(cells)
    assert added[1]["error"]["kind"] == "not-an-image"
    assert without_disk({**added[2], "repeat": False}) == without_disk(first)

    left_out = first["result"].pop("excluded_boxes")  # of a field just read only
    assert Counter(item["reason"] for item in left_out) == Counter(first["result"]["excluded"])
    assert all(len(item["box"]) == 4 for item in left_out) and left_out

    listed = caller.get(f"/v1/sessions/{code}/fields").json()["fields"]
    suspected = sum(cell["suspected"] for cell in cells)
    infected = sum(cell["infected"] for cell in cells)
    assert listed == [{"field": 1, "accepted": True, "cells": len(cells), "suspected": suspected, "infected": infected}]
    assert without_disk(caller.get(f"/v1/sessions/{code}/fields/1").json()) == without_disk(first)
    image = caller.get(first["image"])
    assert image.headers["content-type"] == "image/png" and image.content == field
    (row,) = caller.get("/v1/sessions").json()["sessions"]
    assert (row["code"], row["slide"], row["cells"], row["infected"]) == (code, "A17", len(cells), infected)

    report = caller.get(f"/v1/sessions/{code}/report.html")
    assert code in report.text and "script" not in report.headers["content-security-policy"].replace("script-src", "")
    assert caller.get(f"/v1/sessions/{code}/report.pdf").content.startswith(b"%PDF-1.4")
    assert caller.get(f"/v1/sessions/{code}/report.json").json()["totals"]["cells"] == len(cells)
    with zipfile.ZipFile(io.BytesIO(caller.get(f"/v1/sessions/{code}/export.zip").content)) as archive:
        assert {"session.json", "cells.csv", "fields.csv"} <= set(archive.namelist())
        table = list(csv.DictReader(io.StringIO(archive.read("cells.csv").decode())))
    assert [row["cell"] for row in table] == [str(i) for i in range(1, len(cells) + 1)]
    exported = caller.get(f"/v1/sessions/{code}/export.json").json()
    assert exported["session"] == code and len(exported["cells"]) == len(cells)


def test_the_status_is_the_one_of_the_command(
    caller: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: bytes
) -> None:
    code = begin(caller, stop="25%")
    caller.post(f"/v1/sessions/{code}/fields", files=uploads(field))
    assert cli.run(["session", "status", code, "--json", "--store", str(tmp_path / "store")]) == 0
    printed = json.loads(capsys.readouterr().out)
    status = caller.get(f"/v1/sessions/{code}").json()
    del printed["free_bytes"], status["free_bytes"]
    assert {name: status[name] for name in printed} == printed


def test_review_verdicts_and_undo(caller: TestClient, field: bytes) -> None:
    code = begin(caller)
    caller.post(f"/v1/sessions/{code}/fields", files=uploads(field))
    before = caller.get(f"/v1/sessions/{code}/review").json()
    cells = before["cells"]
    assert before["review"]["pending"] == before["review"]["suspected"] == len(cells) > 0
    name = cells[0]["cell"]
    picture = caller.get(f"/v1/sessions/{code}/cells/{name}/picture")
    assert picture.headers["content-type"] == "image/jpeg" and Image.open(io.BytesIO(picture.content)).width <= 160

    said = {"verdict": "asexual", "species": "falciparum", "stage": "ring", "reviewer": "AB"}
    after = caller.put(f"/v1/sessions/{code}/cells/{name}/verdict", json=said).json()
    status = caller.get(f"/v1/sessions/{code}").json()
    assert {**after["status"], "free_bytes": 0} == {**status, "free_bytes": 0} and after["status"]["reviewed"]
    assert after["review"]["asexual"] == 1 and after["review"]["pending"] == len(cells) - 1
    assert name not in [cell["cell"] for cell in after["cells"]]
    all_cells = caller.get(f"/v1/sessions/{code}/review", params={"verdict": "all", "limit": 1}).json()["cells"]
    assert [(cell["cell"], cell["verdict"], cell["stage"]) for cell in all_cells] == [(name, "asexual", "ring")]
    assert caller.get(f"/v1/sessions/{code}").json()["reviewed"]["infected"] == 1

    undone = caller.delete(f"/v1/sessions/{code}/cells/{name}/verdict", params={"reviewer": "AB"}).json()
    assert {key: undone[key] for key in before} == before and undone["verdict"] is None
    assert undone["status"]["reviewed"] is None
    again = caller.delete(f"/v1/sessions/{code}/cells/{name}/verdict", params={"reviewer": "AB"})
    assert is_problem(again, 409, "no-verdict")


def test_any_cell_has_a_picture(caller: TestClient, field: bytes) -> None:
    code = begin(caller)
    (added,) = caller.post(f"/v1/sessions/{code}/fields", files=uploads(field)).json()["results"]
    calm = next(cell for cell in added["result"]["cells"] if not cell["suspected"])
    answer = caller.get(f"/v1/sessions/{code}/cells/{calm['cell']}/picture")
    left, top, width, height = calm["box"]
    shown = Image.open(io.BytesIO(answer.content))
    assert (shown.width >= width and shown.height >= height) or 0 in (left, top)


def test_a_count_by_eye(caller: TestClient, field: bytes) -> None:
    code = begin(caller)
    caller.post(f"/v1/sessions/{code}/fields", files=uploads(field))
    said = {"counted": 1000, "asexual": 3, "gametocytes": 1, "reviewer": "AB"}
    answer = caller.post(f"/v1/sessions/{code}/manual-counts", json=said)
    assert answer.status_code == 201 and answer.json()["manual"][0]["counted"] == 1000
    (manual,) = caller.get(f"/v1/sessions/{code}/report.json").json()["manual"]
    assert (manual["counted"], manual["asexual"], manual["operator"]) == (1000, 3, "AB")
    answer = caller.post(f"/v1/sessions/{code}/manual-counts", json={**said, "counted": 2})
    assert is_problem(answer, 422, "wrong-usage")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/nothing", None, 404, "not-found"),
        ("GET", "/page/../../setup.cfg", None, 404, "not-found"),
        ("GET", "/page/%2e%2e/%2e%2e/app.py", None, 404, "not-found"),
        ("GET", "/page/", None, 404, "not-found"),
        ("PATCH", "/v1/sessions", None, 405, "method-not-allowed"),
        ("GET", "/v1/sessions/S-2222222", None, 404, "no-session"),
        ("GET", "/v1/sessions/%00", None, 404, "no-session"),
        ("GET", "/v1/sessions/CODE/fields/1", None, 404, "no-field"),
        ("GET", "/v1/sessions/CODE/fields/1/image", None, 404, "no-field"),
        ("GET", "/v1/sessions/CODE/fields/0", None, 422, "invalid-request"),
        ("GET", "/v1/sessions/CODE/cells/1.1/picture", None, 404, "no-cell"),
        ("GET", "/v1/sessions/CODE/cells/x/picture", None, 404, "no-cell"),
        ("GET", "/v1/sessions/CODE/report.html", None, 409, "nothing-counted"),
        ("POST", "/v1/sessions/CODE/capture", None, 409, "no-camera"),
        ("GET", "/v1/live.mjpeg", None, 409, "no-camera"),
        ("GET", "/v1/live/events", None, 409, "no-camera"),
        ("PUT", "/v1/sessions/CODE/cells/1.1/verdict", {"verdict": "unsure", "reviewer": "AB"}, 404, "no-cell"),
        ("POST", "/v1/sessions", {}, 422, "invalid-request"),
        ("POST", "/v1/sessions", {"slide": "Maria Lopez"}, 422, "invalid-request"),
        ("POST", "/v1/sessions", {"slide": "1990-01-31"}, 422, "wrong-usage"),
        ("POST", "/v1/sessions", {"slide": "A1", "participant": "LOPEZ"}, 422, "wrong-usage"),
        ("POST", "/v1/sessions", {"slide": "A1", "name": "x"}, 422, "invalid-request"),
        ("POST", "/v1/sessions", {"slide": "A1", "haematocrit": 0.4}, 422, "invalid-request"),
    ],
)
def test_problems(caller: TestClient, method: str, path: str, body: Any, status: int, kind: str) -> None:
    code = begin(caller)
    answer = caller.request(method, path.replace("CODE", code), json=body)
    assert is_problem(answer, status, kind)
    assert "Lopez" not in answer.text or kind == "wrong-usage"
    if status == 405:
        assert set(answer.headers["allow"].split(", ")) >= {"GET"}


@pytest.mark.parametrize(
    ("files", "headers", "status", "kind"),
    [
        (None, {}, 415, "not-multipart"),
        (None, {"content-type": "multipart/form-data"}, 400, "bad-multipart"),
        (None, {"content-type": "multipart/form-data; boundary=x"}, 422, "no-files"),
        ("named", {"content-type": "multipart/form-data; boundary=x; charset=undefined"}, 400, "bad-multipart"),
        ([("other", ("a.png", b"x", "image/png"))], {}, 422, "no-files"),
        (uploads(*[b"x"] * 4), {}, 413, "too-many-files"),
        (uploads(bytes(2_000_000)), {}, 413, "too-large"),
    ],
)
def test_uploads_that_are_refused(tmp_path: Path, files: Any, headers: dict[str, str], status: int, kind: str) -> None:
    with client(tmp_path, max_files=3, max_upload=1_000_000) as caller:
        body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\na\r\n--x--\r\n'
        sent = {"content": body} if files == "named" else {"files": files}
        assert is_problem(caller.post("/v1/classify", headers=headers, **sent), status, kind)
        assert caller.get("/readyz").json() == {"status": "ready"}


def test_an_upload_of_unknown_length_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    """The limit holds while bytes arrive: the sender gets no more than a little beyond it taken."""
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(100):
            sent += 1
            yield bytes(100_000)

    with client(tmp_path, max_upload=1_000_000) as caller:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        assert is_problem(caller.post("/v1/classify", content=body(), headers=kind), 413, "too-large")
        held = [line for line in caller.get("/metrics").text.splitlines() if line.startswith("thinsmear_upload_bytes")]
    assert held == ["thinsmear_upload_bytes_held 0"]


def test_large_pictures_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    with client(tmp_path, max_pixels=10_000) as caller:
        (line,) = caller.post("/v1/classify", files=uploads(cell_image(size=(101, 100)))).json()["results"]
    assert line["error"]["kind"] == "too-large" and "10,000" in line["error"]["message"]


def test_names_of_uploads_are_only_repeated(caller: TestClient, tmp_path: Path) -> None:
    name = "../../etc/Maria Lopez\x1b[31m.png"
    (line,) = caller.post("/v1/classify", files=[("files", (name, b"x"))]).json()["results"]
    assert line["source"].endswith(".png") and "/" not in line["source"]
    assert "\x1b" not in line["error"]["message"]
    code = begin(caller)
    caller.post(f"/v1/sessions/{code}/fields", files=[("files", (name, field_image(3)))])
    stored = [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert len(stored) > 1 and not any("Maria" in name or "passwd" in name for name in stored)
    assert "Maria" not in caller.get(f"/v1/sessions/{code}/export.json").text


def test_another_kind_of_image_does_not_go_into_a_session(caller: TestClient, tmp_path: Path, field: bytes) -> None:
    code = begin(caller)
    (tmp_path / "cell.png").write_bytes(cell_image())
    arguments = ["session", "add", code, str(tmp_path / "cell.png"), "--cells", "-q", "--min-free", "0"]
    assert cli.run([*arguments, "--store", str(tmp_path / "store")]) == 0
    answer = caller.post(f"/v1/sessions/{code}/fields", files=uploads(field))
    assert is_problem(answer, 409, "not-this-session")


def test_info_health_and_figures(caller: TestClient) -> None:
    info = caller.get("/v1/info").json()
    assert info["signed_in"] is True and info["camera"] is None and info["stop_rules"]["who"] == 5000
    assert info["research_use"] == "For Research Use Only. Not for use in diagnostic procedures."
    assert set(info["verdicts"]) == {"asexual", "gametocyte", "no-parasite", "unsure"}
    assert caller.get("/healthz").json() == {"status": "ok"}
    text = caller.get("/metrics").text
    assert 'thinsmear_requests_total{route="/v1/info",method="GET",status="200"} 1' in text
    assert 'thinsmear_request_seconds_bucket{route="/v1/info",le="+Inf"} 1' in text
    for line in text.splitlines():  # each a comment or a sample: name, labels, value
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0


def test_a_judge_sees_fields_that_another_process_added(caller: TestClient, tmp_path: Path, field: bytes) -> None:
    code = begin(caller)
    (tmp_path / "same.jpg").write_bytes(field_image(0, kind="JPEG"))
    caller.post(f"/v1/sessions/{code}/fields", files=uploads(field_image(1)))
    store = ["--store", str(tmp_path / "store"), "--min-free", "0", "-q"]
    assert cli.run(["session", "add", code, str(tmp_path / "same.jpg"), *store]) == 0
    (added,) = caller.post(f"/v1/sessions/{code}/fields", files=uploads(field)).json()["results"]
    assert added["field"] == 3 and not added["accepted"]
    assert [refusal["kind"] for refusal in added["result"]["quality"]["refused"]] == ["repeat"]


def test_a_verdict_is_taken_back_by_its_number_only_while_it_holds(caller: TestClient, field: bytes) -> None:
    code = begin(caller)
    caller.post(f"/v1/sessions/{code}/fields", files=uploads(field))
    cell = caller.get(f"/v1/sessions/{code}/review").json()["cells"][0]
    assert cell["number"] is None
    path = f"/v1/sessions/{code}/cells/{cell['cell']}/verdict"
    first = caller.put(path, json={"verdict": "unsure", "reviewer": "AB"}).json()["verdict"]
    again = caller.put(path, json={"verdict": "unsure", "reviewer": "AB"}).json()["verdict"]  # its answer got lost
    assert again == first and (first["cell"], first["verdict"], first["reviewer"]) == (cell["cell"], "unsure", "AB")
    later = caller.put(path, json={"verdict": "asexual", "reviewer": "CD"}).json()["verdict"]
    shown = caller.get(f"/v1/sessions/{code}/review", params={"verdict": "all"}).json()["cells"]
    assert [found["number"] for found in shown if found["cell"] == cell["cell"]] == [later["number"]]

    answer = caller.delete(path, params={"reviewer": "AB", "number": first["number"]})
    assert is_problem(answer, 409, "not-current") and "asexual by CD" in answer.json()["detail"]
    answer = caller.delete(path, params={"reviewer": "CD", "number": later["number"]})
    assert answer.json()["verdict"] == first  # sent twice, taken once
    assert caller.delete(path, params={"reviewer": "AB", "number": first["number"]}).json()["verdict"] is None
    answer = caller.delete(path, params={"reviewer": "AB", "number": first["number"]})
    assert is_problem(answer, 409, "not-current")
    assert is_problem(caller.delete(path, params={"reviewer": "AB", "number": "x"}), 422, "invalid-request")


def test_what_a_status_says_of_the_end_and_of_what_is_excluded(caller: TestClient, tmp_path: Path) -> None:
    with open_store(tmp_path / "store", min_free=0) as store:
        session = filled(store, [[0.5] + [0.01] * 99], replace(PLAN, stop_rule="25%"))
        seen = caller.get(f"/v1/sessions/{session.code}").json()
        assert (seen["stop"]["kind"], seen["excludes_kind"]) == ("not-yet", "machine")
        assert seen["excludes"] == pytest.approx(rule_of_three(100))
        said = {"verdict": "unsure", "reviewer": "AB"}
        seen = caller.put(f"/v1/sessions/{session.code}/cells/1.1/verdict", json=said).json()["status"]
        assert seen["excludes_kind"] == "reviewed" and seen["excludes"] == pytest.approx(exact(1, 100).high)
        found = filled(store, [[0.95] * 10 + [0.01] * 90], replace(PLAN, stop_rule="bsh"), first=9)
    seen = caller.get(f"/v1/sessions/{found.code}").json()
    assert (seen["stop"]["kind"], seen["excludes"], seen["excludes_kind"]) == ("counting", None, "machine")
    empty = caller.get(f"/v1/sessions/{begin(caller)}").json()
    assert (empty["excludes"], empty["excludes_kind"], empty["stop"]) == (None, None, None)


def test_blanks_that_cannot_be_used_close_no_session(caller: TestClient, tmp_path: Path, field: bytes) -> None:
    model = ModelRecord.of(caller.app.state.service.classifier)  # type: ignore[attr-defined]
    with open_store(tmp_path / "store", min_free=0) as store:
        blank = blank_session(store, "NEG1", model.sha256, "field")
        store.add_field(blank, made_up_image(900), made_up_field([0.95] * 6), model)
    code = begin(caller, stop="25%")
    answer = caller.post(f"/v1/sessions/{code}/fields", files=uploads(field))
    assert answer.status_code == 200 and answer.json()["results"][0]["status"]["stop"]["kind"] == "never"
    status = caller.get(f"/v1/sessions/{code}").json()
    assert status["stop"]["target"] is None and status["to_count"] is None and status["machine"]["problem"]
    assert caller.get(f"/v1/sessions/{code}/report.json").json()["stop"]["kind"] == "never"


def test_a_session_begins_only_where_there_is_room_for_it(tmp_path: Path) -> None:
    with client(tmp_path, min_free=10**15) as caller:
        answer = caller.post("/v1/sessions", json={"slide": "A17"})
        assert is_problem(answer, 507, "no-space") and "1,000,000,000 MB" in answer.json()["detail"]
        assert caller.get("/v1/sessions").json() == {"sessions": []}


def test_an_image_wider_than_jpeg_can_be_is_shown(caller: TestClient, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (70_000, 20), (200, 150, 160)).save(stream, "TIFF")
    with open_store(tmp_path / "store", min_free=0) as store:
        session = store.new_session(PLAN)
        store.add_field(session, stream.getvalue(), made_up_field([0.01]), MODEL)
    answer = caller.get(f"/v1/sessions/{session.code}/fields/1/image")
    assert answer.status_code == 200 and Image.open(io.BytesIO(answer.content)).width == 65_500
