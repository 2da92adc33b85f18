"""Time zones as people choose them: by what clocks show there and the city's name."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import get_timezone_location, get_timezone_name

from reports.lists import joined
from words import formats
from words.formats import Reader
from words.language import N_

UTC_NAME = "UTC"
_NO_PLACES = {"Factory", "localtime"}


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """Every zone somebody may name, old names too; looked up in the files once."""
    return frozenset(available_timezones() - _NO_PLACES)


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """The IANA names of the zones in use, one for each place, old names left out; UTC first.

    Read from the time zone data the first time.
    """
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text()
    lines = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    known = available_timezones()
    return (UTC_NAME, *sorted({line[2] for line in lines if line[2] in known}))


def zone_label(name: str, now: datetime, reader: Reader) -> str:
    """A zone in the reader's language, as it is at `now`: `(UTC-05:00) New York, Eastern Time`.

    The zone's own name alone where the language has no word for it.
    """
    return _label(name, _offset(name, now), reader)


def zone_choices(now: datetime, reader: Reader, chosen: str = "") -> list[tuple[str, str]]:
    """Zones with their labels, by offset and then by name; `chosen` is among them in any case.

    Of places that share offset and label only one is given.
    """
    found: dict[tuple[timedelta, str], str] = {}
    for name in (chosen, *zone_names()):
        if name:
            offset = _offset(name, now)
            found.setdefault((offset, _label(name, offset, reader)), name)
    return [(found[key], key[1]) for key in sorted(found)]


def _label(name: str, offset: timedelta, reader: Reader) -> str:
    sign = "-" if offset < timedelta(0) else "+"
    minutes = abs(offset) // timedelta(minutes=1)
    shown = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    place = _place(name, str(reader.language.locale))
    return reader.language.text(N_("(UTC%(offset)s) %(place)s"), offset=shown, place=place)


@lru_cache(maxsize=700)
def _zone(name: str) -> ZoneInfo:
    """The zone, kept: `zoneinfo` itself keeps eight and reads the rest again from their files."""
    return formats.zone(name)


def _offset(name: str, now: datetime) -> timedelta:
    return now.astimezone(_zone(name)).utcoffset() or timedelta(0)


@lru_cache(maxsize=8000)
def _place(name: str, locale_name: str) -> str:
    """The city and what its time is called, in a language; found out in a moment, but for 400."""
    if "/" not in name or name.startswith("Etc/"):
        return name
    locale = Locale.parse(locale_name)
    try:
        city = get_timezone_location(name, locale=locale, return_city=True)
        time = get_timezone_name(name, "long", locale=locale, zone_variant="generic")
    except (LookupError, UnknownLocaleError, ValueError):
        return name
    return joined((city, time), locale) if city and time and city != time else city or name
