"""The reader's language: which one, and its words and forms.

Seven languages by gettext, read once from `locale/<language>/LC_MESSAGES/messages.mo`; a language
is chosen by the person, else given by the directory, else asked for by the browser, else that of
the person's site, else English. Dates, numbers and money take the region the browser names (de-CH)
where it goes with the language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError, localedata
from babel.support import NullTranslations, Translations

LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "pl": "Polski",
    "ar": "العربية",
}
"""Codes and what each language calls itself, in the order people choose from."""

DEFAULT = "en"
FOLDER = Path(__file__).resolve().parent.parent / "locale"

_REGIONS = {"en": "en_GB"}


@cache
def translations_for(language: str) -> NullTranslations:
    """The catalogue of a language code; one that says everything in English where there is none.

    Reads files the first time: load what is needed at start-up, or in a thread.
    """
    return Translations.load(str(FOLDER), [language])


@cache
def locale_for(language: str) -> Locale:
    """How dates, numbers and money are written in a language; English where it is not ours."""
    known = language if language in LANGUAGES else DEFAULT
    return Locale.parse(_REGIONS.get(known, known))


_CROSSED = str.maketrans({"ł": "l", "ø": "o", "đ": "d"})
"""Letters that Unicode does not take apart."""


def N_(message: str) -> str:  # noqa: N802 (gettext's own name for a message translated later)
    """Mark a text for the catalogues; it is translated where it is shown."""
    return message


def first_known(codes: Iterable[str]) -> str:
    """The first of these codes that is a language of ours, English where none is.

    The order in which anybody is spoken to: what the person chose, what the directory says, what
    the browser asks for (a mail and a phone have none), what their site speaks.
    """
    return next((known for code in codes if (known := _bare(code)) in LANGUAGES), DEFAULT)


def _bare(code: str) -> str:
    """The language alone of what a directory may say: `de` of `de-CH, en;q=0.5`."""
    found = re.match(r"\s*([a-z]{2,3})\b", code.lower())
    return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Language:
    """One language ready to use: `code` of the catalogue, `locale` of the formats."""

    code: str
    locale: Locale
    words: NullTranslations

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`, for the page's `dir`."""
        return self.locale.text_direction

    @property
    def tag(self) -> str:
        """The BCP 47 tag for the page's `lang`."""
        return self.code

    def text(self, message: str, **values: object) -> str:
        """The message in this language, with its values filled in."""
        said = self.words.gettext(message)
        return said % values if values else said

    def plural(self, one: str, many: str, number: int, **values: object) -> str:
        """The plural form that goes with `number`, filled in; `%(num)d` is the number."""
        return self.words.ngettext(one, many, number) % {"num": number, **values}


def alphabetical(word: str) -> tuple[str, str]:
    """Where a word stands in the alphabet: by its letters, then by what distinguishes those.

    `Ägypten` stands among the As; a crossed Ł among the Ls.
    """
    apart = unicodedata.normalize("NFD", word.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return bare.translate(_CROSSED), apart


@cache
def language(code: str, locale_name: str = "") -> Language:
    """A language by its code; `locale_name` such as `de_CH` where a region is known."""
    known = code if code in LANGUAGES else DEFAULT
    name = locale_name if locale_name.partition("_")[0] == known else ""
    locale = Locale.parse(name) if name else locale_for(known)
    return Language(known, locale, translations_for(known))


def regional(code: str, country: str) -> str:
    """The locale of a language in a country, such as `en_US`; empty where there is none."""
    name = f"{code}_{country.upper()}"
    return name if localedata.exists(name) else ""


def _locale_name(tag: str) -> str:
    try:
        return str(Locale.parse(tag.strip(), sep="-"))
    except (UnknownLocaleError, ValueError):
        return ""


def asks_for_ours(accepted: Iterable[str]) -> bool:
    """Whether one of the browser's tags is a language of ours."""
    return any(_locale_name(tag).partition("_")[0] in LANGUAGES for tag in accepted)


def choose(chosen: Iterable[str], accepted: Iterable[str], site: str = "") -> Language:
    """The first known of the `chosen` codes, else of the browser's tags, else the site's language.

    English where none of them is ours.
    """
    names = [name for tag in accepted if (name := _locale_name(tag))]
    code = first_known([*chosen, *(name.partition("_")[0] for name in names), site])
    region = next((n for n in names if n.partition("_")[0] == code and "_" in n), "")
    return language(code, region)
