"""Lists of people out and in: the list as a file, and a file shown before anything is written.

Out goes exactly what the filters of the page find. In comes a file that waits at the server until
its preview is confirmed; what is written then is what the preview showed, or nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID, uuid4

import trio
from quart import Response, make_response, request

from storage import audit, people_admin, people_import, people_listing
from storage.copying import beside_the_loop
from storage.database import Connection, Database, StorageConflict
from storage.people_admin import Author, LastAdministrator
from storage.people_import import Upload
from storage.people_listing import PeopleFilter, listed_of
from storage.viewer import Viewer
from web.context import fields, go, house, page, reader, say, seer
from web.people import Asked, asked
from web.people_csv import COLUMNS, NotReadable, Sheet, read, written
from web.people_plan import Plan, Stored, plan
from web.person import LAST_ADMINISTRATOR, author
from web.person_fields import label_of
from web.portal import administrator_pages
from web.trail import event

people_import_pages = administrator_pages("people_import")

IMPORT = "/admin/people/import"
MOST_BYTES = 20_000_000
"""Largest list that is taken: some hundred thousand people."""

PATIENCE_S = 120.0
"""How long one statement about everybody may take."""

SHOWN = 50
"""Rows of each kind that the preview shows."""

_limiter = trio.CapacityLimiter(1)
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}


def _patient() -> Database:
    """The database for whoever moves everybody at once, and knows that it takes its time."""
    return house().database.within(PATIENCE_S)


@people_import_pages.get("/admin/people.csv")
async def export() -> Response:
    """The people the filters find, as CSV."""

    async def everybody(connection: Connection, viewer: Viewer, wanted: Asked) -> bytes:
        rows = await people_listing.everybody(
            connection, viewer, wanted.filter, sort=wanted.sort, descending=wanted.descending
        )
        return await beside_the_loop(lambda: written(listed_of(rows)))

    content = await _patient().unit_of_work(everybody, seer(), asked())
    await house().database.unit_of_work(audit.record, event("people_exported"), house().clock())
    response = cast("Response", await make_response(content))
    response.content_type = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="people.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


# In -----------------------------------------------------------------------------------------------


async def _import_page(error: str = "", status: int = 200) -> Response:
    return await page(
        "portal/admin/people_import.html",
        status=status,
        error=error,
        columns=COLUMNS,
        most=reader().number(MOST_BYTES // 1_000_000),
    )


@people_import_pages.get(IMPORT)
async def choose_file() -> Response:
    """Where a file is chosen, and what it may hold."""
    return await _import_page()


@people_import_pages.post(IMPORT)
async def upload() -> Response:
    """Take a file and keep it until its preview is confirmed."""
    file = (await request.files).get("list")
    content = file.read() if file else b""
    if file is None or not content:
        return await _import_page(say("Choose a file that is not empty."), 422)
    try:
        await trio.to_thread.run_sync(read, content, limiter=_limiter)
    except NotReadable as refused:
        return await _import_page(refused.wrong.words, 422)
    name = (file.filename or "").replace("\0", "")
    kept = Upload(uuid4(), name, content)
    await house().database.unit_of_work(people_import.keep_upload, seer(), kept, house().clock())
    return go(f"{IMPORT}/{kept.key}")


class Read(NamedTuple):
    """A list that was kept, read and held against who is stored."""

    upload: Upload
    sheet: Sheet
    plan: Plan


async def _planned(connection: Connection, viewer: Viewer, key: UUID) -> Read | None:
    kept = await people_import.upload_of(connection, viewer, key)
    if kept is None:
        return None
    rows = await people_listing.everybody(connection, viewer, PeopleFilter())
    sites = await people_listing.sites(connection)
    owned = await people_admin.owned_by_directory(connection)

    def work() -> Read:
        sheet = read(kept.content)
        return Read(kept, sheet, plan(sheet, Stored(listed_of(rows), sites, owned)))

    return await beside_the_loop(work)


async def _preview(key: UUID, error: str = "", status: int = 200) -> Response:
    found = await _patient().unit_of_work(_planned, seer(), key)
    if found is None:
        gone = say("This list was imported already, or another one was chosen since.")
        return await _import_page(gone, 410)
    return await page(
        "portal/admin/people_preview.html",
        status=status,
        upload=found.upload,
        sheet=found.sheet,
        delimiter=_DELIMITERS[found.sheet.delimiter],
        plan=found.plan,
        bad_rows=len({mistake.line for mistake in found.plan.mistakes}),
        shown=SHOWN,
        error=error,
        label_of=_label,
    )


def _label(column: str) -> str:
    return label_of(column) if column else say("Row")


@people_import_pages.get(f"{IMPORT}/<uuid:key>")
async def preview(key: UUID) -> Response:
    """What the list would do; nothing is written."""
    return await _preview(key)


class _Different(Exception):
    """The plan is no longer the one that was shown."""


async def _confirm(
    connection: Connection, by: Author, key: UUID, digest: str, now: datetime
) -> Plan | None:
    await people_admin.begin(connection, by)
    found = await _planned(connection, by.viewer, key)
    if found is None:
        return None
    if found.plan.digest != digest:
        raise _Different
    if found.plan.written:
        await people_import.write(connection, by, found.plan.written, now, found.upload.name)
    await people_import.drop_upload(connection, by.viewer)
    return found.plan


@people_import_pages.post(f"{IMPORT}/<uuid:key>")
async def confirm(key: UUID) -> Response:
    """Write what the preview showed, all of it in one transaction."""
    digest = (await fields()).get("digest", "")
    try:
        done = await _patient().unit_of_work(_confirm, author(), key, digest, house().clock())
    except _Different:
        words = say(
            "Somebody changed people meanwhile, so the list means something else now. Look again."
        )
        return await _preview(key, words, 409)
    except LastAdministrator:
        return await _preview(key, say(LAST_ADMINISTRATOR), 422)
    except StorageConflict:
        words = say("Nothing was written: somebody changed the same people this moment. Try again.")
        return await _preview(key, words, 409)
    if done is None:
        return await _preview(key)
    return go(f"/admin/people?created={len(done.created)}&changed={len(done.changed)}")
