"""What all tests share: a clean environment, and the real images where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with nih_cells and iml_fields: THINSMEAR_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("THINSMEAR_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "nih_cells").is_dir():
        pytest.skip(f"no real cell images in {folder}; set THINSMEAR_DATA to their folder")
    return folder
