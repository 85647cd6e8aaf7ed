"""The card: complete, checked, and clear about what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_runtime.core.card import (
    Card,
    InputContract,
    OperatingPoints,
    OutputContract,
    parse_card,
)
from edge_runtime.errors import BadModel

CARD = Card(
    InputContract(96, 80, "BGR", scale=(1.0, 2.0, 3.0)),
    OutputContract(temperature=1.5, bias=-0.25, complement=True),
    OperatingPoints(0.2, 0.999),
    {"name": "tiny", "metrics": {"auc": 0.99}},
)


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(CARD.to_json())), **changes}


def test_a_card_survives_json() -> None:
    assert parse_card(document()) == CARD


def test_the_card_carries_the_notice_and_the_limits() -> None:
    assert document()["notice"] == "For Research Use Only. Not for use in diagnostic procedures."
    assert "species not identified" in document()["limits"]


@pytest.mark.parametrize(
    "broken, message",
    [
        ([], "not a thinsmear card"),
        ({}, "not a thinsmear card"),
        (document(format="other"), "not a thinsmear card"),
        (document(format_version=0), "format_version is 0"),
        (document(format_version=True), "format_version is True"),
        (document(format_version=2), "upgrade thinsmear"),
        (document(input=None), 'no section "input"'),
        (document(input={"height": 8}), "lacks fields"),
        (document(output={**document()["output"], "more": 1}), r"unknown fields \['more'\]"),
    ],
)
def test_broken_cards(broken: object, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        parse_card(broken)


@pytest.mark.parametrize(
    "section, values",
    [
        ("input", {"height": 0}),
        ("input", {"height": 1e9}),
        ("input", {"height": True}),
        ("input", {"width": 10**9}),
        ("input", {"channels": "GBR"}),
        ("input", {"channels": ["RGB"]}),
        ("input", {"resample": "nearest"}),
        ("input", {"fit": "pad"}),
        ("input", {"scale": [1, 2]}),
        ("input", {"scale": 1.0}),
        ("input", {"scale": None}),
        ("input", {"offset": [1, 2, "3"]}),
        ("output", {"kind": "score"}),
        ("output", {"index": -1}),
        ("output", {"index": True}),
        ("output", {"complement": 1}),
        ("output", {"temperature": 0}),
        ("output", {"bias": None}),
        ("operating_points", {"review": 1.5}),
        ("operating_points", {"count": "0.5"}),
    ],
)
def test_values_out_of_range(section: str, values: dict[str, Any]) -> None:
    with pytest.raises(BadModel, match="card"):
        parse_card(document(**{section: {**document()[section], **values}}))
