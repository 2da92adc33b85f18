"""Who somebody is by name and password: a local account, else the company's directory is asked.

Local accounts work whether the directory answers or not, and their passwords never go to it. What
the directory said of an account is repeated only after it has said so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

import trio

from actors.directory import DirectoryService, DisabledHere, NotConfigured, Unusable
from directory.port import (
    AccountLocked,
    DirectoryError,
    NotAdmitted,
    PasswordExpired,
    SignInRefused,
)
from storage import people
from storage.audit import Event, looked, record
from storage.database import Connection
from storage.people import Person
from storage.viewer import Viewer
from web.context import client_address, house
from web.passwords import MAX_LENGTH, is_right
from words.language import N_

Reason = Literal[
    "wrong", "locked", "expired", "not_admitted", "disabled", "unusable", "directory_away"
]

WORDS: dict[Reason, str] = {
    "wrong": N_("User name or password is wrong."),
    "locked": N_("Your company account is locked, disabled or expired. Your IT support can help."),
    "expired": N_(
        "Your company password has expired. Change it where you sign in to your computer, then "
        "come back."
    ),
    "not_admitted": N_(
        "Your password is right, but your company account is in none of the groups that may sign "
        "in here. Your administrator can add you."
    ),
    "disabled": N_("Your account is switched off. Your administrator can say why."),
    "unusable": N_(
        "Your password is right, but your name is taken here by another account. Your "
        "administrator can resolve it."
    ),
    "directory_away": N_(
        "The company directory does not answer, so nobody can look at your password now. Try "
        "again in a few minutes; local accounts still work."
    ),
}
"""What whoever is refused reads."""

LONGEST_NAME = 200
AT_ONCE_PER_ADDRESS = 30
"""Half of what one address may try: many who come at once from behind one address wait in line."""


class Refused(NamedTuple):
    """Nobody was recognised. Where the directory is away, trying again is no fault of anybody's."""

    reason: Reason

    @property
    def status(self) -> int:
        """The answer's status."""
        return 503 if self.reason == "directory_away" else 401


_REASONS: tuple[tuple[type[DirectoryError], Reason], ...] = (
    (DisabledHere, "disabled"),
    (Unusable, "unusable"),
    (AccountLocked, "locked"),
    (PasswordExpired, "expired"),
    (NotAdmitted, "not_admitted"),
    (SignInRefused, "wrong"),
    (DirectoryError, "directory_away"),
)


async def recognise(username: str, password: str) -> Person | Refused:
    """The person, who may come in; or why not."""
    person = await house().database.unit_of_work(people.by_login, username)
    is_local = person is not None and person.source == "local" and person.password_hash is not None
    directory = house().directory
    too_long = len(username) > LONGEST_NAME or len(password) > MAX_LENGTH
    if directory is None or is_local or too_long:
        return await _locally(person, password)
    try:
        return await _at_the_directory(directory, username, password)
    except NotConfigured:
        return await _locally(person, password)


async def _locally(person: Person | None, password: str) -> Person | Refused:
    known = person if person and not person.disabled else None
    right = await is_right(known.password_hash if known else None, password)
    return known if right and known is not None else Refused("wrong")


async def _at_the_directory(
    directory: DirectoryService, username: str, password: str
) -> Person | Refused:
    try:
        return await directory.sign_in(username, password)
    except NotConfigured:
        raise
    except DirectoryError as error:
        return Refused(next(reason for kind, reason in _REASONS if isinstance(error, kind)))


# Waiting in line ---------------------------------------------------------------------------------

_lines: dict[str, trio.CapacityLimiter] = {}


@asynccontextmanager
async def in_line() -> AsyncGenerator[None]:
    """Let at most thirty of one address be looked at at a time; the others wait their turn.

    An attempt counts from before the password is looked at, so that at eight in the morning a
    hundred people behind one address would seem to be one who guesses.
    """
    address = client_address()
    line = _lines.setdefault(address, trio.CapacityLimiter(AT_ONCE_PER_ADDRESS))
    try:
        async with line:
            yield
    finally:
        if not line.borrowed_tokens and not line.statistics().tasks_waiting:
            _lines.pop(address, None)


# What is remembered of it ------------------------------------------------------------------------


async def typed_name(connection: Connection, username: str) -> tuple[int | None, str]:
    """Whose name was typed, and what of it may be kept: passwords get typed there too."""
    known = await people.by_login(connection, username)
    if known is not None:
        return known.id, known.login
    return None, f"{username[:2]}…" if username else ""


async def remember_refusal(connection: Connection, username: str, reason: str) -> None:
    """Tell the audit log of a sign-in that failed: why and from where, never the password."""
    person_id, login = await typed_name(connection, username)
    event = Event(
        "sign_in_failed", person_id, login, address=client_address(), details={"reason": reason}
    )
    await record(connection, event, house().clock())


async def remember_too_many(connection: Connection, username: str) -> None:
    """The same of one who is not even looked at, once in a while: they may come every second."""
    _, login = await typed_name(connection, username)
    event = Event(
        "sign_in_failed",
        login=login,
        subject=login,
        address=client_address(),
        details={"reason": "too_many"},
    )
    await looked(connection, Viewer(None, "own"), event, house().clock())


def signed(action: Literal["sign_in", "sign_out"], person: Person, kind: str) -> Event:
    """What the audit log is told of somebody who came in or left."""
    details = {"kind": kind, "source": person.source}
    return Event(action, person.id, person.login, address=client_address(), details=details)
