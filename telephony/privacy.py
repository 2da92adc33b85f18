"""Numbers as people are shown them: in the form of their country, the last digits hidden.

Whoever reads a list of calls learns where somebody called, not whom. How many digits are hidden is
said for a person, else for a site, else by the habit of the country's itemised bills.
"""

from __future__ import annotations

import re

from telephony.countries import country

USUAL_MASKED_DIGITS = 4
_DIGITS = re.compile(r"\+?[0-9]+")
MASKED_DIGITS = {"AT": 3, "DE": 3}
"""Germany and Austria have itemised bills of employees shortened by the last three digits."""


def masked_digits(country_code: str) -> int:
    """How many last digits are hidden in a country (ISO 3166-1 alpha-2) where nobody says more."""
    return MASKED_DIGITS.get(country_code.upper(), USUAL_MASKED_DIGITS)


def mask(number: str, digits: int) -> str:
    """`number` with its last `digits` as asterisks; a number no longer than that has nothing else.

    0 hides nothing. What follows the digits (`*22`, `;ext=7`) is hidden with the last of them, so
    that it does not stand in for them; of an address (`name@host`) the name is hidden.
    """
    if digits <= 0 or not number:
        return number
    name, at, host = number.partition("@")
    if at and not name.removeprefix("+").isdecimal():
        return "*" * digits + at + host
    plain = _DIGITS.match(name)
    shown = plain.end() - digits if plain else 0
    return name[: max(0, shown)] + "*" * digits


def national(number: str, e164: str, country_code: str) -> str:
    """An outside number as it is written in a country: its own without the calling code.

    `number` is what the record says and is shown where there is no `e164`.
    """
    plan = country(country_code)
    own = "+" + plan.calling_code
    if not e164:
        return number
    if plan.calling_code and e164.startswith(own) and len(e164) > len(own):
        return plan.national_prefix + e164[len(own) :]
    return e164
