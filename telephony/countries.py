"""What a country's numbering plan says about prefixes and lengths, compiled from `phonenumbers`.

`phonenumbers` reads one number in about thirty microseconds, too slow for pricing a million calls;
its metadata is turned into a `Country` at the first use of each country and never asked again.
Whether a number is allocated is not looked at: carriers allocate faster than tables are updated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, region_code_for_number
from phonenumbers.phonemetadata import PhoneMetadata

_BACK_REFERENCE = re.compile(r"\$(\d)")


class Country(NamedTuple):
    """The dialling rules of one country. Prefixes are what a person dials on an outside line.

    `calling_code` is empty for a country we have no plan of. `national_prefix` is empty where the
    plan is closed without one (Italy keeps the leading zero of its area codes). Lengths count the
    digits of a national number without prefix.
    """

    code: str
    calling_code: str
    international: re.Pattern[str]
    national_prefix: str
    parsing: re.Pattern[str] | None
    transform: str
    lengths: frozenset[int]
    geographic_lengths: frozenset[int]
    shortest: int

    @property
    def is_open(self) -> bool:
        """Whether local numbers may lack the area code: there is a prefix to leave out."""
        return bool(self.national_prefix)

    def after_international_prefix(self, digits: str) -> str:
        """What follows the international prefix, or an empty text where it was not dialled."""
        match = self.international.match(digits)
        rest = digits[match.end() :] if match else ""
        return rest if len(rest) >= 4 and rest[0] != "0" else ""

    def after_national_prefix(self, digits: str) -> str:
        """The national number where its prefix (or a carrier's) was dialled, else an empty text."""
        match = self.parsing.match(digits) if self.parsing else None
        if not match or not match.end():
            return ""
        chosen = match.lastindex and match.group(match.lastindex)
        rest = (
            match.expand(self.transform) + digits[match.end() :]
            if self.transform and chosen
            else digits[match.end() :]
        )
        return rest if len(rest) >= self.shortest else ""


def is_known_country(code: str) -> bool:
    """Whether an ISO 3166-1 alpha-2 code has a numbering plan here."""
    return PhoneMetadata.metadata_for_region(code.upper(), None) is not None


@lru_cache(maxsize=300)
def country(code: str) -> Country:
    """The dialling rules of an ISO 3166-1 alpha-2 code; `+` and `00` alone for an unknown one."""
    code = code.upper()
    data = PhoneMetadata.metadata_for_region(code, None)
    if data is None:
        nothing: frozenset[int] = frozenset()
        return Country(code, "", re.compile("00"), "", None, "", nothing, nothing, 99)
    lengths = _lengths(data.general_desc)
    return Country(
        code=code,
        calling_code=str(data.country_code),
        international=re.compile(data.international_prefix or "00"),
        national_prefix=data.national_prefix or "",
        parsing=_compiled(data.national_prefix_for_parsing),
        transform=_BACK_REFERENCE.sub(r"\\\1", data.national_prefix_transform_rule or ""),
        lengths=lengths,
        geographic_lengths=_lengths(data.fixed_line) or lengths,
        shortest=min(lengths, default=99),
    )


NATION_DIGITS = 8
"""So many digits of a number in E.164 tell its country, but for codes in `TOLD_BY_ALL_DIGITS`."""

_TOLD_BY = {"1": 3, "7": 3, "39": 5, "44": 6}
"""Of calling codes that several countries share: by how many of the digits after it."""

_REGIONS: Mapping[int, tuple[str, ...]] = COUNTRY_CODE_TO_REGION_CODE
TOLD_BY_ALL_DIGITS = tuple(
    str(code)
    for code, regions in _REGIONS.items()
    if len(regions) > 1 and str(code) not in _TOLD_BY
)
_PADDINGS = ("5550123", "2345678", "0000000", "1111111")
_WHOLE_LENGTH = 10


@lru_cache(maxsize=1 << 16)
def nation(e164: str) -> str:
    """The country (ISO 3166-1 alpha-2) a number in E.164 belongs to; empty where it has none.

    Of countries that share a calling code it is the one whose plan has the number, else the main
    one. Codes of no country (satellites, freephone) have none.
    """
    digits = e164.removeprefix("+")
    if not digits.isdecimal():
        return ""
    for length in (1, 2, 3):
        regions = _REGIONS.get(int(digits[:length]))
        if regions:
            code = regions[0]
            if len(regions) > 1:
                code = _region(digits[:length], digits[length:], regions)
            return code if code.isalpha() else ""
    return ""


def _region(code: str, rest: str, regions: tuple[str, ...]) -> str:
    """Which of the countries that share a code; the same for every number that begins alike."""
    told_by = _TOLD_BY.get(code)
    if told_by is None:
        return _listed(code, rest) or regions[0]
    beginning = rest[:told_by]
    if len(beginning) < told_by:
        return regions[0]
    wholes = ((beginning + padding)[:_WHOLE_LENGTH] for padding in _PADDINGS)
    return next((found for whole in wholes if (found := _listed(code, whole))), regions[0])


def _listed(code: str, rest: str) -> str | None:
    if not rest:
        return None
    zero = rest.startswith("0")
    return region_code_for_number(PhoneNumber(int(code), int(rest), italian_leading_zero=zero))


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern else None


def _lengths(description: object) -> frozenset[int]:
    possible: tuple[int, ...] = getattr(description, "possible_length", ())
    return frozenset(length for length in possible if length > 0)
