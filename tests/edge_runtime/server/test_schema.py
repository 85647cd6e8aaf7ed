"""The OpenAPI document against the running server: schemathesis sends what it allows, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.edge_runtime.server.server_tools import Served, field_image, served

schemathesis = pytest.importorskip("schemathesis", reason="the schema is tested with schemathesis")
pytest.importorskip("cv2", reason="whole fields need OpenCV")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402

CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
# schemas cannot say that the infected cells are among those counted, nor that a slide's code is no date
EXCLUDED = [import_module("schemathesis.specs.openapi.checks").positive_data_acceptance]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With a session that has a field, so that `newest` and cell 1.1 are there."""
    with served(tmp_path_factory.mktemp("schema"), "--max-upload", "2", "--queue", "30") as running:
        code = running.ask("POST", "/v1/sessions", {"slide": "A17", "stop": "who"})[1]["session"]
        assert running.upload(f"/v1/sessions/{code}/fields", field_image())[0] == 200
        yield running


@pytest.fixture(scope="module")
def api(server: Served) -> Any:
    document = server.ask("GET", "/openapi.json")[1]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):  # real ones among the invented
                known = {"code": "newest", "cell": "1.1", "number": 1}.get(parameter["name"])
                if known is not None:
                    parameter["examples"] = {"known": {"value": known}}
            assert path.startswith("/") and operation["summary"]
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"http://127.0.0.1:{server.port}")
    return schema


def try_all(api: Any, examples: int) -> int:
    """Send what the document allows, and what it does not, to every route; how many requests were checked."""
    sent = 0
    for mode in schemathesis.GenerationMode:
        for found in api.get_all_operations():
            operation = found.ok()

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=examples, deadline=None, suppress_health_check=CALM, derandomize=True, database=None)
            def check(case: Any) -> None:
                nonlocal sent
                answer = case.call(timeout=1200)
                sent += 1
                assert answer.status_code < 500 or answer.headers.get("retry-after"), answer.text
                case.validate_response(answer, excluded_checks=EXCLUDED)

            try:
                check()
            except Unsatisfiable:  # nothing can be wrong with a request that has no parameters
                assert mode is schemathesis.GenerationMode.NEGATIVE
    return sent


def test_a_few_requests_to_every_route(api: Any) -> None:
    assert try_all(api, 2) > 50


@pytest.mark.long
def test_many_requests_to_every_route(api: Any, server: Served) -> None:
    assert try_all(api, 100) > 2000
    assert server.process.poll() is None and server.metric("workers_replaced_total") == 0
    assert not any("Traceback" in line for line in server.said)


def test_the_document_names_every_route(server: Served) -> None:
    document = server.ask("GET", "/openapi.json")[1]
    assert {
        "/v1/classify", "/v1/fields", "/v1/sessions", "/v1/sessions/{code}/capture", "/v1/sessions/{code}/report.pdf",
        "/v1/sessions/{code}/cells/{cell}/verdict", "/healthz", "/readyz", "/metrics", "/v1/live.mjpeg",
    } <= set(document["paths"])  # fmt: skip
    assert "HTTPValidationError" not in json.dumps(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
