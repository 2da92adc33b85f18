"""The key that seals the secrets in the database: configured, or a file of the data folder.

It lies outside of the database on purpose, and no backup holds it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from daemon.config import SecretSection
from telephony.errors import RingfenceError


def secret_key(section: SecretSection, make: bool) -> str | None:
    """The key; where there is none it is made if asked to, else None. Blocks for a small file.

    Raises `RingfenceError` where the file can be neither read nor made.
    """
    if section.key:
        return section.key
    file = Path(section.key_file)
    try:
        if make and not file.exists():
            _make(file)
        return file.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RingfenceError(f"the key file {file} cannot be used: {error}") from error


def _make(file: Path) -> None:
    """Write a new key whole, for its owner alone; one that somebody else made first stays."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink()
