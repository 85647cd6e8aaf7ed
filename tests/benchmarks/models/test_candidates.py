"""Networks are timed before anybody trains them."""

from __future__ import annotations

import json

import pytest

from benchmarks.models.candidates import CandidateNetwork
from edge_runtime.cli import run
from edge_runtime.errors import WrongUsage


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("cnn_128", CandidateNetwork("cnn_128", 128, 1.0)),
        ("mobilenet_v2:96", CandidateNetwork("mobilenet_v2", 96, 1.0)),
        ("mobilenet_v2:96:0.35", CandidateNetwork("mobilenet_v2", 96, 0.35)),
    ],
)
def test_a_candidate_is_typed_as_it_is_shown(text: str, candidate: CandidateNetwork) -> None:
    assert CandidateNetwork.parse(text) == candidate
    assert CandidateNetwork.parse(candidate.name) == candidate


@pytest.mark.parametrize(
    "text", ["unknown", "cnn_128:", "cnn_128:wide", "cnn_128:16", "cnn_128:64:0", "cnn_128:64:1:2"]
)
def test_what_is_no_candidate(text: str) -> None:
    with pytest.raises(WrongUsage):
        CandidateNetwork.parse(text)


def test_the_first_one_is_what_the_others_are_compared_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "candidates", "cnn_128:64", "cnn_128:32", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["benchmark"] == "candidates"
    first, second = found["candidates"]
    assert (first["name"], first["ratio"]) == ("cnn_128:64:1", 1.0)
    assert second["parameters"] == first["parameters"]  # it ends in global pooling
    assert second["milliseconds"] > 0 and 0 < second["ratio"] < 1  # a quarter of the arithmetic
