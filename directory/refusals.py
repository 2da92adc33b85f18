"""What a server's answer to a bind or a search means for us, as an error of the port.

Sources: RFC 4511 appendix A for the result codes; Active Directory's `data` are system error codes
of Windows in hexadecimal (winerror.h); draft-behera-ldap-password-policy-10 for the control in
which OpenLDAP and 389 say why.
"""

from __future__ import annotations

import re
from typing import Final

from directory.port import (
    AccountLocked,
    DirectoryError,
    DirectoryRefused,
    DirectoryUnavailable,
    PasswordExpired,
    SignInRefused,
)

SUCCESS: Final = 0
SIZE_LIMIT: Final = 4
REFERRAL: Final = 10
NO_SUCH_OBJECT: Final = 32

_TIME_LIMIT, _ADMIN_LIMIT = 3, 11
_STRONGER_AUTH, _CONFIDENTIALITY = 8, 13
_CONSTRAINT, _UNWILLING = 19, 53
_INVALID_DN, _INVALID_CREDENTIALS = 34, 49
_BUSY, _UNAVAILABLE = 51, 52
_NOT_NOW = {_TIME_LIMIT, _BUSY, _UNAVAILABLE}

_DATA = re.compile(r"\bdata\s+([0-9a-f]{1,8})\b", re.IGNORECASE)
_LOCKED = {
    "52f": "the account has restrictions",
    "530": "the account may not sign in at this hour",
    "531": "the account may not sign in from here",
    "533": "the account is disabled",
    "534": "the account may not sign in this way",
    "701": "the account has expired",
    "775": "the account is locked",
}
_EXPIRED = {
    "532": "the password has expired",
    "773": "the password must be changed before the first sign-in",
}
_WRONG = "name or password is wrong"

POLICY_PASSWORD_EXPIRED, POLICY_LOCKED, POLICY_MUST_CHANGE = 0, 1, 2


def of_windows(text: str) -> SignInRefused | None:
    """What Active Directory's diagnostic text says; None where it says nothing of the kind."""
    found = _DATA.search(text)
    if found is None:
        return None
    code = found.group(1).lower().lstrip("0")
    if code in _LOCKED:
        return AccountLocked(_LOCKED[code])
    if code in _EXPIRED:
        return PasswordExpired(_EXPIRED[code])
    return SignInRefused(_WRONG)


def of_policy(control: bytes | None) -> int | None:
    """The error in a password policy's response control, if there is one.

    The control is a sequence of an optional warning [0] and an optional error [1]; one that cannot
    be read says nothing.
    """
    if control is None or len(control) < 2 or control[0] != 0x30 or control[1] > 127:
        return None
    position, end = 2, min(len(control), 2 + control[1])
    while position + 2 <= end:
        tag, length = control[position], control[position + 1]
        if tag == 0x81 and length == 1 and position + 3 <= end:
            return control[position + 2]
        position += 2 + length
    return None


def to_person(code: int, text: str, policy: int | None) -> DirectoryError | None:
    """Why the server did not let this person in; None where it did and nothing is in the way."""
    if policy == POLICY_MUST_CHANGE or (policy == POLICY_PASSWORD_EXPIRED and code != SUCCESS):
        return PasswordExpired("the password must be changed first")
    if policy == POLICY_LOCKED or code in {_CONSTRAINT, _UNWILLING}:
        return AccountLocked("the account is locked")
    if code == SUCCESS:
        return None
    if code in {NO_SUCH_OBJECT, _INVALID_DN, _INVALID_CREDENTIALS}:
        said = of_windows(text) if code == _INVALID_CREDENTIALS else None
        return said or SignInRefused(_WRONG)
    return _of_server(code, text)


def to_service(code: int, text: str, policy: int | None, account: str) -> DirectoryError | None:
    """Why our own account was not let in; None where it was."""
    if code == SUCCESS and policy != POLICY_MUST_CHANGE:
        return None
    refused = to_person(code, text, policy)
    if isinstance(refused, SignInRefused):
        who = f"The service account {account}" if account else "Asking anonymously"
        return DirectoryRefused(f"{who} is refused: {refused}", "service_account")
    return refused


def to_search(code: int, text: str, base: str) -> DirectoryError | None:
    """Why the server did not answer a search under `base`; None where it did."""
    if code == SUCCESS:
        return None
    if code in {NO_SUCH_OBJECT, _INVALID_DN}:
        return DirectoryRefused(
            f"There is no {base}, or the service account may not see it", "base"
        )
    if code == REFERRAL:
        return DirectoryRefused(
            f"{base} lies on another server, and references are not followed", "base"
        )
    if code in {SIZE_LIMIT, _ADMIN_LIMIT}:
        return DirectoryRefused(
            "The server gives no more entries to the service account: raise its size limit there, "
            "or let fewer through the filter",
            "limit",
        )
    return _of_server(code, text)


def _of_server(code: int, text: str) -> DirectoryError:
    said = f" ({_clean(text)})" if text else ""
    if code in _NOT_NOW:
        return DirectoryUnavailable(f"The server is busy, result {code}{said}", "busy")
    if code in {_STRONGER_AUTH, _CONFIDENTIALITY}:
        return DirectoryRefused(
            f"The server takes passwords over LDAPS or StartTLS alone{said}", "encryption_required"
        )
    if code == 1 and "bind" in text.lower():
        return DirectoryRefused(
            "The server answers nobody without a service account", "service_account"
        )
    return DirectoryRefused(f"The server refuses with result {code}{said}")


def _clean(text: str) -> str:
    """A server's own words, on one line and not for ever."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
