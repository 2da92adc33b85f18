"""From merged legs to rows worth storing: whose call, what it cost, what is charged to whom.

The caller's site gives the dial plan and the zone of the time bands; for an unknown caller, or a
call nobody of ours made, the gateway's site does. The tariff is the gateway's, in the version
valid when the call started.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from rating.engine import Charge, price
from rating.tariff import TariffBook
from telephony.calls import MergedCall, Party
from telephony.legs import Leg
from telephony.merge import LinkKey, link_keys, merge
from telephony.money import ZERO
from telephony.numbers import Number, normalise
from telephony.plant import Owner, Plant, Site


class CallRow(NamedTuple):
    """One extension's row of a call, column for column as it is stored (all but the revision).

    Instants are aware UTC; durations whole seconds; `cost` in `currency`, six decimals.
    """

    key: str
    party: int
    counted: bool
    direction: str
    extension: str | None
    partition: str
    person_id: int | None
    payer: str | None
    number: str
    e164: str
    originated_at: datetime
    started_at: datetime
    ended_at: datetime
    ring_s: int
    duration_s: int
    call_duration_s: int
    answered: bool
    cost: Decimal
    currency: str
    gateway_id: int | None
    site_id: int | None
    destination: str
    destination_type: str
    tariff_version_id: int | None
    unrated: bool
    hunt_pilot: str
    queued_s: int
    cause: int
    unit_id: int | None


class LedgerCharge(NamedTuple):
    """What a call charges to its payer, with what must be remembered of that person."""

    extension: str
    person_id: int | None
    department: str
    cost_centre: str
    amount: Decimal
    currency: str
    ended_at: datetime


class PricedCall(NamedTuple):
    """A call as it is stored: its rows, and its charge where it cost anything."""

    key: str
    rows: tuple[CallRow, ...]
    charge: LedgerCharge | None


class _Party(NamedTuple):
    party: Party
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class Rater:
    """Prices calls for one company. Holds no state but the company and its tariffs."""

    plant: Plant
    book: TariffBook

    def settle(self, legs: Iterable[Leg]) -> list[PricedCall]:
        """Every call that these legs make, priced. Pure: the same legs give the same calls."""
        return [self.price_call(call) for call in merge(legs, self.plant)]

    def links(self, leg: Leg) -> list[LinkKey]:
        """What ties this leg to others: see `telephony.merge.link_keys`."""
        return link_keys(leg, self.plant)

    def price_call(self, call: MergedCall) -> PricedCall:
        """The rows and the charge of one merged call."""
        started_at = datetime.fromtimestamp(call.connected or call.originated, UTC)
        people = [_Party(party, self._owner(party, started_at)) for party in call.parties]
        payer = people[0].owner if call.payer is not None else None
        site = self._site(call, people)
        number, charge = self._charge(call, people, started_at, site)
        rows = self._rows(call, people, number, charge, started_at, site.id if site else None)
        if charge is None or not charge.cost:
            return PricedCall(call.key, rows, None)
        entry = LedgerCharge(
            extension=call.payer.number if call.payer else "",
            person_id=payer.person_id if payer else None,
            department=payer.department if payer else "",
            cost_centre=payer.cost_centre if payer else "",
            amount=charge.cost,
            currency=charge.currency,
            ended_at=rows[0].ended_at,
        )
        return PricedCall(call.key, rows, entry)

    def _owner(self, party: Party, at: datetime) -> Owner | None:
        if party.extension is None:
            return None
        return self.plant.owner(party.extension.number, party.extension.partition, at)

    def _site(self, call: MergedCall, people: Sequence[_Party]) -> Site | None:
        sites = self.plant.sites
        for _, owner in people[:1]:
            if owner is not None and owner.site_id in sites:
                return sites[owner.site_id]
        if call.gateway is not None and call.gateway.site_id in sites:
            return sites[call.gateway.site_id]
        return self.plant.default_site

    def _charge(
        self,
        call: MergedCall,
        people: Sequence[_Party],
        started_at: datetime,
        site: Site | None,
    ) -> tuple[Number | None, Charge | None]:
        if site is None or call.direction == "internal":
            return None, None
        if call.direction == "incoming":
            return normalise(people[0].party.number, site, outpulsed=True), None
        number = normalise(call.dialled, site, outpulsed=call.outpulsed)
        version = None
        if call.gateway is not None and call.gateway.tariff_id is not None:
            version = self.book.version(call.gateway.tariff_id, started_at)
        return number, price(
            version,
            number,
            started_at,
            call.duration_s,
            call.answered,
            site,
            self.plant.currency,
        )

    def _rows(
        self,
        call: MergedCall,
        people: Sequence[_Party],
        number: Number | None,
        charge: Charge | None,
        started_at: datetime,
        site_id: int | None,
    ) -> tuple[CallRow, ...]:
        originated_at = datetime.fromtimestamp(call.originated, UTC)
        ended_at = datetime.fromtimestamp(max(call.disconnected, call.connected), UTC)
        charged = charge is not None and call.answered
        gateway_id = call.gateway.id if call.gateway else None
        e164 = number.e164 if number else ""
        cost, destination, kind, version_id = ZERO, "", "", None
        if charge is not None:
            cost, destination, kind = charge.cost, charge.destination, charge.type
            version_id = charge.tariff_version_id
        whole = (originated_at, started_at, ended_at, call.ring_s)
        priced = (gateway_id, site_id, destination, kind, version_id)
        told = (call.hunt_pilot, call.queued_s, call.cause)
        rows: list[CallRow] = []
        for index, ((extension, dialled, share_s, answered), owner) in enumerate(people):
            first = index == 0
            number_of, partition = extension or (None, "")
            person_id, unit_id = (owner.person_id, owner.unit_id) if owner else (None, None)
            payer = call.payer.number if first and charged and call.payer else None
            unrated = first and charged and charge is not None and charge.unrated
            rows.append(
                CallRow(
                    call.key, index, first, call.direction, number_of, partition, person_id, payer,
                    dialled, e164, *whole, share_s, call.duration_s, answered,
                    cost if first else ZERO, self.plant.currency, *priced, unrated, *told,
                    unit_id,
                )
            )  # fmt: skip
        return tuple(rows)
