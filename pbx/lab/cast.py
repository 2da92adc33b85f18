"""A call somebody wishes to make, who takes part in it, and the rows it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from pbx.lab import scenarios
from pbx.lab.cdr import Record
from pbx.lab.company import EMERGENCY, INTERNAL, LabCompany, LabExtension, LabSite
from pbx.lab.rows import Ids, Party, outside_party

Way = Literal[
    "plain",
    "missed",
    "busy",
    "forward",
    "transfer",
    "blind-transfer",
    "transfer-by-caller",
    "conference",
    "hunt",
    "pickup",
]
WAYS: tuple[Way, ...] = (
    "plain",
    "missed",
    "busy",
    "forward",
    "transfer",
    "blind-transfer",
    "transfer-by-caller",
    "conference",
    "hunt",
    "pickup",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A call somebody is about to make. Numbers are as dialled; `via` is the third party.

    For a transfer or forward `via` is who hands on; for a pickup who was rung; for a hunt the
    pilot; for a conference the second guest.
    """

    caller: str
    called: str
    seconds: int
    way: Way = "plain"
    via: str = ""


class Cast(NamedTuple):
    """The parties of a call, found."""

    caller: Party
    called: Party
    via: Party | None = None


def enact(ids: Ids, random: Random, wish: Wish, cast: Cast, *, ends: int) -> list[Record]:
    """The rows of a call that ends at `ends` (epoch seconds)."""
    rows = begin(ids, random, wish, cast, ends)
    late = max(int(row["dateTimeDisconnect"]) for row in rows) - ends
    if late:
        for row in rows:
            for column in ("dateTimeOrigination", "dateTimeConnect", "dateTimeDisconnect"):
                row[column] = int(row[column]) - late if row[column] else 0
    return rows


def begin(ids: Ids, random: Random, wish: Wish, cast: Cast, at: int) -> list[Record]:
    """The rows of a call that begins at `at` (epoch seconds); a caller talks `seconds` in all."""
    caller, called, via = cast
    talk, ring = wish.seconds, 2 + int(random.random() * 14)
    if wish.way == "busy":
        return scenarios.busy(ids, caller, called, at)
    if via is not None and wish.way not in ("plain", "missed"):
        return _with_third(ids, random, wish, (caller, called, via), at, ring)
    if wish.way == "missed" or not talk:
        return scenarios.missed(ids, caller, called, at, ring)
    return scenarios.plain(ids, caller, called, at, ring, talk)


def _with_third(
    ids: Ids, random: Random, wish: Wish, parties: tuple[Party, Party, Party], at: int, ring: int
) -> list[Record]:
    caller, called, via = parties
    talk = wish.seconds
    first = min(5 + int(random.random() * 40), talk)
    blind = wish.way == "blind-transfer"
    consult = min(4 if blind else 6 + int(random.random() * 25), talk - first)
    rest = talk - first - consult
    match wish.way:
        case "forward":
            reason = scenarios.FORWARD_NO_ANSWER if ring > 9 else scenarios.FORWARD_ALL
            rows = scenarios.forward(ids, caller, via, called, at, ring, talk, reason)
        case "hunt":
            rows = scenarios.hunt(ids, caller, via, called, at, ring, talk)
        case "pickup":
            rows = scenarios.pickup(ids, caller, via, called, at, ring, talk)
        case "conference":
            rows = scenarios.conference(ids, caller, called, via, at, ring, first, consult, rest)
        case "transfer-by-caller":
            rows = scenarios.transfer_by_caller(
                ids, caller, called, via, at, ring, first, consult, rest
            )
        case _:
            rows = scenarios.transfer(
                ids, caller, via, called, at, ring, first, consult, rest, blind=blind
            )
    return rows


class Parties:
    """Turns numbers into parties, without asking what a line may dial."""

    def __init__(self, company: LabCompany) -> None:
        self.company = company
        self._lines = {extension_key(e): self.line(e) for e in company.extensions}
        self._pilots = {p: Party(p, INTERNAL, usage=7) for p, _ in company.hunt_pilots}

    def line(self, extension: LabExtension) -> Party:
        """An extension as a party."""
        digits = "".join(c for c in extension.number if c.isdigit())[-4:] or "1"
        return Party(
            extension.number,
            extension.partition,
            extension.device,
            extension.login,
            address=f"10.20.{int(digits) // 250 % 250}.{int(digits) % 250 + 1}",
        )

    def cast(self, wish: Wish) -> Cast:
        """Who takes part in a call, taking every number for granted."""
        caller_line = self.company.extension(wish.caller)
        via_line = self.company.extension(wish.via) if wish.via else None
        called_line = self.company.extension(wish.called)
        home = self.company.site((caller_line or via_line or called_line or _NOBODY).site)
        caller = self._party(caller_line) or outside_party(wish.caller, home.gateway)
        called = self._party(called_line) or called_outside(home, wish.called)
        if not wish.via:
            return Cast(caller, called)
        via = self._pilots.get(wish.via) or self._party(via_line)
        return Cast(caller, called, via or called_outside(home, wish.via))

    def _party(self, extension: LabExtension | None) -> Party | None:
        return None if extension is None else self._lines[extension_key(extension)]


_NOBODY = LabExtension("")


def called_outside(site: LabSite, digits: str) -> Party:
    """Somebody outside called from this site: by the emergency pattern or the site's own."""
    prefix = site.outside_prefix
    if digits.removeprefix(prefix) in site.emergency:
        return outside_party(digits, site.gateway, EMERGENCY, digits)
    international = digits.startswith(f"{prefix}00")
    pattern = f"{prefix}.00!" if international else f"{prefix}.!"
    return outside_party(digits, site.gateway, site.partition, pattern if prefix else "!")


def extension_key(extension: LabExtension) -> str:
    """`731@PT-Internal`, or `731` in the partition without name."""
    return f"{extension.number}@{extension.partition}" if extension.partition else extension.number
