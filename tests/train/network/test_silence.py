"""The converter's chatter stays off the terminal, and the terminal comes back."""

from __future__ import annotations

import os
import sys

import pytest

from train.network.silence import silenced


def test_neither_python_nor_c_gets_through(capfd: pytest.CaptureFixture[str]) -> None:
    with silenced():
        print("from Python")
        print("and its stderr", file=sys.stderr)
        os.write(1, b"from C\n")
        os.write(2, b"and its stderr\n")
    print("after")
    os.write(2, b"after, too\n")
    out, err = capfd.readouterr()
    assert (out, err) == ("after\n", "after, too\n")


def test_descriptors_come_back_after_ctrl_c(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), silenced():
        os.write(1, b"lost\n")
        raise KeyboardInterrupt
    os.write(1, b"seen\n")
    assert capfd.readouterr().out == "seen\n"
