"""Every kind of benchmark has a schema, and what the benchmarks write follows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.envelope import SCHEMAS, VERSIONS
from benchmarks.report.section import KINDS

jsonschema = pytest.importorskip("jsonschema")
from tests.benchmarks.report.documents import ALL, without  # noqa: E402


def load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return schema


def problems(kind: str, document: Any) -> list[str]:
    from referencing import Registry, Resource

    registry: Registry = Registry().with_resource(load("envelope")["$id"], Resource.from_contents(load("envelope")))
    validator = jsonschema.Draft202012Validator(load(kind), registry=registry)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(document)]


def test_each_kind_has_a_schema_and_a_report() -> None:
    assert set(VERSIONS) == set(ALL) == set(KINDS)
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*VERSIONS, "envelope"}


@pytest.mark.parametrize("name", [*VERSIONS, "envelope"])
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(load(name))
    version = VERSIONS.get(name, 1)
    assert load(name)["$id"] == f"urn:thinsmear:bench:{name}:{version}"


@pytest.mark.parametrize("kind", ALL)
def test_documents_follow_it(kind: str) -> None:
    document = json.loads(json.dumps(ALL[kind](), allow_nan=False))
    assert problems(kind, document) == []
    for name in ("schema", "date", "command", "machine", "benchmark"):
        assert problems(kind, without(document, name)), name
    others = [name for name in load(kind)["required"] if name != "benchmark"]
    assert all(problems(kind, without(document, name)) for name in others)
    assert problems(kind, {**document, "benchmark": "naps"})


def test_the_latency_command_follows_it(
    small_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.harness.timing import PRESETS, Preset
    from benchmarks.latency.coldstart import ColdStart, Started
    from edge_runtime.cli import run

    started = ColdStart((Started(200.0, None),), (Started(100.0, 40.0),))
    monkeypatch.setattr("benchmarks.latency.one_model.measure_cold_starts", lambda *rest: started)
    monkeypatch.setitem(PRESETS, "quick", Preset(min_runs=12, min_seconds=0, warmup=2, cold_starts=1))
    run(["bench", "latency", str(small_model), "--threads", "1,2", "--preset", "quick", "--json", "-q"])
    assert problems("latency", json.loads(capsys.readouterr().out)) == []
