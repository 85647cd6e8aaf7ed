"""The offline kit: complete for its target, the same bytes each time, and damage is noticed. No test here downloads."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_runtime.core.model_file import default_model_path
from edge_runtime.deploy.kit.build import Sources, build_wheel, make_kit
from edge_runtime.deploy.kit.manifest import MANIFEST, SUMS, Kit, read_kit, sha256_of
from edge_runtime.deploy.kit.wheelhouse import TARGETS, check_complete, collect, missing, run_pip
from edge_runtime.errors import BadData, EnvironmentLacks, WrongUsage
from tests.fakes.cards import make_small_kit, make_wheel

LIMIT = 150_000_000  # bytes of a kit for runtime, fields, camera and page


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return make_small_kit(tmp_path / "made", "trixie")


def files_below(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_what_is_in_a_kit(kit: Kit) -> None:
    assert set(files_below(kit.root)) == {*kit.files, SUMS}
    assert {"install.sh", "target.env", "units/thinsmear.service", "units/60-thinsmear.rules", MANIFEST} <= set(
        kit.files
    )
    assert {"helper-1.0-py3-none-any.whl", "pip-1.0-py3-none-any.whl", "thinsmear-1.0-py3-none-any.whl"} == {
        Path(name).name for name in kit.files if name.startswith("wheels/")
    }
    assert (kit.target, kit.details["python"], kit.details["version"]) == ("trixie", "3.13", "1.0")
    assert all(kit.files[name] == sha256_of(kit.root / name) for name in kit.files)
    assert os.access(kit.root / "install.sh", os.X_OK)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_device_can_check_the_sums(kit: Kit) -> None:
    check = ["sha256sum", "--check", "--quiet", "--strict", SUMS]
    assert subprocess.run(check, cwd=kit.root).returncode == 0
    (kit.root / "target.env").write_text("PYTHON_VERSION=2.7\n")
    assert subprocess.run(check, cwd=kit.root, capture_output=True).returncode == 1


def test_two_kits_are_equal_in_every_byte(tmp_path: Path) -> None:
    one, two = (make_small_kit(tmp_path / name, "bookworm") for name in ("here", "a much longer path/there"))
    assert one.id == two.id
    same, different, unreadable = filecmp.cmpfiles(one.root, two.root, files_below(one.root), shallow=False)
    assert sorted(same) == files_below(two.root) and not different and not unreadable
    for name in same:
        a, b = (one.root / name).stat(), (two.root / name).stat()
        assert (a.st_mtime_ns, a.st_mode) == (b.st_mtime_ns, b.st_mode)
        assert str(tmp_path).encode() not in (one.root / name).read_bytes()


def test_newer_settings_are_left_out_for_older_systems(kit: Kit, tmp_path: Path) -> None:
    old = make_small_kit(tmp_path / "old", "bookworm")
    assert set(kit.files) - set(old.files) == {"units/thinsmear-backoff.conf"}


def test_a_model_travels_along(tmp_path: Path) -> None:
    model_path = tmp_path / "tiny.tflite"
    shutil.copy(default_model_path(), model_path)
    make_small_kit(tmp_path / "made", "trixie")
    wheels = tmp_path / "made/wheels"
    sources = Sources("trixie", (model_path,), next((tmp_path / "made/ours").glob("*.whl")), wheels)
    kit = make_kit(sources, tmp_path / "kit")
    assert kit.details["model"] == "tiny.tflite"
    assert (
        kit.details["models"]
        == {"tiny.tflite": sha256_of(model_path)}
        == {"tiny.tflite": kit.files["models/tiny.tflite"]}
    )
    assert "MODEL=tiny.tflite" in (kit.root / "target.env").read_text()


def test_an_older_kit_is_replaced_and_nothing_else(kit: Kit, tmp_path: Path) -> None:
    (kit.root / "left-over").write_text("x")
    again = make_small_kit(tmp_path / "made", "trixie")
    assert again.id == kit.id and not (kit.root / "left-over").exists()
    other = tmp_path / "photographs"
    other.mkdir()
    (other / "cell.png").write_bytes(b"x")
    with pytest.raises(WrongUsage, match="not empty"):
        make_kit(Sources("trixie"), other)
    assert files_below(other) == ["cell.png"]


def test_a_failure_leaves_the_older_kit(kit: Kit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"no wheel")
    with pytest.raises(BadData, match="no wheel"):
        make_kit(Sources("trixie", wheel=broken, wheels=tmp_path / "made/wheels"), kit.root)
    assert read_kit(kit.root).id == kit.id
    assert sorted(path.name for path in kit.root.parent.iterdir()) == ["kit", "ours", "wheels"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "install.sh").write_text("reboot\n"), "damaged: install.sh"),
        (lambda root: (root / "target.env").unlink(), "target.env is missing"),
        (lambda root: (root / "units/more.service").write_text("x"), "more.service does not belong"),
        (lambda root: (root / MANIFEST).write_text("{}"), "cannot be read"),
        (lambda root: (root / SUMS).write_text(f"{'0' * 64}  ../../etc/passwd\n"), "contradicts itself"),
        (lambda root: (root / SUMS).write_text("nonsense\n"), "cannot be read"),
    ],
)
def test_damage_is_noticed(kit: Kit, damage: object, message: str) -> None:
    assert callable(damage)
    damage(kit.root)
    with pytest.raises(BadData, match=message):
        read_kit(kit.root)


def test_a_folder_that_is_no_kit(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="device bundle"):
        read_kit(tmp_path)


def test_requirements_are_followed_for_the_target(tmp_path: Path) -> None:
    """Markers are decided for the device, not for the machine that makes the kit."""
    ours = make_wheel(
        tmp_path,
        "thinsmear",
        requires=[
            "helper>=2",
            'arm; platform_machine == "aarch64"',
            'intel; platform_machine == "x86_64"',
            'old; python_version < "3.12"',
            'new; python_version >= "3.12"',
            'page; extra == "serve"',
        ],
        extras="serve",
    )
    helper = make_wheel(tmp_path, "helper", "2.1", ["deeper[more]"])
    deeper = make_wheel(tmp_path, "deeper", "1.0", ['deepest; extra == "more"'], extras="more")
    wheels = [ours, helper, deeper]
    assert missing(wheels, TARGETS["bookworm"]) == {"arm", "old", "deepest"}
    assert missing(wheels, TARGETS["trixie"], ["serve"]) == {"arm", "new", "page", "deepest"}
    assert missing([ours], TARGETS["trixie"]) == {"helper>=2", "arm", "new"}


def test_what_pip_overlooks_is_fetched_too(tmp_path: Path) -> None:
    """pip decides markers by the machine it runs on, so it does not fetch what only the device needs."""
    ours = make_wheel(tmp_path, "thinsmear", requires=["helper", 'arm; platform_machine == "aarch64"'])
    calls: list[list[str]] = []

    def pip(arguments: Sequence[str]) -> None:
        calls.append(list(arguments))
        for name in ("helper", "pip") if len(calls) == 1 else ("arm",):
            make_wheel(tmp_path / "wheels", name)

    (tmp_path / "wheels").mkdir()
    collect(ours, TARGETS["bookworm"], tmp_path / "wheels", pip)
    assert len(calls) == 2 and calls[1][-1] == "arm"
    assert {"--python-version=3.11", "--abi=cp311", "--platform=manylinux_2_28_aarch64", "--only-binary=:all:"} <= set(
        calls[0]
    )
    assert not any("index-url" in word or "://" in word for word in calls[0])


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("x-1-py3-none-any.whl", True),
        ("x-1-cp313-cp313-manylinux_2_28_aarch64.whl", True),
        ("x-1-cp310-abi3-manylinux2014_aarch64.whl", True),
        ("x-1-cp311-cp311-manylinux_2_28_aarch64.whl", False),
        ("x-1-cp313-cp313-manylinux_2_28_x86_64.whl", False),
        ("x-1-cp313-cp313-manylinux_2_99_aarch64.whl", False),
        ("x.whl", False),
    ],
)
def test_wheels_of_other_machines_are_refused(tmp_path: Path, name: str, fits: bool) -> None:
    ours = make_wheel(tmp_path, "thinsmear")
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "x", "1").rename(wheels / name)
    if fits:
        check_complete(ours, TARGETS["trixie"], wheels)
    else:
        with pytest.raises(BadData, match="take it out"):
            check_complete(ours, TARGETS["trixie"], wheels)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"wheel": Path("gone.whl")}, WrongUsage, "no gone.whl"),
        ({"wheels": Path("gone")}, WrongUsage, "no gone"),
        ({"debs": (Path("install.sh"),)}, WrongUsage, r"\.deb"),
        ({"models": (Path("gone.tflite"),)}, WrongUsage, "no model file"),
    ],
)
def test_sources_that_do_not_exist(
    tmp_path: Path, change: dict[str, object], error: type[Exception], message: str
) -> None:
    make_small_kit(tmp_path / "made", "trixie")
    sources = {"wheel": next((tmp_path / "made/ours").glob("*.whl")), "wheels": tmp_path / "made/wheels", **change}
    with pytest.raises(error, match=message):
        make_kit(Sources("trixie", **sources), tmp_path / "kit")  # type: ignore[arg-type]
    assert not (tmp_path / "kit").exists()


def test_an_incomplete_folder_of_wheels(tmp_path: Path) -> None:
    make_small_kit(tmp_path / "made", "trixie")
    wheels = tmp_path / "made/wheels"
    ours = next((tmp_path / "made/ours").glob("*.whl"))
    (wheels / "helper-1.0-py3-none-any.whl").unlink()
    with pytest.raises(EnvironmentLacks, match="helper"):
        make_kit(Sources("trixie", wheel=ours, wheels=wheels), tmp_path / "kit")


def test_pips_complaint_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(EnvironmentLacks, match="pip download"):
        run_pip(["download", f"--dest={tmp_path}", "thinsmear-does-not-exist"])


@pytest.mark.long
def test_our_wheel_builds_to_the_same_bytes(tmp_path: Path) -> None:
    checkout = Path(__file__).parents[3]
    before = sorted(path.name for path in checkout.iterdir())
    one, two = build_wheel(tmp_path / "one"), build_wheel(tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in checkout.iterdir()) == before


@pytest.mark.long
@pytest.mark.parametrize("target", list(TARGETS))
def test_a_real_kit(tmp_path: Path, target: str) -> None:
    """Downloads. The second kit is made of the first one's wheels, as somebody without a network would."""
    command = [sys.executable, "-m", "edge_runtime", "device", "bundle", "--json", "--target", target, "--out"]
    first = subprocess.run([*command, "first"], cwd=tmp_path, capture_output=True, text=True, check=True, env={
        **os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})  # fmt: skip
    kit = read_kit(tmp_path / "first")
    ours = next((kit.root / "wheels").glob("thinsmear-*.whl"))
    again = make_kit(Sources(target, wheel=ours, wheels=kit.root / "wheels"), tmp_path / "second")
    assert json.loads(first.stdout)["kit"] == kit.id == again.id
    assert kit.size <= LIMIT
    assert any("ai_edge_litert" in name and "aarch64" in name for name in kit.files)
