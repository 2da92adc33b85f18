"""A person's own page: what is known of them, their language, their password."""

from __future__ import annotations

from quart import Response, request

from storage import people, sessions
from web.context import LANGUAGE_COOKIE, fields, go, house, page, say, signed_in, viewer
from web.entry import TRIES_PER_ACCOUNT, WINDOW, account_key, password_problem
from web.language import LANGUAGES
from web.passwords import hash_password, is_right
from web.portal import signed_in_pages
from web.security import local_path, set_cookie

account_pages = signed_in_pages("account")


async def _account_page(error: str = "", *, changed: bool = False, status: int = 200) -> Response:
    return await page("portal/account.html", status=status, error=error, changed=changed)


@account_pages.get("/account/")
async def account() -> Response:
    """The person's own page."""
    return await _account_page(changed="changed" in request.args)


@account_pages.post("/account/language")
async def choose_language() -> Response:
    """Remember the chosen language; empty means as the browser asks."""
    form = await fields()
    code = form.get("language", "")
    if code in {*LANGUAGES, ""}:
        await house().database.unit_of_work(people.set_language, viewer().id, code)
    response = go(local_path(form.get("next")))
    if code in LANGUAGES:
        set_cookie(response, LANGUAGE_COOKIE, code, 365 * 86400)
    return response


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
    await house().database.unit_of_work(
        people.set_password,
        person.id,
        await hash_password(form["password"]),
        keep_session=signed_in().token_hash,
    )
    return go("/account/?changed=1")
