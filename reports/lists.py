"""Several words in one line, as each language sets them apart."""

from __future__ import annotations

from collections.abc import Iterable

from babel import Locale


def joined(words: Iterable[str], locale: Locale) -> str:
    """Words with the language's comma between them: `Sales, Marketing`."""
    return ("، " if locale.language == "ar" else ", ").join(words)
