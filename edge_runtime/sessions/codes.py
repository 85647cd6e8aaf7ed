"""Codes instead of names: participants, sessions, contact sheets, slides, sites, operators.

Generated codes avoid letters that are mistaken for others (0/O, 1/I/L, 2/Z, 5/S, 6/G, 8/B, U, Q) and vowels, which
leaves 23 symbols. 23 is prime, so with the weights 1 to 7 the check symbol finds every mistyped symbol and every swap.
"""

from __future__ import annotations

import re
import secrets

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.patterns import Form, NoForm

ALPHABET = "23456789CDFHJKMNPRTVWXY"
LONGEST = 32
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)  # that a client makes up, so that what it sends twice counts once
_LENGTH = 7
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_DATE = re.compile(r"\d{4}[.-]\d{1,2}[.-]\d{1,2}|\d{1,2}[.-]\d{1,2}[.-]\d{4}", re.ASCII)
# what a site's pattern must not let through
_NAMES_AND_DATES = (
    "MARIA", "maria", "Maria", "MARIALOPEZ", "Maria Lopez", "LOPEZ MARIA", "M. Lopez", "Lopez, Maria", "O'Brien",
    "1990-01-31", "31/01/1990", "31.01.1990", "31-01-1990", "1990/01/31",
)  # fmt: skip


def new_participant() -> str:
    """A random participant code such as ``K7M-3XTP``, its last symbol the check."""
    return _participant_form(_new_symbols())


def new_session() -> str:
    """A random session code such as ``S-4KX9WMT``; the S, which no generated symbol is, tells it from a participant."""
    return f"S-{_new_symbols()}"


def new_sheet() -> str:
    """A random code of a contact sheet such as ``Q-4KX9WMT``; no generated symbol is a Q either."""
    return f"Q-{_new_symbols()}"


def check_symbol(symbols: str) -> str:
    """The seventh symbol to six of :data:`ALPHABET`: the sum of position x value over all seven is 0 modulo 23."""
    total = sum(position * ALPHABET.index(symbol) for position, symbol in enumerate(symbols, 1))
    return ALPHABET[-total * pow(_LENGTH, -1, len(ALPHABET)) % len(ALPHABET)]


def checked_participant(text: str, pattern: str | None = None) -> str:
    """A participant code as it is stored: a generated one in its usual form, or one that the site's pattern takes.

    Args:
        pattern: the site's regular expression for its own codes, None when it declared none.

    Raises:
        WrongUsage: neither, or longer than 32 characters; or the pattern cannot be used (an older version took it).
    """
    symbols = _symbols(text)
    if _is_valid(symbols):
        return _participant_form(symbols)
    if pattern is not None and len(text) <= LONGEST and _form(pattern).takes(text):
        return text
    if len(symbols) == _LENGTH and set(symbols) <= set(ALPHABET):
        raise WrongUsage(f"The participant code {printable(text)} is mistyped: its check symbol does not fit.")
    declared = f"does not match the site's pattern {pattern}" if pattern else "was not generated here"
    raise WrongUsage(
        f"The participant code {printable(text)} {declared}; leave --participant out to generate one, or declare the "
        "form of your own codes with `thinsmear session site --pattern`. Never use a name or a birth date."
    )


def checked_session(text: str) -> str:
    """A session code in its stored form, whatever its case and dashes.

    Raises:
        WrongUsage: not a session code, or mistyped.
    """
    symbols = _symbols(text)
    if not (symbols.startswith("S") and _is_valid(symbols[1:])):
        raise WrongUsage(
            f"{printable(text)} is no session code (or mistyped); `thinsmear session list` shows those there are."
        )
    return f"S-{symbols[1:]}"


def checked_sheet(text: str) -> str:
    """The code of a contact sheet in its stored form, whatever its case and dashes.

    Raises:
        WrongUsage: not a sheet's code, or mistyped.
    """
    symbols = _symbols(text)
    if not (symbols.startswith("Q") and _is_valid(symbols[1:])):
        raise WrongUsage(f"{printable(text)!r} is no sheet's code (or mistyped); it stands on the sheet, as Q-4KX9WMT.")
    return f"Q-{symbols[1:]}"


def checked_code(what: str, text: str) -> str:
    """A slide, site, operator or reviewer code: letters, digits, dot, dash, underscore, 32 at most; no spaces.

    Raises:
        WrongUsage: anything else.
    """
    if len(text) > LONGEST or not _PLAIN.fullmatch(text) or _DATE.fullmatch(text):
        raise WrongUsage(
            f"The {what} code {printable(text)!r} must be {LONGEST} letters, digits, dots, dashes or underscores at "
            "most, begin with a letter or digit, and be no date; use a code, not a name."
        )
    return text


def checked_pattern(pattern: str) -> str:
    """A site's regular expression for participant codes, once it is clear that it takes neither names nor dates.

    Raises:
        WrongUsage: not a regular expression, or one that could take for ever, or it takes one of a list of common
            names and dates.
    """
    form = _form(pattern)
    taken = next((probe for probe in _NAMES_AND_DATES if form.takes(probe)), None)
    if taken is not None:
        raise WrongUsage(
            f"The pattern {printable(pattern)} would take {taken!r}; a participant code must not be a name or a date. "
            r"Ask for a fixed number of letters and digits, for instance [A-Z]{2}\d{4}."
        )
    return pattern


def _form(pattern: str) -> Form:
    try:
        re.compile(pattern)
        return Form(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise WrongUsage(f"The pattern {printable(pattern)} is no regular expression: {error}.") from error
    except NoForm as error:
        raise WrongUsage(f"The pattern {printable(pattern)} cannot be used: {error}.") from error


def _new_symbols() -> str:
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH - 1))
    return symbols + check_symbol(symbols)


def _symbols(text: str) -> str:
    return text.upper().replace("-", "").replace(" ", "")


def _is_valid(symbols: str) -> bool:
    return len(symbols) == _LENGTH and set(symbols) <= set(ALPHABET) and check_symbol(symbols[:-1]) == symbols[-1]


def _participant_form(symbols: str) -> str:
    return f"{symbols[:3]}-{symbols[3:]}"
