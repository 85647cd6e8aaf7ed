"""Patients by the names of the files, and what happens to images that name none while others do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from edge_runtime.common.console import note
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

# NIH/NLM file names begin with the patient: C47P8thin_original_IMG_..., C51AP12thinF_IMG_..., C1_thinF_IMG_...; what
# follows is asked for, because C1.png to C99.png would else be images of 99 patients.
NIH_PATIENT = r"^C\d+[AB]?(?:P\d+(?=[A-Za-z_])|(?=_?N?[Tt]hin))"
_ENOUGH_TO_TELL = 20  # images; of fewer, each may well be of another patient


def patients_by_name(paths: Sequence[str], expression: str | None) -> list[str | None]:
    """The patient that each file name names, None where it names none.

    Args:
        paths: POSIX paths.
        expression: regular expression; group 1 if it has one, else the whole match. None: :data:`NIH_PATIENT`.

    Raises:
        WrongUsage: it is no regular expression.
    """
    try:
        pattern = re.compile(expression or NIH_PATIENT)
    except re.error as error:
        raise WrongUsage(f'--patients "{expression}" is not a regular expression: {error}.') from error
    group = 1 if pattern.groups else 0
    matches = (pattern.search(PurePosixPath(path).name) for path in paths)
    return [(match.group(group) or None) if match is not None else None for match in matches]


def warn_of_single_images(patients: Sequence[str]) -> None:
    """Tell the person when names group hardly any images: they hardly name patients then."""
    single = sum(count == 1 for count in Counter(patients).values())
    if len(patients) >= _ENOUGH_TO_TELL and 2 * single > len(patients):
        note(
            f"WARNING: {len(set(patients))} patients in {len(patients)} images by their names, first "
            f"{printable(patients[0])}: hardly two images of one. If they are of fewer patients, --patients must find "
            "another part of the name."
        )
