"""`ringfence calls`: the rated calls, newest first."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.cli import Commands
    from daemon.context import Context
    from storage.calls import CallView
    from storage.quality import Quality

DEFAULT_ROWS = 50


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("calls", "list rated calls, newest first", run, arguments)


def arguments(parser: ArgumentParser) -> None:
    """What may follow `ringfence calls`."""
    parser.add_argument("--extension", metavar="E", help="of this extension alone")
    parser.add_argument("--since", metavar="ISO", help="started then or later (default zone)")
    parser.add_argument(
        "--limit", type=_count, metavar="N", help=f"at most N ({DEFAULT_ROWS}; all with --json)"
    )
    parser.add_argument(
        "--quality", action="store_true", help="with what phones and gateways heard (CMR)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"{text!r}: write a whole number like 50")
    return int(text)


async def run(args: Namespace, context: Context) -> int:
    """Print the calls as a table or one JSON array."""
    from storage import calls, company, quality  # noqa: PLC0415 - `--help` must be quick
    from telephony.clock import read_instant  # noqa: PLC0415 - as above

    async with context.database() as database:
        known = await database.unit_of_work(company.company)
        zone = known.time_zone if known else "UTC"
        rows = await database.unit_of_work(
            calls.listing,
            extension=args.extension,
            since=read_instant(args.since, zone) if args.since else None,
            limit=args.limit if args.limit is not None or args.json else DEFAULT_ROWS,
        )
        heard: dict[str, tuple[Quality, ...]] = {}
        if args.quality:
            heard = await database.unit_of_work(quality.of_calls, [row.key for row in rows])
    if args.json:
        more = [{"quality": _heard(heard.get(row.key, ()))} if args.quality else {} for row in rows]
        context.print_json([{**document(row), **m} for row, m in zip(rows, more, strict=True)])
    else:
        for row, line in zip([None, *rows], table(rows, zone), strict=False):
            context.say(line)
            for report in heard.get(row.key, ()) if row else ():
                context.say(
                    f"    {report.device}: MOS {report.mos or '-'}, jitter {report.jitter_ms} ms, "
                    f"latency {report.latency_ms} ms, {report.packets_lost} packets lost"
                )
    return 0


def _heard(reports: Sequence[Quality]) -> list[dict[str, Any]]:
    return [
        {**report._asdict(), "mos": None if report.mos is None else str(report.mos)}
        for report in reports
    ]


def document(row: CallView) -> dict[str, Any]:
    """A call row as `--json` prints it. `gateway` is null where the call used none."""
    from telephony.clock import iso_z  # noqa: PLC0415 - `--help` must be quick
    from telephony.money import plain  # noqa: PLC0415 - as above

    return {
        "call": row.key,
        "started_at": iso_z(row.started_at),
        "direction": row.direction,
        "extension": row.extension,
        "payer": row.payer,
        "number": row.number,
        "duration_s": row.duration_s,
        "answered": row.answered,
        "cost": plain(row.cost),
        "currency": row.currency,
        "gateway": row.gateway,
        "destination": row.destination,
        "unrated": row.unrated,
    }


def table(rows: list[CallView], time_zone: str) -> list[str]:
    """Aligned lines under a heading, times in the default zone."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - `--help` must be quick

    zone = ZoneInfo(time_zone)
    heads = ("started", "direction", "ext", "number", "s", "cost")
    lines = ["{:19}  {:9}  {:>6}  {:20}  {:>6}  {:>12}  gateway".format(*heads)]
    lines += [
        f"{row.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {row.direction:9}  "
        f"{row.extension or '-':>6}  {row.number:20}  "
        f"{row.duration_s if row.answered else '-':>6}  {row.cost:>12f}  "
        f"{row.gateway or 'Internal calls'}{'  unrated' * row.unrated}"
        for row in rows
    ]
    return lines if rows else ["no calls"]
