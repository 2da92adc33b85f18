"""`ringfence rate`: what a call costs or cost, and why, line by line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from telephony.errors import RingfenceError

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context
    from rating.trace import Trace
    from storage.database import Connection
    from storage.traces import StoredTrace
    from telephony.plant import Gateway, Plant


class Answer(NamedTuple):
    """A trace, and the tariff of the gateway it was asked for (empty where it has none)."""

    trace: Trace
    gateway: Gateway
    tariff: str


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("rate", "price a call and show why", run, arguments=arguments)


def arguments(parser: ArgumentParser) -> None:
    """What may follow `ringfence rate`."""
    parser.add_argument("number", nargs="?", metavar="NUMBER", help="the number as dialled")
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="how long the call lasts")
    parser.add_argument("--gateway", metavar="G", help="device or name (the first with a tariff)")
    parser.add_argument("--at", metavar="ISO", help="when it connects, in the default zone (now)")
    parser.add_argument("--call", type=_key, metavar="KEY", help="explain a stored call instead")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"{text!r}: write whole seconds like 60")
    return int(text)


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no key of a call") from None


async def run(args: Namespace, context: Context) -> int:
    """Print the price with its trace. 0 also where nothing covers the number: that is an answer."""
    if args.call is not None:
        return await _stored(args, context)
    if args.number is None or args.seconds is None:
        raise RingfenceError("give a number and --seconds N, or --call KEY")
    async with context.database() as database:
        answer = await database.unit_of_work(explain, args, context.clock())
    if args.json:
        context.print_json(document(answer.trace, answer.tariff))
    else:
        context.say(f"Gateway      {answer.gateway.name} ({answer.gateway.device})")
        context.say(answer.trace.as_text())
    return 0


async def _stored(args: Namespace, context: Context) -> int:
    from storage.traces import call_trace  # noqa: PLC0415 - `--help` must be quick

    async with context.database() as database:
        found: StoredTrace | None = await database.unit_of_work(call_trace, args.call)
    if found is None:
        raise RingfenceError(f"there is no call {args.call}")
    if args.json:
        context.print_json(_stored_document(found, args.call))
    else:
        context.say(found.trace.as_text())
    if not found.same:
        context.warn(f"stored with {found.stored_cost}: the dial plan or the caller changed")
    return 0


async def explain(connection: Connection, args: Namespace, now: datetime) -> Answer:
    """The trace of the call that the arguments describe; `RingfenceError` for a wrong gateway."""
    from rating.trace import trace  # noqa: PLC0415 - as above
    from storage.company import load_plant  # noqa: PLC0415 - as above
    from storage.tariffs import names, version_at  # noqa: PLC0415 - as above
    from telephony.clock import read_instant  # noqa: PLC0415 - as above
    from telephony.numbers import normalise  # noqa: PLC0415 - as above

    plant = await load_plant(connection)
    gateway = choose_gateway(plant, args.gateway)
    site = plant.sites[gateway.site_id]
    number = normalise(args.number, site)
    at = read_instant(args.at, plant.time_zone) if args.at else now
    tariff, version = "", None
    if gateway.tariff_id is not None and gateway.kind == "pstn":
        tariff = (await names(connection)).get(gateway.tariff_id, "")
        version = await version_at(connection, gateway.tariff_id, at, number)
    explained = trace(version, number, at, args.seconds, True, site, plant.currency)
    if reason := _free(gateway, number.kind):
        explained = explained.free(reason)
    return Answer(explained, gateway, tariff)


def _free(gateway: Gateway, kind: str) -> str:
    if gateway.kind != "pstn":
        return f"Calls through {gateway.name} ({gateway.kind}) are free."
    if kind == "internal":
        return "An internal number: such a call leaves through no gateway and costs nothing."
    return ""


def choose_gateway(plant: Plant, wanted: str | None) -> Gateway:
    """The gateway of that device or name; without one the first to the PSTN that has a tariff."""
    if wanted is None:
        for gateway in plant.gateways:
            if gateway.kind == "pstn" and gateway.tariff_id is not None:
                return gateway
        raise RingfenceError("no gateway of kind pstn has a tariff yet: give it one and apply")
    named = [g for g in plant.gateways if g.name.lower() == wanted.lower()]
    found = plant.gateway(wanted) or next(iter(named), None)
    if found is None:
        known = ", ".join(f"{g.name} ({g.device})" for g in plant.gateways) or "none"
        raise RingfenceError(f"no gateway {wanted!r}; there are: {known}")
    return found


def document(trace: Trace, tariff: str) -> dict[str, Any]:
    """What `--json` prints. `cost` is never null; an unrated call has an empty `destination`."""
    from telephony.money import plain  # noqa: PLC0415 - as above

    charge = trace.charge
    return {
        "cost": plain(charge.cost),
        "currency": charge.currency,
        "destination": charge.destination,
        "prefix": charge.prefix,
        "tariff": trace.tariff or tariff,
        "unrated": charge.unrated,
        "trace": trace.as_json(),
    }


def _stored_document(found: StoredTrace, key: UUID) -> dict[str, Any]:
    from telephony.money import plain  # noqa: PLC0415 - as above

    stored = {"call": str(key), "stored_cost": plain(found.stored_cost)}
    return {**document(found.trace, ""), **stored}
