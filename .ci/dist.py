"""Build what a release consists of, twice, and prove it: sdist, wheel, checksums, a list of what it brings along.

    make dist

It builds from the last commit, not from the working tree. Two builds must give the same bytes; metadata and README must
be what an index takes; the wheel must install into an empty environment and classify there. ``dist/`` then holds
the sdist, the wheel, ``thinsmear-VERSION.cdx.json`` (CycloneDX: every package the base install brings) and
``SHA256SUMS``, which `sha256sum --check` reads.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "dist"
BIN = Path(sys.executable).parent


def main() -> None:
    """Build, compare, check, install, and only then replace ``dist/``."""
    commit = _git("rev-parse", "HEAD")
    epoch = int(_git("log", "-1", "--format=%ct"))
    if _git("status", "--porcelain"):
        print("Note: the working tree has changes; what is built is the last commit without them.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="thinsmear-dist-") as name:
        folder = Path(name)
        first, second = (_build(commit, epoch, folder / turn) for turn in ("first", "second"))
        differ = [path.name for path in first if path.read_bytes() != (second[0].parent / path.name).read_bytes()]
        if differ or len(first) != len(second):
            sys.exit(f"error: two builds of {commit[:12]} differ in {', '.join(differ) or 'their number of files'}.")
        _run(BIN / "twine", "check", "--strict", *first)
        wheel = next(path for path in first if path.suffix == ".whl")
        version = wheel.name.split("-")[1]
        environment = _install(wheel, folder / "environment")
        bill = folder / f"thinsmear-{version}.cdx.json"
        _run(
            BIN / "cyclonedx-py", "environment", "--output-reproducible", "--output-format", "JSON",
            "--output-file", bill, environment / "bin/python",
        )  # fmt: skip
        _keep([*first, bill])
    for path in sorted(OUT.iterdir()):
        print(f"{path.stat().st_size:>11,}  {path.relative_to(ROOT)}")
    print(f"Built twice from {commit[:12]} with the same bytes, checked, installed and run.")


def _build(commit: str, epoch: int, folder: Path) -> list[Path]:
    """Sdist and wheel of a commit, in a folder of their own; the sdist's archive is made anew without its clock."""
    source, out = folder / "source", folder / "out"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(source, filter="data")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    _run(sys.executable, "-m", "build", "--outdir", out, source, env=environment)
    for sdist in out.glob("*.tar.gz"):
        _without_clock(sdist, epoch)
    return sorted(out.iterdir())


def _without_clock(sdist: Path, epoch: int) -> None:
    """Setuptools stamps what it generates, and gzip its header, with the present; the commit's time replaces both."""
    with tarfile.open(sdist) as tar:
        entries = sorted(((entry, tar.extractfile(entry)) for entry in tar.getmembers()), key=lambda pair: pair[0].name)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as clean:
            for entry, content in entries:
                entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "", ""
                entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
                entry.pax_headers = {}
                clean.addfile(entry, content)
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed:
        packed.write(stream.getvalue())


def _install(wheel: Path, environment: Path) -> Path:
    """An empty environment with nothing but the wheel and what it requires, in which the program runs."""
    _run(sys.executable, "-m", "venv", environment)
    _run(environment / "bin/python", "-m", "pip", "install", "--quiet", wheel)
    _run(environment / "bin/python", "-m", "pip", "check")
    _run(environment / "bin/thinsmear", "--version")
    _run(environment / "bin/thinsmear", "show", "default", "--golden", quiet=True)
    return environment


def _keep(files: list[Path]) -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    sums = []
    for path in files:
        content = path.read_bytes()
        (OUT / path.name).write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
    (OUT / "SHA256SUMS").write_text("".join(sorted(sums, key=lambda line: line[66:])))


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _run(*words: object, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a program; its output is shown only when it fails, or it is short and wanted."""
    command = [str(word) for word in words]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\nerror: `{' '.join(command)}` ended with {done.returncode}.")
    if not quiet and "-m" not in command:
        print(done.stdout.strip())


if __name__ == "__main__":
    main()
