"""What nobody without the token can do to a running server: fill it, hold it, stop it. Addresses are 127.0.0.2 and on."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import cli
from edge_runtime.errors import WrongUsage
from tests.edge_runtime.server.server_tools import TOKEN, Served, client, is_problem, served, wait_until

from edge_runtime.server import run  # isort: skip
from edge_runtime.server.access.bodies import MOST_BYTES, PATIENCE, UPLOADS  # isort: skip
from edge_runtime.server.access.door import OWN_PLACES, PER_ADDRESS, PLACES, SILENT, STUCK, Connections  # isort: skip
from edge_runtime.server.access.tokens import read_token  # isort: skip  after the skip above

OTHER, THIRD, OWN = "127.0.0.2", "127.0.0.3", "127.0.0.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Open to the network, so that other addresses need a token."""
    with served(tmp_path_factory.mktemp("availability"), "--host", "0.0.0.0", "--rate", "0") as running:
        yield running


def call(server: Served, address: str = OTHER, timeout: float = 10.0) -> socket.socket:
    """A connection from an address to the same address, so that its name is one of the server's."""
    connection = socket.create_connection((address, server.port), timeout, (address, 0))
    connection.settimeout(timeout)
    return connection


def head(method: str, path: str, address: str = OTHER, **headers: str) -> bytes:
    """The head of a request; an underscore in a header's name is a dash."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer with a length; status 0 when the connection was closed without one."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return 0, {}, data
            data += piece
        start, _, body = data.partition(b"\r\n\r\n")
        first, *lines = start.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return int(first.split()[1]), headers, body
    return 0, {}, data


def ask(server: Served, content: bytes, address: str = OTHER) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own."""
    with call(server, address) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(content)
        return answer(connection)


def kind_of(body: bytes) -> str:
    return str(json.loads(body)["kind"])


@pytest.mark.parametrize("address", [OTHER, OWN])
@pytest.mark.parametrize("path", ["/v1/login", "/v1/sessions", "/v1/sessions/newest/manual-counts", "/healthz"])
def test_a_long_body_is_refused_by_its_length_before_it_is_read(server: Served, address: str, path: str) -> None:
    long = {"Content_Type": "application/json", "Content_Length": str(MOST_BYTES + 1)}
    status, _, body = ask(server, head("POST", path, address, **long), address)
    needs_token = address == OTHER and path not in ("/v1/login", "/healthz")
    assert (status, kind_of(body)) == ((401, "token-needed") if needs_token else (413, "too-large"))


@pytest.mark.parametrize(("address", "path"), [(OTHER, "/v1/login"), (OWN, "/v1/sessions")])
def test_a_long_body_is_refused_while_it_comes(server: Served, address: str, path: str) -> None:
    chunked = {"Content_Type": "application/json", "Transfer_Encoding": "chunked"}
    before = server.metric("resident_bytes")
    with call(server, address) as connection:
        connection.sendall(head("POST", path, address, **chunked))
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(300):  # 20 MB
                connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        status, _, body = answer(connection)
    assert (status, kind_of(body)) == (413, "too-large")
    assert server.metric("resident_bytes") - before < 5e6
    assert (
        ask(
            server, head("POST", "/v1/login", Content_Type="application/json", Content_Length="15") + b'{"token": "xy"}'
        )[0]
        == 401
    )


def test_the_addresses_for_images_are_those_that_take_long_bodies(server: Served) -> None:
    paths = server.ask("GET", "/openapi.json")[1]["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            is_upload = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
            known = method == "post" and UPLOADS.fullmatch(path.replace("{code}", "newest")) is not None
            assert known == is_upload, path


def test_nobody_waits_for_the_body_of_who_may_not_ask(server: Served) -> None:
    """More than there are places for requests; before, each held one for ten seconds."""
    begin = time.monotonic()
    with contextlib.ExitStack() as open_ones:
        for number in range(PLACES - 10):
            address = f"127.0.1.{1 + number // 30}"
            connection = open_ones.enter_context(call(server, address))
            connection.sendall(head("POST", "/v1/sessions", address, Content_Length="5000000"))
            status, _, body = answer(connection)
            assert (status, kind_of(body)) == (401, "token-needed")
        assert server.ask("GET", "/v1/sessions")[0] == 200
    assert time.monotonic() - begin < 5 * PLACES  # and not ten seconds each


def test_signing_in_has_a_rate_of_its_own(tmp_path: Path) -> None:
    """Before the body is read; five wrong tokens are counted apart."""
    with served(tmp_path, "--host", "0.0.0.0") as server:
        statuses = [ask(server, head("POST", "/v1/login", Content_Length="1000000"))[0] for _ in range(25)]
        assert statuses == [413] * 20 + [429] * 5
        assert ask(server, head("POST", "/v1/login", THIRD, Content_Length="1000000"), THIRD)[0] == 413


SLOW = {
    "silent": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.2\r\n",
    "a dripping head": b"GET /healthz HTTP/1.1\r\nX-Dripping: ",
    "a dripping body": head("POST", "/v1/login", Content_Length="900"),
    "refused, dripping": head("POST", "/v1/sessions", Content_Length="900000"),
    "after an answer": head("GET", "/healthz"),
}
HEADS = ("silent", "half a head", "a dripping head")


def slow_ones(server: Served, names: tuple[str, ...], seconds: float) -> tuple[dict[str, float], dict[str, bytes]]:
    """Callers that keep the server waiting, all at a time: after how many seconds each was cut off, what each heard."""
    ended: dict[str, float] = {}
    said: dict[str, bytes] = dict.fromkeys(names, b"")
    with contextlib.ExitStack() as open_ones:
        connections = {name: open_ones.enter_context(call(server)) for name in names}
        for name in names:
            connections[name].sendall(SLOW[name])
            connections[name].setblocking(False)
        begin = time.monotonic()
        while len(ended) < len(names) and time.monotonic() - begin < seconds:
            time.sleep(0.25)
            for name in set(names) - set(ended):
                try:
                    if "dripping" in name:
                        connections[name].send(b"x")
                    piece = connections[name].recv(65536)
                except BlockingIOError:
                    continue
                except ConnectionError:
                    piece = b""
                said[name] += piece
                if not piece:
                    ended[name] = time.monotonic() - begin
            assert server.ask("GET", "/healthz")[0] == 200
    return ended, said


def test_whoever_does_not_come_to_the_point_is_cut_off(server: Served) -> None:
    ended, said = slow_ones(server, HEADS, 1200)
    assert set(ended) == set(HEADS) and not any(said.values())
    assert all(seconds > SILENT - 1 for seconds in ended.values())


@pytest.mark.long
def test_slow_bodies_are_answered_and_cut_off(server: Served) -> None:
    names = ("a dripping body", "refused, dripping", "after an answer")
    ended, said = slow_ones(server, names, PATIENCE + STUCK + 10)
    assert set(ended) == set(names)
    assert b"408 Request Timeout" in said["a dripping body"] and b"401 Unauthorized" in said["refused, dripping"]


def test_one_address_has_its_share_and_no_more(server: Served) -> None:
    with contextlib.ExitStack() as open_ones:
        connections = [open_ones.enter_context(call(server)) for _ in range(PER_ADDRESS + 8)]
        statuses = []
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                connection.sendall(head("GET", "/healthz"))
            statuses.append(answer(connection)[0])
        assert statuses == [200] * PER_ADDRESS + [0] * 8
        assert ask(server, head("GET", "/healthz", THIRD), THIRD)[0] == 200
        assert server.ask("GET", "/v1/sessions")[0] == 200
    wait_until(lambda: ask(server, head("GET", "/healthz"))[0] == 200)


class Stream:
    """A connection's socket, as far as the door knows it."""

    def __init__(self, connections: Connections, address: str, port: int) -> None:
        self.scope: dict[str, Any] = {"client": (address, port), "server": ("10.0.0.1", 8080)}
        self.number = 1
        self.is_cut = False
        self.admitted = connections.admit(self, (address, port))  # type: ignore[arg-type]

    def fileno(self) -> int:
        return self.number

    def getsockname(self) -> tuple[str, int]:
        return "10.0.0.1", 8080

    def shutdown(self, _: int) -> None:
        self.is_cut = True


def test_when_all_places_are_taken_the_longest_silent_one_makes_room() -> None:
    now = [0.0]
    connections = Connections(lambda: now[0])
    crowd = []
    for number in range(PLACES):
        now[0] += 0.01
        crowd.append(Stream(connections, f"10.1.{number // 20}.1", number))
    assert all(one.admitted for one in crowd)
    with connections.request(crowd[0].scope):  # it works, so the second one has been silent for longest
        assert Stream(connections, "10.9.0.1", 1).admitted
        assert [one.is_cut for one in crowd[:3]] == [False, True, False]
        own = [Stream(connections, OWN, number) for number in range(OWN_PLACES)]
        assert all(one.admitted for one in own) and not any(one.is_cut for one in crowd[2:])
    with contextlib.ExitStack() as working:
        for one in crowd:
            working.enter_context(connections.request(one.scope))
        assert Stream(connections, "10.9.0.2", 1).admitted  # in the place of the first of 10.9.0.1
        working.enter_context(connections.request({"client": ("10.9.0.2", 1), "server": ("10.0.0.1", 8080)}))
        assert not Stream(connections, "10.9.0.3", 1).admitted
        crowd[5].number = -1  # closed
        assert Stream(connections, "10.9.0.3", 2).admitted


def test_how_long_one_may_keep_the_server_waiting() -> None:
    now = [0.0]
    connections = Connections(lambda: now[0])
    one = Stream(connections, "10.1.0.1", 1)
    with connections.request(one.scope):
        now[0] = 1000.0  # the server works
        assert connections.cut_silent() == 0
        with connections.sending(one.scope):
            now[0] += STUCK - 1
            assert connections.cut_silent() == 0
        now[0] += 1000
        with connections.sending(one.scope):
            now[0] += STUCK + 1
            assert connections.cut_silent() == 1 and one.is_cut
    other = Stream(connections, "10.1.0.1", 2)
    now[0] += SILENT + 1
    assert connections.cut_silent() == 1 and other.is_cut and connections.cut_silent() == 0


MALFORMED = [
    "http://[",
    "[",
    "\\",
    "%",
    "%ff",
    "://",
    "\u00e9",
    "\udcff",
    "=;=;,",
    "a" * 9000,
    "null",
    "http://[::1",
    '"',
]
HEADERS = [
    "Origin", "Host", "Cookie", "Authorization", "Content_Type", "Content_Length", "Transfer_Encoding", "Expect",
    "Sec_Fetch_Site", "Referer", "If_None_Match", "X_Forwarded_For", "Range", "Upgrade", "Connection", "X_Thinsmear",
]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("address", [OTHER, OWN])
def test_malformed_headers_are_the_callers_mistake(server: Served, name: str, address: str) -> None:
    for value in MALFORMED:
        for method, path in (("GET", "/"), ("POST", "/v1/sessions"), ("POST", "/v1/login"), ("POST", "/v1/classify")):
            status, headers, body = ask(server, head(method, path, address, **{name: value}), address)
            assert 200 <= status < 500, (method, path, value)
            assert "default-src 'self'" in headers["content-security-policy"] and headers["x-frame-options"] == "DENY"
            assert status < 400 or (headers["content-type"] == "application/problem+json" and kind_of(body))
    assert server.process.poll() is None and not any("Traceback" in line for line in server.said)


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.2\r\nX: " + b"x" * 100_000,  # without an end
        b"POST /v1/login HTTP/1.1\r\nHost: 127.0.0.2\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /v1/login HTTP/1.1\r\nHost: 127.0.0.2\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_like_every_mistake(server: Served, content: bytes) -> None:
    status, headers, body = ask(server, content)
    assert (status, kind_of(body)) == (400, "not-http") and headers["content-type"] == "application/problem+json"
    assert "default-src 'self'" in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
    assert not any("Invalid" in line for line in server.said)  # nobody fills the journal so


def test_what_nobody_foresaw_has_the_headers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with client(tmp_path) as caller:

        def fail() -> None:
            raise RuntimeError("never said to a caller")

        monkeypatch.setattr(caller.app.state.service, "open_store", fail)  # type: ignore[attr-defined]
        answered = caller.get("/v1/sessions")
        assert is_problem(answered, 500, "internal") and "never said" not in answered.text
        assert answered.headers["x-frame-options"] == "DENY" and "content-security-policy" in answered.headers


def test_housekeeping_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    caplog.set_level("INFO", "thinsmear")
    run.housekeep("QR code", fail)
    assert (
        "Looking after the QR code failed ([Errno 24] Too many open files); the next turn tries again." in caplog.text
    )


def test_a_token_too_long_for_a_qr_code_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "token"
    path.write_text("t" * 2400)
    path.chmod(0o600)
    with pytest.raises(WrongUsage, match="more than 512 characters, too many for its QR code"):
        read_token(path)
    assert cli.run(["serve", "--store", str(tmp_path / "store"), "--port", "0", "--token-file", str(path)]) == 2
    said = capsys.readouterr().err
    assert "too many for its QR code" in said and "Traceback" not in said and len(said.splitlines()) == 1
    path.write_text("+" * 512)  # the longest, of signs that a link writes as three
    longest = read_token(path)
    assert run.qr.svg(run.qr.link("https://[2001:db8:1111:2222:3333:4444:5555:6666]:65535/", longest))
    assert len(TOKEN) < len(longest)
