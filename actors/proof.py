"""Proves that a locked line still reaches emergency numbers and nothing outside, and remembers it.

A proof costs the phone system some queries, so one that held is good for a few hours for the same
lock rights, devices and numbers. One that failed is never remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import phonenumbers
from phonenumbers import PhoneNumberType

from pbx.port import LineLocker, PbxLine, Proof
from storage.locks import DialPlan
from telephony.clock import Clock

GOOD_FOR = timedelta(hours=4)

_Question = tuple[str, frozenset[str], tuple[str, ...], tuple[str, ...]]


class Proofs:
    """The proofs of one house. `samples` are further outside numbers, as dialled."""

    def __init__(self, clock: Clock, samples: Sequence[str] = ()) -> None:
        self._clock = clock
        self._samples = tuple(samples)
        self._held: dict[_Question, datetime] = {}

    async def prove(
        self, locker: LineLocker, line: PbxLine, rights: str, plan: DialPlan | None
    ) -> Proof:
        """Whether `line` may be locked with `rights`. Raises `PbxError` where it cannot be asked.

        Without a dial plan or without emergency numbers nothing can be proved, so it does not hold.
        """
        if plan is None or not plan.emergency:
            where = f"site {plan.site}" if plan else "this extension"
            return Proof(
                holds=False,
                reason=f"{where} names no emergency numbers, so none can be shown to work",
            )
        outside = outside_numbers(plan) + self._samples
        question = (rights, frozenset(line.devices), plan.emergency, outside)
        until = self._held.get(question)
        if until is not None and self._clock() < until:
            return Proof(holds=True)
        proof = await locker.prove(line, rights, plan.emergency, outside)
        if proof.holds:
            self._held = {q: at for q, at in self._held.items() if at > self._clock()}
            self._held[question] = self._clock() + GOOD_FOR
        return proof


def outside_numbers(plan: DialPlan) -> tuple[str, ...]:
    """A landline, a mobile and a number abroad, as people of this site dial them."""
    region = plan.country.upper()
    numbers = [
        *_national(region, PhoneNumberType.FIXED_LINE),
        *_national(region, PhoneNumberType.MOBILE),
        _abroad(region),
    ]
    return tuple(dict.fromkeys(plan.outside_prefix + number for number in numbers if number))


def _national(region: str, kind: int) -> list[str]:
    """An example as the country writes it, and with the national prefix where that differs."""
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return []
    shown = _digits(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL))
    prefix = phonenumbers.ndd_prefix_for_region(region, True) or ""
    return [shown] if shown.startswith(prefix) else [shown, prefix + shown]


def _abroad(region: str) -> str:
    other = "GB" if region != "GB" else "FR"
    example = phonenumbers.example_number_for_type(other, PhoneNumberType.FIXED_LINE)
    if example is None:
        return ""
    return _digits(phonenumbers.format_out_of_country_calling_number(example, region))


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
