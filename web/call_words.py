"""Calls in words: what kind a row is, whose calls a list holds, why a call cost what it cost.

The trace of a price is English and for administrators' terminals; a page says the same from the
trace's figures, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from babel.numbers import format_decimal

from rating.engine import in_currency
from rating.tariff import Rate
from rating.trace import Interval, Trace
from storage.call_rows import CallType
from storage.seen_calls import SeenCall
from storage.viewer import Viewer
from web.context import reader, say
from words.language import N_

TYPES: dict[CallType, str] = {
    "incoming": N_("Incoming call from PSTN"),
    "outgoing": N_("Outgoing call to PSTN"),
    "missed": N_("Missed call"),
    "internal": N_("Internal call"),
}
"""What a filter calls each kind of call."""


def type_words(call: SeenCall) -> str:
    """What kind of call a row is, in full; a missed one says which way it went."""
    if call.type == "missed":
        missed = call.direction == "incoming"
        return say(N_("Missed incoming call")) if missed else say(N_("Missed outgoing call"))
    return say(TYPES[call.type])


def gateway_words(call: SeenCall) -> str:
    """The gateway's name, *Internal calls*, or that nobody has named the trunk yet."""
    if call.gateway is None:
        return say(N_("Internal calls"))
    return call.gateway or say(N_("Unknown gateway"))


def scope_words(viewer: Viewer) -> str:
    """Whose calls a viewer sees beside their own: a department's name and such, or everybody."""
    if viewer.breadth == "unit":
        return viewer.scope_value
    return say(N_("Everybody")) if viewer.breadth == "all" else say(N_("Mine"))


def amount(value: Decimal) -> str:
    """An amount to the last decimal that says something, at least two: `0.0385`."""
    return format_decimal(
        value, format="#,##0.00####", locale=reader().language.locale, decimal_quantization=False
    )


class PriceLine(NamedTuple):
    """One line of what a call cost; `amount` as people read it."""

    words: str
    amount: str


def price_lines(trace: Trace) -> list[PriceLine]:
    """The lines that sum to the cost."""
    return [
        PriceLine(_line(one, trace), amount(in_currency(one.micros))) for one in trace.intervals
    ]


def _line(interval: Interval, trace: Trace) -> str:
    number = reader().number
    if interval.kind == "initial":
        return say(N_("The first %(seconds)s s"), seconds=number(interval.to_s))
    if interval.kind == "increments":
        step = (interval.to_s - interval.from_s) // interval.count
        return say(
            N_("%(count)s × %(seconds)s s more, to second %(last)s"),
            count=number(interval.count), seconds=number(step), last=number(interval.to_s),
        )  # fmt: skip
    if interval.kind == "free_seconds":
        return say(N_("%(seconds)s s free of charge"), seconds=number(interval.to_s))
    if interval.kind == "connect_fee":
        return say(N_("Connect fee"))
    if interval.kind == "rounding":
        return say(N_("Rounding, once, to six decimals"))
    least = trace.charge.rate.minimum_charge if trace.charge.rate else Decimal(0)
    return say(N_("Up to the minimum charge of %(amount)s"), amount=amount(least))


def rate_words(rate: Rate) -> str:
    """A rate in one line: what a minute costs, in which steps, and what comes with it."""
    return " · ".join(_rate_parts(rate))


def _rate_parts(rate: Rate) -> Iterator[str]:
    number = reader().number
    yield say(N_("%(amount)s a minute"), amount=amount(rate.price_per_minute))
    yield say(
        N_("first %(first)s s, then steps of %(step)s s"),
        first=number(rate.initial_s), step=number(rate.increment_s),
    )  # fmt: skip
    if rate.connect_micros:
        yield say(N_("connect fee %(amount)s"), amount=amount(rate.connect_fee))
    if rate.free_s:
        yield say(N_("%(seconds)s s free"), seconds=number(rate.free_s))
    if rate.minimum_micros:
        yield say(N_("at least %(amount)s"), amount=amount(rate.minimum_charge))


def price_sentence(call: SeenCall, trace: Trace) -> str:
    """Why the call cost what it cost, in one sentence."""
    if call.direction == "internal":
        return say(N_("Calls between extensions cost nothing."))
    if call.direction == "incoming":
        return say(N_("Incoming calls cost nothing."))
    if not trace.answered:
        return say(N_("Unanswered calls cost nothing."))
    if trace.duration_s == 0:
        return say(N_("A call of zero seconds costs nothing."))
    if trace.charge.rate is not None:
        return say(
            N_("%(billed)s seconds were billed of %(seconds)s spoken."),
            billed=reader().number(trace.charge.billed_s),
            seconds=reader().number(trace.duration_s),
        )
    return say(_unpriced(call, trace))


def _unpriced(call: SeenCall, trace: Trace) -> str:
    if trace.number.kind == "emergency":
        return N_("Emergency calls are free.")
    if not call.gateway:
        return N_("The call left through a gateway nobody has named yet, so no price is known.")
    if not trace.charge.unrated:
        return N_("Calls through this gateway are free.")
    if not trace.tariff:
        return N_("This gateway had no price list when the call started, so no price is known.")
    return N_("The price list has no price for this number, so no price is known.")
