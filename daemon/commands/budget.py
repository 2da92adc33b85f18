"""`ringfence budget list` and `ringfence budget set`."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from daemon.cli import Commands
    from daemon.context import Context
    from storage.budgets import Account, BudgetChange, BudgetLine, BudgetTarget
    from storage.database import Connection


def register(commands: Commands) -> None:
    """Add the commands about budgets."""
    commands.add("budget list", "every running budget and how it stands", listing, _list_arguments)
    commands.add(
        "budget set",
        "create a budget, or change one: what is not given stays as it is",
        set_,
        _set_arguments,
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON array on standard output")


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--person", metavar="LOGIN", help="one person")
    whose.add_argument("--department", metavar="NAME", help="a department, as one pot")
    whose.add_argument("--cost-centre", metavar="NAME", help="a cost centre, as one pot")
    parser.add_argument("--each", action="store_true", help="give every member one, not one pot")
    parser.add_argument("--amount", required=True, type=_amount, help="such as 100.00")
    parser.add_argument("--period", default="monthly", choices=("daily", "weekly", "monthly"))
    parser.add_argument(
        "--carry-over",
        action=argparse.BooleanOptionalAction,
        help="what is left goes on to the next period (a new budget: it does not)",
    )
    parser.add_argument(
        "--warn-at",
        metavar="PERCENT",
        type=_percent,
        action="append",
        help="mail when this much is spent; may be given several times",
    )
    parser.add_argument(
        "--no-warn", action="store_const", const=[], dest="warn_at", help="mail no warnings"
    )
    parser.add_argument(
        "--lock",
        action=argparse.BooleanOptionalAction,
        help="lock phones at exhaustion (a new budget: it does)",
    )


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text} is no amount; write it like 100.00") from None
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -6 or not 0 <= amount < Decimal(10) ** 12:
        raise argparse.ArgumentTypeError(
            f"{text} is no amount: zero or more, with at most six decimals"
        )
    return amount


def _percent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no percentage from 1 to 100")
    return int(text)


async def listing(args: argparse.Namespace, context: Context) -> int:
    """Print every running account: `owner period amount spent remaining until`."""
    from storage import budgets  # noqa: PLC0415 - `--help` must be quick

    async with context.database() as database:
        lines = await database.unit_of_work(budgets.listing, context.clock())
    if args.json:
        context.print_json([_document(line) for line in lines])
        return 0
    if not lines:
        context.say("no budgets yet: `ringfence budget set --person LOGIN --amount 100.00`")
    for line in lines:
        context.say(_row(line))
    return 0


def _document(line: BudgetLine) -> dict[str, object]:
    from telephony.clock import iso_z  # noqa: PLC0415 - as above
    from telephony.money import plain  # noqa: PLC0415 - as above

    return {
        "owner": line.owner,
        "target": line.target,
        "period": line.period,
        "amount": plain(line.amount),
        "carried": plain(line.carried),
        "spent": plain(line.spent),
        "remaining": plain(line.remaining),
        "currency": line.currency,
        "until": iso_z(line.until),
        "exhausted": line.exhausted,
    }


def _row(line: BudgetLine) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - as above

    until = line.until.astimezone(ZoneInfo(line.time_zone)).strftime("%Y-%m-%d %H:%M")
    state = "  used up" if line.exhausted else ""
    return (
        f"{line.owner:<20} {line.period:<8} {line.amount:>12.2f} {line.spent:>12.2f} spent "
        f"{line.remaining:>12.2f} {line.currency} left until {until}{state}"
    )


def _target(args: argparse.Namespace) -> tuple[BudgetTarget, str]:
    if args.person is not None:
        return "person", args.person
    if args.department is not None:
        return "department", args.department
    return "cost_centre", args.cost_centre


async def set_(args: argparse.Namespace, context: Context) -> int:
    """Create or change one budget and say what that did."""
    async with context.database() as database:
        change = await database.unit_of_work(_store, args, context.clock())
    _, key = _target(args)
    context.say(_said(f"{args.period} budget of {key}", change))
    return 0


async def _store(connection: Connection, args: argparse.Namespace, now: datetime) -> BudgetChange:
    """Set the budget; terms that are not given are those it has, or those of a new one."""
    from storage import budgets  # noqa: PLC0415 - as above
    from storage.budget_accounts import accounts_of  # noqa: PLC0415 - as above

    target, key = _target(args)
    await budgets.hold_ledger_still(connection)
    found = await budgets.find_budget(connection, target, key, each=args.each, period=args.period)
    accounts = await accounts_of(connection, found) if found is not None else []
    spec = budgets.BudgetSpec(
        target=target,
        target_key=key,
        amount=args.amount,
        period=args.period,
        each=args.each,
        **_terms(args, accounts[0] if accounts else None),
    )
    return await budgets.set_budget(connection, spec, now)


def _terms(args: argparse.Namespace, now_set: Account | None) -> dict[str, Any]:
    given = {
        "carry_over": args.carry_over,
        "warn_at_percent": args.warn_at,
        "locks": args.lock,
    }
    kept = {name: getattr(now_set, name) for name in given} if now_set else {}
    return kept | {name: value for name, value in given.items() if value is not None}


def _said(name: str, change: BudgetChange) -> str:
    if change.created:
        return f"{name}: created"
    if not change:
        return f"{name}: nothing to change"
    return f"{name}: " + ", ".join(
        f"{one.name} {one.before} -> {one.after}" for one in change.changes
    )
