"""The form of the directory's settings: what it shows, what it means, what is wrong with it.

A field is named like the setting, so that what is wrong with a setting is said beside its field.
The password of the service account is in no form that leaves the house.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, cast, get_args

from actors.directory import SettingsProblem
from actors.directory_settings import DirectoryConfig, SyncSettings
from directory.port import (
    CUSTOM_FIELDS,
    AttributeNames,
    DirectorySettings,
    Encryption,
    GroupRole,
    Role,
    Scope,
    SignIn,
)
from web.context import say
from words.language import N_

MOST_GROUPS = 50
SPARE_GROUPS = 2
ATTRIBUTES = tuple(one.name for one in fields(AttributeNames) if one.name != "custom")
NUMBERS = {
    "extension_digits": (0, 20),
    "connect_timeout_s": (1, 60),
    "answer_timeout_s": (1, 300),
    "page_size": (10, 5000),
    "every_hours": (0, 168),
    "disable_at_most_percent": (0, 100),
}
"""Least and most of each number."""

GRANTS: dict[str, tuple[Role, Scope | None]] = {
    "user": ("user", None),
    "supervisor.department": ("supervisor", "department"),
    "supervisor.cost_centre": ("supervisor", "cost_centre"),
    "supervisor.office": ("supervisor", "office"),
    "administrator": ("administrator", None),
}
"""What a group may give, by the value of its choice."""

NOBODY = "none"

PROBLEM_WORDS: Mapping[str, str] = {
    "missing": N_("Please fill this in."),
    "bad_server": N_("“%(value)s” is no server: write a name, or name:port."),
    "twice": N_("“%(value)s” stands here twice."),
    "bad_name": N_("“%(value)s” is no distinguished name, such as dc=example,dc=com."),
    "bad_filter": N_("This is no LDAP filter in one pair of brackets."),
    "bad_attribute": N_("“%(value)s” is no attribute's name."),
    "bad_certificates": N_(
        "This is no certificate: paste it whole, from -----BEGIN CERTIFICATE----- on."
    ),
    "bad_choice": N_("Please choose one of these."),
    "no_suffix": N_("Signing in by name@suffix needs the suffix."),
    "bad_suffix": N_("“%(value)s” is no domain, such as corp.example.com."),
    "no_password": N_("The service account needs its password."),
    "too_many": N_("There are ten free fields at most."),
    "scope_missing": N_("Say what this supervisor oversees."),
    "scope_unused": N_("Only a supervisor oversees a part of the company."),
    "no_number": N_("Please write a whole number."),
    "out_of_range": N_("Please write a number from %(least)s to %(most)s."),
    "type_again": N_(
        "Where the password goes, or how, has changed: for its safety, enter it again."
    ),
    "sealed": N_("The stored password cannot be opened on this machine: enter it again."),
}


@dataclass(slots=True)
class DirectoryForm:
    """What the page shows: the value of each field by its name, and what is wrong with it."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def groups(self) -> range:
        """The numbers of the rows for groups, some of them empty."""
        filled = sum(name.endswith(".group") for name in self.values)
        return range(min(filled + SPARE_GROUPS, MOST_GROUPS))

    def get(self, name: str) -> str:
        """The value of a field, empty where it has none."""
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """What is wrong with a field, empty where nothing is."""
        return self.errors.get(name, "")

    def wrong(self, name: str, code: str, value: str = "") -> None:
        """Say beside a field what is wrong with it; the first thing found stands."""
        least, most = NUMBERS.get(name, (0, 0))
        words = say(PROBLEM_WORDS.get(code, "%(value)s"), value=value[:80], least=least, most=most)
        self.errors.setdefault(name, words)

    def tell(self, problems: Iterable[SettingsProblem]) -> None:
        """Say what the check of the settings found."""
        for problem in problems:
            self.wrong(field_of(problem.field), problem.code, problem.value)


def field_of(setting: str) -> str:
    """The form's field of a setting: servers share one, a group's role and scope another."""
    if setting.startswith("servers"):
        return "servers"
    if setting.startswith("groups.") and setting.endswith((".role", ".scope")):
        return setting.rpartition(".")[0] + ".grants"
    return setting


def shown(config: DirectoryConfig) -> DirectoryForm:
    """The form of stored settings."""
    ask = config.ask
    values = {
        "servers": "\n".join(ask.servers),
        "encryption": ask.encryption,
        "certificates": ask.certificates,
        "bind_name": ask.bind_name,
        "base": ask.base,
        "user_filter": ask.user_filter,
        "sign_in": ask.sign_in,
        "upn_suffix": ask.upn_suffix,
        "default_role": ask.default_role or NOBODY,
        "sites_by_office": "1" if config.sync.sites_by_office else "",
    }
    for name in NUMBERS:
        source = config.sync if hasattr(config.sync, name) else ask
        values[name] = str(getattr(source, name))
    for name in ATTRIBUTES:
        values[f"attributes.{name}"] = getattr(ask.attributes, name)
    for number, name in enumerate(ask.attributes.custom):
        values[f"attributes.custom.{number}"] = name
    for number, group in enumerate(ask.groups):
        values[f"groups.{number}.group"] = group.group
        values[f"groups.{number}.grants"] = _grants_of(group)
    return DirectoryForm(values)


def _grants_of(group: GroupRole) -> str:
    granted = (group.role, group.scope)
    return next((code for code, pair in GRANTS.items() if pair == granted), "user")


def sent(form: Mapping[str, str]) -> DirectoryForm:
    """The form somebody sent, with rows of groups that are empty left out and blanks dropped."""
    names = [
        *("servers", "encryption", "certificates", "bind_name", "base", "user_filter", "sign_in"),
        *("upn_suffix", "default_role", "sites_by_office", *NUMBERS),
        *(f"attributes.{name}" for name in ATTRIBUTES),
        *(f"attributes.custom.{number}" for number in range(CUSTOM_FIELDS)),
    ]
    values = {name: form.get(name, "").strip() for name in names}
    values["certificates"] = values["certificates"].replace("\r\n", "\n")
    values["servers"] = "\n".join(values["servers"].replace(",", " ").split())
    filled = 0
    for number in range(MOST_GROUPS):
        group = form.get(f"groups.{number}.group", "").strip()
        if group:
            values[f"groups.{filled}.group"] = group
            values[f"groups.{filled}.grants"] = form.get(f"groups.{number}.grants", "")
            filled += 1
    return DirectoryForm(values)


def understand(form: DirectoryForm) -> DirectoryConfig:
    """What a form means, but for the password; what it cannot mean is told in `form.errors`."""
    numbers = {name: _number(form, name) for name in NUMBERS}
    attributes = {name: form.get(f"attributes.{name}") for name in ATTRIBUTES}
    custom = [form.get(f"attributes.custom.{number}") for number in range(CUSTOM_FIELDS)]
    default = form.get("default_role")
    ask = DirectorySettings(
        servers=tuple(form.get("servers").split()),
        base=form.get("base"),
        encryption=cast("Encryption", _choice(form, "encryption", get_args(Encryption))),
        certificates=form.get("certificates"),
        bind_name=form.get("bind_name"),
        sign_in=cast("SignIn", _choice(form, "sign_in", get_args(SignIn))),
        upn_suffix=form.get("upn_suffix"),
        user_filter=form.get("user_filter"),
        attributes=AttributeNames(**attributes, custom=tuple(custom)),
        groups=tuple(_groups(form)),
        default_role=None
        if default == NOBODY
        else cast("Role", _choice(form, "default_role", get_args(Role))),
        extension_digits=numbers["extension_digits"],
        connect_timeout_s=numbers["connect_timeout_s"],
        answer_timeout_s=numbers["answer_timeout_s"],
        page_size=numbers["page_size"],
    )
    sync = SyncSettings(
        every_hours=numbers["every_hours"],
        disable_at_most_percent=numbers["disable_at_most_percent"],
        sites_by_office=bool(form.get("sites_by_office")),
    )
    return DirectoryConfig(ask, sync)


def _number(form: DirectoryForm, name: str) -> int:
    least, most = NUMBERS[name]
    text = form.get(name)
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        form.wrong(name, "no_number")
        return least
    if not least <= int(text) <= most:
        form.wrong(name, "out_of_range", text)
        return least
    return int(text)


def _choice(form: DirectoryForm, name: str, choices: Sequence[str]) -> str:
    if form.get(name) not in choices:
        form.wrong(name, "bad_choice")
        return choices[0]
    return form.get(name)


def _groups(form: DirectoryForm) -> Iterable[GroupRole]:
    number = 0
    while group := form.get(f"groups.{number}.group"):
        grants = form.get(f"groups.{number}.grants")
        if grants not in GRANTS:
            form.wrong(f"groups.{number}.grants", "bad_choice")
        role, scope = GRANTS.get(grants, GRANTS["user"])
        yield GroupRole(group, role, scope)
        number += 1


Preset = Literal["active-directory", "openldap"]

PRESETS: Mapping[str, DirectorySettings] = {
    "active-directory": DirectorySettings(servers=(), base=""),
    "openldap": DirectorySettings(
        servers=(),
        base="",
        user_filter="(objectClass=inetOrgPerson)",
        attributes=AttributeNames(login="uid", department="departmentNumber", office="l"),
    ),
}
"""What a new form begins with, by the kind of directory."""
