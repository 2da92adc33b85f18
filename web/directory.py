"""The company's directory, for administrators: its settings, what it would change, what it did."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from quart import Response, abort, request

from actors.directory import DirectoryService
from actors.directory_settings import DirectoryConfig, read_config
from actors.sealing import SealBroken
from directory.port import DirectoryError, DirectoryRefused
from storage import audit, people_admin
from storage import directory as stored
from storage.database import Connection
from storage.directory import StoredDirectory
from storage.viewer import Viewer
from web.context import fields, go, house, page, reader, say, seer
from web.directory_form import (
    ATTRIBUTES,
    GRANTS,
    NUMBERS,
    PRESETS,
    DirectoryForm,
    sent,
    shown,
    understand,
)
from web.directory_words import (
    FIELD_WORDS,
    TROUBLE_WORDS,
    field_words,
    problem_words,
    reason_words,
    value_words,
    worth_showing,
)
from web.portal import administrator_pages
from web.trail import event
from words.language import N_

directory_pages = administrator_pages("directory")

RUNS_PER_PAGE = 20
SHOWN = 50
"""How many of each kind a preview shows."""

TESTED_LIFE_S = 3600
"""How long a password that was tested may still be saved without being typed again."""

DONE = {
    "saved": N_("Saved. The directory is asked this way from now on."),
    "removed": N_("The directory is forgotten. Its people stay, and sign in here no more."),
    "asked": N_("The synchronisation begins now. Refresh this page to see how it ended."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a page says at its top: `good` or `bad`, and the words; `more` in the machine's own."""

    kind: str
    words: str
    more: str = ""


def service() -> DirectoryService:
    """The house's directory; 404 in a house that is made without one."""
    found = house().directory
    if found is None:
        abort(404)
    return found


def _done() -> Told | None:
    code = request.args.get("done", "")
    return Told("good", say(DONE[code])) if code in DONE else None


def failure(error: DirectoryError) -> Told:
    """What went wrong, in words; the adapter's own beside it."""
    return Told("bad", say(TROUBLE_WORDS[error.trouble]), str(error))


async def _page(template: str, *, status: int = 200, **values: object) -> Response:
    return await page(
        f"portal/admin/{template}.html",
        status=status,
        field_words=field_words,
        value_words=value_words,
        problem_words=problem_words,
        reason_words=reason_words,
        worth_showing=worth_showing,
        **values,
    )


# Settings ----------------------------------------------------------------------------------------


async def _stored(
    connection: Connection, seen_by: Viewer
) -> tuple[StoredDirectory | None, dict[int, str], int]:
    return (
        await stored.load(connection, seen_by),
        dict(enumerate(await people_admin.custom_labels(connection), 1)),
        await stored.people_of_directory(connection, seen_by),
    )


async def _settings_page(
    form: DirectoryForm | None = None,
    *,
    told: Told | None = None,
    tested: str = "",
    status: int = 200,
) -> Response:
    service()
    found, labels, people = await house().database.unit_of_work(_stored, seer())
    last, _ = await house().database.unit_of_work(stored.runs, seer(), 0, 1)
    if form is None:
        form = shown(_config_to_show(found))
    return await _page(
        "directory",
        status=status,
        form=form,
        told=told or _done() or await _warning(found),
        tested=tested,
        configured=found,
        people=people,
        labels=labels,
        last=last[0] if last else None,
        attributes=[(name, say(FIELD_WORDS[name])) for name in ATTRIBUTES],
        grants=list(GRANTS),
        numbers=NUMBERS,
    )


def _config_to_show(found: StoredDirectory | None) -> DirectoryConfig:
    if found is not None:
        try:
            return read_config(found.settings)
        except DirectoryRefused:
            pass
    kind = request.args.get("kind", "")
    return DirectoryConfig(PRESETS.get(kind, PRESETS["active-directory"]))


async def _warning(found: StoredDirectory | None) -> Told | None:
    """Whether what is stored can be used at all; a restored backup's password cannot."""
    if found is None or found.sealed_password is None:
        return None
    try:
        await service().unseal(found.sealed_password)
    except SealBroken as error:
        words = say(
            "The service account's password cannot be opened on this machine: enter it again and "
            "save. Until then nobody from the directory can sign in."
        )
        return Told("bad", words, str(error))
    return None


@directory_pages.get("/admin/directory")
async def settings_page() -> Response:
    """The settings and how the directory fares."""
    return await _settings_page()


@directory_pages.post("/admin/directory")
async def change_settings() -> Response:
    """Store the settings, or only try them."""
    sent_fields = await fields()
    form = sent(sent_fields)
    config = understand(form)
    before = await house().database.unit_of_work(stored.load, seer())
    password = await _password(form, config, before)
    settings = config.with_password(password)
    form.tell(service().check(settings))
    if form.errors:
        told = Told("bad", say("Something is not right yet. Nothing was changed."))
        tested = "" if form.error("bind_password") else await _kept(config, password)
        return await _settings_page(form, told=told, tested=tested, status=422)
    if sent_fields.get("action") == "test":
        return await _tried(form, config, password)
    await _store(config, password, before)
    return go("/admin/directory?done=saved")


def _bound(config: DirectoryConfig) -> str:
    """What a tested password may be used with, and nothing else."""
    return hashlib.sha256(repr(config.goes_to).encode()).hexdigest()


async def _password(
    form: DirectoryForm, config: DirectoryConfig, before: StoredDirectory | None
) -> str:
    """The password these settings go with: typed now, or tested before, or the stored one.

    One that was typed for other servers, or under weaker encryption, is not sent there: it has to
    be typed again. What is wrong is told in `form.errors`.
    """
    typed = (await fields()).get("bind_password", "")
    if typed or not config.ask.bind_name:
        return typed
    try:
        if tested := (await fields()).get("tested", ""):
            kept = msgspec.json.decode(await service().unseal(tested.encode(), TESTED_LIFE_S))
            if kept["for"] == _bound(config):
                return str(kept["password"])
        if before is None or before.sealed_password is None:
            return ""
        if read_config(before.settings).goes_to != config.goes_to:
            form.wrong("bind_password", "type_again")
            return "-"
        return await service().unseal(before.sealed_password)
    except (SealBroken, DirectoryRefused):
        form.wrong("bind_password", "sealed")
        return "-"


async def _tried(form: DirectoryForm, config: DirectoryConfig, password: str) -> Response:
    """Ask the directory with these settings; nothing is stored."""
    try:
        found = await service().probe(config.with_password(password))
    except DirectoryError as error:
        told, status = failure(error), 422
    else:
        words = say("The directory answers, and these settings find people. Nothing is saved yet.")
        told, status = Told("good", words, found), 200
    tried = event("directory_tried", why=told.more)
    await house().database.unit_of_work(audit.record, tried, house().clock())
    tested = await _kept(config, password)
    return await _settings_page(form, told=told, tested=tested, status=status)


async def _kept(config: DirectoryConfig, password: str) -> str:
    """A password that was typed, sealed into the form that is shown again, for these settings."""
    if not password:
        return ""
    kept = {"password": password, "for": _bound(config)}
    return (await service().seal(msgspec.json.encode(kept).decode())).decode()


async def _store(config: DirectoryConfig, password: str, before: StoredDirectory | None) -> None:
    now = house().clock()
    sealed = await service().seal(password) if password else None
    document = config.document()
    next_at = config.sync.next_at(now)
    if before and next_at and before.next_sync_at:
        next_at = min(before.next_sync_at, next_at)
    retyped = bool((await fields()).get("bind_password"))
    changed = _changed(before.settings if before else {}, document)
    names = sorted([*changed, "password"] if retyped else changed)

    seen_by = seer()

    async def keep(connection: Connection) -> None:
        told = event("directory_changed", fields=", ".join(names))
        await stored.save(
            connection, seen_by, document, sealed, told, next_sync_at=next_at, now=now
        )

    await house().database.unit_of_work(keep)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of the settings that became different."""
    return [
        name
        for part in ("ask", "sync")
        for name, value in after[part].items()
        if before.get(part, {}).get(name) != value
    ]


@directory_pages.post("/admin/directory/remove")
async def remove() -> Response:
    """Forget the directory."""
    service()
    told = event("directory_removed")
    await house().database.unit_of_work(stored.remove, seer(), told, house().clock())
    return go("/admin/directory?done=removed")


# Following ---------------------------------------------------------------------------------------


@directory_pages.post("/admin/directory/sync")
async def sync_now() -> Response:
    """Have a run begin in the background."""
    await service().ask_sync(event("sync_asked"))
    return go("/admin/directory/runs?done=asked")


@directory_pages.get("/admin/directory/preview")
async def preview() -> Response:
    """What a run would do now."""
    _, labels, _ = await house().database.unit_of_work(_stored, seer())
    try:
        if await service().connected() is None:
            return await _page("directory_preview", preview=None, told=None, labels=labels, at=None)
        found = await service().preview()
    except DirectoryError as error:
        return await _page(
            "directory_preview", status=503, preview=None, told=failure(error), labels=labels,
            at=reader().now,
        )  # fmt: skip
    return await _page(
        "directory_preview", preview=found, told=None, labels=labels, most=SHOWN, at=reader().now
    )


@directory_pages.post("/admin/directory/preview")
async def apply() -> Response:
    """Do what was previewed, if it still is what would happen."""
    digest = (await fields()).get("digest", "")
    if not digest:
        abort(400)
    ran = await service().sync(event("sync_applied"), by_hand=True, expected=digest)
    return go(f"/admin/directory/runs/{ran.run_id}")


@directory_pages.get("/admin/directory/runs")
async def runs() -> Response:
    """Every run, newest first."""
    service()
    text = request.args.get("page", "1")
    wanted = max(int(text), 1) if text.isdecimal() and len(text) < 7 else 1
    found, total = await house().database.unit_of_work(
        stored.runs, seer(), (wanted - 1) * RUNS_PER_PAGE, RUNS_PER_PAGE
    )
    configured = await house().database.unit_of_work(stored.load, seer())
    pages = max(1, -(-total // RUNS_PER_PAGE))
    return await _page(
        "directory_runs",
        runs=found,
        total=total,
        pages=pages,
        current=min(wanted, pages),
        configured=configured,
        told=_done(),
        address=_runs_address,
    )


def _runs_address(number: int) -> str:
    return "/admin/directory/runs" + (f"?page={number}" if number > 1 else "")


@directory_pages.get("/admin/directory/runs/<int:run_id>")
async def run(run_id: int) -> Response:
    """One run with what it could not do."""
    service()
    if run_id >= 2**63:
        abort(404)
    found = await house().database.unit_of_work(stored.run_of, seer(), run_id)
    if found is None:
        abort(404)
    return await _page("directory_run", run=found)
