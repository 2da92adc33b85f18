"""The directory's settings as a document: what the database keeps and the page edits.

The password of the service account is never part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from directory.port import DirectoryRefused, DirectorySettings

SAFE_TO_DISABLE = 5
"""So many people may always be disabled by one run."""

DEFAULT_SHARE_PERCENT = 20


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How the company follows its directory.

    `every_hours` is 0 where it does so by hand alone. A run that would disable more than five
    people, and more than `disable_at_most_percent` of the directory's, waits for a person to
    confirm it. `sites_by_office` gives people the site that is called like their office.
    """

    every_hours: int = 0
    disable_at_most_percent: int = DEFAULT_SHARE_PERCENT
    sites_by_office: bool = True

    def next_at(self, now: datetime) -> datetime | None:
        """When the next run after one at `now` is due."""
        return now + timedelta(hours=self.every_hours) if self.every_hours else None

    def is_too_many(self, disabled: int, known: int) -> bool:
        """Whether a person has to confirm that so many of `known` people are disabled."""
        return disabled > SAFE_TO_DISABLE and disabled * 100 > self.disable_at_most_percent * known


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """Everything about the directory but the password of its service account."""

    ask: DirectorySettings
    sync: SyncSettings = SyncSettings()

    def document(self) -> dict[str, Any]:
        """As the database keeps it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        found["ask"].pop("bind_password")
        return found

    def with_password(self, password: str) -> DirectorySettings:
        """What the directory is opened with."""
        return replace(self.ask, bind_password=password)

    @property
    def goes_to(self) -> tuple[object, ...]:
        """To whom the password is sent, and how: where this changes, it is asked for again."""
        ask = self.ask
        return ask.servers, ask.encryption, ask.certificates.strip(), ask.bind_name


def read_config(document: Mapping[str, Any]) -> DirectoryConfig:
    """The inverse of `document`. Raises `DirectoryRefused` where an older program wrote it."""
    try:
        return msgspec.convert(document, DirectoryConfig)
    except msgspec.ValidationError as error:
        raise DirectoryRefused(f"the stored settings cannot be read: {error}", "settings") from None
