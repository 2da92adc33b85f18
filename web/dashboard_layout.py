"""How somebody has arranged their dashboard: which widgets are in which zone, in what order.

A layout is read with suspicion: whatever it names that is no zone or no widget is left out, and a
widget stands once. *Left* is where the reader's language begins: for a reader of Arabic the zones
are mirrored, and called by where they see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast, get_args

from reports.widgets import BY_ID, WIDGETS
from words.language import N_

Zone = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
ZONES: tuple[Zone, ...] = get_args(Zone)
COLUMNS: tuple[tuple[Zone, Zone], ...] = (
    ("top_left", "bottom_left"),
    ("top_right", "bottom_right"),
)
USUAL_ZONE: Zone = "bottom_right"
"""Where widgets are added unless somebody chooses: as in the guides."""

_NAMES: Mapping[Zone, str] = {
    "top_left": N_("Top Left"),
    "top_right": N_("Top Right"),
    "bottom_left": N_("Bottom Left"),
    "bottom_right": N_("Bottom Right"),
}
_MIRRORED: Mapping[Zone, Zone] = {
    "top_left": "top_right",
    "top_right": "top_left",
    "bottom_left": "bottom_right",
    "bottom_right": "bottom_left",
}


def zone_name(zone: Zone, direction: str) -> str:
    """What a zone is called, in English, by readers of a direction: where they see it."""
    return _NAMES[_MIRRORED[zone] if direction == "rtl" else zone]


class Placed(NamedTuple):
    """A widget on the dashboard; `small` where it is reduced to a line."""

    widget: str
    small: bool = False


class Place(NamedTuple):
    """Where a widget is: its zone, and how many stand before it."""

    zone: Zone
    before: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The widgets of each zone in their order."""

    zones: Mapping[Zone, tuple[Placed, ...]]

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Every widget there is, zone by zone."""
        return tuple(one for zone in ZONES for one in self.zones[zone])

    def place(self, widget: str) -> Place | None:
        """Where a widget is; None where it is not on the dashboard."""
        for zone in ZONES:
            for index, one in enumerate(self.zones[zone]):
                if one.widget == widget:
                    return Place(zone, index)
        return None

    def json(self) -> dict[str, object]:
        """As it is kept."""
        return {
            "zones": {
                zone: [{"widget": one.widget, "small": one.small} for one in self.zones[zone]]
                for zone in ZONES
            }
        }

    def without(self, widget: str) -> Layout:
        """The same without a widget."""
        return Layout({
            zone: tuple(one for one in placed if one.widget != widget)
            for zone, placed in self.zones.items()
        })  # fmt: skip

    def put(self, one: Placed, zone: Zone, index: int | None = None) -> Layout:
        """The same with a widget at a place, wherever it was before; at the zone's end for None."""
        rest = self.without(one.widget)
        there = list(rest.zones[zone])
        there.insert(len(there) if index is None else max(index, 0), one)
        return Layout({**rest.zones, zone: tuple(there)})

    def moved(self, widget: str, zone: Zone, index: int | None = None) -> Layout:
        """The same with a widget somewhere else; unchanged where it is not there."""
        known = next((one for one in self.placed if one.widget == widget), None)
        return self.put(known, zone, index) if known else self

    def sized(self, widget: str, *, small: bool) -> Layout:
        """The same with a widget reduced to a line, or not."""
        place = self.place(widget)
        return self.put(Placed(widget, small), *place) if place else self

    def stepped(self, widget: str, step: Literal[-1, 1]) -> Layout:
        """The same with a widget one place up or down, into the zone above or below at an end."""
        place = self.place(widget)
        if place is None:
            return self
        zone, index = place.zone, place.before + step
        if 0 <= index < len(self.zones[zone]):
            return self.moved(widget, zone, index)
        column = next(column for column in COLUMNS if zone in column)
        beyond = column.index(zone) + step
        if not 0 <= beyond < len(column):
            return self
        return self.moved(widget, column[beyond], 0 if step > 0 else None)


NOTHING = Layout(dict.fromkeys(ZONES, ()))


def usual() -> Layout:
    """What stands on a dashboard nobody has arranged: one widget in each zone."""
    layout = NOTHING
    for zone, widget in zip(ZONES, (one for one in WIDGETS if one.usual), strict=True):
        layout = layout.put(Placed(widget.id), zone)
    return layout


def read(value: object) -> Layout:
    """The layout that was kept, as far as it means something; the usual one for None."""
    if value is None:
        return usual()
    layout = NOTHING
    zones = _object(_object(value).get("zones"))
    for zone in ZONES:
        listed = zones.get(zone)
        for item in cast("list[object]", listed) if isinstance(listed, list) else []:
            widget, small = _object(item).get("widget"), _object(item).get("small") is True
            if isinstance(widget, str) and widget in BY_ID and layout.place(widget) is None:
                layout = layout.put(Placed(widget, small), zone)
    return layout


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def zone_of(text: str) -> Zone | None:
    """The zone of this name as forms send it."""
    return next((zone for zone in ZONES if zone == text), None)


def widget_and_place(text: str) -> tuple[Placed, Zone, int | None] | None:
    """What `WIDGET ZONE INDEX small` names, its last two words optional; None for anything else."""
    parts = [*text.split(), "", "", "", ""][:4]
    zone = zone_of(parts[1])
    if parts[0] not in BY_ID or zone is None:
        return None
    known = parts[2].isascii() and parts[2].isdecimal() and len(parts[2]) < 4
    return Placed(parts[0], parts[3] == "small"), zone, int(parts[2]) if known else None
