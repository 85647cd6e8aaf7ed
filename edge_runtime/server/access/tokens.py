"""The token of a server, and the cookie that a browser gets for it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from itsdangerous import BadSignature, Signer

from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

SHORTEST, LONGEST = 16, 512  # characters of a token that somebody else made; more fit into no QR code
COOKIE_LIFE = 7 * 86_400  # seconds
_MOST_LEFT = 1000  # signed-out cookies remembered
_LONGEST_COOKIE = 200
_MOST_READ = 4096  # bytes of a token's file


def read_token(path: Path) -> str:
    """A token from a file: its text without surrounding space.

    Raises:
        WrongUsage: it is short or too long, holds anything but visible ASCII, or other users may read it.
        OSError: it cannot be read.
    """
    with open(path, "rb") as stream:
        text = stream.read(_MOST_READ).decode("ascii", "replace").strip()
    if len(text) > LONGEST:
        raise WrongUsage(
            f"The token in {printable(path)} has more than {LONGEST} characters, too many for its QR code; "
            "`openssl rand -base64 24` makes one."
        )
    if len(text) < SHORTEST or not all("!" <= letter <= "~" for letter in text):
        raise WrongUsage(
            f"The token in {printable(path)} has {len(text)} characters; it must be {SHORTEST} or more letters, digits "
            "and signs without spaces. `openssl rand -base64 24` makes one."
        )
    if os.name == "posix" and path.stat().st_mode & stat.S_IROTH:
        raise WrongUsage(f"Every user of this machine may read {printable(path)}; `chmod 600` it.")
    return text


def own_token(folder: Path) -> str:
    """The token that this store's server made at its first start; it stays, so that phones stay signed in."""
    path = folder / "token"
    if path.exists():
        return read_token(path)
    for place in (folder.parent, folder):  # the store, perhaps before its first session
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    write_private(path, token + "\n")
    return token


def write_private(path: Path, text: str | bytes) -> None:
    """Write a file that nobody else may read, from its first byte on."""
    before = os.umask(0o077)
    try:
        write_atomically(path, text)
    finally:
        os.umask(before)


class Keys:
    """Checks tokens and cookies; every comparison takes the same time whatever is wrong.

    A cookie is signed with a key made from the token, so it outlives a restart and ends with the token.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.time, signed_out: Path | None = None) -> None:
        """
        Args:
            signed_out: file that remembers signed-out cookies; None to forget them with this object.
        """
        self._token = _digest(token)
        self._signer = Signer(token.encode(), b"thinsmear cookie", key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock
        self._file = signed_out
        self._left: OrderedDict[str, None] = OrderedDict.fromkeys(_read_lines(signed_out))

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(self._token, _digest(text))

    def new_cookie(self) -> str:
        """A value that :meth:`is_cookie` takes, for a week."""
        said = f"{int(self._clock()) + COOKIE_LIFE}.{secrets.token_urlsafe(12)}"
        return self._signer.sign(said).decode()

    def is_cookie(self, text: str) -> bool:
        """Whether this was made here, is not too old, and was not signed out."""
        try:
            said = self._signer.unsign(text[:_LONGEST_COOKIE].encode("utf-8", "replace")).decode()
        except BadSignature:
            return False
        return said not in self._left and int(said.partition(".")[0]) > self._clock()

    def sign_out(self, text: str) -> None:
        """The cookie is good no more, also after a restart.

        Raises:
            OSError: the file cannot be written; until a restart the cookie is good no more all the same.
        """
        if not self.is_cookie(text):
            return
        self._left[text.rpartition(".")[0]] = None
        now = self._clock()
        for said in [said for said in self._left if int(said.partition(".")[0]) <= now]:
            del self._left[said]
        while len(self._left) > _MOST_LEFT:
            self._left.popitem(last=False)
        if self._file is not None:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(self._file, "".join(f"{said}\n" for said in self._left))


def _read_lines(path: Path | None) -> list[str]:
    """What was signed out before; whatever else the file may hold is passed over."""
    if path is None or not path.exists():
        return []
    lines = path.read_text("ascii", "replace").splitlines()
    return [line for line in lines[-_MOST_LEFT:] if line.partition(".")[0].isdecimal()]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
