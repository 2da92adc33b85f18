"""Why a call costs what it costs: every step from the dialled digits to the total.

A trace is not stored; it is worked out again from the call and its tariff version, which never
changes. Its total is the engine's own figure, and its lines sum to it exactly: whatever six
decimals cannot hold is a line called rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from rating.destinations import Candidate, candidates, find
from rating.engine import Charge, in_currency, price
from rating.tariff import Rate, TariffVersion
from telephony.clock import iso_z
from telephony.money import plain
from telephony.numbers import Number
from telephony.plant import Site

LineKind = Literal[
    "connect_fee", "initial", "increments", "free_seconds", "rounding", "minimum_charge"
]


@dataclass(frozen=True, slots=True)
class Interval:
    """One line of a charge. `count` intervals cover `from_s` to `to_s` of the call.

    Fees, rounding and the minimum charge cover no time. `micros` are millionths of the currency;
    free seconds are negative, rounding may be.
    """

    kind: LineKind
    label: str
    from_s: int
    to_s: int
    count: int
    micros: int

    def as_json(self) -> dict[str, Any]:
        """The line for a JSON document, its amount a string with six decimals."""
        return {
            "kind": self.kind,
            "label": self.label,
            "from_s": self.from_s,
            "to_s": self.to_s,
            "count": self.count,
            "amount": plain(in_currency(self.micros)),
        }


class Trace(NamedTuple):
    """The whole explanation. The intervals' amounts sum to `charge.cost`, always.

    `reason` is one sentence where there is nothing to charge, else empty.
    """

    number: Number
    charge: Charge
    tariff: str
    valid_from: datetime | None
    candidates: tuple[Candidate, ...]
    connected_at: datetime
    zone: str
    duration_s: int
    answered: bool
    intervals: tuple[Interval, ...]
    reason: str

    def free(self, reason: str) -> Trace:
        """The same of a call that no price list had to be asked about, with the `reason` why."""
        return self._replace(reason=reason, charge=self.charge._replace(unrated=False))

    def as_json(self) -> dict[str, Any]:
        """The trace as one JSON object; money as strings, instants in UTC with `Z`."""
        charge = self.charge
        return {
            "number": {
                "dialled": self.number.raw,
                "kind": self.number.kind,
                "e164": self.number.e164,
                "steps": list(self.number.steps),
            },
            "tariff": {
                "name": self.tariff,
                "version_id": charge.tariff_version_id,
                "valid_from": iso_z(self.valid_from) if self.valid_from else None,
                "currency": charge.currency,
            },
            "candidates": [_candidate_json(candidate) for candidate in self.candidates],
            "prefix": charge.prefix,
            "destination": charge.destination,
            "type": charge.type,
            "rate": _rate_json(charge.rate) if charge.rate else None,
            "band": str(charge.band) if charge.band else "any time" if charge.rate else "",
            "connected_at": iso_z(self.connected_at),
            "local_time": self._local.isoformat(timespec="seconds"),
            "time_zone": self.zone,
            "answered": self.answered,
            "duration_s": self.duration_s,
            "billed_s": charge.billed_s,
            "intervals": [interval.as_json() for interval in self.intervals],
            "rounding": "once, half up, to six decimals",
            "unrated": charge.unrated,
            "reason": self.reason,
            "total": plain(charge.cost),
        }

    def as_text(self) -> str:
        """The trace for people, a few short lines in English."""
        return "\n".join(self._lines())

    @property
    def _local(self) -> datetime:
        return self.connected_at.astimezone(ZoneInfo(self.zone))

    def _lines(self) -> Iterator[str]:
        charge = self.charge
        yield f"Number       {self.number.raw} as dialled"
        yield from (f"             {step}" for step in self.number.steps)
        yield f"             {self.number.e164 or 'no E.164'} ({self.number.kind})"
        for index, candidate in enumerate(self.candidates):
            yield f"{'' if index else 'Prefixes':13}{_candidate_text(candidate)}"
        if self.valid_from:
            yield f"Tariff       {self.tariff}, version valid from {iso_z(self.valid_from)}"
        if charge.rate:
            yield f"Destination  {charge.destination} ({charge.type}), prefix {charge.prefix}"
            yield f"Rate         {_rate_text(charge.rate, charge.currency)}"
            local = f"{self._local:%a %Y-%m-%d %H:%M:%S} {self.zone}"
            yield f"Band         {charge.band or 'any time'}; connected {local}"
            yield f"Duration     {self.duration_s} s, billed {charge.billed_s} s"
        yield from (f"  {line.label:48} {in_currency(line.micros):>16f}" for line in self.intervals)
        if self.reason:
            yield f"             {self.reason}"
        yield f"Total        {plain(charge.cost)} {charge.currency}"


def trace(
    version: TariffVersion | None,
    number: Number,
    connected_at: datetime,
    duration_s: int,
    answered: bool,
    site: Site,
    currency: str,
) -> Trace:
    """Explain what `rating.engine.price` charges for the very same arguments."""
    charge = price(version, number, connected_at, duration_s, answered, site, currency)
    chargeable = charge.rate is not None and answered and duration_s > 0
    return Trace(
        number=number,
        charge=charge,
        tariff=version.tariff if version else "",
        valid_from=version.valid_from if version else None,
        candidates=candidates(version, number) if version else (),
        connected_at=connected_at,
        zone=site.time_zone,
        duration_s=duration_s,
        answered=answered,
        intervals=intervals(charge.rate, duration_s) if charge.rate and chargeable else (),
        reason="" if chargeable else _reason(version, number, charge, answered=answered),
    )


def intervals(rate: Rate, duration_s: int) -> tuple[Interval, ...]:
    """The lines of an answered call's charge: they sum to `rate.charge_micros(duration_s)`."""
    lines = [*_fee(rate), *_timed(rate, duration_s)]
    exact = sum(line.micros for line in lines)
    due = rate.connect_micros + _micros(rate, max(0, rate.billed_s(duration_s) - rate.free_s))
    if due != exact:
        lines.append(Interval("rounding", "rounding, once, half up", 0, 0, 1, due - exact))
    total = rate.charge_micros(duration_s)
    if total != due:
        label = f"up to the minimum charge {plain(rate.minimum_charge)}"
        lines.append(Interval("minimum_charge", label, 0, 0, 1, total - due))
    return tuple(lines)


def _fee(rate: Rate) -> Iterator[Interval]:
    if rate.connect_micros:
        yield Interval("connect_fee", "connect fee", 0, 0, 1, rate.connect_micros)


def _timed(rate: Rate, duration_s: int) -> Iterator[Interval]:
    billed, first = rate.billed_s(duration_s), rate.initial_s
    if first:
        label = f"first interval of {first} s"
        yield Interval("initial", label, 0, first, 1, _micros(rate, first))
    if billed > first:
        count = (billed - first) // rate.increment_s
        label = f"{count} x {rate.increment_s} s more, to second {billed}"
        yield Interval("increments", label, first, billed, count, _micros(rate, billed - first))
    if free := min(rate.free_s, billed):
        label = f"{free} s free of charge"
        yield Interval("free_seconds", label, 0, free, 1, -_micros(rate, free))


def _micros(rate: Rate, seconds: int) -> int:
    return (2 * rate.minute_micros * seconds + 60) // 120


def _reason(
    version: TariffVersion | None, number: Number, charge: Charge, *, answered: bool
) -> str:
    """Why there is nothing to charge, in one sentence."""
    if charge.rate is not None:
        seconds = "A call of zero seconds costs nothing."
        return seconds if answered else "Unanswered calls cost nothing."
    if number.kind == "emergency":
        return "Emergency calls are free where the tariff names no price."
    if version is None:
        return "No tariff was valid at this instant on this gateway: unrated."
    if find(version, number):
        return "No time band of this prefix covers the connect: unrated."
    return "No rate of this tariff covers this number: unrated."


def _candidate_text(candidate: Candidate) -> str:
    rate = candidate.rows[0]
    verdict = f"lost: {candidate.lost}" if candidate.lost else "wins: the longest that fits"
    bands = [str(row.band) for row in candidate.rows if row.band]
    shown = f" [{'; '.join(bands)}]" if bands else ""
    return f"{candidate.prefix:10} {rate.destination}{shown} - {verdict}"


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    return {
        "prefix": candidate.prefix,
        "destination": candidate.rows[0].destination,
        "type": candidate.rows[0].type,
        "won": not candidate.lost,
        "reason": candidate.lost or "the longest that fits",
        "bands": [str(row.band) if row.band else "any time" for row in candidate.rows],
    }


def _rate_text(rate: Rate, currency: str) -> str:
    parts = [
        f"{plain(rate.price_per_minute)} {currency} a minute, {rate.initial_s}/{rate.increment_s} s"
    ]
    if rate.connect_micros:
        parts.append(f"connect fee {plain(rate.connect_fee)}")
    if rate.free_s:
        parts.append(f"{rate.free_s} s free")
    if rate.minimum_micros:
        parts.append(f"at least {plain(rate.minimum_charge)}")
    return ", ".join(parts)


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {
        "connect_fee": plain(rate.connect_fee),
        "price_per_minute": plain(rate.price_per_minute),
        "initial_s": rate.initial_s,
        "increment_s": rate.increment_s,
        "free_s": rate.free_s,
        "minimum_charge": plain(rate.minimum_charge),
    }
