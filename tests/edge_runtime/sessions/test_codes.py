"""Codes instead of names: what is generated, what is found mistyped, what a site may declare."""

from __future__ import annotations

import random
import re
import time

import pytest

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions import codes
from edge_runtime.sessions.patterns import Form, NoForm


def test_codes_have_their_form_and_differ() -> None:
    participants = {codes.new_participant() for _ in range(200)}
    assert len(participants) == 200
    assert all(re.fullmatch(r"[2-9CDFHJKMNPRTVWXY]{3}-[2-9CDFHJKMNPRTVWXY]{4}", code) for code in participants)
    assert re.fullmatch(r"S-[2-9CDFHJKMNPRTVWXY]{7}", codes.new_session())


def test_every_mistyped_symbol_and_every_swap_is_found() -> None:
    code = codes.new_participant().replace("-", "")
    wrong = {code[:i] + symbol + code[i + 1 :] for i in range(7) for symbol in codes.ALPHABET} - {code}
    letters = list(code)
    for i in range(7):
        for j in range(i):
            swapped = letters.copy()
            swapped[i], swapped[j] = swapped[j], swapped[i]
            wrong.add("".join(swapped))
    for other in wrong - {code}:
        with pytest.raises(WrongUsage, match="mistyped"):
            codes.checked_participant(other)


def test_case_dashes_and_spaces_do_not_matter() -> None:
    participant, session = codes.new_participant(), codes.new_session()
    assert codes.checked_participant(participant.replace("-", " ").lower()) == participant
    assert codes.checked_session(session.replace("-", "").lower()) == session


@pytest.mark.parametrize("text", ["Maria", "1990-01-31", "", "KE 0012", "A" * 33])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="Never use a name"):
        codes.checked_participant(text)
    with pytest.raises(WrongUsage, match="no session code"):
        codes.checked_session(text)


@pytest.mark.parametrize("text", ["Jane Doe", "1990-01-31", "31.01.1990", "", "-A", "A/B", "Ä1", "A" * 33])
def test_slides_and_people_have_plain_codes(text: str) -> None:
    with pytest.raises(WrongUsage, match="use a code, not a name"):
        codes.checked_code("slide", text)
    assert codes.checked_code("slide", "2026-A_1.b") == "2026-A_1.b"


def test_a_site_may_declare_its_own_form() -> None:
    pattern = codes.checked_pattern(r"[A-Z]{2}\d{4}")
    assert codes.checked_participant("KE0012", pattern) == "KE0012"
    with pytest.raises(WrongUsage, match="site's pattern"):
        codes.checked_participant("KE012", pattern)


@pytest.mark.parametrize("pattern", [".*", "[A-Z]+", r"\w+", r"\d{4}-\d\d-\d\d", "[A-Za-z ,.]+", r"[\d/]+", "("])
def test_a_form_that_takes_names_or_dates_is_refused(pattern: str) -> None:
    with pytest.raises(WrongUsage):
        codes.checked_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "a" * 32),  # the standard library is at it for minutes
        ("(a|a)*b", "a" * 32),
        ("(a*)*(a*)*b", "a" * 32),
        ("a*" * 60 + "b", "a" * 32),
        (r"(\w+-?)+\d{40}", "K" * 31 + "-"),
        ("(([ab]?){99}){99}" * 5 + "c", "ab" * 16),
        ("((a|b|ab|ba){0,32}|ab){32}" * 4 + "c", "ab" * 16),
        ("(a{1000}){100000}", "a" * 32),
    ],
)
def test_no_form_takes_long(pattern: str, text: str) -> None:
    begin = time.process_time()
    assert codes.checked_pattern(pattern) == pattern
    with pytest.raises(WrongUsage, match="site's pattern"):
        codes.checked_participant(text, pattern)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "pattern",
    [r"([A-Z])\1", "(?=K)K1", "(?i)k1", r"\bK1", "(?(1)a|b)K", "((((a?)?)?)?)?", "K1" * 100, r"(?>K1)", "K++1"],
)
def test_what_cannot_be_matched_in_bounded_time_is_refused_with_what_can(pattern: str) -> None:
    with pytest.raises(WrongUsage, match=r"cannot be used: .* allowed|is no regular expression"):
        codes.checked_pattern(pattern)
    with pytest.raises(WrongUsage):  # also where an older version has taken it
        codes.checked_participant("KE0012", pattern)


def test_forms_take_what_the_standard_library_takes() -> None:
    generator = random.Random(20)
    atoms = ["a", "b", r"\d", "[ab]", "[^a]", ".", "1", r"\w", "(a|b1)", "(?:ab)*", "(a{2}|1)?", "(?P<x>a+b)", "()",
             "(|a)", r"\.", r"\-", "-", r"[\]a]", "[]a]", "[^]b]", "^", "$"]  # fmt: skip
    repetitions = ["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,2}", "{,2}", "*?"]
    taken = tried = 0
    while tried < 10_000:
        parts = [generator.choice(atoms) + generator.choice(repetitions) for _ in range(generator.randint(1, 5))]
        pattern = f"({''.join(parts[:3])}){generator.choice(repetitions)}|{''.join(parts[3:])}"
        try:
            known = re.compile(pattern)
            form = Form(pattern)
        except (re.error, NoForm):
            continue
        for _ in range(20):
            text = "".join(generator.choices("ab1-.]", k=generator.randint(0, 7)))
            assert form.takes(text) == (known.fullmatch(text) is not None), (pattern, text)
            taken += form.takes(text)
            tried += 1
    assert taken > 1000
