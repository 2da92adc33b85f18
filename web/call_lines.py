"""The rows of a table of calls as one reader reads them.

Two hundred are made while somebody waits: what is formatted, translated and looked up for a row is
done here, and once for what rows repeat; the template only writes it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from storage.call_rows import CallType
from storage.seen_calls import SeenCall
from web.call_words import gateway_words, type_words
from web.context import say
from words.formats import Reader
from words.language import N_


class CallLine(NamedTuple):
    """One row; times in the reader's zone, `cost` without its currency."""

    id: str
    type: CallType
    type_words: str
    extension: str
    name: str
    number: str
    """Masked; empty where it was withheld."""
    number_address: str
    """Where all calls with the number are."""
    number_words: str
    day: str
    time: str
    at: str
    """When it started, in ISO 8601 and UTC."""
    words: str
    duration: str
    cost: str
    unrated: bool
    gateway: str


def call_lines(
    calls: Iterable[SeenCall], reader: Reader, address: Callable[[SeenCall], str]
) -> list[CallLine]:
    """The rows of a table; `address` leads to all calls with a row's number."""
    all_with, in_full = (
        say(N_("All calls with %(number)s")),
        say(N_("This call in full, %(moment)s")),
    )

    @cache
    def cost(amount: Decimal, currency: str) -> str:
        return reader.bare_money(amount, currency)

    @cache
    def day(at: datetime) -> str:
        return reader.short_day(at)

    def line(call: SeenCall) -> CallLine:
        at = call.started_at
        on, time = day(_quarter(at)), reader.clock_seconds(at)
        return CallLine(
            id=str(call.id),
            type=call.type,
            type_words=type_words(call),
            extension=call.extension,
            name=call.name,
            number=call.number,
            number_address=address(call),
            number_words=all_with % {"number": call.number},
            day=on,
            time=time,
            at=at.isoformat(),
            words=in_full % {"moment": f"{on} {time}"},
            duration=reader.duration(call.duration_s),
            cost=cost(call.cost, call.currency),
            unrated=call.unrated,
            gateway=gateway_words(call),
        )

    return [line(call) for call in calls]


def _quarter(at: datetime) -> datetime:
    """The quarter of an hour an instant is in, which is of one day in every time zone."""
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
