"""A number as somebody dialled it becomes a number as the world knows it: E.164.

The dial plan is the site's: its outside prefix is taken off once and first, then its country's
prefixes are read (`telephony.countries`). The same digits come back thousands of times a day, so
answers are remembered, up to a bound.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from telephony.countries import Country, country
from telephony.plant import Site

NumberKind = Literal["e164", "emergency", "short", "internal", "uri", "unknown"]

REMEMBERED_NUMBERS = 1 << 17
"""How many numbers keep their answer: a large company's year, some tens of megabytes."""

_DIGITS = frozenset("0123456789")
_PUNCTUATION = str.maketrans("", "", " \t\u00a0-./()")
_URI_SCHEMES = ("sip:", "sips:", "tel:")


class Number(NamedTuple):
    """A number and what became of it.

    `e164` starts with `+` and is empty where there is none. `steps` say in order what was done to
    `raw`. `rated_as` are the digits a price list is searched for: E.164 without `+`, or the
    country's calling code before a short or emergency number; empty where nothing can be searched.
    `dialled` are the digits after the outside prefix; `calling_code` is the site's country's.
    """

    raw: str
    e164: str
    kind: NumberKind
    steps: tuple[str, ...] = ()
    rated_as: str = ""
    dialled: str = ""
    calling_code: str = ""


@lru_cache(maxsize=REMEMBERED_NUMBERS)
def normalise(raw: str, site: Site, *, outpulsed: bool = False) -> Number:
    """Read `raw` as dialled at `site`; `outpulsed` digits have lost the outside prefix already.

    Never raises: what no dial plan can make sense of is of kind `unknown`, with the reason as its
    last step. `internal` is what is too short for an outside number and was dialled without the
    site's outside prefix; where a site has none such a number is `short`.
    """
    plan = country(site.country)
    digits, steps = _cleaned(raw)
    if "@" in digits:
        return _from_uri(raw, digits, site, steps, outpulsed=outpulsed)
    if digits in site.emergency:
        return _emergency(raw, digits, plan, steps)
    if (world := digits.removeprefix(site.outside_prefix))[:1] == "+":
        return _from_plus(raw, world[1:], site, plan, steps)
    if not digits or not _DIGITS.issuperset(digits):
        reason = "not a telephone number" if digits else "no number given"
        return Number(raw, "", "unknown", (*steps, reason))
    if outpulsed or not site.outside_prefix:
        return _from_outside(raw, digits, site, plan, steps)
    return _from_inside(raw, digits, site, plan, steps)


def _from_inside(
    raw: str, digits: str, site: Site, plan: Country, steps: tuple[str, ...]
) -> Number:
    """Digits as dialled on a phone of a site that has an outside prefix."""
    outside = site.outside_prefix
    if not digits.startswith(outside):
        return _without_prefix(raw, digits, site, plan, steps)
    digits = digits[len(outside) :]
    steps = (*steps, f"outside prefix {outside} of {site.name} taken off: {digits}")
    if digits in site.emergency:
        return _emergency(raw, digits, plan, steps)
    return _from_outside(raw, digits, site, plan, steps)


def _cleaned(raw: str) -> tuple[str, tuple[str, ...]]:
    """Digits without what people and phone systems write between and after them."""
    if raw.isascii() and raw.isdigit():
        return raw, ()
    text = raw.strip().removeprefix("\\")
    if "@" in text:
        return text, ()
    text = text.removeprefix("tel:").translate(_PUNCTUATION).removesuffix("#")
    return text, (f"written as digits: {text}",) if text != raw else ()


def _from_uri(raw: str, uri: str, site: Site, steps: tuple[str, ...], *, outpulsed: bool) -> Number:
    address = uri
    for scheme in _URI_SCHEMES:
        address = address.removeprefix(scheme)
    user = address.split("@", 1)[0].split(";", 1)[0]
    if not _DIGITS.issuperset(user.removeprefix("+")) or not user.removeprefix("+"):
        return Number(raw, "", "uri", (*steps, "an address without a number"))
    inner = normalise(user, site, outpulsed=outpulsed)
    step = f"number of the address: {user}"
    return inner._replace(raw=raw, steps=(*steps, step, *inner.steps))


def _from_plus(raw: str, digits: str, site: Site, plan: Country, steps: tuple[str, ...]) -> Number:
    if len(digits) < 4 or not _DIGITS.issuperset(digits):
        return Number(raw, "", "unknown", (*steps, "not an international number"))
    rest = digits.removeprefix(plan.calling_code)
    if rest in site.emergency and rest != digits:
        return _emergency(raw, rest, plan, steps)
    return _e164(raw, digits, digits, plan, (*steps, "international as it is"))


def _from_outside(
    raw: str, digits: str, site: Site, plan: Country, steps: tuple[str, ...]
) -> Number:
    """Digits on an outside line: international, national, local or a short code."""
    if rest := plan.after_international_prefix(digits):
        step = f"international prefix {digits[: -len(rest)]} taken off: +{rest}"
        return _e164(raw, rest, digits, plan, (*steps, step))
    if not digits or not plan.calling_code or digits.startswith("00"):
        return Number(raw, "", "unknown", (*steps, "no number of this dial plan"), "", digits)
    if rest := plan.after_national_prefix(digits):
        step = f"national prefix {plan.national_prefix} of {plan.code} read: {rest}"
        return _e164(raw, plan.calling_code + rest, digits, plan, (*steps, step))
    return _without_national_prefix(raw, digits, site, plan, steps)


def _without_national_prefix(
    raw: str, digits: str, site: Site, plan: Country, steps: tuple[str, ...]
) -> Number:
    area = _area(site, plan)
    if _is_short(digits, area, plan):
        rated = plan.calling_code + digits
        step = f"short code of {plan.code}"
        return Number(raw, "", "short", (*steps, step), rated, digits, plan.calling_code)
    if area and len(area) + len(digits) in plan.geographic_lengths:
        step = f"local: area code {area} of {site.name} put before it"
        return _e164(raw, plan.calling_code + area + digits, digits, plan, (*steps, step))
    if len(digits) >= plan.shortest:
        step = f"national number of {plan.code} as it is"
        return _e164(raw, plan.calling_code + digits, digits, plan, (*steps, step))
    reason = f"too short for a number of {plan.code}, too long for a short code"
    return Number(raw, "", "unknown", (*steps, reason), "", digits, plan.calling_code)


def _without_prefix(
    raw: str, digits: str, site: Site, plan: Country, steps: tuple[str, ...]
) -> Number:
    """Digits at a site that has an outside prefix, which they lack.

    Long ones were stripped by a route pattern before the record was written; the others are
    extensions.
    """
    step = f"no outside prefix {site.outside_prefix}"
    if len(digits) >= 7:
        found = _from_outside(raw, digits, site, plan, (*steps, step))
        if found.kind == "e164":
            return found
    return Number(raw, "", "internal", (*steps, f"{step}: internal"), "", digits)


def _area(site: Site, plan: Country) -> str:
    """The site's area code as it stands in E.164; empty where local dialling is not possible."""
    if not plan.is_open:
        return ""
    if plan.national_prefix.startswith("0"):  # a Russian area code may start with its prefix, 8
        return site.area_code.removeprefix(plan.national_prefix)
    return site.area_code


def _is_short(digits: str, area: str, plan: Country) -> bool:
    """Shorter than a subscriber's number could be.

    Where an area code may be left out, local numbers are short too, but start with no 1: service
    codes do (110, 116117, 118500).
    """
    if len(digits) <= 3:
        return True
    if len(digits) > 6:
        return False
    if area and digits[0] == "1":
        return True
    local = bool(area) and len(area) + len(digits) in plan.geographic_lengths
    return not local and len(digits) < max(plan.shortest, 6 if plan.is_open else 0)


def _e164(raw: str, digits: str, dialled: str, plan: Country, steps: tuple[str, ...]) -> Number:
    return Number(raw, "+" + digits, "e164", steps, digits, dialled, plan.calling_code)


def _emergency(raw: str, digits: str, plan: Country, steps: tuple[str, ...]) -> Number:
    rated = plan.calling_code + digits
    step = f"emergency number {digits}"
    return Number(raw, "", "emergency", (*steps, step), rated, digits, plan.calling_code)
