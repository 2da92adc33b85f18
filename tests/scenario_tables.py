"""Reads the scenario tables: call-record rows above, the calls that must come of them below."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_type_hints

from rating.charge import Rater
from rating.tariff import Rate, TariffBook, TariffVersion
from telephony.legs import Leg
from telephony.plant import ExtensionKey, Gateway, Owner, Ownership, Plant, Site

FOLDER = Path(__file__).with_name("scenarios")
BEGIN = 1_772_438_400
"""2 March 2026, 08:00 UTC: a Monday morning."""

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DEVICES = {"VM": "TRUNK-VM", "IVR": "TRUNK-IVR", "REC": "TRUNK-REC", "ICT": "ICT-HQ", "-": ""} | {
    "TRUNK": "TRUNK-PSTN"
}
EMPTY = Leg(*("" if kind is str else 0 for kind in get_type_hints(Leg).values()))


@dataclass(frozen=True)
class Scenario:
    name: str
    legs: tuple[Leg, ...]
    expected: tuple[tuple[str, ...], ...]


def scenarios() -> list[Scenario]:
    """Every scenario of every file, in order."""
    return [
        _scenario(part)
        for path in sorted(FOLDER.glob("*.txt"))
        for part in re.split(r"^== ", path.read_text(), flags=re.MULTILINE)[1:]
    ]


def _scenario(text: str) -> Scenario:
    lines = [line.strip() for line in text.strip().splitlines()]
    rows_at, calls_at = lines.index("rows"), lines.index("calls")
    heads = _cells(lines[rows_at + 1])
    rows = [
        dict(zip(heads, _cells(line), strict=False))
        for line in lines[rows_at + 2 : calls_at]
        if line
    ]
    legs = tuple(_leg(lines[0], number, row) for number, row in enumerate(rows))
    expected = tuple(_expected(_cells(line)) for line in lines[calls_at + 2 :] if line)
    return Scenario(lines[0], legs, expected)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def _expected(cells: list[str]) -> tuple[str, ...]:
    *head, cost = cells
    return (*head, f"{Decimal(cost):.6f}")


def _leg(name: str, number: int, row: dict[str, str]) -> Leg:
    orig_leg, dest_leg = (int(part) for part in row["legs"].split(">"))
    connected, end = row["connect"], BEGIN + int(row["end"])
    seconds = end - BEGIN - int(connected) if connected != "-" else 0
    orig, dest = (_device(part.strip()) for part in row["from > to"].split(">"))
    codes = dict(re.findall(r"\b([tjro])(\d+)", row.get("by", "")))
    reason = re.search(r"r\d+/(\d+)", row.get("by", ""))
    hunt = row.get("hunt", "-")
    return EMPTY._replace(
        pkid=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {number}")),
        cluster="Lab",
        node=1,
        call_no=int(row["call"]),
        orig_leg=orig_leg,
        dest_leg=dest_leg,
        originated=BEGIN + int(row["at"]),
        connected=BEGIN + int(connected) if connected != "-" else 0,
        disconnected=end,
        duration_s=seconds,
        calling=row["calling"],
        original_called=row.get("original", row["called"]),
        final_called=row["called"],
        final_called_user=row.get("user", ""),
        last_redirect=row.get("redirect", row["called"]),
        outpulsed_called=row.get("outpulsed", ""),
        orig_device=orig,
        dest_device=dest,
        orig_termination_by=int(codes.get("t", 0)),
        join_by=int(codes.get("j", 0)),
        last_redirect_by=int(codes.get("r", 0)),
        original_redirect_by=int(codes.get("o", 0)),
        last_redirect_reason=int(reason.group(1)) if reason else 0,
        conversation=int(row.get("conversation", "0")),
        hunt_pilot="" if hunt == "-" else hunt,
        mobile_called=row.get("mobile", ""),
        comment=row.get("comment", ""),
    )


def _device(text: str) -> str:
    return DEVICES.get(text, text)


SITE = Site(1, "Milano", "IT", "Europe/Rome", "02", "0", ("112", "118"))
EXTENSIONS = [str(number) for number in range(201, 210)]


def rater() -> Rater:
    """A company with extensions 201 to 209, every kind of trunk, and one price for everywhere."""
    kinds = {"TRUNK-PSTN": "pstn", "TRUNK-VM": "voicemail", "TRUNK-IVR": "ivr"} | {
        "TRUNK-REC": "recorder",
        "ICT-*": "intersite",
    }
    plant = Plant(
        currency="EUR",
        time_zone="Europe/Rome",
        sites={1: SITE},
        gateways=tuple(
            Gateway(number, device, device, 1, kind, 1)  # type: ignore[arg-type]
            for number, (device, kind) in enumerate(kinds.items(), start=1)
        ),
        ownerships=[
            Ownership(
                ExtensionKey(number), Owner(int(number), 1, "Sales", "CC-10", "Milano"), None, None
            )
            for number in EXTENSIONS
        ],
        logins={f"user{number}": ExtensionKey(number) for number in EXTENSIONS},
    )
    rates = [
        Rate(str(digit), "Anywhere", "international", Decimal("0.05"), Decimal("0.60"), 1, 1)
        for digit in range(1, 10)
    ]
    version = TariffVersion.of(
        rates, id=1, tariff_id=1, tariff="one price", currency="EUR", valid_from=LONG_AGO
    )
    return Rater(plant, TariffBook.of([version]))
