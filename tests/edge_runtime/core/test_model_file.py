"""The one-file model: what goes in comes out, and everything else is refused with a reason."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.core import model_file
from edge_runtime.core.archive import MAX_ENTRIES, append_archive
from edge_runtime.core.card import Card, InputContract
from edge_runtime.core.model_file import (
    default_model_path,
    find_model,
    pack_model,
    read_model_file,
)
from edge_runtime.errors import BadModel, WrongUsage

Models = Callable[[str], bytes]
CONTRACT = InputContract(16, 16)


def test_round_trip(packed: bytes, flatbuffer_of: Models, model_path: Path) -> None:
    model = read_model_file(model_path)
    assert model.flatbuffer == flatbuffer_of("int8")
    assert model.labels == ("Uninfected", "Parasitized")
    assert model.card is not None and model.card.input == CONTRACT and model.card.points.count == 0.9
    assert model.card.details["name"] == "tiny"
    assert model.archive is not None and list(model.archive.sizes) == ["labels.txt", "card.json", "golden.npz"]
    assert model.id == hashlib.sha256(packed).hexdigest()[:12]


def test_packing_is_repeatable(packed: bytes, model_path: Path) -> None:
    model = read_model_file(model_path)
    assert model.card is not None and model.archive is not None
    card = Card(model.card.input, model.card.output, model.card.points, {"name": "tiny"})
    assert pack_model(model.flatbuffer, card, model.archive.read("golden.npz", 1 << 20)) == packed


def test_any_zip_program_lists_the_archive(model_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        assert archive.namelist() == ["labels.txt", "card.json", "golden.npz"]
        assert archive.testzip() is None
        assert json.loads(archive.read("card.json"))["format"] == "thinsmear-model"
        with np.load(io.BytesIO(archive.read("golden.npz")), allow_pickle=False) as golden:
            assert golden["images"].shape == (2, 24, 20, 3)


def test_a_plain_flatbuffer_has_no_card(tmp_path: Path, flatbuffer_of: Models) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(flatbuffer_of("int8"))
    model = read_model_file(path)
    assert (model.card, model.labels, model.archive) == (None, (), None)
    assert model.id == hashlib.sha256(flatbuffer_of("int8")).hexdigest()[:12]


def test_a_foreign_archive_gives_its_labels(tmp_path: Path, flatbuffer_of: Models) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(append_archive(flatbuffer_of("int8"), {"labels.txt": b"sick\r\n\r\n well \n", "other.bin": b"\0"}))
    model = read_model_file(path)
    assert model.card is None and model.labels == ("sick", "well")
    assert model.flatbuffer == flatbuffer_of("int8")


def test_an_archive_glued_on_with_cat_is_found_too(tmp_path: Path, flatbuffer_of: Models) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("labels.txt", "a\nb\n")
    path = tmp_path / "glued.tflite"
    path.write_bytes(flatbuffer_of("int8") + stream.getvalue())
    model = read_model_file(path)
    assert model.labels == ("a", "b") and model.flatbuffer == flatbuffer_of("int8")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "no TFLite model"),
        (b"TFL3", "no TFLite model"),
        (b"PK\x03\x04" + b"\0" * 40, "ZIP archive or a .keras file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 40, "HDF5"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "PNG image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0" * 100, "no TFLite model"),
    ],
)
def test_files_that_are_something_else(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(BadModel, match=message):
        read_model_file(path)


def test_a_changed_model_does_not_match_its_card(packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    for place in (20, 600, 1500):
        damaged = bytearray(packed)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(BadModel, match="does not match its card"):
            read_model_file(path)


def test_every_truncation_is_noticed(packed: bytes, flatbuffer_of: Models, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    for length in range(len(flatbuffer_of("int8")) + 40, len(packed), 41):
        path.write_bytes(packed[:length])
        with pytest.raises(BadModel, match="truncated"):
            read_model_file(path)


def test_bytes_added_at_the_end_are_noticed(packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed + b"\0" * 10)
    with pytest.raises(BadModel, match="foreign bytes at its end"):
        read_model_file(path)


LABELS = b"Uninfected\nParasitized\n"
Build = Callable[[bytes, bytes], bytes]


def with_entries(**entries: bytes) -> Build:
    """A flatbuffer with a tail of these entries; ``card=...`` is card.json, ``labels=...`` is labels.txt."""
    names = {"card": "card.json", "labels": "labels.txt"}
    return lambda flatbuffer, card: append_archive(
        flatbuffer, {names[key]: content for key, content in entries.items()}
    )


def with_own_card(labels: bytes | None) -> Build:
    given = {} if labels is None else {"labels.txt": labels}
    return lambda flatbuffer, card: append_archive(flatbuffer, {**given, "card.json": card})


def with_end(change: Callable[[bytes, int], bytes]) -> Build:
    """A good tail, damaged at or near its end record."""

    def build(flatbuffer: bytes, card: bytes) -> bytes:
        good = append_archive(flatbuffer, {"labels.txt": LABELS, "card.json": card})
        return change(good, good.rfind(b"PK\x05\x06"))

    return build


def card_of_another(flatbuffer: bytes, card: bytes) -> bytes:
    other = {**json.loads(card), "flatbuffer_sha256": "0" * 64}
    return append_archive(flatbuffer, {"labels.txt": LABELS, "card.json": json.dumps(other).encode()})


def crowd(flatbuffer: bytes, card: bytes) -> bytes:
    return append_archive(flatbuffer, {f"{i}.txt": b"" for i in range(MAX_ENTRIES + 1)})


BAD_TAILS: dict[str, tuple[Build, str]] = {
    "card of another model": (card_of_another, "does not match"),
    "no labels": (with_own_card(None), "labels are"),
    "one label": (with_own_card(b"x\n"), "labels are"),
    "equal labels": (with_own_card(b"x\nx\n"), "labels are"),
    "card is no JSON": (with_entries(card=b"{"), "no valid JSON"),
    "card is no UTF-8": (with_entries(card=b"\xff\xfe\xfd"), "no valid JSON"),
    "card nests too deeply": (with_entries(card=b"[" * 200_000), "no valid JSON"),
    "card with NaN": (with_entries(card=b'{"format": NaN}'), "finite"),
    "card with 1e999": (with_entries(card=b'{"format": 1e999}'), "finite"),
    "card of another program": (with_entries(card=b'{"format": "x"}'), "not a thinsmear card"),
    "bomb": (with_entries(card=b" " * (64 << 20)), "67,108,864 bytes; the limit"),
    "label bomb": (with_entries(labels=b"\n" * (1 << 20)), "the limit"),
    "crowd": (crowd, "65 entries"),
    "no entries": (lambda flatbuffer, card: flatbuffer + b"PK\x05\x06" + b"\0" * 18, "0 entries"),
    "entry count lies": (with_end(lambda m, end: m[: end + 10] + struct.pack("<H", 9) + m[end + 12 :]), "not complete"),
    "directory size lies": (with_end(lambda m, end: m[: end + 12] + b"\xff" * 4 + m[end + 16 :]), "absurdly large"),
    "directory offset lies": (with_end(lambda m, end: m[: end + 16] + b"\7\0\0\0" + m[end + 20 :]), "damaged"),
    "directory is garbage": (with_end(lambda m, end: m[: end - 30] + b"\xff" * 30 + m[end:]), "damaged"),
    "64-bit directory": (with_end(lambda m, end: m[:end] + b"PK\x06\x07" + b"\0" * 16 + m[end:]), "absurdly large"),
    "encrypted": (with_end(lambda m, end: m.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")), "encrypted"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TAILS)
def test_bad_tails(case: str, flatbuffer_of: Models, model_path: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        card = archive.read("card.json")
    build, message = BAD_TAILS[case]
    path = tmp_path / "bad.tflite"
    path.write_bytes(build(flatbuffer_of("int8"), card))
    with pytest.raises(BadModel, match=message) as caught:
        read_model_file(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_bomb_whose_directory_lies_about_its_size(flatbuffer_of: Models, tmp_path: Path) -> None:
    content = append_archive(flatbuffer_of("int8"), {"card.json": b" " * (64 << 20)})
    lying = content.replace(struct.pack("<I", 64 << 20), struct.pack("<I", 1000))
    assert lying != content
    path = tmp_path / "bomb.tflite"
    path.write_bytes(lying)
    with pytest.raises(BadModel, match=r"damaged|JSON"):
        read_model_file(path)


def test_absurd_sizes_are_refused_unread(tmp_path: Path, flatbuffer_of: Models) -> None:
    path = tmp_path / "huge.tflite"
    path.write_bytes(flatbuffer_of("int8"))
    os.truncate(path, 300 << 20)  # sparse, takes no room
    with pytest.raises(BadModel, match="314,572,800 bytes; a model may have up to"):
        read_model_file(path)


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="folder"):
        read_model_file(tmp_path)
    with pytest.raises(WrongUsage, match="There is no model file"):
        read_model_file(tmp_path / "missing.tflite")
    with pytest.raises(BadModel, match="cannot be read"):
        (tmp_path / "loop.tflite").symlink_to("loop.tflite")
        read_model_file(tmp_path / "loop.tflite")


@pytest.mark.parametrize(
    "details",
    [{"metrics": {"auc": float("nan")}}, {"when": object()}, {"array": np.zeros(2)}],
    ids=["nan", "object", "array"],
)
def test_a_card_must_fit_into_json(details: dict[str, object], flatbuffer_of: Models) -> None:
    with pytest.raises(BadModel, match="cannot be written as JSON"):
        pack_model(flatbuffer_of("int8"), Card(input=CONTRACT, details=details))


def test_only_bare_flatbuffers_are_packed(packed: bytes) -> None:
    with pytest.raises(BadModel, match="Only a TFLite flatbuffer"):
        pack_model(b"something else", Card())
    with pytest.raises(BadModel, match="already has an archive"):
        pack_model(packed, Card())


def test_model_names(tmp_path: Path, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MODELS", tmp_path)
    for name in ("default", "fast"):
        (tmp_path / f"{name}.tflite").write_bytes(packed)
    assert default_model_path() == tmp_path / "default.tflite"
    assert find_model(None) == tmp_path / "default.tflite"
    assert find_model("fast") == tmp_path / "fast.tflite"
    assert find_model(str(tmp_path / "fast.tflite")) == tmp_path / "fast.tflite"
    for name in ("other", "../default"):
        with pytest.raises(WrongUsage, match="There is no model"):
            find_model(name)
    with pytest.raises(WrongUsage, match="one of: default, fast"):
        default_model_path("slow")


@pytest.mark.skipif(not Path("/usr/bin/unzip").exists(), reason="unzip is not installed")
def test_unzip_reads_it_without_complaint(model_path: Path) -> None:
    done = subprocess.run(["unzip", "-t", str(model_path)], capture_output=True, text=True)
    assert done.returncode == 0 and "warning" not in done.stdout + done.stderr
