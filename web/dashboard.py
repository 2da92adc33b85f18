"""The dashboard: widgets of one's own choice, arranged as one likes, live.

Every change is a form of the page, sent to the page's own address, and works without scripts. With
them (`web/static/dashboard.js`) the same forms answer with what has changed alone: the page says
which widgets it `have`, each by the digest of what it shows, and is sent the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast
from urllib.parse import urlencode

from quart import Response, request
from werkzeug.datastructures import MultiDict

from reports.widgets import BY_ID, WIDGETS, Widget
from reports.zones import zone_label
from storage import preferences
from storage.database import Connection
from storage.viewer import Viewer
from web.context import go, house, page, reader, seer, viewer
from web.dashboard_layout import (
    COLUMNS,
    USUAL_ZONE,
    ZONES,
    Layout,
    Placed,
    Zone,
    read,
    widget_and_place,
    zone_name,
    zone_of,
)
from web.dashboard_widgets import WAITING, Seen, common_notes, seconds_left, seen, small, title_of
from web.portal import signed_in_pages

dashboard_pages = signed_in_pages("dashboard")

PATH = "/analytics/dashboard"
KEPT_AS = "dashboard"


class Choice(NamedTuple):
    """A widget in the gallery: what it is called and shows, and where it stands already."""

    widget: Widget
    title: str
    question: str
    stands_in: str
    ticked: bool


class Undo(NamedTuple):
    """What was closed, and what puts it back where it was."""

    title: str
    value: str


@dataclass(frozen=True)
class Board:
    """The dashboard as it is shown."""

    layout: Layout
    shown: Mapping[str, Seen]
    undo: Undo | None

    columns = COLUMNS
    zones = ZONES
    usual_zone = USUAL_ZONE

    def zone(self, zone: Zone) -> list[Seen]:
        """The widgets of a zone in their order."""
        return [self.shown[one.widget] for one in self.layout.zones[zone]]

    @staticmethod
    def name(zone: Zone) -> str:
        """What the reader calls a zone."""
        return _zone_words(zone)

    @cached_property
    def choices(self) -> list[Choice]:
        """The gallery. Where nothing is on the dashboard the usual ones are ticked."""
        language, is_bare = reader().language, not self.layout.placed
        found: list[Choice] = []
        for widget in WIDGETS:
            place = self.layout.place(widget.id)
            stands_in = _zone_words(place.zone) if place else ""
            question = language.text(widget.report.question)
            ticked = bool(place) or (is_bare and widget.usual)
            found.append(Choice(widget, title_of(widget, reader()), question, stands_in, ticked))
        return found

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is true of every widget, said once: up to when call records have come in."""
        return common_notes(list(self.shown.values()))

    @property
    def zone_label(self) -> str:
        """Whose days and times these are."""
        return zone_label(reader().zone_name, reader().now, reader())

    @property
    def is_waiting(self) -> bool:
        """Whether figures are still being prepared, so that the page asks again."""
        return any(one.digest == WAITING for one in self.shown.values())

    @cached_property
    def digests(self) -> dict[str, str]:
        """What the page has once it has been sent this: each part by a digest of its words."""
        place = [[zone, *(one.widget for one in self.layout.zones[zone])] for zone in ZONES]
        language = reader().language.code
        return {
            **{one.widget.id: one.digest for one in self.shown.values()},
            "choices": _digest([language, place]),
            "notes": _digest([language, *self.notes]),
        }

    @property
    def live(self) -> str:
        """Where the page asks for what has changed."""
        have = ",".join(f"{name}.{digest}" for name, digest in self.digests.items())
        return f"{PATH}?{urlencode({'fragment': '1', 'have': have})}"

    @property
    def seconds_left(self) -> int:
        """How long *today* is today."""
        return seconds_left(reader())

    @property
    def arranged(self) -> str:
        """The widgets of each zone, for the page's script."""
        return json.dumps({zone: [one.widget for one in self.layout.zones[zone]] for zone in ZONES})


def _zone_words(zone: Zone) -> str:
    language = reader().language
    return language.text(zone_name(zone, language.direction))


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


async def _board(layout: Layout, undo: Undo | None = None) -> Board:
    """Work out what is seen; what is reduced to a line is not asked."""
    open_ones = [BY_ID[one.widget] for one in layout.placed if not one.small]
    found = await seen(open_ones, seer(), viewer().login, house().reports, reader())
    shown = {one.widget.id: one for one in found}
    shown |= {one.widget: small(BY_ID[one.widget], reader()) for one in layout.placed if one.small}
    return Board(layout, shown, undo)


async def _changes(board: Board) -> Response:
    """The parts the page does not have, and how the widgets are arranged."""
    sent = request.args.get("have", "").split(",")
    have = {name: digest for name, _, digest in (one.rpartition(".") for one in sent)}
    lacks = {name for name, digest in board.digests.items() if have.get(name) != digest}
    return await page("portal/parts/dashboard_changes.html", board=board, lacks=lacks)


# Pages --------------------------------------------------------------------------------------------


async def _layout(connection: Connection, seer: Viewer) -> Layout:
    return read(await preferences.get(connection, seer, KEPT_AS))


@dashboard_pages.get(PATH)
async def dashboard() -> Response:
    """The dashboard, or what of it has changed."""
    layout = await house().database.unit_of_work(_layout, seer())
    if "fragment" in request.args:
        return await _changes(await _board(layout))
    board = await _board(layout, _undo(layout, request.args.get("closed", "")))
    return await page("portal/analytics_dashboard.html", board=board)


@dashboard_pages.post(PATH)
async def arrange() -> Response:
    """Add, close, move, reduce: whatever a form of the page asks."""
    form = cast("MultiDict[str, str]", await request.form)  # pyright: ignore[reportUnknownMemberType] - Quart leaves it open

    async def change(connection: Connection, seer: Viewer) -> tuple[Layout, Layout]:
        before = read(await preferences.get_to_change(connection, seer, KEPT_AS))
        after = arranged(before, form)
        if after != before:
            await preferences.put(connection, seer, KEPT_AS, after.json())
        return before, after

    before, after = await house().database.unit_of_work(change, seer())
    closed = _where(before, form.get("close", ""))
    if "fragment" in request.args:
        return await _changes(await _board(after, _undo(after, closed)))
    if closed:
        return go(f"{PATH}?{urlencode({'closed': closed})}")
    return go(PATH + (f"#widget-{touched}" if (touched := _touched(form)) else ""))


def arranged(layout: Layout, form: MultiDict[str, str]) -> Layout:
    """The layout after what a form asks; what means nothing changes nothing."""
    for name, value in form.items(multi=True):
        match name:
            case "close":
                layout = layout.without(value)
            case "minimise" | "restore":
                layout = layout.sized(value, small=name == "minimise")
            case "up" | "down":
                layout = layout.stepped(value, -1 if name == "up" else 1)
            case "place" if (meant := widget_and_place(value)) is not None:
                layout = layout.moved(meant[0].widget, *meant[1:])
            case "open" if (meant := widget_and_place(value)) is not None:
                layout = layout.put(*meant)
            case "add" if (zone := zone_of(form.get("zone", ""))) is not None:
                layout = _added(layout, form.getlist("widget"), zone)
            case _:
                pass
    return layout


def _added(layout: Layout, widgets: list[str], zone: Zone) -> Layout:
    for widget in widgets:
        if widget in BY_ID and layout.place(widget) is None:
            layout = layout.put(Placed(widget), zone)
    return layout


def _touched(form: MultiDict[str, str]) -> str:
    """The widget a form was about, so that a page without scripts comes back to it."""
    names = ("minimise", "restore", "up", "down", "place", "open", "widget")
    words = next((form[name] for name in names if form.get(name)), "").split()
    return words[0] if words and words[0] in BY_ID else ""


def _where(layout: Layout, widget: str) -> str:
    """What puts a widget back to where it is, for `open`; empty where it is nowhere."""
    place = layout.place(widget)
    if place is None:
        return ""
    one = layout.zones[place.zone][place.before]
    return f"{widget} {place.zone} {place.before}{' small' if one.small else ''}"


def _undo(layout: Layout, closed: str) -> Undo | None:
    """How to put back what was closed, as long as it is not back."""
    meant = widget_and_place(closed)
    if meant is None or layout.place(meant[0].widget) is not None:
        return None
    return Undo(title_of(BY_ID[meant[0].widget], reader()), closed)
