"""``thinsmear device``: from a stock card to a working instrument, without a network at the site."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from edge_runtime.common.console import emit_json, json_option, note, table, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import GateFailed, WrongUsage

if TYPE_CHECKING:
    from edge_runtime.deploy.card.settings import SshKey
    from edge_runtime.deploy.card.stack import CardOrder
    from edge_runtime.deploy.card.wifi import Wifi
    from edge_runtime.deploy.kit.manifest import Kit

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_PUBLIC_KEY = click.Path(exists=True, dir_okay=False, path_type=Path)
_DOCUMENT_VERSION = 1


@click.group(short_help="Prepare cards: an offline kit, then one command a card.")
def device() -> None:
    """Turn freshly flashed Raspberry Pi OS cards into instruments.

    \b
    Once, where there is a network:
      thinsmear device bundle --target trixie --out kit
    For each card, or for a whole stack of them:
      thinsmear device provision kit --boot /media/me/bootfs --name scope-1 --ssh-key ~/.ssh/id_ed25519.pub
    """


@device.command(
    short_help="Make the offline kit.",
    epilog="""\b
Examples:
  thinsmear device bundle --target trixie --out kit
  thinsmear device bundle --target bookworm --out kit --model model.tflite
  thinsmear device bundle --target trixie --out kit --wheels old-kit/wheels     nothing is downloaded
  thinsmear device bundle --target trixie --out kit --deb libedgetpu1-std_16.0_arm64.deb

The same inputs give the same bytes.""",
)
@click.option("--out", required=True, metavar="DIR", type=_FOLDER, help="Folder for the kit.")
@click.option(
    "--target",
    default="trixie",
    show_default=True,
    type=click.Choice(["bookworm", "trixie"]),
    help="The cards' system.",
)
@click.option(
    "--model", "models", metavar="FILE", type=_FILE, multiple=True, help="Model file; the first is used [built in]."
)
@click.option("--wheel", metavar="FILE", type=_FILE, help="Our wheel [built from this checkout].")
@click.option("--wheels", metavar="DIR", type=_FOLDER, help="Take the other wheels from here instead of downloading.")
@click.option("--deb", "debs", metavar="FILE", type=_FILE, multiple=True, help="Debian package (arm64) to install too.")
@json_option
@verbosity_options
def bundle(
    out: Path,
    target: str,
    models: tuple[Path, ...],
    wheel: Path | None,
    wheels: Path | None,
    debs: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Collect everything a device needs: our wheel, the aarch64 wheels it depends on, models, units, udev rules, and
    the script that installs them without a network.
    """
    from edge_runtime.deploy.kit.build import Sources, make_kit

    note(f"Collecting wheels for {target}.")
    kit = make_kit(Sources(target, models, wheel, wheels, debs), out)
    if as_json:
        emit_json({"version": _DOCUMENT_VERSION, "kit": kit.id, "path": str(out), "bytes": kit.size, "files": kit.files,
                   "details": kit.details})  # fmt: skip
        return
    rows = [(name, f"{(kit.root / name).stat().st_size:,}") for name in kit.files]
    click.echo(table(("file", "bytes"), rows, right=(1,)))
    click.echo(
        f"\nKit {kit.id} for {target}, version {kit.details['version']}: {kit.size / 1e6:.1f} MB in {printable(out)}."
    )


@device.command(
    short_help="Prepare a card, or a stack of them.",
    epilog="""\b
Examples:
  thinsmear device provision kit --boot /media/me/bootfs --name scope-1 --ssh-key key.pub
  thinsmear device provision kit --boot /media/me/bootfs --name 'scope-{n:03}' --count 20 --ssh-key key.pub \\
      --access-point '{name}' --country UG --passphrase-file phrase.txt --csv cards.csv
  thinsmear device provision kit --boot /media/me/bootfs --name scope-1 --no-ssh --dry-run

The pass phrase comes from --passphrase-file, from THINSMEAR_WIFI_PASSPHRASE, or is asked for; it is stored hashed.
Exit code 1 when a card failed, 4 when no further card came in time.""",
)
@click.argument("kit", metavar="KIT", type=_FOLDER)
@click.option("--boot", required=True, metavar="PATH", type=_FOLDER, help="Where the card's boot partition is mounted.")
@click.option("--name", default="thinsmear", show_default=True, help="Host name; {n:03} is the card's number.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 999), help="How many cards.")
@click.option("--first", default=1, show_default=True, type=click.IntRange(0, 9999), help="Number of the first card.")
@click.option("--system", type=click.Choice(["bookworm", "trixie"]), help="What the card holds [it says so itself].")
@click.option("--user", default="pi", show_default=True, help="Administrator; has no password.")
@click.option("--ssh-key", "keys", metavar="FILE", type=_PUBLIC_KEY, multiple=True, help="Public key that may log in.")
@click.option("--no-ssh", is_flag=True, help="Nobody can log in from outside.")
@click.option("--locale", default="en_GB.UTF-8", show_default=True)
@click.option("--keyboard", default="gb", show_default=True, metavar="LAYOUT[,VARIANT]")
@click.option("--time-zone", default="Etc/UTC", show_default=True)
@click.option("--wifi", "ssid", metavar="SSID", help="Wi-Fi network to join.")
@click.option("--access-point", metavar="SSID", help="Wi-Fi network to offer; {name} is the host name.")
@click.option("--country", metavar="CC", help="Country of use, two letters; Wi-Fi needs it.")
@click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.File("r", encoding="utf-8-sig"),
    help="First line: the Wi-Fi pass phrase; - is stdin.",
)
@click.option("--hidden", is_flag=True, help="The Wi-Fi network does not announce its name.")
@click.option(
    "--camera",
    default="auto",
    show_default=True,
    help="auto (what is connected), usb, none, or the ribbon camera's sensor, for instance imx477.",
)
@click.option(
    "--size", metavar="WxH", help="Size of the camera's pictures [a sensor's: 2028x1520 or so; else its own]."
)
@click.option("--coral", default="none", show_default=True, type=click.Choice(["none", "usb", "pcie"]))
@click.option("--led", metavar="GPIO", type=int, help="Light there: blinks, and is steady once the page answers.")
@click.option("--button", metavar="GPIO", type=int, help="Button there switches the device off in good order.")
@click.option(
    "--clock", default="none", show_default=True, type=click.Choice(["none", "ds3231"]), help="Clock module on I2C."
)
@click.option(
    "--page",
    type=click.Choice(["local", "network"]),
    help="Who can open the page [network with --access-point, else local].",
)
@click.option("--csv", "listing", metavar="FILE", type=_FILE, help="List of the cards that were written.")
@click.option("--wait", metavar="SECONDS", type=click.FloatRange(0), help="Longest wait for the next card [for ever].")
@click.option("--dry-run", is_flag=True, help="Show every file instead of writing; secrets are masked.")
@json_option
@verbosity_options
def provision(
    kit: Path,
    boot: Path,
    name: str,
    count: int,
    first: int,
    system: str | None,
    user: str,
    keys: tuple[Path, ...],
    no_ssh: bool,
    locale: str,
    keyboard: str,
    time_zone: str,
    ssid: str | None,
    access_point: str | None,
    country: str | None,
    passphrase_file: IO[str] | None,
    hidden: bool,
    camera: str,
    size: str | None,
    coral: str,
    led: int | None,
    button: int | None,
    clock: str,
    page: str | None,
    listing: Path | None,
    wait: float | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write to the boot partition of a freshly flashed card what makes it an instrument at its first boot: settings,
    keys, network, the kit. No prompt, no password, no network needed; everything is read back and compared.
    """
    from edge_runtime.deploy.card.settings import CardSettings, numbered
    from edge_runtime.deploy.card.stack import CardOrder, check_names, write_stack
    from edge_runtime.deploy.kit.manifest import read_kit

    check_names(name, count, first)
    ssh_keys = _read_keys(keys, no_ssh)
    checked = read_kit(kit)
    wifi = _wifi(ssid, access_point, country, passphrase_file, hidden)
    for number in range(first, first + count):
        wifi(numbered(name, number))  # a name that does not fit shall show now, not at the fifteenth card
    start = numbered(name, first)
    settings = CardSettings(
        start, checked.target, user, ssh_keys, locale, keyboard, time_zone, wifi(start), camera, coral,
        page or ("network" if access_point else "local"), led, button, size, clock,
    )  # fmt: skip
    if coral != "none":
        _check_coral(checked)
    order = CardOrder(settings, name, checked, system, wifi)
    if dry_run:
        _show(order, boot, first, as_json)
        return
    cards = write_stack(order, boot, count, first, note, wait, listing)
    if as_json:
        for card in cards:
            emit_json(card.row())
    else:
        rows = [(c.number, c.plan.settings.name, c.plan.instance_id, c.plan.settings.system, c.status) for c in cards]
        click.echo(table(("card", "name", "instance", "system", "status"), rows, right=(0,)))
    failed = sum(card.status != "ok" for card in cards)
    if failed:
        raise GateFailed(f"{failed} of {len(cards)} cards failed and must not be used; the list says why.")


def _check_coral(kit: Kit) -> None:
    """Whether a device made of this kit can use the accelerator: WrongUsage without library, a note without model."""
    from edge_runtime.core.backends.edgetpu import CUSTOM_OPERATOR

    if not any(name.startswith("debs/libedgetpu") for name in kit.files):
        raise WrongUsage(
            "The kit cannot use a Coral accelerator: it lacks the library. Make one with `thinsmear device bundle "
            "--deb libedgetpu1-std….deb`, or leave --coral out."
        )
    models = [kit.root / name for name in kit.files if name.startswith("models/")]
    if not any(CUSTOM_OPERATOR in path.read_bytes() for path in models):
        note("No model in the kit is compiled for an Edge TPU, so the accelerator will have nothing to do.")


def _show(order: CardOrder, boot: Path, number: int, as_json: bool) -> None:
    from edge_runtime.deploy.card.boot_partition import open_partition

    plan = order.plan(number, open_partition(boot))
    texts = plan.shown()
    if as_json:
        emit_json({"version": _DOCUMENT_VERSION, "instance_id": plan.instance_id, "bytes": plan.size, "files": texts,
                   "kit": plan.kit.files, "ssh_keys": [asdict(key) for key in plan.settings.keys]})  # fmt: skip
        return
    for path, text in texts.items():
        click.echo(f"==> {path}\n{text}")
    click.echo(f"==> thinsmear/kit: {len(plan.kit.files) + 1} files of kit {plan.kit.id}")
    click.echo(f"\nNothing was written; it would be {plan.size / 1e6:.1f} MB.")


def _read_keys(files: tuple[Path, ...], no_ssh: bool) -> tuple[SshKey, ...]:
    from edge_runtime.deploy.card.settings import parse_ssh_keys

    if bool(files) == no_ssh:
        raise WrongUsage("Say who may log in with --ssh-key FILE (the .pub file), or --no-ssh for nobody; one of them.")
    keys = [key for path in files for key in parse_ssh_keys(path.read_bytes(), printable(path))]
    return tuple(dict.fromkeys(keys))


def _wifi(
    ssid: str | None,
    access_point: str | None,
    country: str | None,
    passphrase_file: IO[str] | None,
    hidden: bool,
) -> Callable[[str], Wifi | None]:
    """What gives a card its Wi-Fi, by its name. The pass phrase is read once, now, and kept in memory only."""
    from edge_runtime.deploy.card.wifi import Wifi, check_country, check_ssid, hashed_key

    if ssid is None and access_point is None:
        if country or passphrase_file or hidden:
            raise WrongUsage("--country, --passphrase-file and --hidden belong to --wifi or --access-point.")
        return lambda name: None
    if ssid is not None and access_point is not None:
        raise WrongUsage("A device has one radio: --wifi or --access-point, not both.")
    if country is None:
        raise WrongUsage("Wi-Fi needs --country, two letters: the radio must follow the rules of where it is used.")
    check_country(country)
    template = check_ssid(ssid if ssid is not None else access_point or "")
    passphrase = _passphrase(passphrase_file)
    if not passphrase and access_point is not None:
        raise WrongUsage("An access point needs a pass phrase of 8 to 63 characters.")

    def of_card(name: str) -> Wifi:
        own = template.replace("{name}", name) if access_point is not None else template
        key = hashed_key(passphrase, own) if passphrase else None
        return Wifi(own, country, key, hidden, access_point is not None)

    return of_card


def _passphrase(file: IO[str] | None) -> str:
    if file is not None:
        return file.readline().rstrip("\r\n")
    if "THINSMEAR_WIFI_PASSPHRASE" in os.environ:
        return os.environ["THINSMEAR_WIFI_PASSPHRASE"]
    if not sys.stdin.isatty():
        raise WrongUsage(
            "The Wi-Fi pass phrase is missing; name a file with --passphrase-file (an empty one for an open network)."
        )
    return getpass.getpass("Wi-Fi pass phrase (empty: an open network): ")
