"""Who may ask: the names under which browsers may call, tokens and cookies, requests forged by other pages, rates."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_runtime.server.access.limits import RateLimit
from edge_runtime.server.access.tokens import Keys
from edge_runtime.server.problems import Problem
from edge_runtime.server.settings import LOOPBACK_NAMES, Settings

SIGNED_IN = "thinsmear.signed_in"  # in the scope of a request
LOCAL = "thinsmear.local"
CALLER = "thinsmear.caller"
_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN = ("/", "/v1/info", "/v1/login", "/v1/logout", "/healthz", "/readyz")  # and all below /page/
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_BURST = 3  # seconds' worth of requests at once
_SIGN_INS = (0.5, 20.0)  # a second, and at once, from one address, whatever token they bring


class Guard:
    """ASGI middleware that lets requests pass or answers them with a problem."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys | None, guesses: RateLimit) -> None:
        """
        Args:
            keys: those that sign in; None when no token is needed.
            guesses: limit of wrong tokens.
        """
        self._app = app
        self._keys = keys
        self._guesses = guesses
        self._for_all = settings.token_for_all
        self._cookie = cookie_name(settings)
        self._names = {
            *LOOPBACK_NAMES,
            settings.host.lower(),
            *(name.lower() for name in settings.hosts),
            *_own_names(),
        }
        self._names -= {"0.0.0.0", "::", ""}
        self._rate = RateLimit(settings.rate, _BURST * settings.rate)
        self._sign_ins = RateLimit(*_SIGN_INS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = _host(headers)
        if host not in self._names and not _is_own_address(host, scope):
            raise Problem(
                421,
                "wrong-host",
                "This server does not answer under that name; call it by its address, or start it with --allow-host.",
            )
        peer = (scope.get("client") or ("",))[0]
        local = _is_loopback(peer) and host in LOOPBACK_NAMES and not any(name in headers for name in _FORWARDED)
        scope[LOCAL] = local
        scope[CALLER] = "this device" if local else peer
        if not local:
            self._rate.check(peer)
            if scope["path"] == "/v1/login":
                self._sign_ins.check(peer)
        _check_forgery(scope, headers)
        scope[SIGNED_IN] = self._is_signed_in(headers, local, scope[CALLER])
        if not scope[SIGNED_IN] and not _is_open(scope["path"]):
            raise Problem(
                401,
                "token-needed",
                "This needs the server's token: scan its QR code, or send it as `Authorization: Bearer TOKEN`.",
                {"WWW-Authenticate": 'Bearer realm="thinsmear"'},
            )

    def _is_signed_in(self, headers: Headers, local: bool, caller: str) -> bool:
        """Problem 429 for too many wrong tokens; who knows the token is never kept out by others' guesses."""
        if self._keys is None or (local and not self._for_all):
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            known = self._keys.is_token(given.strip())
            if not known:
                self._guesses.check(caller)
            return known
        cookie = cookie_parser(headers.get("cookie", "")).get(self._cookie)
        return cookie is not None and self._keys.is_cookie(cookie)


def cookie_name(settings: Settings) -> str:
    """Browsers share cookies between the ports of a host, so the name holds the port."""
    return f"{'__Host-' if settings.tls else ''}thinsmear-{settings.port}"


def _check_forgery(scope: Scope, headers: Headers) -> None:
    """403 for what another page makes a browser send.

    A browser says where a request comes from (Origin, Sec-Fetch-Site); programs say neither. What changes something
    must come from our page, which adds a header that forms and other origins cannot add.
    """
    site = headers.get("sec-fetch-site")
    if scope["method"] in _SAFE:
        opens = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site in ("cross-site", "same-site") and not opens:
            raise Problem(403, "other-page", "Another page may not show or read what is here.")
        return
    origin = headers.get("origin")
    if headers.get("authorization", "").lower().startswith("bearer ") and site is None and origin is None:
        return
    if origin is None and site is None and "cookie" not in headers and "referer" not in headers:
        return  # no browser
    # what is behind the Origin's scheme is compared with the Host header, so a port that is forwarded does no harm
    if origin is not None and _place(origin) != headers.get("host", "").lower():
        raise Problem(403, "other-origin", "The request comes from another page; use the server's own.")
    if site not in (None, "same-origin") or headers.get("x-thinsmear") != "page":
        raise Problem(403, "not-the-page", "A browser's request needs the header `X-Thinsmear: page`.")


def _place(origin: str) -> str | None:
    """Host and port of an Origin, in small letters; None when it is malformed, which is no host's name."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _host(headers: Headers) -> str:
    """The Host header's name without the port, in small letters; "" when there is none or it is malformed."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_own_address(host: str, scope: Scope) -> bool:
    """Whether the host is the very address at which the connection arrived: no name, so nothing to rebind."""
    try:
        return ipaddress.ip_address(host) == _plain((scope.get("server") or ("",))[0])
    except ValueError:
        return False


def _is_loopback(address: str) -> bool:
    try:
        return _plain(address).is_loopback
    except ValueError:
        return False


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address without its zone; IPv4 in the clothes of IPv6 as IPv4."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith("/page/")


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return (name, short, f"{short}.local")
