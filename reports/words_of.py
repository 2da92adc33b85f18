"""Values of calls in the reader's words: what codes mean, and what stands where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from reports.described import NOT_GIVEN, choice_words
from reports.document import Value
from reports.fields import FIELDS, Field
from words.formats import Reader
from words.language import N_, Language

_WITHOUT: Mapping[str, str] = {
    "gateway": N_("Unknown gateway"),
    "extension": N_("No extension"),
    "person": N_("Nobody"),
    "number": N_("No number"),
    "area": N_("No area"),
    "nation": N_("No nation"),
    "hunt_group": N_("No hunt group"),
}


def in_words(field: Field, value: Value, reader: Reader) -> Value:
    """A value as the reader's language names it; what has no words is itself."""
    if field.role == "measure" or (value is not None and not isinstance(value, str)):
        return value
    if field.name == "gateway" and value is None:
        return reader.language.text(N_("Internal calls"))
    if value is None:
        return None
    if not value:
        return reader.language.text(_WITHOUT.get(field.name, NOT_GIVEN))
    if field.choices or field.name == "nation":
        return words_of_codes(field, reader).get(value, value)
    return value


def words_of_codes(field: Field, reader: Reader) -> Mapping[str, str]:
    """The words of a field's codes, looked up once for each language."""
    return _words(field.name, reader.language)


@lru_cache(maxsize=128)
def _words(name: str, language: Language) -> Mapping[str, str]:
    anybody = Reader(language, "UTC", datetime(2000, 1, 1, tzinfo=UTC))
    return choice_words(FIELDS[name], anybody)
