"""A person as the texts of a form or of a row of a list, and what of these texts is wrong.

The form, the list that is read in and the list that is given out share names, texts and rules, so
that what one writes the others read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

from storage.people import Role, Scope, TimeFormat
from storage.people_admin import CUSTOM_FIELDS, Profile
from telephony.plant import ExtensionKey
from web.context import say
from words.language import LANGUAGES, N_

ROLES: Mapping[Role, str] = {
    "user": N_("User"),
    "supervisor": N_("Supervisor"),
    "administrator": N_("Administrator"),
}
SCOPES: Mapping[Scope, str] = {
    "department": N_("Their department"),
    "cost_centre": N_("Their cost centre"),
    "office": N_("Their office"),
}
TIME_FORMATS: Mapping[str, str] = {"12": N_("12 hours"), "24": N_("24 hours")}

CUSTOM = tuple(f"custom_{number}" for number in range(1, CUSTOM_FIELDS + 1))

LABELS: Mapping[str, str] = {
    "login": N_("User name"),
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "email": N_("Mail"),
    "extension": N_("Extension"),
    "partition": N_("Partition"),
    "department": N_("Department"),
    "cost_centre": N_("Cost centre"),
    "office": N_("Office"),
    "site": N_("Site"),
    "role": N_("Role"),
    "scope": N_("Sees the calls of"),
    "role_fixed": N_("Role decided here"),
    "language": N_("Language"),
    "time_format": N_("Time of day"),
    "masked_digits": N_("Hidden digits"),
    "disabled": N_("Disabled"),
}

_NEEDED = frozenset({"login", "role"})
_ABOUT_SCOPE = frozenset({"role", "scope", *SCOPES})
MOST_LETTERS = 200
MOST_MASKED = 20
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_EXTENSION = re.compile(r"\+?[0-9*#]{1,50}")
_PARTITION = re.compile(r"[^@\s]{1,200}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PIN = re.compile(r"[0-9]{4,20}")

Texts = dict[str, str]
"""A person's fields by name. `site` is a name, `role_fixed` is "1" or empty."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a field: a text of the catalogues and the values it names."""

    message: str
    values: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def words(self) -> str:
        """The same in the reader's language."""
        return say(self.message, **self.values)


def label_of(name: str, custom: tuple[str, ...] = ()) -> str:
    """What the reader calls a field; `custom` are the company's names of the free ones."""
    if name in LABELS:
        return say(LABELS[name])
    number = int(name.removeprefix("custom_"))
    named = custom[number - 1] if custom else ""
    return named or say("Free field %(number)s", number=number)


def texts_of(profile: Profile, sites: Mapping[int, str]) -> Texts:
    """A profile as texts; `sites` are the names by id."""
    texts = {
        "login": profile.login,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "email": profile.email,
        "department": profile.department,
        "cost_centre": profile.cost_centre,
        "office": profile.office,
        "site": sites.get(profile.site_id or 0, ""),
        "role": profile.role,
        "scope": profile.scope or "",
        "role_fixed": "1" if profile.role_fixed else "",
        "language": profile.language,
        "time_format": profile.time_format,
        "masked_digits": "" if profile.masked_digits is None else str(profile.masked_digits),
    }
    return texts | dict(zip(CUSTOM, profile.custom, strict=True))


def profile_of(texts: Mapping[str, str], sites: Mapping[int, str]) -> Profile:
    """The profile of texts that `problems` finds nothing wrong with."""
    by_name = {name: number for number, name in sites.items()}
    role = cast("Role", texts["role"])
    return Profile(
        login=texts["login"],
        first_name=texts["first_name"],
        last_name=texts["last_name"],
        email=texts["email"],
        department=texts["department"],
        cost_centre=texts["cost_centre"],
        office=texts["office"],
        site_id=by_name.get(texts["site"]),
        role=role,
        scope=cast("Scope", texts["scope"]) if role == "supervisor" else None,
        role_fixed=bool(texts["role_fixed"]),
        language=texts["language"],
        time_format=cast("TimeFormat", texts["time_format"]),
        masked_digits=int(texts["masked_digits"]) if texts["masked_digits"] else None,
        custom=tuple(texts[name] for name in CUSTOM),
    )


def problems(
    texts: Mapping[str, str], sites: Collection[str], changed: Collection[str] | None = None
) -> dict[str, Wrong]:
    """What is wrong, by field. With `changed` only these are looked at: the rest was let in."""
    asked = texts.keys() if changed is None else texts.keys() & changed
    found = {
        name: wrong
        for name in asked
        if (texts[name] or name in _NEEDED) and (wrong := _problem(name, texts[name], sites))
    }
    matters = asked & _ABOUT_SCOPE and not {"role", "scope"} & found.keys()
    wrong = _scope_problem(texts) if matters else None
    return found | ({"scope": wrong} if wrong else {})


def _problem(name: str, text: str, sites: Collection[str]) -> Wrong | None:
    if _CONTROL.search(text):
        return Wrong(N_("It has a letter that cannot be shown. Type it anew."))
    if len(text) > MOST_LETTERS:
        return Wrong(N_("It may have %(most)s letters at most."), {"most": MOST_LETTERS})
    rule = _RULES.get(name)
    if rule is not None:
        return rule(text)
    if name == "site" and text and text not in sites:
        return Wrong(N_("There is no site “%(text)s”."), {"text": text})
    return _unknown_choice(name, text)


def _login_problem(text: str) -> Wrong | None:
    one_word = text and not any(letter.isspace() for letter in text)
    return None if one_word else Wrong(N_("A user name is one word, without blanks."))


def _mail_problem(text: str) -> Wrong | None:
    good = not text or _MAIL.fullmatch(text)
    return None if good else Wrong(N_("“%(text)s” is no mail address."), {"text": text})


def _count_problem(text: str) -> Wrong | None:
    few = text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= MOST_MASKED
    if few or not text:
        return None
    return Wrong(N_("Write a number from 0 to %(most)s, or nothing."), {"most": MOST_MASKED})


_RULES: Mapping[str, Callable[[str], Wrong | None]] = {
    "login": _login_problem,
    "email": _mail_problem,
    "masked_digits": _count_problem,
}


_KNOWN: Mapping[str, Collection[str]] = {
    "role": tuple(ROLES),
    "scope": (*SCOPES, ""),
    "language": (*LANGUAGES, ""),
    "time_format": (*TIME_FORMATS, ""),
}


def _unknown_choice(name: str, text: str) -> Wrong | None:
    if name not in _KNOWN or text in _KNOWN[name]:
        return None
    told = ", ".join(choice for choice in _KNOWN[name] if choice)
    return Wrong(N_("“%(text)s” is none of: %(choices)s."), {"text": text, "choices": told})


def _scope_problem(texts: Mapping[str, str]) -> Wrong | None:
    if texts["role"] != "supervisor" or texts["scope"] not in {*SCOPES, ""}:
        return None
    if not texts["scope"]:
        return Wrong(N_("Say whose calls a supervisor sees."))
    if not texts[texts["scope"]]:
        return Wrong(N_("They are in none themselves: fill it in first."))
    return None


def extensions_of(numbers: str, partition: str) -> tuple[ExtensionKey, ...] | Wrong:
    """The extensions of a text: one with a partition beside it, or several with blanks between.

    Where there are several, each names its own partition: `731 745@PT-B`.
    """
    keys: list[ExtensionKey] = []
    words = numbers.split()
    if partition and (len(words) != 1 or "@" in numbers):
        return Wrong(N_("A partition goes with exactly one extension."))
    for word in words:
        number, _, own = word.partition("@")
        if not _EXTENSION.fullmatch(number):
            return Wrong(N_("“%(text)s” is no number that can be dialled."), {"text": word})
        named = own or partition
        if (named and not _PARTITION.fullmatch(named)) or word.endswith("@"):
            return Wrong(N_("“%(text)s” is no name of a partition."), {"text": named})
        keys.append(ExtensionKey(number, named))
    return tuple(dict.fromkeys(keys))


def pin_problem(pin: str) -> str:
    """What is wrong with a PIN, in words; empty where nothing is."""
    return "" if _PIN.fullmatch(pin) else say("A PIN has 4 to 20 digits.")
