"""The files that the recorded calls work on: all drawn here or made by the command itself, the same bytes every time.

A folder of material holds

- ``smears``: what ``thinsmear synth`` draws: 40 cells of 10 patients, two fields;
- ``three``: three of these cells, one called infected, one only suspected, one healthy by the model that comes along;
- ``numbers``: two infected cells in its folder 0, two healthy ones in 1; ``mixed``: cells in Parasitized, Uninfected (one of
  them twice) and a folder that says nothing of a class;
- ``field.png``: one of the fields; ``one.png``: one of the cells;
- ``bad``: an empty file, text that ends in .png, the beginning of a PNG, and a good cell;
- ``tiny.tflite``: three float operators without a card, 8x8 pixels in, two classes out (tests/contract/tiny.tflite: the
  mean colour times ((-4, 4), (0, 0), (4, -4)), softmax, by TensorFlow 2.21's converter); ``cut.tflite``: half of it;
- ``scores.csv``: scores of held-out cells of 60 made-up patients; ``few.csv``: of three; ``many.csv``: many of 9;
- ``counting.json``: a saved benchmark;
- ``store``: a store of sessions with a blank slide and a session of ``three``; ``reviewed``: the same, reviewed;
- ``kit``: an offline kit with stand-ins for wheels (where there is pip); ``card``: what a boot partition of a stock card holds.
"""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from pathlib import Path

import numpy as np

from tests.contract.running import run_here

_HERE = Path(__file__).parent
_CELL = "smears/cells/{}ThinF_IMG_20240101_100000_cell_{}.png"
# called infected, only suspected, healthy: each far from the thresholds of the model that comes along
_THREE = ("Parasitized/C901P1", 2), ("Parasitized/C904P4", 3), ("Uninfected/C902P2", 3)
_CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait"
_CONFIG = "dtparam=audio=on\ncamera_auto_detect=1\n\n[cm5]\ndtoverlay=dwc2\n\n[all]\n"


def make_material(root: Path) -> Path:
    """Draw and make all of it below the new folder ``root``, in a few seconds."""
    root.mkdir(parents=True)
    _thinsmear(root, "synth smears --cells 40 --fields 2 --patients 10 --seed 3 --field-size 640x480")
    _pictures(root)
    _bad_pictures(root / "bad", (root / "one.png").read_bytes())
    _models(root)
    _scores(root / "scores.csv", patients=60)
    _scores(root / "few.csv", patients=3)
    _scores(root / "many.csv", patients=9, cells=140)
    _thinsmear(root, "bench counting --replicates 20 --draws 500 --save counting.json", missed=True)
    _stores(root)
    if importlib.util.find_spec("pip"):
        _kit(root)
    return root


def _thinsmear(root: Path, line: str, missed: bool = False) -> None:
    """Run the command; with ``missed`` it may miss its bar (exit code 1), as so few replicates do."""
    done = run_here(tuple(line.split()), root)
    if done.code not in ((0, 1) if missed else (0,)):
        raise RuntimeError(f"thinsmear {line}: exit code {done.code}: {done.stderr}")


def _pictures(root: Path) -> None:
    (root / "three").mkdir()
    for name, (patient, number) in zip("abc", _THREE, strict=True):
        shutil.copy(root / _CELL.format(patient, number), root / "three" / f"{name}.png")
    infected, healthy = (
        sorted((root / "smears/cells" / label).glob("*.png")) for label in ("Parasitized", "Uninfected")
    )
    places = {
        "numbers/0": infected[:2], "numbers/1": healthy[:2],
        "mixed/Parasitized": infected[:2], "mixed/Uninfected": healthy[:2], "mixed/again/healthy": healthy[:1],
        "mixed/masks": healthy[2:3],
    }  # fmt: skip
    for place, files in places.items():
        (root / place).mkdir(parents=True)
        for file in files:
            shutil.copy(file, root / place)
    shutil.copy(root / "three/a.png", root / "one.png")
    shutil.copy(min((root / "smears/fields").glob("*.png")), root / "field.png")


def _bad_pictures(folder: Path, good: bytes) -> None:
    folder.mkdir()
    (folder / "empty.png").write_bytes(b"")
    (folder / "good.png").write_bytes(good)
    (folder / "half.png").write_bytes(good[:2000])
    (folder / "text.png").write_text("This is no image.\n")
    (folder / "notes.txt").write_text("passed over\n")


def _models(root: Path) -> None:
    content = (_HERE / "tiny.tflite").read_bytes()
    (root / "tiny.tflite").write_bytes(content)
    (root / "cut.tflite").write_bytes(content[: len(content) // 2])
    (root / "text.tflite").write_text("This is no model.\n")


def _scores(path: Path, patients: int, cells: int = 40) -> None:
    """Two in three patients infected, so many cells each; integers only, so that every machine writes the same."""
    draw = np.random.default_rng(5)
    lines = ["label,patient,probability"]
    for patient in range(patients):
        for cell in range(cells):
            infected = patient % 3 > 0 and cell % 2 == 0
            score = int(draw.integers(300, 1000) if infected else draw.integers(0, 400))
            lines.append(f"{'Parasitized' if infected else 'Uninfected'},P{patient},{score / 1000}")
    path.write_text("\n".join(lines) + "\n")


def _stores(root: Path) -> None:
    free = "--min-free 0 --store store"
    _thinsmear(root, "session site --code KISUMU --clock-is-right --store store")
    _thinsmear(root, f"session blank NEG01 smears/cells/Uninfected --cells {free}")
    _thinsmear(root, f"session new --slide A17 --operator AB --stain giemsa --stop who {free}")
    _thinsmear(root, f"session add newest three --cells {free}")
    shutil.copytree(root / "store", root / "reviewed")
    review = "session review --store reviewed --reviewer RV"
    _thinsmear(root, f"{review} --cell 1.1 --verdict asexual --stage ring")
    _thinsmear(root, f"{review} --cell 2.1 --verdict no-parasite")
    _thinsmear(root, f"{review} --counted 200 --asexual 1")


def _kit(root: Path) -> None:
    for name, folder, requires in (("thinsmear", "ours", "helper>=1"), ("helper", "wheels", ""), ("pip", "wheels", "")):
        _wheel(root / folder, name, requires)
    _thinsmear(
        root, "device bundle --target trixie --out kit --wheel ours/thinsmear-1.0-py3-none-any.whl --wheels wheels"
    )
    card = root / "card"
    card.mkdir()
    (card / "config.txt").write_text(_CONFIG)
    (card / "cmdline.txt").write_text(f"{_CMDLINE} resize\n")
    for name in ("kernel8.img", "start4.elf", "user-data", "meta-data", "network-config"):
        (card / name).write_text("# nothing yet\n")


def _wheel(folder: Path, name: str, requires: str) -> None:
    """A wheel with one empty module, always with the same bytes."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), text)
