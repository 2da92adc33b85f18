"""One person as an administrator has them: everything known, and the form that changes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from quart import Response, abort, request

from storage import people_admin, people_doors, people_listing
from storage.database import Connection, StorageConflict
from storage.people import Person
from storage.people_admin import Author, ChangedMeanwhile, LastAdministrator, LoginTaken, NotOurs
from storage.people_doors import Around
from storage.viewer import Viewer
from telephony.plant import ExtensionKey
from web.context import (
    client_address,
    fields,
    go,
    house,
    page,
    say,
    seer,
    settings,
    signed_in,
    viewer,
)
from web.devices import device_words
from web.person_fields import (
    CUSTOM,
    ROLES,
    SCOPES,
    TIME_FORMATS,
    Texts,
    Wrong,
    extensions_of,
    label_of,
    problems,
    profile_of,
    texts_of,
)
from web.portal import administrator_pages
from words.language import N_

person_pages = administrator_pages("person")

PERSON = "/admin/people/<int(max=2147483647):person_id>"

LAST_ADMINISTRATOR = N_(
    "Nothing was changed: this is the last enabled administrator with a password of this portal, "
    "and nobody could sign in to undo it. Make another administrator first."
)
_DONE: Mapping[str, str] = {
    "created": N_("Added to the company."),
    "saved": N_("Saved."),
    "same": N_("Nothing was changed: it was so already."),
    "given": N_("The extension is theirs from now on."),
    "taken": N_("The extension is nobody’s from now on. What was called stays with them."),
    "password": N_("The password is set. Their sessions were ended."),
    "password-cleared": N_("The password is gone. Their sessions were ended."),
    "link": N_("The link is on its way. It works once, within an hour."),
    "pin": N_("The PIN is set."),
    "pin-cleared": N_("The PIN is gone."),
    "sessions": N_("Their sessions were ended."),
    "disabled": N_("Disabled. Nobody gets in with this account any more."),
    "enabled": N_("Enabled again."),
}


class Trouble(NamedTuple):
    """What one of the page's smaller forms refuses: which form, and why."""

    form: str
    words: str


class Difference(NamedTuple):
    """A field that somebody changed meanwhile: was, is now, and what is typed here."""

    label: str
    was: str
    now: str
    typed: str


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What changed since the form was opened; by whom and when, where that is known."""

    by: str
    at: datetime | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """The profile's form: what stands in it, what was stored when it was opened, what is wrong."""

    texts: Texts
    opened: Texts
    wrong: Mapping[str, Wrong] = field(default_factory=dict[str, Wrong])
    error: str = ""
    meanwhile: Meanwhile | None = None

    @property
    def base(self) -> str:
        """What was stored, for the form to bring back."""
        return json.dumps(self.opened, ensure_ascii=False)

    def error_of(self, name: str) -> str:
        """What is wrong with a field, in words; empty where nothing is."""
        return self.wrong[name].words if name in self.wrong else ""


class Company(NamedTuple):
    """What the form offers and leaves to the directory."""

    sites: Mapping[int, str]
    custom: tuple[str, ...]
    owned: frozenset[str]


class Known(NamedTuple):
    """A person and what is around them."""

    person: Person
    around: Around
    company: Company


def author() -> Author:
    """Whoever changes something in this request, for the audit log."""
    return Author(seer(), viewer().login, client_address())


async def company_of(connection: Connection) -> Company:
    """What every form about people needs."""
    owned = await people_admin.owned_by_directory(connection)
    return Company(
        await people_listing.sites(connection),
        await people_admin.custom_labels(connection),
        owned | {"site"} if "site_id" in owned else owned,
    )


async def _read(
    connection: Connection, seen_by: Viewer, person_id: int, now: datetime, idle: timedelta
) -> Known | None:
    around = await people_doors.around(connection, seen_by, person_id, now, idle)
    person = await people_admin.person(connection, seen_by, person_id)
    if around is None or person is None:
        return None
    company = await company_of(connection)
    if person.source != "directory":
        company = company._replace(owned=frozenset())
    return Known(person, around, company)


async def known(person_id: int) -> Known:
    """The person of this id; 404 where there is none."""
    found = await house().database.unit_of_work(
        _read,
        seer(),
        person_id,
        house().clock(),
        timedelta(minutes=settings().session_idle_minutes),
    )
    if found is None:
        abort(404)
    return found


def stored_texts(of: Known) -> Texts:
    """What the form shows of a person nobody is changing."""
    return texts_of(people_admin.profile_of(of.person), of.company.sites)


async def person_page(
    of: Known, form: Form | None = None, trouble: Trouble | None = None, status: int = 200
) -> Response:
    """The whole page; `form` and `trouble` where something was refused."""
    texts = stored_texts(of)
    return await page(
        "portal/admin/people_person.html",
        status=status,
        person_seen=of.person,
        around=of.around,
        owned=of.company.owned,
        form=form or Form(texts, texts),
        trouble=trouble,
        done=say(_DONE[key]) if (key := request.args.get("done", "")) in _DONE else "",
        this_session=signed_in().id,
        device_words=device_words,
        **form_choices(of.company),
    )


def form_choices(company: Company) -> dict[str, object]:
    """What the selects of the form offer."""
    return {
        "sites": list(company.sites.values()),
        "roles": ROLES,
        "scopes": SCOPES,
        "time_formats": TIME_FORMATS,
        "custom": [(name, label_of(name, company.custom)) for name in custom_in_use(company)],
    }


def custom_in_use(company: Company) -> list[str]:
    """The free fields the company has named."""
    return [name for name, label in zip(CUSTOM, company.custom, strict=True) if label]


@person_pages.get(PERSON)
async def person(person_id: int) -> Response:
    """Everything known of somebody."""
    return await person_page(await known(person_id))


# The form -----------------------------------------------------------------------------------------


def _sent(form: Mapping[str, str], stored: Texts, owned: frozenset[str], source: str) -> Texts:
    """The fields as they were sent; what the directory owns is not sent and stays."""
    texts = {
        name: stored[name] if name in owned else form.get(name, stored[name]).strip()
        for name in stored
    }
    decided = form.get("role_fixed", "") if source == "directory" else stored["role_fixed"]
    texts["role_fixed"] = "1" if decided else ""
    return _without_idle_scope(texts)


def _without_idle_scope(texts: Texts) -> Texts:
    return texts if texts["role"] == "supervisor" else texts | {"scope": ""}


def _opened(form: Mapping[str, str], stored: Texts, owned: frozenset[str]) -> Texts:
    """What the form showed when it was opened; what is stored now where it does not say."""
    try:
        told: object = json.loads(form.get("base", ""))
    except ValueError:
        return stored
    if not isinstance(told, dict):
        return stored
    given = cast("dict[str, object]", told)
    return {
        name: stored[name] if name in owned else str(given.get(name, stored[name]))
        for name in stored
    }


@person_pages.post(PERSON)
async def save(person_id: int) -> Response:
    """Change the profile, unless something is wrong or somebody was faster."""
    of, sent = await known(person_id), await fields()
    stored, owned = _without_idle_scope(stored_texts(of)), of.company.owned
    opened = _without_idle_scope(_opened(sent, stored, owned))
    form = Form(_sent(sent, stored, owned, of.person.source), opened)
    changed = [name for name in stored if form.texts[name] != stored[name]]
    if wrong := problems(form.texts, of.company.sites.values(), changed):
        return await person_page(of, replace(form, wrong=wrong), status=422)
    return await _save(of, form, opened)


async def _save(of: Known, form: Form, opened: Texts) -> Response:
    company = of.company
    try:
        changed = await house().database.unit_of_work(
            people_admin.change,
            author(),
            of.person.id,
            _stored_profile(of, opened),
            profile_of(form.texts, company.sites),
            house().clock(),
        )
    except ChangedMeanwhile as faster:
        return await _show_meanwhile(of, form, opened, faster)
    except LoginTaken:
        taken = Wrong(N_("Somebody else has this user name."))
        return await person_page(of, replace(form, wrong={"login": taken}), status=422)
    except LastAdministrator:
        return await person_page(of, replace(form, error=say(LAST_ADMINISTRATOR)), status=422)
    except NotOurs as foreign:
        return await person_page(of, replace(form, wrong=_foreign(foreign)), status=422)
    return go(f"/admin/people/{of.person.id}?done={'saved' if changed else 'same'}")


def _stored_profile(of: Known, opened: Texts) -> people_admin.Profile:
    """The profile a form was opened with; where it does not parse, the one that is stored."""
    try:
        profile = profile_of(opened, of.company.sites)
    except ValueError:
        return people_admin.profile_of(of.person)
    if opened["site"] == stored_texts(of)["site"]:
        profile = replace(profile, site_id=of.person.site_id)
    return profile


def _foreign(refused: NotOurs) -> dict[str, Wrong]:
    role = Wrong(N_("The directory decides this. Tick “Decided here” to decide it yourself."))
    other = Wrong(N_("The directory says this. Change it there."))
    return {name: role if name in {"role", "scope"} else other for name in refused.fields}


async def _show_meanwhile(
    of: Known, form: Form, opened: Texts, faster: ChangedMeanwhile
) -> Response:
    """The same form with what was typed, beside what somebody else made of it meanwhile."""
    fresh = await known(of.person.id)
    now = texts_of(faster.now, fresh.company.sites)
    differences = tuple(
        Difference(label_of(name, fresh.company.custom), opened[name], now[name], form.texts[name])
        for name in now
        if now[name] != opened[name]
    )
    kept = {n: form.texts[n] if form.texts[n] != opened[n] else now[n] for n in now}
    meanwhile = Meanwhile(faster.by, faster.at, differences)
    return await person_page(fresh, Form(kept, now, meanwhile=meanwhile), status=409)


# Somebody new -------------------------------------------------------------------------------------


def _nobody(company: Company) -> Texts:
    first = next(iter(company.sites), None)
    return texts_of(people_admin.Profile("", site_id=first), company.sites)


async def _new_page(company: Company, form: Form, sent: Mapping[str, str], status: int) -> Response:
    return await page(
        "portal/admin/people_new.html",
        status=status,
        form=form,
        owned=frozenset[str](),
        extension=sent.get("extension", ""),
        partition=sent.get("partition", ""),
        **form_choices(company),
    )


@person_pages.get("/admin/people/new")
async def new_person() -> Response:
    """An empty form."""
    company = await house().database.unit_of_work(company_of)
    texts = _nobody(company)
    return await _new_page(company, Form(texts, texts), {}, 200)


@person_pages.post("/admin/people/new")
async def create() -> Response:
    """Add somebody to the company."""
    sent = await fields()
    company = await house().database.unit_of_work(company_of)
    nobody = _nobody(company)
    form = Form(_sent(sent, nobody, frozenset(), "local"), nobody)
    wrong = problems(form.texts, company.sites.values())
    keys = extensions_of(sent.get("extension", "").strip(), sent.get("partition", "").strip())
    if isinstance(keys, Wrong):
        wrong["extension"] = keys
    elif len(keys) > 1:
        wrong["extension"] = Wrong(N_("One extension here; more can be given afterwards."))
    if wrong or isinstance(keys, Wrong):
        return await _new_page(company, replace(form, wrong=wrong), sent, 422)
    return await _create(company, form, sent, keys[0] if keys else None)


async def _create(
    company: Company, form: Form, sent: Mapping[str, str], key: ExtensionKey | None
) -> Response:
    try:
        person_id = await house().database.unit_of_work(
            people_admin.create,
            author(),
            profile_of(form.texts, company.sites),
            house().clock(),
            extension=key,
        )
    except LoginTaken:
        wrong = {"login": Wrong(N_("Somebody else has this user name."))}
    except StorageConflict:
        wrong = {"extension": Wrong(N_("Somebody else has this extension."))}
    else:
        return go(f"/admin/people/{person_id}?done=created")
    return await _new_page(company, replace(form, wrong=wrong), sent, 422)
