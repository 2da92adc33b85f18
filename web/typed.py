"""A form as somebody typed it: every text stays, and what is wrong stands beside its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from web.context import say


@dataclass
class Typed:
    """What stands in a form's fields, and what is wrong with them, in words, by their names."""

    texts: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict[str, str])

    def get(self, name: str) -> str:
        """What stands in a field."""
        return self.texts.get(name, "")

    def error(self, name: str) -> str:
        """What is wrong with a field; empty where nothing is."""
        return self.errors.get(name, "")

    def wrong(self, name: str, message: str, **values: object) -> None:
        """Say what is wrong with a field; what was found first stands."""
        self.errors.setdefault(name, say(message, **values))
