"""Matches a site's form of participant codes in bounded time, whatever the form: every place of the text at once.

The standard library's ``re`` tries one way after another, and a form such as ``(a+)+b`` has more of them than anybody
can wait for. Here a form is a tree, and each of its parts turns a set of places in the text into the set of places
behind it (K. Thompson, "Regular expression search algorithm", CACM 11, 1968), so nothing is ever tried twice. What a
single character matches is left to ``re``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST = 128  # characters of a form
_DEEPEST = 3  # repetitions within one another
_ALLOWED = (
    "letters, digits, [A-Z], \\d, \\w, \\s, the dot, groups, |, and the repetitions ?, *, +, {2}, {2,4}, "
    f"{_DEEPEST} within one another at most"
)
_MOST = 1_000_000  # repetitions without an upper bound; long before, nothing changes any more
_GROUP = re.compile(r"\((\?(:|P<\w+>))?")
_ATOM = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\[dDwWsSfnrtv]|\\\W|[^\\()|*+?{}\[\]^$]", re.DOTALL)
_REPEAT = re.compile(r"(?:([*+?])|\{(\d{1,6}|(?=,))(,(\d{0,6}))?\})\??")
_ANCHOR = re.compile(r"\^|\$|\\A|\\Z")
_Places = int  # bit n: in front of the n-th character


class NoForm(ValueError):
    """Not a form that can be matched here; the message says what is allowed."""


class _Text:
    """What is matched: for each atom the places of characters that it takes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._taken: dict[re.Pattern[str], _Places] = {}

    def taken_by(self, atom: re.Pattern[str]) -> _Places:
        if atom not in self._taken:
            self._taken[atom] = sum(1 << place for place, letter in enumerate(self.text) if atom.fullmatch(letter))
        return self._taken[atom]


_Step = Callable[[_Text, _Places], _Places]  # from places to the places behind a part


class Form:
    """A regular expression for whole codes.

    Args:
        pattern: of the syntax of ``re``, without references, conditions and looking around.

    Raises:
        NoForm: it cannot be matched here.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST:
            raise NoForm(f"it has {len(pattern)} characters, {LONGEST} are allowed")
        self._pattern = pattern
        self._at = 0
        self._step, _ = self._either()
        if self._at < len(pattern):
            raise self._refused()

    def takes(self, text: str) -> bool:
        """Whether the whole text is of this form."""
        return bool(self._step(_Text(text), 1) >> len(text) & 1)

    def _refused(self) -> NoForm:
        return NoForm(f"{self._pattern[self._at : self._at + 3]!r} is not allowed in it; allowed are {_ALLOWED}")

    def _found(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        found = expression.match(self._pattern, self._at)
        self._at = found.end() if found else self._at
        return found

    def _either(self) -> tuple[_Step, int]:
        """Parts with | between them, and how deep repetitions are within them."""
        ways = [self._row()]
        while self._pattern[self._at : self._at + 1] == "|":
            self._at += 1
            ways.append(self._row())
        steps = [step for step, _ in ways]

        def step(text: _Text, places: _Places) -> _Places:
            behind = 0
            for way in steps:
                behind |= way(text, places)
            return behind

        return step, max(depth for _, depth in ways)

    def _row(self) -> tuple[_Step, int]:
        """Parts one behind the other."""
        steps: list[_Step] = []
        deepest = 0
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            step, depth = self._part()
            steps.append(step)
            deepest = max(deepest, depth)

        def all_of_them(text: _Text, places: _Places) -> _Places:
            for step in steps:
                places = step(text, places)
            return places

        return all_of_them, deepest

    def _part(self) -> tuple[_Step, int]:
        """An atom or a group, with its repetition."""
        anchor = self._found(_ANCHOR)
        if anchor is not None:
            return (_begin if anchor[0] in ("^", "\\A") else _end), 0
        atom = self._found(_ATOM)
        if atom is not None:
            step, depth = _one(re.compile(atom[0])), 0
        elif self._found(_GROUP) is not None:
            step, depth = self._either()
            if self._found(re.compile(r"\)")) is None:
                raise self._refused()
        else:
            raise self._refused()
        begin = self._at
        repeat = self._found(_REPEAT)
        if repeat is None:
            return step, depth
        if depth >= _DEEPEST:
            self._at = begin
            raise self._refused()
        return _repeated(step, *_bounds(repeat)), depth + 1


def _begin(_: _Text, places: _Places) -> _Places:
    return places & 1


def _end(text: _Text, places: _Places) -> _Places:
    return places & 1 << len(text.text)


def _one(atom: re.Pattern[str]) -> _Step:
    return lambda text, places: (places & text.taken_by(atom)) << 1


def _bounds(repeat: re.Match[str]) -> tuple[int, int]:
    """Least and most of ``*``, ``+``, ``?``, ``{2}``, ``{2,}`` and ``{2,4}``."""
    sign, least, ranged, most = repeat.groups()
    if sign is not None:
        return {"*": (0, _MOST), "+": (1, _MOST), "?": (0, 1)}[sign]
    return int(least or 0), int(most) if most else _MOST if ranged else int(least)


def _repeated(step: _Step, least: int, most: int) -> _Step:
    def again(text: _Text, places: _Places) -> _Places:
        """Ends early: places move only forward, so after as many turns as there are places nothing changes."""
        behind = places if least == 0 else 0
        for turn in range(1, most + 1):
            before, places = places, step(text, places)
            if turn >= least or places == before:
                behind |= places
            if not places or places == before:
                break
        return behind

    return again
