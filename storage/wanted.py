"""What a site file asks for, checked and in the house's own types: the input of `apply`.

An absent optional value (None) means *leave it as it is*; every other field is what shall be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from rating.tariff import Rate
from storage.budget_types import BudgetSpec
from storage.people import Role, Scope
from telephony.plant import ExtensionKey, GatewayKind

Sign = Literal["+", "~", "-"]


class Change(NamedTuple):
    """One thing that became different: `+` is new, `~` was changed, `-` ended."""

    sign: Sign
    what: str
    name: str
    details: str = ""

    def __str__(self) -> str:
        text = f"{self.sign} {self.what} {self.name}"
        return f"{text}: {self.details}" if self.details else text


@dataclass(frozen=True, slots=True)
class WantedSite:
    """A place with one dial plan, known by its name.

    `masked_digits` None is as the country's rules ask; `language` is empty where it has none.
    """

    name: str
    country: str
    time_zone: str
    area_code: str = ""
    outside_prefix: str = ""
    emergency: tuple[str, ...] = ()
    language: str = ""
    masked_digits: int | None = None


@dataclass(frozen=True, slots=True)
class WantedGateway:
    """A gateway, known by its device name; `site` and `tariff` are names."""

    device: str
    name: str
    site: str
    kind: GatewayKind
    tariff: str | None = None


@dataclass(frozen=True, slots=True)
class WantedTariff:
    """One version of a price list, in the company's currency, read and checked already.

    `valid_from` None is decided by `storage.tariffs.import_version`.
    """

    name: str
    valid_from: datetime | None
    sha256: str
    rates: Sequence[Rate]


@dataclass(frozen=True, slots=True)
class WantedPerson:
    """A person, known by login in any case.

    Where `site` is None it is the one called like the office, else the first. The hashes are None
    where the secret is not given or is the one already stored. `custom` are the ten free fields;
    one that is None, or missing at the end, stays.
    """

    login: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    extension: ExtensionKey | None = None
    department: str = ""
    cost_centre: str = ""
    office: str = ""
    site: str | None = None
    role: Role = "user"
    scope: Scope | None = None
    language: str | None = None
    masked_digits: int | None = None
    custom: tuple[str | None, ...] = ()
    password_hash: str | None = None
    pin_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A whole site file. Sections that are empty leave what is stored untouched."""

    currency: str | None = None
    time_zone: str | None = None
    custom_fields: tuple[str, ...] | None = None
    sites: tuple[WantedSite, ...] = ()
    gateways: tuple[WantedGateway, ...] = ()
    tariffs: tuple[WantedTariff, ...] = ()
    people: tuple[WantedPerson, ...] = ()
    budgets: tuple[BudgetSpec, ...] = ()
