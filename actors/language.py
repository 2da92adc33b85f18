"""The words of a language, read once from `locale/<language>/LC_MESSAGES/messages.mo`."""

from __future__ import annotations

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
