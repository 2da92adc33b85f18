"""The smaller forms of a person's page: extensions, password, PIN, sessions, disabling.

Each does one thing, says on the page what it did or why not, and is in the audit log.
"""

from __future__ import annotations

from quart import Response, abort

from storage import people_doors, people_extensions
from storage.database import StorageConflict
from storage.people_admin import LastAdministrator
from storage.people_extensions import ExtensionTaken, ToldByDirectory
from telephony.plant import ExtensionKey
from web.context import fields, go, house, page, say, settings, signed_in, token_hash, viewer
from web.entry import RESET_LIFE, password_problem
from web.passwords import hash_password
from web.person import LAST_ADMINISTRATOR, PERSON, Trouble, author, known, person_page
from web.person_fields import Wrong, extensions_of, pin_problem
from web.portal import administrator_pages
from web.security import new_secret

person_door_pages = administrator_pages("person_doors")


def _back(person_id: int, done: str) -> Response:
    return go(f"/admin/people/{person_id}?done={done}")


async def _refused(person_id: int, form: str, words: str) -> Response:
    return await person_page(await known(person_id), trouble=Trouble(form, words), status=422)


# Extensions ---------------------------------------------------------------------------------------


@person_door_pages.post(f"{PERSON}/extensions")
async def give_extension(person_id: int) -> Response:
    """Give them an extension from now on."""
    sent = await fields()
    keys = extensions_of(sent.get("extension", "").strip(), sent.get("partition", "").strip())
    if isinstance(keys, Wrong):
        return await _refused(person_id, "extension", keys.words)
    if len(keys) != 1:
        return await _refused(person_id, "extension", say("Write one extension."))
    await known(person_id)
    try:
        await house().database.unit_of_work(
            people_extensions.give, author(), person_id, keys[0], house().clock()
        )
    except ExtensionTaken as taken:
        words = say(
            "Extension %(extension)s is %(name)s’s. Take it from them first.",
            extension=str(taken.key),
            name=taken.owner,
        )
        return await _refused(person_id, "extension", words)
    except StorageConflict:
        words = say("Somebody who is disabled can be given no extension.")
        return await _refused(person_id, "extension", words)
    return _back(person_id, "given")


@person_door_pages.post(f"{PERSON}/extensions/take")
async def take_extension(person_id: int) -> Response:
    """End their having an extension."""
    sent = await fields()
    key = ExtensionKey(sent.get("extension", ""), sent.get("partition", ""))
    await known(person_id)
    try:
        taken = await house().database.unit_of_work(
            people_extensions.take, author(), person_id, key, house().clock()
        )
    except ToldByDirectory:
        words = say("The directory gives them this extension. Change it there.")
        return await _refused(person_id, "extension", words)
    return _back(person_id, "taken" if taken else "same")


# Password and PIN ---------------------------------------------------------------------------------


@person_door_pages.post(f"{PERSON}/password")
async def set_password(person_id: int) -> Response:
    """Give them a password of this portal."""
    sent = await fields()
    await known(person_id)
    problem = password_problem(sent.get("password", ""), sent.get("repeated", ""))
    if problem:
        return await _refused(person_id, "password", problem)
    encoded = await hash_password(sent["password"])
    keep = signed_in().token_hash if person_id == viewer().id else None
    await house().database.unit_of_work(
        people_doors.set_password,
        author(),
        person_id,
        encoded,
        house().clock(),
        keep_session=keep,
    )
    return _back(person_id, "password")


@person_door_pages.post(f"{PERSON}/password/clear")
async def clear_password(person_id: int) -> Response:
    """Take their password away."""
    await known(person_id)
    try:
        done = await house().database.unit_of_work(
            people_doors.clear_password, author(), person_id, house().clock()
        )
    except LastAdministrator:
        return await _refused(person_id, "password", say(LAST_ADMINISTRATOR))
    return _back(person_id, "password-cleared" if done else "same")


@person_door_pages.post(f"{PERSON}/password/link")
async def send_link(person_id: int) -> Response:
    """Mail them a link to choose a password by."""
    await known(person_id)
    token, now = new_secret(), house().clock()
    params = {
        "link": f"{settings().public_url.rstrip('/')}/login/reset/{token}",
        "minutes": str(int(RESET_LIFE.total_seconds()) // 60),
    }
    try:
        await house().database.unit_of_work(
            people_doors.send_link,
            author(),
            person_id,
            token_hash(token),
            params,
            now=now,
            expires_at=now + RESET_LIFE,
        )
    except StorageConflict:
        words = say("They are disabled or have no mail address. Give them a password instead.")
        return await _refused(person_id, "password", words)
    return _back(person_id, "link")


@person_door_pages.post(f"{PERSON}/pin")
async def set_pin(person_id: int) -> Response:
    """Give them a PIN."""
    pin = (await fields()).get("pin", "").strip()
    await known(person_id)
    if problem := pin_problem(pin):
        return await _refused(person_id, "pin", problem)
    encoded = await hash_password(pin)
    await house().database.unit_of_work(
        people_doors.set_pin, author(), person_id, encoded, house().clock()
    )
    return _back(person_id, "pin")


@person_door_pages.post(f"{PERSON}/pin/clear")
async def clear_pin(person_id: int) -> Response:
    """Take their PIN away."""
    await known(person_id)
    await house().database.unit_of_work(
        people_doors.set_pin, author(), person_id, None, house().clock()
    )
    return _back(person_id, "pin-cleared")


# In and out ---------------------------------------------------------------------------------------


@person_door_pages.post(f"{PERSON}/sessions")
async def end_sessions(person_id: int) -> Response:
    """End one session of theirs, or all; one's own present one stays."""
    number = (await fields()).get("session", "")
    if number and not (number.isascii() and number.isdigit() and len(number) < 19):
        abort(400)
    await known(person_id)
    ended = await house().database.unit_of_work(
        people_doors.end_sessions,
        author(),
        person_id,
        house().clock(),
        session_id=int(number) if number else None,
        keep=signed_in().token_hash if person_id == viewer().id else None,
    )
    return _back(person_id, "sessions" if ended else "same")


@person_door_pages.get(f"{PERSON}/disable")
async def ask_disable(person_id: int) -> Response:
    """What disabling does, in words, and the button that does it."""
    of = await known(person_id)
    if of.person.disabled:
        return go(f"/admin/people/{person_id}")
    return await _disable_page(person_id)


async def _disable_page(person_id: int, error: str = "", status: int = 200) -> Response:
    of = await known(person_id)
    return await page(
        "portal/admin/people_disable.html",
        status=status,
        person_seen=of.person,
        around=of.around,
        is_self=person_id == viewer().id,
        error=error,
    )


@person_door_pages.post(f"{PERSON}/disable")
async def disable(person_id: int) -> Response:
    """Close their door."""
    await known(person_id)
    try:
        done = await house().database.unit_of_work(
            people_doors.disable, author(), person_id, house().clock()
        )
    except LastAdministrator:
        return await _disable_page(person_id, say(LAST_ADMINISTRATOR), 422)
    return _back(person_id, "disabled" if done else "same")


@person_door_pages.post(f"{PERSON}/enable")
async def enable(person_id: int) -> Response:
    """Open their door again."""
    await known(person_id)
    done = await house().database.unit_of_work(
        people_doors.enable, author(), person_id, house().clock()
    )
    return _back(person_id, "enabled" if done else "same")
