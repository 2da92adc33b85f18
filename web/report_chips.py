"""The filters of a result in words, each removed by its own link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from reports.described import GROUPS, facts
from reports.documents import Made
from reports.options import NO_OPTIONS, Options
from reports.running import Run
from storage.database import Connection
from storage.report_choices import unknown_names
from storage.viewer import Viewer
from web.context import reader, say
from web.report_asked import Wanted


class Chip(NamedTuple):
    """A filter in words, and the address without it."""

    label: str
    words: str
    without: str


def chips(wanted: Wanted, made: Made) -> Iterator[Chip]:
    """The filters of a result, each with the address of the report without it."""
    options = wanted.options
    for only, without in _parts(options):
        told = facts(made.report, only, made.span, reader(), made.custom_labels)
        if told:
            yield Chip(*told[0], wanted.narrowed(without))


def _parts(options: Options) -> Iterator[tuple[Options, Options]]:
    """Each part by itself, and the options without it."""
    first, second = options.groups
    if options.traffic:
        yield replace(NO_OPTIONS, traffic=options.traffic), replace(options, traffic=None)
    if options.period:
        alone = replace(NO_OPTIONS, period=options.period, zone=options.zone)
        yield alone, replace(options, period=None)
    if first:
        yield replace(NO_OPTIONS, groups=(first, None)), replace(options, groups=(None, second))
    if second:
        yield replace(NO_OPTIONS, groups=(second, None)), replace(options, groups=(first, None))
    if options.call_type:
        yield replace(NO_OPTIONS, call_type=options.call_type), replace(options, call_type=None)
    if options.place:
        yield replace(NO_OPTIONS, place=options.place), replace(options, place=None)
    for one in options.within:
        others = tuple(other for other in options.within if other != one)
        yield replace(NO_OPTIONS, within=(one,)), replace(options, within=others)
    if options.like:
        yield replace(NO_OPTIONS, like=options.like), replace(options, like=None)
    yield from _more_parts(options)


def _more_parts(options: Options) -> Iterator[tuple[Options, Options]]:
    if options.most:
        yield replace(NO_OPTIONS, most=options.most), replace(options, most=None)
    if options.restrictions:
        alone = replace(NO_OPTIONS, restrictions=options.restrictions)
        yield alone, replace(options, restrictions=())
    if options.zone:
        yield replace(NO_OPTIONS, zone=options.zone), replace(options, zone=None)
    if options.by:
        yield replace(NO_OPTIONS, by=options.by), replace(options, by=None)


def filter_words(made: Made) -> str:
    """What was asked, in one line."""
    told = facts(made.report, made.options, made.span, reader(), made.custom_labels)
    return "; ".join(f"{label}: {value}" for label, value in told)


async def unknown_groups(connection: Connection, viewer: Viewer, run: Run) -> list[tuple[str, str]]:
    """Names a report is restricted to that there are not, by what they would be names of.

    Where there are calls, only who sees everybody is told: others may see calls of somebody who
    has left their department.
    """
    is_sure = viewer.breadth == "all" and run.made.report.subject == "calls"
    found: list[tuple[str, str]] = []
    for group in run.made.options.groups if is_sure or not run.rows else ():
        if group is not None:
            names = await unknown_names(connection, viewer, group.kind, group.values)
            found += [(say(GROUPS[group.kind]), ", ".join(names))] if names else []
    return found
