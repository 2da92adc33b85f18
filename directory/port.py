"""What the house knows of a company's directory: its settings, its people, and how it fails.

LDAP is spoken in `directory.ldap` alone; nothing here does any input or output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from telephony.errors import RingfenceError

Role = Literal["user", "supervisor", "administrator"]
Scope = Literal["department", "cost_centre", "office"]
Encryption = Literal["ldaps", "starttls", "none"]
SignIn = Literal["search", "upn"]
CUSTOM_FIELDS = 10


Trouble = Literal[
    "other",
    "no_answer",
    "broke_off",
    "busy",
    "tls",
    "certificate_expired",
    "certificate_name",
    "certificate_unknown",
    "starttls",
    "settings",
    "service_account",
    "encryption_required",
    "base",
    "filter",
    "limit",
    "group",
    "nobody",
]
"""What went wrong, for those who say it in other words than the error's English."""


class DirectoryError(RingfenceError):
    """The directory did not do what was asked; the text says why, and holds no password."""

    def __init__(self, message: str, trouble: Trouble = "other") -> None:
        super().__init__(message)
        self.trouble: Trouble = trouble


class DirectoryUnavailable(DirectoryError):
    """No server of the directory answers in time, or an answer broke off: try again later."""


class DirectoryRefused(DirectoryError):
    """A server answers but our settings are wrong: certificate, service account, base, filter."""


class SignInRefused(DirectoryError):
    """This name and password open nothing: unknown, wrong, or empty."""


class AccountLocked(SignInRefused):
    """The directory has locked, disabled or expired the account, whatever the password."""


class PasswordExpired(SignInRefused):
    """The password was right once and must be changed at the company's own sign-in first."""


class NotAdmitted(SignInRefused):
    """The password is right, but no group gives a role and there is none for everybody else."""


@dataclass(frozen=True, slots=True)
class AttributeNames:
    """Which attribute of an entry means what; empty: the directory does not say it.

    The defaults are Active Directory's. `custom` names up to ten more, in the order of the custom
    fields.
    """

    login: str = "sAMAccountName"
    first_name: str = "givenName"
    last_name: str = "sn"
    email: str = "mail"
    department: str = "department"
    cost_centre: str = ""
    office: str = "physicalDeliveryOfficeName"
    extension: str = "telephoneNumber"
    language: str = "preferredLanguage"
    custom: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupRole:
    """Members of the group (its distinguished name) have this role; `scope` with supervisors."""

    group: str
    role: Role
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    r"""How the company's directory is asked. Times in seconds.

    `servers` are host names, each with `:port` where it is not 389 (636 with LDAPS), asked in this
    order; an IPv6 address with a port stands in brackets. An empty `bind_name` asks anonymously.
    `connect_timeout_s` covers finding the address, connecting and TLS; `answer_timeout_s` all
    that follows of a sign-in or a probe, and of reading everybody each page. `certificates` are
    PEM texts of the authorities to trust; empty: the machine's own.
    `encryption` "none" sends passwords in the clear and is for test networks alone.
    `sign_in` "search" finds the entry with the service account and then binds as it; "upn" binds
    as `name@upn_suffix` (a name with an @ is taken as it is) and then reads the person's entry. In
    `DOMAIN\name` the domain is dropped.
    `user_filter` is an LDAP filter for those who may sign in. Of several groups the one with most
    rights counts; who is in none has `default_role`, or, where that is None, no entry here.
    `extension_digits` keeps that many last digits of the extension's attribute; 0 keeps all.
    """

    servers: tuple[str, ...]
    base: str
    encryption: Encryption = "ldaps"
    certificates: str = ""
    bind_name: str = ""
    bind_password: str = field(default="", repr=False)
    sign_in: SignIn = "search"
    upn_suffix: str = ""
    user_filter: str = "(&(objectCategory=person)(objectClass=user))"
    attributes: AttributeNames = AttributeNames()
    groups: tuple[GroupRole, ...] = ()
    default_role: Role | None = "user"
    extension_digits: int = 0
    connect_timeout_s: int = 5
    answer_timeout_s: int = 10
    page_size: int = 500


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """One entry, as the house understands it. `key` stays the same when the entry is renamed.

    `disabled` where the directory itself has closed the account. `custom` has ten values.
    """

    key: str
    dn: str
    login: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    department: str = ""
    cost_centre: str = ""
    office: str = ""
    extension: str = ""
    language: str = ""
    custom: tuple[str, ...] = ("",) * CUSTOM_FIELDS
    role: Role = "user"
    scope: Scope | None = None
    disabled: bool = False


class Directory(Protocol):
    """A company's directory. Every method ends within the settings' time-outs.

    With one server that is `connect_timeout_s + answer_timeout_s`, with several so much for each;
    `everybody` takes as long as its pages do, each of them within `answer_timeout_s`.
    """

    async def sign_in(self, name: str, password: str) -> DirectoryPerson:
        """The person whose name and password these are.

        Raises:
            SignInRefused: Or one of its kinds: this person does not get in.
            DirectoryUnavailable: No server answers.
            DirectoryRefused: Our own settings are wrong; says nothing about the person.
        """
        ...

    async def everybody(self) -> list[DirectoryPerson]:
        """Every entry the filter lets through, whole or not at all.

        An entry without a login is left out; two with the same login are both here.

        Raises:
            DirectoryUnavailable: No server answers, or none until the end.
            DirectoryRefused: Our settings are wrong, a limit of the server is in the way, or a
                group that gives a role is not there.
        """
        ...

    async def probe(self) -> str:
        """Bind and look at the base: what was found, in one line. Raises `DirectoryError`."""
        ...
