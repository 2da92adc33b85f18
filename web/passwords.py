"""Local passwords: argon2id, in threads, few at a time, in equal time for everybody.

A hash costs tens of milliseconds and 64 MiB on purpose, so at most two are made at once and none
on the Trio loop. An unknown account is checked against a hash nobody's password has.
"""

from __future__ import annotations

import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
"""Shortest password a person may choose."""

MAX_LENGTH = 256
"""Longest password that is hashed at all: more would be work for nothing."""

_hasher = PasswordHasher()
_limiter = trio.CapacityLimiter(2)
_NOBODY = _hasher.hash("no password gives this account's hash, since there is no account")


def hashed(password: str) -> str:
    """The encoded argon2id hash of a password. Blocks for tens of milliseconds."""
    return _hasher.hash(password)


def _matches(encoded: str, password: str) -> bool:
    try:
        return _hasher.verify(encoded, password)
    except (VerificationError, InvalidHashError):
        return False


async def hash_password(password: str) -> str:
    """`hashed` off the loop. Cancelled only before it starts."""
    return await trio.to_thread.run_sync(hashed, password, limiter=_limiter)


async def is_right(encoded: str | None, password: str) -> bool:
    """Whether the password is the one behind the hash; None takes as long and is never right."""
    if len(password) > MAX_LENGTH:
        password = ""
    right = await trio.to_thread.run_sync(_matches, encoded or _NOBODY, password, limiter=_limiter)
    return right and encoded is not None
