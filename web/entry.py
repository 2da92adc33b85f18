"""The door: signing in, signing out, and a forgotten password.

A refusal says the same words whether the account exists or not, and of a local account takes the
same time. How often one may try is counted in the database, so that a restart forgives nobody.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from quart import Blueprint, Response, request

from storage import people, sessions
from storage.audit import record
from storage.database import Connection
from storage.people import Person
from storage.sessions import Session, SessionKind
from web.context import (
    LANGUAGE_COOKIE,
    client_address,
    fields,
    go,
    house,
    load_session,
    page,
    reader,
    say,
    settings,
    token_hash,
)
from web.endings import ending_words
from web.passwords import MAX_LENGTH, MIN_LENGTH, hash_password
from web.security import (
    drop_cookie,
    is_our_form,
    local_path,
    new_secret,
    same,
    sent_csrf,
    set_cookie,
)
from web.sign_in import (
    WORDS,
    Refused,
    in_line,
    recognise,
    remember_refusal,
    remember_too_many,
    signed,
)
from words.language import LANGUAGES

entry = Blueprint("entry", __name__)

WINDOW = timedelta(minutes=15)
TRIES_PER_ACCOUNT = 10
TRIES_PER_ADDRESS = 60
RESETS_PER_ACCOUNT = 3
RESET_LIFE = timedelta(hours=1)


def account_key(login: str) -> str:
    r"""What an account's attempts are counted under; hashed, for passwords get typed there too.

    `DOMAIN\name` and signs nobody sees make no other account of it: the directory leaves them out.
    """
    seen = "".join(sign for sign in login if unicodedata.category(sign) not in {"Cf", "Cc"})
    name = unicodedata.normalize("NFC", seen.rpartition("\\")[2].strip()).lower()
    return "account:" + hashlib.sha256(name.encode()).hexdigest()


def address_key() -> str:
    """What this address's attempts are counted under."""
    return f"address:{client_address()}"


@dataclass(frozen=True, slots=True)
class SignInForm:
    """What the sign-in page shows beside its fields."""

    username: str = ""
    error: str = ""
    wait_minutes: int = 0


async def _sign_in_page(form: SignInForm, status: int = 200) -> Response:
    target = local_path(request.args.get("next"))
    response = await page(
        "portal/login.html", status=status, form=form, next=target, ended=ending_words()
    )
    if request.args.get("lang", "") in LANGUAGES:
        set_cookie(response, LANGUAGE_COOKIE, request.args["lang"], 365 * 86400)
    return response


@entry.get("/login")
async def login() -> Response:
    """The sign-in form; who is signed in already goes on."""
    if await load_session() is not None:
        return go(local_path(request.args.get("next")))
    return await _sign_in_page(SignInForm())


@entry.post("/login")
async def sign_in() -> Response:
    """Check name and password; open a session under a new token."""
    form = await fields()
    username, password = form.get("username", "").strip(), form.get("password", "")
    if not await is_our_form():
        stale = say("This page was open for too long. Please sign in again.")
        return await _sign_in_page(SignInForm(username, stale), 400)
    async with in_line():
        return await _look_at(username, password)


async def _look_at(username: str, password: str) -> Response:
    wait_s = await _admit({account_key(username): TRIES_PER_ACCOUNT})
    if wait_s:
        await house().database.unit_of_work(remember_too_many, username)
        return await _too_many(username, wait_s)
    found = await recognise(username, password)
    if isinstance(found, Refused):
        return await _refused(username, found)
    return await _open_session(found, username)


async def _refused(username: str, refused: Refused) -> Response:
    async def note(connection: Connection) -> None:
        if refused.reason == "directory_away":  # nobody's fault, and no guess
            await sessions.take_back(connection, account_key(username), address_key())
        await remember_refusal(connection, username, refused.reason)

    await house().database.unit_of_work(note)
    return await _sign_in_page(SignInForm(username, say(WORDS[refused.reason])), refused.status)


async def _admit(limits: dict[str, int]) -> int:
    return await house().database.unit_of_work(
        sessions.admit,
        {**limits, address_key(): TRIES_PER_ADDRESS},
        now=house().clock(),
        window=WINDOW,
    )


async def _too_many(username: str, wait_s: int) -> Response:
    minutes = -(-wait_s // 60)
    language = reader().language
    error = language.plural(
        "Too many attempts. Please try again in %(num)d minute.",
        "Too many attempts. Please try again in %(num)d minutes.",
        minutes,
    )
    response = await _sign_in_page(SignInForm(username, error, minutes), 429)
    response.headers["Retry-After"] = str(wait_s)
    return response


async def _open_session(person: Person, username: str) -> Response:
    token, now = new_secret(), house().clock()
    target = local_path((await fields()).get("next"))
    kind, life = _kind_of(target)
    address, user_agent = client_address(), request.headers.get("User-Agent", "")
    keys = account_key(username), address_key()
    old = token_hash(request.cookies.get(settings().session_cookie, ""))

    async def open_it(connection: Connection) -> None:
        await sessions.forgive(connection, *keys)
        await sessions.end(connection, old)
        await sessions.start(
            connection,
            person.id,
            token_hash(token),
            new_secret(),
            now=now,
            expires_at=now + life,
            kind=kind,
            address=address,
            user_agent=user_agent,
        )
        await record(connection, signed("sign_in", person, kind), now)

    await house().database.unit_of_work(open_it)
    response = go(target)
    set_cookie(response, settings().session_cookie, token, int(life.total_seconds()))
    drop_cookie(response, settings().form_cookie)
    return response


def _kind_of(target: str) -> tuple[SessionKind, timedelta]:
    """What a session is for, by where it leads, and how long it lasts.

    A gadget sits in another window all day for weeks: whoever signs in there does so seldom.
    """
    if target.startswith("/gadgets/"):
        return "gadget", timedelta(days=settings().gadget_session_life_days)
    return "portal", timedelta(hours=settings().session_life_hours)


@entry.route("/login/forgot", methods=["GET", "POST"])
async def forgot() -> Response:
    """Ask for a link by mail. The answer is the same whoever asks for whom."""
    form = await fields()
    username, error = form.get("username", "").strip(), ""
    asked = request.method == "POST" and bool(username)
    if asked and not await is_our_form():
        asked, error = False, say("This page was open for too long. Please try again.")
    if asked:
        await _ask_reset(username)
    status = 400 if error else 200
    return await page(
        "portal/forgot.html", status=status, asked=asked, username=username, error=error
    )


async def _ask_reset(username: str) -> None:
    if await _admit({"reset:" + account_key(username): RESETS_PER_ACCOUNT}):
        return
    token, now = new_secret(), house().clock()
    await house().database.unit_of_work(
        people.ask_reset,
        username,
        token_hash(token),
        {
            "link": f"{settings().public_url.rstrip('/')}/login/reset/{token}",
            "minutes": str(int(RESET_LIFE.total_seconds()) // 60),
        },
        now=now,
        expires_at=now + RESET_LIFE,
    )


def password_problem(password: str, repeated: str) -> str:
    """What is wrong with a new password in words, empty where nothing is."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return say(
            "Choose a password of %(least)s to %(most)s characters.",
            least=MIN_LENGTH,
            most=MAX_LENGTH,
        )
    if password != repeated:
        return say("The two passwords are not the same.")
    return ""


@entry.route("/login/reset/<token>", methods=["GET", "POST"])
async def reset(token: str) -> Response:
    """Choose a new password by the link of a mail; the link works once."""
    hashed, error = token_hash(token), ""
    owner = await house().database.unit_of_work(people.reset_owner, hashed, house().clock())
    done, status = False, 200 if owner else 410
    if owner and request.method == "POST":
        form = await fields()
        password = form.get("password", "")
        error = password_problem(password, form.get("repeated", ""))
        if not await is_our_form():
            error = say("This page was open for too long. Please try again.")
        status = 422 if error else 200
        if not error:
            encoded = await hash_password(password)
            done = await house().database.unit_of_work(
                people.use_reset, hashed, encoded, house().clock()
            )
    works = owner is not None
    return await page(
        "portal/reset.html", status=status, works=works, done=done, error=error, token=token
    )


@entry.post("/logout")
async def sign_out() -> Response:
    """Close the session and go back to the door."""
    session = await load_session()
    if session is not None:
        if not same(await sent_csrf(), session.csrf):
            return go("/")
        await house().database.unit_of_work(_end, session)
    response = go("/login")
    drop_cookie(response, settings().session_cookie)
    return response


async def _end(connection: Connection, session: Session) -> None:
    await sessions.end(connection, session.token_hash)
    event = signed("sign_out", session.person, session.kind)
    await record(connection, event, house().clock())
