"""A person's own page: how they read, where they are signed in, their password."""

from __future__ import annotations

from datetime import timedelta

from quart import Response, abort, request

from storage import audit, own, sessions
from storage.database import Connection
from storage.sessions import OpenSession
from web.context import (
    LANGUAGE_COOKIE,
    fields,
    go,
    house,
    part_or_page,
    say,
    seer,
    settings,
    signed_in,
    viewer,
)
from web.devices import device_words
from web.entry import TRIES_PER_ACCOUNT, WINDOW, account_key, password_problem
from web.passwords import hash_password, is_right
from web.portal import signed_in_pages
from web.security import drop_cookie, local_path, set_cookie
from web.trail import event
from words.language import LANGUAGES, N_

account_pages = signed_in_pages("account")

TIME_FORMATS = ("", "12", "24")
DONE = {
    "saved": N_("Saved. Pages are written this way from now on, in every browser of yours."),
    "password": N_("Your password is changed. Your other sessions were ended."),
    "session": N_("That session is ended."),
    "others": N_("Your other sessions are ended. This one stays."),
}
"""What was just done, by the code the address carries; words for each."""

COOKIE_S = 365 * 86400


async def _my_sessions() -> list[OpenSession]:
    found = await house().database.unit_of_work(
        sessions.listing,
        seer(),
        viewer().id,
        now=house().clock(),
        idle=timedelta(minutes=settings().session_idle_minutes),
    )
    this = signed_in().id
    return sorted(found, key=lambda one: one.id != this)


async def _account_page(error: str = "", *, status: int = 200) -> Response:
    done = request.args.get("done", "")
    return await part_or_page(
        "portal/account_sessions.html",
        "portal/account.html",
        status=status,
        error=error,
        done=done if done in DONE else "",
        done_words=say(DONE[done]) if done in DONE else "",
        mine=await _my_sessions(),
        this=signed_in().id,
        device_words=device_words,
        is_of_directory=viewer().source == "directory",
    )


@account_pages.get("/account/")
async def account() -> Response:
    """The person's own page."""
    return await _account_page()


def _remember_here(response: Response, code: str) -> None:
    """Let the door of this browser speak the chosen language; empty: what the browser asks for."""
    if code:
        set_cookie(response, LANGUAGE_COOKIE, code, COOKIE_S)
    else:
        drop_cookie(response, LANGUAGE_COOKIE)


@account_pages.post("/account/language")
async def choose_language() -> Response:
    """Remember the chosen language; empty means as the directory says or the browser asks."""
    form = await fields()
    code = form.get("language", "")
    response = go(local_path(form.get("next")))
    if code in {*LANGUAGES, ""}:
        await house().database.unit_of_work(own.set_language, seer(), code)
        _remember_here(response, code)
    return response


@account_pages.post("/account/reading")
async def choose_reading() -> Response:
    """Remember language and time format together."""
    form = await fields()
    code, clock = form.get("language", ""), form.get("time_format", "")
    if code not in {*LANGUAGES, ""} or clock not in TIME_FORMATS:
        abort(400)
    mine = seer()

    async def keep(connection: Connection) -> None:
        await own.set_language(connection, mine, code)
        await own.set_time_format(connection, mine, clock)

    await house().database.unit_of_work(keep)
    response = go("/account/?done=saved")
    _remember_here(response, code)
    return response


@account_pages.post("/account/sessions/<int:session_id>/end")
async def end_session(session_id: int) -> Response:
    """End one of one's own sessions; this one's end leads to the door."""
    mine = seer().only_own()

    async def end(connection: Connection) -> OpenSession | None:
        ended = await sessions.end_by_id(connection, mine, session_id)
        if ended is not None:
            told = event("session_ended", viewer(), device=device_words(ended.user_agent))
            await audit.record(connection, told, house().clock())
        return ended

    if session_id >= 2**63 or await house().database.unit_of_work(end) is None:
        abort(404)
    return go("/login" if session_id == signed_in().id else "/account/?done=session#sessions")


@account_pages.post("/account/sessions/end-others")
async def end_other_sessions() -> Response:
    """End every session of one's own but this one."""
    mine, this = seer().only_own(), signed_in().token_hash

    async def end(connection: Connection) -> None:
        count = await sessions.end_all(connection, mine, viewer().id, keep=this)
        if count:
            told = event("session_ended", viewer(), sessions=str(count))
            await audit.record(connection, told, house().clock())

    await house().database.unit_of_work(end)
    return go("/account/?done=others#sessions")


@account_pages.post("/account/password")
async def change_password() -> Response:
    """Change the password, after the present one, and end the person's other sessions."""
    form = await fields()
    person, key = viewer(), account_key(viewer().login)
    wait_s = await house().database.unit_of_work(
        sessions.admit, {key: TRIES_PER_ACCOUNT}, now=house().clock(), window=WINDOW
    )
    if wait_s:
        response = await _account_page(
            say("Too many attempts. Please try again later."), status=429
        )
        response.headers["Retry-After"] = str(wait_s)
        return response
    if not await is_right(person.password_hash, form.get("current", "")):
        return await _account_page(say("The present password is wrong."), status=422)
    await house().database.unit_of_work(sessions.forgive, key, "")
    problem = password_problem(form.get("password", ""), form.get("repeated", ""))
    if problem:
        return await _account_page(problem, status=422)
    await _set_password(await hash_password(form["password"]))
    return go("/account/?done=password#password")


async def _set_password(encoded: str) -> None:
    person, mine, this = viewer(), seer(), signed_in().token_hash

    async def keep(connection: Connection) -> None:
        await own.set_password(connection, mine, encoded, keep_session=this)
        await audit.record(connection, event("password_set", person), house().clock())

    await house().database.unit_of_work(keep)
