"""What a company's phone network consists of: sites, gateways, who owned which extension when."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

GatewayKind = Literal["pstn", "voicemail", "ivr", "recorder", "intersite"]


@dataclass(frozen=True, slots=True)
class Site:
    """A place with one dial plan. `time_zone` is an IANA name, `country` ISO 3166-1 alpha-2."""

    id: int
    name: str
    country: str
    time_zone: str
    area_code: str = ""
    outside_prefix: str = ""
    emergency: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """A trunk or gateway by its device name in the call records; `*` stands for any characters."""

    id: int
    device: str
    name: str
    site_id: int
    kind: GatewayKind
    tariff_id: int | None = None


class ExtensionKey(NamedTuple):
    """An extension; `partition` is empty where the company never names one."""

    number: str
    partition: str = ""

    @classmethod
    def parse(cls, text: str) -> ExtensionKey:
        """The inverse of `str()`: `731`, or `731@PT-Milano`."""
        number, _, partition = text.partition("@")
        return cls(number, partition)

    def __str__(self) -> str:
        return f"{self.number}@{self.partition}" if self.partition else self.number


@dataclass(frozen=True, slots=True)
class Owner:
    """Who an extension's calls belong to, with what a charge must remember of that person."""

    person_id: int
    site_id: int
    department: str
    cost_centre: str
    office: str
    unit_id: int | None = None
    """Names department, cost centre and office together; calls keep it."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """A stretch of time, `from_at` included and `until_at` not, in which `owner` had it."""

    extension: ExtensionKey
    owner: Owner
    from_at: datetime | None
    until_at: datetime | None


@dataclass(slots=True)
class Plant:
    """The company's network as the merge, the rating and the pages see it; built once, read."""

    currency: str
    time_zone: str
    sites: Mapping[int, Site]
    gateways: tuple[Gateway, ...]
    ownerships: Iterable[Ownership]
    logins: Mapping[str, ExtensionKey] = field(default_factory=dict[str, ExtensionKey])
    """The extension of each person's login (lower case), for records that name the person only."""
    _by_extension: dict[ExtensionKey, list[Ownership]] = field(init=False, repr=False)
    _numbers: frozenset[str] = field(init=False, repr=False)
    _devices: dict[str, Gateway | None] = field(init=False, repr=False)
    _public: dict[str, bool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_extension = {}
        for ownership in self.ownerships:
            self._by_extension.setdefault(ownership.extension, []).append(ownership)
        for rows in self._by_extension.values():
            rows.sort(key=lambda row: row.from_at.timestamp() if row.from_at else float("-inf"))
        self._numbers = frozenset(key.number for key in self._by_extension)
        self._devices = {}
        self._public = {"": False}

    def gateway(self, device: str) -> Gateway | None:
        """The gateway a device name belongs to: an exact name first, then the longest pattern."""
        if device not in self._devices:
            exact = [g for g in self.gateways if g.device.lower() == device.lower()]
            masks = [g for g in self.gateways if "*" in g.device and _like(device, g.device)]
            masks.sort(key=lambda g: len(g.device), reverse=True)
            self._devices[device] = next(iter(exact + masks), None)
        return self._devices[device]

    def is_public(self, device: str) -> bool:
        """Whether calls over this device go to or come from the public network."""
        public = self._public.get(device)
        if public is None:
            gateway = self.gateway(device)
            public = self._public[device] = gateway is not None and gateway.kind == "pstn"
        return public

    def owner(self, number: str, partition: str, at: datetime) -> Owner | None:
        """Who owned this extension at that instant, or None. Without a partition it fits any."""
        for rows in (self._having(number, partition), self._having(number, "")):
            if len(rows) == 1 and rows[0].from_at is None and rows[0].until_at is None:
                return rows[0].owner
            for row in reversed(rows):
                if row.from_at is None or row.from_at <= at:
                    if row.until_at is None or at < row.until_at:
                        return row.owner
                    break
        return None

    def _having(self, number: str, partition: str) -> Sequence[Ownership]:
        """Everybody who ever had the extension, in order of time."""
        # A plain tuple finds what an ExtensionKey was filed under, and is made in half the time.
        return self._by_extension.get((number, partition), ())  # type: ignore[call-overload]

    def is_extension(self, number: str) -> bool:
        """Whether anybody ever owned this number as an extension."""
        return number in self._numbers

    def extension_of_login(self, login: str) -> ExtensionKey | None:
        """The extension of the person with this login, whose case does not matter."""
        return self.logins.get(login.lower())

    def site_of_caller(self, number: str, partition: str) -> Site | None:
        """The site whose dial plan an extension's present owner dials by."""
        for rows in (self._having(number, partition), self._having(number, "")):
            if rows:
                return self.sites.get(rows[-1].owner.site_id)
        return self.default_site

    @property
    def default_site(self) -> Site | None:
        """The site that stands first in the site file."""
        return next(iter(self.sites.values()), None)


def _like(device: str, mask: str) -> bool:
    return fnmatch.fnmatchcase(device.lower(), mask.lower().replace("[", "[[]").replace("?", "[?]"))
