"""The company whose phone system the lab plays: its sites, extensions, gateways and dial plan.

The dial plan is the traditional design: outside rights stand on the line's calling search space
(`CSS-Unlocked-<site>`), the device's (`CSS-Internal`) reaches colleagues alone, and `CSS-Locked`
on a line leaves colleagues and emergency numbers. What may be dialled is not decided here but by
digit analysis over this plan, as in a phone system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

INTERNAL = "PT-Internal"
EMERGENCY = "PT-Emergency"
CSS_INTERNAL = "CSS-Internal"
CSS_LOCKED = "CSS-Locked"


@dataclass(frozen=True, slots=True)
class LabSite:
    """A site's dial plan. `gateway` is the device name its outside calls leave by."""

    name: str
    country: str = "IT"
    outside_prefix: str = "0"
    emergency: tuple[str, ...] = ("112",)
    gateway: str = "TRUNK-PSTN"
    area_code: str = "02"
    time_zone: str = "Europe/Rome"

    @property
    def partition(self) -> str:
        """Where this site's patterns to the outside stand."""
        return f"PT-PSTN-{_slug(self.name)}"

    @property
    def unlocked_css(self) -> str:
        """The calling search space of a line that may dial outside."""
        return f"CSS-Unlocked-{_slug(self.name)}"


@dataclass(frozen=True, slots=True)
class LabExtension:
    """A line and the phones it is on. `css` None: the site's `CSS-Unlocked-*`; empty: none at all.

    `devices` empty gets one desk phone named after the number.
    """

    number: str
    login: str = ""
    name: str = ""
    site: str = ""
    partition: str = INTERNAL
    css: str | None = None
    devices: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """The first phone this line is on."""
        return self.devices[0] if self.devices else self._phone()

    @property
    def all_devices(self) -> tuple[str, ...]:
        """Every phone this line is on."""
        return self.devices or (self._phone(),)

    def _phone(self) -> str:
        digits = "".join(c for c in self.number if c.isdigit())
        return f"SEP{int(digits or '0') % 16**12:012X}"


class LabPattern(NamedTuple):
    """A row of the dial plan beside the lines."""

    pattern: str
    partition: str
    usage: int
    gateway: str = ""
    blocked: bool = False
    css: str = ""
    discard: str = ""
    mask: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class LabCompany:
    """Everything the lab's phone system is configured with.

    `hunt_pilots` ring the extensions named after them. `extra_patterns` and `extra_css` (name to
    partitions) are added to the plan as they are; `device_css` is the one on every phone.
    """

    sites: tuple[LabSite, ...]
    extensions: tuple[LabExtension, ...]
    hunt_pilots: tuple[tuple[str, tuple[str, ...]], ...] = ()
    voicemail: tuple[str, str] | None = None
    cluster: str = "LabCluster"
    node: int = 1
    extra_patterns: tuple[LabPattern, ...] = ()
    extra_css: tuple[tuple[str, tuple[str, ...]], ...] = ()
    device_css: str = CSS_INTERNAL
    _by_number: dict[str, tuple[LabExtension, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict[str, tuple[LabExtension, ...]]
    )

    def __post_init__(self) -> None:
        for extension in self.extensions:
            known = self._by_number.get(extension.number, ())
            self._by_number[extension.number] = (*known, extension)

    def site(self, name: str) -> LabSite:
        """The site of this name; the first one where there is none."""
        return next((site for site in self.sites if site.name == name), self.sites[0])

    def extension(self, text: str) -> LabExtension | None:
        """The extension `731`, or `731@PT-Milano`; the first where several have the number."""
        number, _, partition = text.partition("@")
        found = self._by_number.get(number, ())
        return next((e for e in found if not partition or e.partition == partition), None)

    def patterns(self) -> Iterable[LabPattern]:
        """The dial plan beside the lines."""
        for number in dict.fromkeys(n for site in self.sites for n in site.emergency):
            gateway = next(s.gateway for s in self.sites if number in s.emergency)
            yield LabPattern(number, EMERGENCY, ROUTE, gateway)
        for site in self.sites:
            for pattern in _outside_patterns(site):
                yield LabPattern(pattern, site.partition, ROUTE, site.gateway)
        prefixed = {(s.outside_prefix, n): s.gateway for s in self.sites for n in s.emergency}
        for (prefix, number), gateway in prefixed.items():
            if prefix:
                yield LabPattern(f"{prefix}.{number}", EMERGENCY, ROUTE, gateway)
        for pilot, _ in self.hunt_pilots:
            yield LabPattern(pilot, INTERNAL, HUNT)
        if self.voicemail is not None:
            yield LabPattern(self.voicemail[0], INTERNAL, ROUTE, self.voicemail[1])
        yield from self.extra_patterns

    def search_spaces(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Every calling search space with its partitions in order."""
        internal = tuple(dict.fromkeys([INTERNAL, *(e.partition for e in self.extensions)]))
        yield CSS_INTERNAL, (*internal, EMERGENCY)
        yield CSS_LOCKED, (*internal, EMERGENCY)
        for site in self.sites:
            yield site.unlocked_css, (*internal, EMERGENCY, site.partition)
        yield from self.extra_css


ROUTE = 5
HUNT = 7


def _outside_patterns(site: LabSite) -> tuple[str, ...]:
    prefix = f"{site.outside_prefix}." if site.outside_prefix else ""
    return (f"{prefix}!", f"{prefix}00!", r"\+!")


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)
