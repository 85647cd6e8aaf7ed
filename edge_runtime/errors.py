"""The errors a user can meet: each is one sentence, and each knows the exit code it leads to."""

from __future__ import annotations

LACKING, NO_SPACE = "lacking", "no-space"


class ThinsmearError(Exception):
    """Something went wrong that the user can understand and act on.

    Attributes:
        exit_code: status with which the command ends when nothing handles the error.
    """

    exit_code = 1


class BadImage(ThinsmearError):
    """An image cannot be used.

    Attributes:
        kind: short machine-readable reason, for instance ``"unreadable-image"``.
    """

    def __init__(self, message: str, kind: str = "unreadable-image") -> None:
        super().__init__(message)
        self.kind = kind


class BadModel(ThinsmearError):
    """A model file is corrupt, foreign or contradicts its own card."""


class BadData(ThinsmearError):
    """A data set, run directory or annotation file does not hold what it should."""


class GateFailed(ThinsmearError):
    """A quality gate measured a figure beyond its limit."""


class WrongUsage(ThinsmearError):
    """The command was called with arguments that cannot be carried out, or there is nothing to work on."""

    exit_code = 2


class EnvironmentLacks(ThinsmearError):
    """This machine lacks something (a package, a library, a device); the message names the cure.

    Attributes:
        kind: short machine-readable reason: :data:`LACKING`, or :data:`NO_SPACE` on a disk.
    """

    exit_code = 3

    def __init__(self, message: str, kind: str = LACKING) -> None:
        super().__init__(message)
        self.kind = kind


class NotConclusive(ThinsmearError):
    """A measurement was made but is not valid or cannot decide."""

    exit_code = 4
