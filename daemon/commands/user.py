"""Local accounts from the command line: the first administrator is made here.

A password is typed unseen or read from standard input; it is never an argument, which every
process on the machine could read.
"""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import trio

from telephony.errors import RingfenceError

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context
    from storage.people import Person


def register(commands: Commands) -> None:
    """Add `user add`, `user passwd` and `user list`."""
    commands.add("user add", "add a local account", add, _add_arguments)
    commands.add("user passwd", "give an account a new password", passwd, _passwd_arguments)
    commands.add("user list", "list every account", listing, _list_arguments)


def _password_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("login", help="the name to sign in with")
    parser.add_argument("--role", choices=("user", "supervisor", "administrator"), default="user")
    parser.add_argument(
        "--scope",
        choices=("department", "cost_centre", "office"),
        help="what a supervisor oversees (department)",
    )
    parser.add_argument("--name", default="", help='first and last name: "Ada Neri"')
    parser.add_argument("--email", default="", help="where mails go")
    parser.add_argument("--extension", help="the person's extension: 731, or 731@PARTITION")
    _password_argument(parser)


def _passwd_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("login", help="whose password")
    _password_argument(parser)


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")


def _asked_password() -> str:
    """The password typed twice, unseen. Blocks; raises `RingfenceError` where the two differ."""
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise RingfenceError("the two passwords are not the same")
    return first


async def _password(from_stdin: bool) -> str:
    from web.passwords import MAX_LENGTH, MIN_LENGTH  # noqa: PLC0415 - `--help` must be quick

    if from_stdin or not sys.stdin.isatty():
        line = await trio.to_thread.run_sync(sys.stdin.readline)
        password = line.rstrip("\r\n")
    else:
        password = await trio.to_thread.run_sync(_asked_password)
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise RingfenceError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    return password


async def add(args: Namespace, context: Context) -> int:
    """Add a local account with its password."""
    from storage import people  # noqa: PLC0415 - as above
    from telephony.plant import ExtensionKey  # noqa: PLC0415 - as above
    from web.passwords import hash_password  # noqa: PLC0415 - as above

    if not args.login or any(letter.isspace() or not letter.isprintable() for letter in args.login):
        raise RingfenceError(f"a login is one word without blanks, not {args.login!r}")
    first, _, last = args.name.strip().partition(" ")
    scope = (args.scope or "department") if args.role == "supervisor" else None
    async with context.database() as database:
        if await database.unit_of_work(people.by_login, args.login) is not None:
            raise RingfenceError(f"there is already an account {args.login}")
        encoded = await hash_password(await _password(args.password_stdin))
        await database.unit_of_work(
            people.create_local,
            args.login,
            role=args.role,
            scope=scope,
            first_name=first,
            last_name=last.strip(),
            email=args.email,
            extension=ExtensionKey.parse(args.extension) if args.extension else None,
            password_hash=encoded,
        )
    context.say(f"{args.login} can sign in as {args.role}.")
    return 0


async def passwd(args: Namespace, context: Context) -> int:
    """Give an account a new password and end its sessions."""
    from storage import people  # noqa: PLC0415 - as above
    from web.passwords import hash_password  # noqa: PLC0415 - as above

    async with context.database() as database:
        person = await database.unit_of_work(people.by_login, args.login)
        if person is None:
            raise RingfenceError(f"there is no account {args.login}")
        encoded = await hash_password(await _password(args.password_stdin))
        await database.unit_of_work(people.set_password, person.id, encoded)
    context.say(f"{person.login} has a new password; open sessions of {person.login} are ended.")
    return 0


async def listing(args: Namespace, context: Context) -> int:
    """List every account."""
    from storage import people  # noqa: PLC0415 - as above

    async with context.database() as database:
        found = await database.unit_of_work(people.listing)
    if args.json:
        context.print_json([_document(person) for person in found])
        return 0
    for person in found:
        numbers = " ".join(str(key) for key in person.extensions) or "-"
        state = "disabled" if person.disabled else person.role
        context.say(f"{person.login:<20} {state:<14} {numbers:<12} {person.full_name}")
    return 0


def _document(person: Person) -> dict[str, object]:
    return {
        "login": person.login,
        "name": person.full_name,
        "email": person.email,
        "role": person.role,
        "scope": person.scope,
        "extensions": [str(key) for key in person.extensions],
        "local_password": person.password_hash is not None,
        "disabled": person.disabled,
    }
