"""`ringfence tariff import` and `tariff list`: price lists in, and which are valid when."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from telephony.errors import RingfenceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from daemon.cli import Commands
    from daemon.context import Context
    from rating.tariff import Rate
    from rating.tariff_csv import TariffCsvError
    from storage.database import Connection
    from storage.tariffs import ImportResult, TariffListing


def register(commands: Commands) -> None:
    """Add `tariff import` and `tariff list`."""
    commands.add("tariff import", "read a price list", run_import, _import_arguments)
    commands.add("tariff list", "list the price lists", run_list, _list_arguments)


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the price list")
    parser.add_argument("--name", required=True, metavar="N", help="the tariff it belongs to")
    parser.add_argument(
        "--valid-from",
        metavar="ISO",
        help="from when, in the default zone (now; a tariff's first price list: always)",
    )
    parser.add_argument(
        "--currency", type=_currency, metavar="C", help="needed before there is a company"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _currency(text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise ArgumentTypeError(f"{text!r}: write three letters like EUR")
    return text.upper()


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run_import(args: Namespace, context: Context) -> int:
    """Import a price list whole, or name every bad row and import nothing."""
    from rating.tariff_csv import (  # noqa: PLC0415 - `--help` must be quick
        TariffCsvError,
        digest,
        parse_rates,
    )

    if not args.name.strip():
        raise RingfenceError("--name is empty: name the tariff")
    try:
        data = await trio.Path(args.file).read_bytes()
    except OSError as error:
        raise RingfenceError(f"{args.file}: {error.strerror}") from None
    try:
        rates = await trio.to_thread.run_sync(parse_rates, data)
    except TariffCsvError as error:
        return _refused(error, args.file, context)
    async with context.database() as database:
        result = await database.unit_of_work(_store, args, rates, digest(data), context.clock())
    _tell(result, args, context)
    return 0


async def _store(
    connection: Connection, args: Namespace, rates: Sequence[Rate], sha256: str, now: datetime
) -> ImportResult:
    from storage.company import NoCompany, company  # noqa: PLC0415 - as above
    from storage.tariffs import import_version  # noqa: PLC0415 - as above
    from telephony.clock import read_instant  # noqa: PLC0415 - as above

    found = await company(connection)
    currency = args.currency or (found.currency if found else "")
    if not currency:
        raise NoCompany("no company yet, so no currency: give --currency, or apply a site file")
    if found and currency != found.currency:
        raise RingfenceError(f"a tariff's currency is the company's, {found.currency}")
    zone = found.time_zone if found else "UTC"
    start = read_instant(args.valid_from, zone) if args.valid_from else None
    return await import_version(
        connection, args.name.strip(), currency, start, rates, sha256, now=now
    )


def _refused(error: TariffCsvError, file: Path, context: Context) -> int:
    """One line per problem, since one edit shall be enough."""
    for problem in error.problems:
        context.warn(f"  {problem}")
    if error.total > len(error.problems):
        context.warn(f"  and {error.total - len(error.problems)} more")
    problems = "1 problem" if error.total == 1 else f"{error.total} problems"
    context.warn(f"ringfence: {file}: {problems}, nothing was imported")
    return 1


def _tell(result: ImportResult, args: Namespace, context: Context) -> None:
    from telephony.clock import iso_z  # noqa: PLC0415 - as above

    since = iso_z(result.valid_from)
    if args.json:
        context.print_json(
            {
                "tariff": args.name.strip(),
                "rates": result.rates,
                "valid_from": since,
                "changed": result.changed,
            }
        )
    elif result.changed:
        context.say(f"+ tariff {args.name.strip()}: {result.rates} rates, valid from {since}")
    else:
        context.say(f"= tariff {args.name.strip()}: this price list is there, valid from {since}")


async def run_list(args: Namespace, context: Context) -> int:
    """List every current version, oldest first within a tariff."""
    from storage.tariffs import listing  # noqa: PLC0415 - as above

    async with context.database() as database:
        rows = await database.unit_of_work(listing)
    if args.json:
        context.print_json([_row(row) for row in rows])
        return 0
    for row in rows:
        context.say(_line(row))
    if not rows:
        context.say("no tariffs yet: ringfence tariff import FILE.csv --name N")
    return 0


def _row(row: TariffListing) -> dict[str, Any]:
    from telephony.clock import iso_z  # noqa: PLC0415 - as above

    return {
        "name": row.name,
        "currency": row.currency,
        "valid_from": iso_z(row.valid_from),
        "rates": row.rates,
        "imported_at": iso_z(row.imported_at),
        "gateways": list(row.gateways),
    }


def _line(row: TariffListing) -> str:
    from telephony.clock import iso_z  # noqa: PLC0415 - as above

    used = ", ".join(row.gateways) or "no gateway"
    since = iso_z(row.valid_from)
    return f"{row.name:24} {row.currency}  {row.rates:>7} rates  valid from {since}  {used}"
