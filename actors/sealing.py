"""Secrets that lie in the database are sealed: a copy of it, such as a backup, opens none of them.

The key is outside of the database and handed in. Where it is not the one a secret was sealed with,
the secret is lost and has to be typed again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telephony.errors import RingfenceError

Key = Callable[[bool], str | None]
"""Gives the key's text; where there is none it is made if asked to, else None. Blocks."""


class SealBroken(RingfenceError):
    """What was sealed cannot be opened here: no key, another key, or too long ago."""


class Sealer:
    """Seals and opens short texts. Its methods block for a small file: call them in a thread."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def seal(self, text: str) -> bytes:
        """The text, unreadable and safe from change; makes the key where there is none yet.

        Raises `RingfenceError` where it cannot be made.
        """
        return _cipher(self._key(True) or "").encrypt(text.encode())

    def open(self, sealed: bytes, max_age_s: int | None = None) -> str:
        """The text that was sealed, not longer ago than `max_age_s`. Raises `SealBroken`."""
        key = self._key(False)
        if not key:
            raise SealBroken("the key that sealed the password is not on this machine")
        try:
            return _cipher(key).decrypt(sealed, ttl=max_age_s).decode()
        except InvalidToken as error:
            raise SealBroken("the password was sealed with another key") from error


def _cipher(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ringfence sealing")
    return Fernet(base64.urlsafe_b64encode(derived.derive(key.encode())))
