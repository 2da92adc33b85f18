"""An entry of a directory as the house understands it: a person, or nobody.

A value that cannot be read is passed over: one bad byte in one entry must not cost everybody
theirs.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from directory.exchange import Found
from directory.groups import Granted
from directory.names import same_or_text
from directory.port import CUSTOM_FIELDS, AttributeNames, DirectoryPerson

LANGUAGES = ("en", "de", "fr", "es", "ar", "pl", "it")

_ALWAYS = (
    "objectGUID",
    "entryUUID",
    "nsUniqueId",
    "memberOf",
    "userPrincipalName",
    "userAccountControl",
    "accountExpires",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "shadowExpire",
)
_DISABLED = 0x2
"""ACCOUNTDISABLE of userAccountControl."""

_NEVER = {0, 0x7FFFFFFFFFFFFFFF}
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCKED_FOR_GOOD = "000001010000Z"


def wanted(names: AttributeNames) -> tuple[str, ...]:
    """The attributes to ask for."""
    named = (
        names.login,
        names.first_name,
        names.last_name,
        names.email,
        names.department,
        names.cost_centre,
        names.office,
        names.extension,
        names.language,
        *names.custom,
    )
    return tuple(dict.fromkeys(name for name in (*named, *_ALWAYS) if name))


def person(
    found: Found, names: AttributeNames, extension_digits: int, granted: Granted, now: datetime
) -> DirectoryPerson:
    """The person of this entry, whose login is empty where the entry has none."""

    def text(name: str) -> str:
        return first_text(found, name) if name else ""

    custom = [text(name) for name in names.custom[:CUSTOM_FIELDS]]
    return DirectoryPerson(
        key=key(found),
        dn=found.dn,
        login=text(names.login),
        first_name=text(names.first_name),
        last_name=text(names.last_name),
        email=text(names.email),
        department=text(names.department),
        cost_centre=text(names.cost_centre),
        office=text(names.office),
        extension=extension(text(names.extension), extension_digits),
        language=language(text(names.language)),
        custom=tuple(custom + [""] * (CUSTOM_FIELDS - len(custom))),
        role=granted.role,
        scope=granted.scope,
        disabled=closed(found, now),
    )


def first_text(found: Found, name: str) -> str:
    """The first value that is text and not blank, on one line; empty where there is none."""
    return next(iter(texts(found, name)), "")


def texts(found: Found, name: str) -> list[str]:
    """All values that are UTF-8 and not blank, each on one line."""
    read: list[str] = []
    for value in found.attributes.get(name.lower(), ()):
        try:
            decoded = unicodedata.normalize("NFC", value.decode("utf-8"))
        except UnicodeDecodeError:
            continue
        if not decoded.isprintable():
            decoded = "".join(c if _is_kept(c) else " " for c in decoded)
        line = " ".join(decoded.split())
        if line:
            read.append(line)
    return read


def _is_kept(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}


def key(found: Found) -> str:
    """What stays when the entry is renamed or moved; its name where the directory has no such."""
    guid: Sequence[bytes] = found.attributes.get("objectguid", ())
    if guid and len(guid[0]) == 16:
        return str(uuid.UUID(bytes_le=guid[0]))
    for name in ("entryUUID", "nsUniqueId"):
        value = first_text(found, name)
        if value:
            return value.lower()
    return same_or_text(found.dn)


def closed(found: Found, now: datetime) -> bool:
    """Whether the directory has disabled the account or let it expire.

    A lock after too many wrong passwords, which ends by itself, is not meant.
    """
    flags = _number(found, "userAccountControl")
    return (
        bool(flags is not None and flags & _DISABLED)
        or first_text(found, "nsAccountLock").lower() == "true"
        or first_text(found, "pwdAccountLockedTime") == _LOCKED_FOR_GOOD
        or _is_over(found, now)
    )


def _is_over(found: Found, now: datetime) -> bool:
    ticks = _number(found, "accountExpires")
    if ticks is not None and ticks not in _NEVER and ticks // 10 <= _microseconds(now):
        return True
    days = _number(found, "shadowExpire")
    return days is not None and days > 0 and days <= (now - _UNIX_EPOCH).days


def _microseconds(now: datetime) -> int:
    return (now - _WINDOWS_EPOCH) // timedelta(microseconds=1)


def _number(found: Found, name: str) -> int | None:
    try:
        return int(first_text(found, name))
    except ValueError:
        return None


def extension(text: str, digits: int) -> str:
    """The digits of a number as the directory writes it, the last `digits` of them; 0: all."""
    found = "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())
    return found[-digits:] if digits > 0 else found


def language(text: str) -> str:
    """Which of our languages a `preferredLanguage` asks for first; empty: none of them.

    RFC 2798 writes it as HTTP's Accept-Language; many directories hold one plain tag.
    """
    asked: list[tuple[float, str]] = []
    for part in text.split(","):
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().replace("_", "-").partition("-")[0]
        if code in LANGUAGES:
            asked.append((-_weight(weight), code))
    return min(asked, key=lambda one: one[0])[1] if asked else ""


def _weight(text: str) -> float:
    _, _, number = text.partition("=")
    try:
        return float(number) if number.strip() else 1.0
    except ValueError:
        return 0.0
