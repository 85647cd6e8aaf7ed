"""The first boot of Raspberry Pi OS Bookworm: a script that systemd runs once, as Raspberry Pi Imager does it.

Bookworm's own first boot (resizing, host keys) comes first and restarts the board; then the kernel parameter
``systemd.run`` runs our script instead of the normal boot, and restarts again. Imager's other way, ``custom.toml``,
is not used: it knows no access point, and shows a dialogue that waits for a key when something goes wrong. The
script's path must be the one below /boot/firmware: for /boot/firstrun.sh the image's own fix-up rewrites the script.
"""

from __future__ import annotations

from importlib import resources

SCRIPT = "firstrun.sh"
DROP = ("systemd.run", "systemd.unit=kernel-command-line")


def first_run() -> bytes:
    """The script that Bookworm runs; what it does is in ``early.sh`` beside the kit."""
    return (resources.files("edge_runtime.deploy.card") / "scripts" / SCRIPT).read_bytes()


def parameters() -> tuple[str, ...]:
    """What makes systemd run the script; a failure restarts the board too, where systemd would power it off."""
    return (
        f"systemd.run=/boot/firmware/{SCRIPT}",
        "systemd.run_success_action=reboot",
        "systemd.run_failure_action=reboot",
        "systemd.unit=kernel-command-line.target",
    )
