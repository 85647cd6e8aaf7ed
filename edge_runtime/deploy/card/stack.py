"""One card after the other at the same reader: waits for the next one, gives each a name and an id, keeps a list."""

from __future__ import annotations

import csv
import io
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import printable
from edge_runtime.deploy.card.boot_partition import BootPartition, open_partition
from edge_runtime.deploy.card.plan import CardPlan, carry_out, inspect, make_plan
from edge_runtime.deploy.card.settings import CardSettings, check_host_name, numbered
from edge_runtime.deploy.card.wifi import Wifi
from edge_runtime.deploy.kit.manifest import Kit
from edge_runtime.errors import BadData, NotConclusive, ThinsmearError, WrongUsage

_POLL = 0.5  # seconds
COLUMNS = ("number", "name", "instance_id", "system", "network", "ssid", "country", "user", "ssh_keys", "kit",
           "version", "bytes", "written", "status")  # fmt: skip


@dataclass(frozen=True)
class CardOrder:
    """What the cards of a stack share.

    Attributes:
        settings: of every card; its name is the template, and its Wi-Fi's name may hold ``{name}``.
        name: template of the host names.
        kit: what is installed.
        system: what the user says the cards hold; None: each card says it.
        wifi: gives a card's name its Wi-Fi; called once a card.
    """

    settings: CardSettings
    name: str
    kit: Kit
    system: str | None
    wifi: Callable[[str], Wifi | None]

    def plan(self, number: int, partition: BootPartition) -> CardPlan:
        """The plan for the n-th card, with an id nobody had before."""
        name = numbered(self.name, number)
        settings = replace(self.settings, name=name, wifi=self.wifi(name))
        settings = inspect(settings, partition, self.system)
        return make_plan(settings, self.kit, partition, f"{name}-{secrets.token_hex(6)}")


@dataclass(frozen=True)
class Written:
    """A card that was written, or was tried.

    Attributes:
        number: in the stack.
        plan: what it should get.
        status: ``"ok"``, or why not.
    """

    number: int
    plan: CardPlan
    status: str
    time: datetime

    def row(self) -> dict[str, object]:
        """A line of the list. There are no secrets in it: names, public keys' fingerprints, sizes."""
        settings = self.plan.settings
        wifi = settings.wifi
        network = "cable" if wifi is None else "access-point" if wifi.access_point else "wifi"
        return {
            "number": self.number, "name": settings.name, "instance_id": self.plan.instance_id,
            "system": settings.system, "network": network, "ssid": wifi.ssid if wifi else "",
            "country": wifi.country if wifi else "", "user": settings.user,
            "ssh_keys": " ".join(key.fingerprint for key in settings.keys), "kit": self.plan.kit.id,
            "version": self.plan.kit.details.get("version", ""), "bytes": self.plan.size,
            "written": self.time.isoformat(timespec="seconds"), "status": self.status,
        }  # fmt: skip


def write_stack(
    order: CardOrder,
    boot: Path,
    count: int,
    first: int,
    tell: Callable[[str], None],
    patience: float | None = None,
    listing: Path | None = None,
) -> list[Written]:
    """Write ``count`` cards, one after the other, each at the same path.

    The first card may be in the reader already; every further one must be another than those written before: it
    is known by the id that was written to it. In a stack, a card that was prepared earlier is left alone.

    Args:
        boot: where the reader's cards are mounted.
        first: number of the first card.
        tell: gets a sentence for the person who changes the cards.
        patience: seconds to wait for a card; None: as long as it takes.
        listing: CSV file, brought up to date after each card; lines of earlier calls stay in front.

    Returns:
        All cards that were tried, in order; one that failed is followed by another with the same number.

    Raises:
        NotConclusive: no card came in time; those before are written and listed.
        WrongUsage: the settings do not fit the card, or with ``count`` 1 the path is no boot partition.
    """
    tried: list[Written] = []
    before = "" if listing is None else _earlier(listing)
    if listing is not None:
        write_atomically(listing, as_csv(tried, before))  # whether that works shall show before the first card
    failed = False
    for number in range(first, first + count):
        while True:
            if count == 1:
                partition = open_partition(boot)
            else:
                partition = _next_card(boot, tell, numbered(order.name, number), patience, failed)
            plan = order.plan(number, partition)
            status = "ok"
            try:
                carry_out(plan, partition)
            except (OSError, BadData) as error:
                if count == 1:
                    raise
                status = str(error)
            failed = status != "ok"
            tried.append(Written(number, plan, status, datetime.now(timezone.utc)))
            if listing is not None:
                write_atomically(listing, as_csv(tried, before))
            if status == "ok":
                tell(f"{plan.settings.name} is written and verified ({plan.size / 1e6:.0f} MB); eject the card.")
                break
            tell(f"{plan.settings.name} failed: {status} Take this card away.")
    return tried


def as_csv(cards: list[Written], before: str = "") -> str:
    """The list of cards, after what an earlier list said."""
    stream = io.StringIO()
    stream.write(before)
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    if not before:
        writer.writeheader()
    writer.writerows(card.row() for card in cards)
    return stream.getvalue()


def _earlier(listing: Path) -> str:
    """The list an earlier call has left, or WrongUsage when the file is something else."""
    if not listing.exists():
        return ""
    text = listing.read_text(encoding="utf-8", errors="replace")
    if text and not (text.startswith(",".join(COLUMNS) + "\n") and text.endswith("\n")):
        raise WrongUsage(f"{printable(listing)} is no list of cards; name a new file.")
    return text


def _next_card(
    boot: Path, tell: Callable[[str], None], name: str, patience: float | None, must_leave: bool
) -> BootPartition:
    """Wait until a fresh card is mounted at ``boot``.

    Args:
        must_leave: the card that is there has failed and may look fresh; the next is one that comes after it has gone.
    """
    begin = time.monotonic()
    said = ""
    while True:
        sentence = f"Put in the card for {name} (mounted at {printable(boot)})."
        try:
            partition = open_partition(boot)
        except (ThinsmearError, OSError):
            must_leave = False  # no card, or not mounted yet
        else:
            if must_leave:
                sentence = f"Take out the card that failed; then put in the one for {name}."
            elif partition.instance is None and partition.system is None:
                sentence = f"The card at {printable(boot)} is not fresh; put in a flashed one, for {name}."
            elif partition.instance is None:
                return partition
            else:
                sentence = f"This card is {partition.instance} already; put in the next one, for {name}."
        if sentence != said:
            tell(sentence)
            said = sentence
        if patience is not None and time.monotonic() - begin > patience:
            raise NotConclusive(f"No fresh card came within {patience:.0f} s for {name}; call again with --first.")
        time.sleep(_POLL)


def check_names(name: str, count: int, first: int) -> None:
    """Whether the template gives each of the cards a host name of its own, or WrongUsage."""
    names = [check_host_name(numbered(name, number)) for number in range(first, first + count)]
    if len(set(names)) != count:
        raise WrongUsage(f"{count} cards need {count} names; put the number in, for instance --name scope-{{n:03}}.")
