"""The words of a language, read once from `locale/<language>/LC_MESSAGES/messages.mo`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from babel import Locale
from babel.support import NullTranslations, Translations

LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "ar")
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
