"""The command `ringfence`: finds the commands, reads what was typed, and reports failure in a line.

A command is a module of `daemon.commands` with `register(commands)`. It imports what it needs
inside its handler, so that `ringfence --help` is quick.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import pkgutil
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import daemon.commands
from daemon.config import environment, find_config, load_config
from daemon.context import Context
from telephony.errors import RingfenceError

if TYPE_CHECKING:
    import trio

Handler = Callable[[argparse.Namespace, Context], Awaitable[int]]
Arguments = Callable[[argparse.ArgumentParser], None]

INTERRUPTED = 130
TERMINATED = 143


class Commands(Protocol):
    """What a command's module registers itself with."""

    def add(
        self,
        name: str,
        help: str,  # noqa: A002 - argparse's own word
        handler: Handler,
        arguments: Arguments | None = None,
    ) -> None:
        """Add a command. `name` may be two words, such as `budget list`."""
        ...


class _Choice(Protocol):
    """What argparse's `add_subparsers` gives."""

    def add_parser(
        self,
        name: str,
        *,
        help: str | None = ...,  # noqa: A002 - as above
        description: str | None = ...,
    ) -> argparse.ArgumentParser:
        """Add the parser of one word."""
        ...


class _Parsers:
    """Builds the parsers of all commands, those of two words below a first one."""

    def __init__(self, root: argparse.ArgumentParser) -> None:
        self._root: _Choice = root.add_subparsers(metavar="COMMAND", required=True)
        self._groups: dict[str, _Choice] = {}
        self._single: dict[str, argparse.ArgumentParser] = {}

    def add(
        self,
        name: str,
        help: str,  # noqa: A002 - as above
        handler: Handler,
        arguments: Arguments | None = None,
    ) -> None:
        first, _, second = name.partition(" ")
        place = self._below(first) if second else self._root
        if not second and first in self._single:
            parser = self._single[first]  # `rejects` beside `rejects retry`
            parser.description = help
        else:
            parser = place.add_parser(second or first, help=help, description=help)
        if not second:
            self._single[first] = parser
        where = parser.add_argument_group("where")
        for option, metavar, words in _WHERE:
            where.add_argument(option, metavar=metavar, default=argparse.SUPPRESS, help=words)
        parser.set_defaults(handler=handler)
        if arguments is not None:
            arguments(parser)

    def _below(self, first: str) -> _Choice:
        if first not in self._groups:
            parser = self._single.get(first)
            if parser is None:
                parser = self._root.add_parser(first, help=_GROUPS.get(first, ""))
                self._single[first] = parser
            self._groups[first] = parser.add_subparsers(metavar="COMMAND")
        return self._groups[first]


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command there is."""
    parser = argparse.ArgumentParser(prog="ringfence", description=_ABOUT)
    parsers = _Parsers(parser)
    for module in sorted(pkgutil.iter_modules(daemon.commands.__path__), key=lambda m: m.name):
        importlib.import_module(f"daemon.commands.{module.name}").register(parsers)
    return parser


_ABOUT = "Call accounting, budgets and phone lock: reads call records, prices them, locks phones."
_WHERE = (
    ("--config", "FILE", "the configuration (RINGFENCE_CONFIG; ./ringfence.toml)"),
    ("--data", "DIR", "the data folder (RINGFENCE_DATA; ./var)"),
)
_GROUPS = {
    "tariff": "price lists",
    "budget": "budgets",
    "user": "local accounts",
    "directory": "the company's directory",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status: 0, or 1 with one line on standard error."""
    parsed = build_parser().parse_args(arguments)
    handler: Handler | None = getattr(parsed, "handler", None)
    if handler is None:
        build_parser().error("a command is missing; see --help")
    try:
        return _run(handler, parsed)
    except RingfenceError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _run(handler: Handler, parsed: argparse.Namespace) -> int:
    import trio  # noqa: PLC0415 - `--help` must be quick

    # Records are many, small and free of cycles: collecting as often as Python would by itself
    # takes a fifth of the time of reading a large file.
    gc.set_threshold(50_000, 20, 50)

    config_file, data = find_config(
        getattr(parsed, "config", None), getattr(parsed, "data", None), environment()
    )
    context = Context(load_config(config_file, data, environment()), data, config_file=config_file)

    async def until_terminated() -> int:
        """Run the command; on SIGTERM let it clean up, such as stopping the server it started."""
        async with trio.open_nursery() as nursery:
            await nursery.start(_cancel_on_sigterm, nursery.cancel_scope)
            status = await handler(parsed, context)
            nursery.cancel_scope.cancel()
            return status
        return TERMINATED

    try:
        return trio.run(until_terminated)
    except BaseExceptionGroup as group:
        raise _first(group) from group


async def _cancel_on_sigterm(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    import trio  # noqa: PLC0415 - as above

    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What to report of several failures: an interruption, else what we can say in a line."""
    leaves = list(_leaves(group))
    for kind in (KeyboardInterrupt, RingfenceError, BrokenPipeError):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [leaf for inner in group.exceptions for leaf in _leaves(inner)]
    return [error]


def _fail(message: str) -> int:
    print("ringfence: " + " ".join(message.split()), file=sys.stderr)
    return 1


def existing_file(text: str) -> Path:
    """An argument that must name a file that can be read."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


if __name__ == "__main__":
    sys.exit(main())
