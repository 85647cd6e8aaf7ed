"""The page and the API answer at the addresses, and with the fields, that tests.contract.addresses recorded."""

from __future__ import annotations

import json

import pytest

from tests.contract.addresses import RECORDED, read_addresses
from tests.contract.compare import json_differences

for _package in ("fastapi", "uvicorn", "python_multipart", "segno"):
    pytest.importorskip(_package, reason=f"the page needs {_package}")


def test_the_addresses_are_as_recorded() -> None:
    found = list(json_differences(json.loads(RECORDED.read_text("utf-8")), read_addresses()))
    assert not found, "\n  ".join([*found, "a deliberate change: python -m tests.contract.addresses"])
