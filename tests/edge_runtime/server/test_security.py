"""Who may ask the server what: names, tokens, cookies, forged requests, rates, and what answers carry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import WrongUsage
from edge_runtime.server.access import address as qr
from tests.edge_runtime.server.server_tools import PHONE, TOKEN, begin, cell_image, client, is_problem, uploads

from edge_runtime.server.page import routes  # isort: skip
from edge_runtime.server.settings import Settings  # isort: skip
from edge_runtime.server.access.tokens import COOKIE_LIFE, Keys, own_token, read_token  # isort: skip  after the skip above

NETWORK: dict[str, Any] = {"host": "0.0.0.0", "token": TOKEN, "rate": 0.0}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAGE = {"X-Thinsmear": "page"}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("localhost:9000", True),  # a port that is forwarded
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("LOCALHOST", True),
        ("scope.example", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("0.0.0.0:8080", False),
        ("", False),
        ("[broken", False),
    ],
)
def test_names_under_which_it_answers(tmp_path: Path, host: str, allowed: bool) -> None:
    with client(tmp_path, hosts=("scope.example",)) as caller:
        answer = caller.get("/healthz", headers={"Host": host})
        assert answer.status_code == 200 if allowed else is_problem(answer, 421, "wrong-host")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (BEARER, 200),
        ({"Authorization": f"bearer  {TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer é"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Cookie": f"thinsmear-8080={TOKEN}"}, 401),
        ({"Cookie": "thinsmear-8080=9999999999.x." + "0" * 64}, 401),
        ({"Cookie": "thinsmear-8080=."}, 401),
    ],
)
def test_the_token_from_elsewhere(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    encoded = {name: value.encode("utf-8") for name, value in headers.items()}
    with client(tmp_path, PHONE, "http://thinsmear.test", hosts=("thinsmear.test",), **NETWORK) as caller:
        answer = caller.get("/v1/sessions", headers=encoded)  # type: ignore[arg-type]
        assert answer.status_code == status
        if status == 401:
            assert is_problem(answer, 401, "token-needed") and answer.headers["www-authenticate"].startswith("Bearer")


def test_what_is_open_without_the_token(tmp_path: Path) -> None:
    with client(tmp_path, PHONE, "http://thinsmear.test", hosts=("thinsmear.test",), **NETWORK) as caller:
        info = caller.get("/v1/info").json()
        assert (info["signed_in"], info["model"], info["camera"], info["qr"]) == (False, None, None, None)
        assert caller.get("/healthz").status_code == 200 and caller.get("/readyz").status_code == 200
        for path in ("/v1/sessions/newest", "/metrics", "/openapi.json", "/v1/live.mjpeg", "/v1/qr.svg", "/other"):
            assert is_problem(caller.get(path), 401, "token-needed")


def test_this_device_needs_no_token_unless_a_file_holds_it(tmp_path: Path) -> None:
    with client(tmp_path, **NETWORK) as caller:
        assert caller.get("/v1/sessions").status_code == 200
        qr = caller.get("/v1/qr.svg")
        assert qr.headers["content-type"] == "image/svg+xml" and b"<svg" in qr.content
        assert caller.get("/v1/info").json()["qr"] == "/v1/qr.svg"
        # a proxy on this device speaks for somebody else
        assert caller.get("/v1/sessions", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 401
    with client(tmp_path, token=TOKEN, token_for_all=True) as caller:
        assert caller.get("/v1/sessions").status_code == 401
        assert is_problem(caller.get("/v1/qr.svg", headers=BEARER), 404, "not-found")


def test_a_browser_signs_in_and_out(tmp_path: Path) -> None:
    with client(tmp_path, PHONE, "http://thinsmear.test", hosts=("thinsmear.test",), **NETWORK) as caller:
        page = {**PAGE, "Origin": "http://thinsmear.test"}
        assert is_problem(caller.post("/v1/login", json={"token": "guess"}, headers=page), 401, "wrong-token")
        answer = caller.post("/v1/login", json={"token": TOKEN}, headers=page)
        assert answer.status_code == 204
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said and "samesite=strict" in said and "path=/" in said and "secure" not in said
        assert TOKEN not in said
        assert caller.get("/v1/info").json()["signed_in"] is True
        code = caller.post("/v1/sessions", json={"slide": "A17"}, headers=page).json()["session"]
        assert caller.get(f"/v1/sessions/{code}").status_code == 200
        stolen = caller.cookies["thinsmear-8080"]
        assert caller.post("/v1/logout", headers=page).status_code == 204
        assert caller.get("/v1/sessions").status_code == 401
        assert caller.get("/v1/sessions", headers={"Cookie": f"thinsmear-8080={stolen}"}).status_code == 401
    with client(tmp_path, PHONE, "http://thinsmear.test", hosts=("thinsmear.test",), **NETWORK) as caller:
        assert caller.get("/v1/sessions", headers={"Cookie": f"thinsmear-8080={stolen}"}).status_code == 401


def test_under_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    settings = {**NETWORK, "certificate": Path("cert.pem")}
    with client(tmp_path, PHONE, "https://thinsmear.test", hosts=("thinsmear.test",), **settings) as caller:
        page = {**PAGE, "Origin": "https://thinsmear.test"}
        said = caller.post("/v1/login", json={"token": TOKEN}, headers=page).headers["set-cookie"]
        assert said.startswith("__Host-thinsmear-8080=") and "secure" in said.lower()


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    with client(tmp_path, PHONE, "http://thinsmear.test", hosts=("thinsmear.test",), **NETWORK) as caller:
        guesses = [caller.post("/v1/login", json={"token": f"guess {i}"}).status_code for i in range(8)]
        assert guesses == [401] * 5 + [429] * 3
        # who knows the token is not kept out by others' guesses
        assert caller.post("/v1/login", json={"token": TOKEN}).status_code == 204
    with client(tmp_path, PHONE, "http://thinsmear.test", hosts=("thinsmear.test",), **NETWORK) as caller:
        wrong = [{"Authorization": f"Bearer guess-{i}"} for i in range(8)]
        guesses = [caller.get("/v1/sessions", headers=headers).status_code for headers in wrong]
        assert guesses == [401] * 5 + [429] * 3
        assert caller.post("/v1/login", json={"token": "guess"}).status_code == 429  # one limit for both ways
        assert caller.get("/v1/sessions", headers=BEARER).status_code == 200
        caller.cookies.clear()
        assert is_problem(caller.get("/v1/sessions"), 401, "token-needed")  # no token is no guess


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),  # curl
        ({"Origin": "http://localhost", **PAGE}, 201),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin", **PAGE}, 201),
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": "http://evil.example", **PAGE}, 403),
        ({"Origin": "http://localhost:9000", **PAGE}, 403),  # another program on this device
        ({"Origin": "null", **PAGE}, 403),
        ({"Sec-Fetch-Site": "cross-site", **PAGE}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost", **PAGE}, 403),
        ({"Referer": "http://evil.example/x"}, 403),
        ({"Cookie": "thinsmear-8080=x"}, 403),
        ({"Origin": "http://evil.example", **BEARER}, 403),
        (BEARER, 201),
    ],
)
def test_what_other_pages_make_a_browser_send(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    with client(tmp_path) as caller:
        answer = caller.post("/v1/sessions", json={"slide": "A17"}, headers=headers)
        assert answer.status_code == status
        assert len(caller.get("/v1/sessions").json()["sessions"]) == (status == 201)


def test_other_pages_may_link_here_but_show_nothing(tmp_path: Path) -> None:
    with client(tmp_path) as caller:
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert is_problem(caller.get("/v1/sessions", headers=cross), 403, "other-page")
        assert caller.get("/", headers={**cross, "Sec-Fetch-Mode": "navigate"}).status_code in (200, 404)


def test_every_answer_has_the_headers(tmp_path: Path) -> None:
    with client(tmp_path) as caller:
        for answer in (
            caller.get("/healthz"),
            caller.get("/nothing"),
            caller.get("/", headers={"Host": "evil.example"}),
        ):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
            assert "access-control-allow-origin" not in answer.headers and "server" not in answer.headers


def test_only_files_that_ship_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page" / "js").mkdir(parents=True)
    (tmp_path / "page" / "js" / "app.js").write_text("export {}")
    (tmp_path / "page" / "index.html").write_text("<!doctype html>")
    (tmp_path / "page" / "notes.txt").write_text("not a part of the page")
    (tmp_path / "secret.json").write_text("{}")
    with client(tmp_path) as caller:
        monkeypatch.setattr(routes, "FILES", routes.page_files(tmp_path / "page"))
        assert caller.get("/").headers["content-type"] == "text/html; charset=utf-8"
        answer = caller.get("/page/js/app.js")
        assert answer.text == "export {}" and answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "no-cache"
        again = caller.get("/page/js/app.js", headers={"If-None-Match": f'"other", W/{answer.headers["etag"]}'})
        assert again.status_code == 304 and not again.content
        for name in ("notes.txt", "js", "js/", "../secret.json", "..%2fsecret.json", "%2fetc/passwd", "", "js//app.js"):
            assert caller.get(f"/page/{name}").status_code == 404


def test_too_many_requests_from_one_address(tmp_path: Path) -> None:
    settings = {**NETWORK, "rate": 2.0, "hosts": ("thinsmear.test",)}
    with client(tmp_path, PHONE, "http://thinsmear.test", **settings) as caller:
        answers = [caller.get("/healthz") for _ in range(9)]
        assert [answer.status_code for answer in answers[:6]] == [200] * 6
        assert is_problem(answers[-1], 429, "too-many-requests") and int(answers[-1].headers["retry-after"]) >= 1
    with client(tmp_path, **settings) as caller:  # this device itself
        assert {caller.get("/healthz").status_code for _ in range(20)} == {200}


def test_the_log_holds_no_names_and_no_codes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "thinsmear")
    with client(tmp_path) as caller:
        code = begin(caller, operator="MARIA")
        caller.get(f"/v1/sessions/{code}")
        caller.post("/v1/classify", files=uploads(cell_image(), b"bad", name="Maria Lopez"))
        caller.get("/v1/sessions/Maria?name=Lopez")
    logged = caplog.text
    assert "GET /v1/sessions/{code} 200" in logged and "POST /v1/classify 200" in logged
    assert code not in logged and "maria" not in logged.lower() and "lopez" not in logged.lower()
    assert "127.0.0.1" not in logged


def test_the_qr_code_holds_the_address_and_the_token() -> None:
    assert qr.link("http://10.42.0.1:8080/", "a+b/c=") == "http://10.42.0.1:8080/#token=a%2Bb%2Fc%3D"
    assert qr.addresses(Settings(Path("."), host="fd00::1", certificate=Path("c")), 443) == ["https://[fd00::1]:443/"]
    assert qr.addresses(Settings(Path("."), host="0.0.0.0"), 80)
    assert not any(address.startswith("127.") for address in qr.own_addresses())
    assert qr.svg("x" * 90).startswith(b"<?xml") and len(qr.terminal("x" * 90).splitlines()) > 10


def test_cookies() -> None:
    now = [1000.0]
    keys = Keys(TOKEN, lambda: now[0])
    cookie = keys.new_cookie()
    assert keys.is_cookie(cookie) and Keys(TOKEN, lambda: now[0]).is_cookie(cookie)  # also after a restart
    assert not Keys("another-token-0123456789", lambda: now[0]).is_cookie(cookie)
    end, rest = cookie.split(".", 1)
    for forged in ("", ".", "..", cookie[:-1], f"{int(end) + 1}.{rest}", f"x.{rest}", cookie + "0", "é" * 300):
        assert not keys.is_cookie(forged)
    keys.sign_out(cookie)
    assert not keys.is_cookie(cookie) and keys.is_cookie(keys.new_cookie())
    assert Keys(TOKEN, lambda: now[0]).is_cookie(cookie)  # forgotten with the object, where there is no file
    late = keys.new_cookie()
    now[0] += COOKIE_LIFE + 1
    assert not keys.is_cookie(late)


def test_a_signed_out_cookie_stays_signed_out_after_a_restart(tmp_path: Path) -> None:
    now, path = [1000.0], tmp_path / "serve" / "signed-out"

    def restarted() -> Keys:
        return Keys(TOKEN, lambda: now[0], path)

    keys = restarted()
    gone, other = keys.new_cookie(), keys.new_cookie()
    keys.sign_out(gone)
    assert not restarted().is_cookie(gone) and restarted().is_cookie(other)
    assert os.stat(path).st_mode & 0o077 == 0 and gone not in path.read_text()  # never with its signature
    now[0] += COOKIE_LIFE + 1
    keys = restarted()
    keys.sign_out(late := keys.new_cookie())
    assert path.read_text() == late.rpartition(".")[0] + "\n"  # what is too old is forgotten
    path.write_bytes(b"\xff\x00 no cookie\n.\n")
    assert restarted().is_cookie(restarted().new_cookie())


@pytest.mark.parametrize("text", ["", "short", "a token with spaces in it", "Ünicode-token-0123456789"])
def test_bad_token_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(WrongUsage, match="must be 16 or more"):
        read_token(path)


def test_the_own_token_stays_and_is_private(tmp_path: Path) -> None:
    token = own_token(tmp_path / "serve")
    assert own_token(tmp_path / "serve") == token and len(token) >= 32
    own_token(tmp_path / "store" / "serve")
    assert os.stat(tmp_path / "store").st_mode & 0o077 == 0
    assert os.stat(tmp_path / "serve" / "token").st_mode & 0o077 == 0
    (tmp_path / "serve" / "token").chmod(0o644)
    with pytest.raises(WrongUsage, match="chmod 600"):
        own_token(tmp_path / "serve")
