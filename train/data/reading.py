"""How labelled data are to be read, as the options of a command say it; and what was read before it is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage

PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "holdout": "test",
}  # fmt: skip
_SHOWN = 5  # folders or numbers in a message; the others are counted


@dataclass(frozen=True)
class Reading:
    """What the user says about labelled data; nothing of it is needed where names say it all.

    Attributes:
        patients: regular expression searched in the file name; group 1 if it has one, else the whole match, is the
            patient. None: NIH names.
        parasitized: numbers that mean parasitized where folders or labels are numbers; other numbers are uninfected.
        ignore_folders: leave out images in folders whose names say nothing of a class.
        skip_unnamed: leave out images without a patient where others have one.
    """

    patients: str | None = None
    parasitized: tuple[str, ...] = ()
    ignore_folders: bool = False
    skip_unnamed: bool = False

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.patients or self.parasitized or self.ignore_folders or self.skip_unnamed)


@dataclass(frozen=True)
class Listed:
    """One labelled image before patients are sought: POSIX path, 1 parasitized or 0, patient and part where known."""

    path: str
    label: int
    patient: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class Listing:
    """What a folder or a list holds.

    Attributes:
        images: labelled ones, sorted by path.
        ignored: hidden, system and non-image files.
        unlabelled: images in folders whose names say nothing, left out as wished.
    """

    images: tuple[Listed, ...]
    ignored: int = 0
    unlabelled: int = 0


@dataclass
class Numbered:
    """Counts images whose only statement is a number, and says what it means once somebody has said so.

    Attributes:
        reading: may say which numbers mean parasitized.
        counts: images by number.
    """

    reading: Reading
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, number: str) -> int:
        """The label by :attr:`reading`, 0 while that says nothing: :meth:`check` refuses it then."""
        self.counts[number] = self.counts.get(number, 0) + 1
        return int(number in self.reading.parasitized)

    def check(self, what: str, where: str) -> None:
        """Refuse numbers of which nobody has said what they mean, and a saying that does not fit.

        Args:
            what: "folders" or "labels".
            where: the data, for the message.

        Raises:
            BadData: numbers alone.
            WrongUsage: the numbers that are said to be parasitized are not there.
        """
        meant = self.reading.parasitized
        if meant:
            unknown = [number for number in meant if number not in self.counts]
            if unknown:
                found = f"numbers found: {counted(self.counts)}" if self.counts else f"the {what} are no numbers"
                raise WrongUsage(f"--parasitized {','.join(meant)}: {where} has no such number; {found}.")
        elif self.counts:
            first = min(self.counts)
            raise BadData(
                f"The {what} of {where} are numbers, {counted(self.counts)}, which do not say what is parasitized: "
                f"published sets of these cells have it as 0 and as 1. Say it with --parasitized {first} (or another), "
                f"or name the {what} Parasitized and Uninfected."
            )


def images(number: int) -> str:
    """``1 image``, ``1,200 images``."""
    return f"{number:,} image{'' if number == 1 else 's'}"


def counted(numbers: Mapping[str, int]) -> str:
    """``0 (4 images), 1 (6 images)``, the first few."""
    names = sorted(numbers, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
    shown = [f"{printable(name)} ({images(numbers[name])})" for name in names[:_SHOWN]]
    more = len(names) - _SHOWN
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def first_three(names: Sequence[str]) -> str:
    """The first three names, fit for a terminal, and dots where there are more."""
    return ", ".join(printable(name) for name in names[:3]) + (" ..." if len(names) > 3 else "")
