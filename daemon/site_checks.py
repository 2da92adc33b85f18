"""Whether what a site file says makes sense, and the same in the house's own types.

Each check adds to one list of problems and goes on, so that a reader sees all of them at once.
References are looked for in the file first and in what is stored second.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from phonenumbers import SUPPORTED_REGIONS

from daemon.site_tables import (
    BudgetTable,
    GatewayTable,
    PersonTable,
    Placed,
    SiteTable,
    Tables,
    TariffTable,
)
from rating.tariff_csv import TariffCsvError, digest, parse_rates
from storage.budget_types import BudgetSpec, BudgetTarget
from storage.company import Known
from storage.people_admin import CUSTOM_FIELDS
from storage.wanted import (
    Wanted,
    WantedGateway,
    WantedPerson,
    WantedSite,
    WantedTariff,
)
from telephony.plant import ExtensionKey
from words.language import LANGUAGES

_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_DIALLED = re.compile(r"[0-9*#]+")
_EXTENSION = re.compile(r"\+?[0-9*#]+")
MOST_MASKED = 20
_PIN = re.compile(r"[0-9]{4,20}")


@dataclass(slots=True)
class Checker:
    """One reading of one file. `problems` forbid applying it, `warnings` do not."""

    folder: Path
    tables: Tables
    known: Known
    problems: list[str]
    warnings: list[str] = field(default_factory=list)

    def wanted(self) -> Wanted:
        """Everything the file asks for; to be used only where no problem was found."""
        tables = self.tables
        self._once("site", [(p.where, p.table.name) for p in tables.sites])
        self._once("gateway device", [(p.where, p.table.device.lower()) for p in tables.gateways])
        self._once("login", [(p.where, p.table.login.lower()) for p in tables.people])
        return Wanted(
            currency=self._currency(),
            time_zone=self._zone("top of the file", tables.top.time_zone),
            custom_fields=self._custom_fields(),
            sites=tuple(self._site(placed) for placed in tables.sites),
            tariffs=self._tariffs(),
            gateways=tuple(self._gateway(placed) for placed in tables.gateways),
            people=self._people(),
            budgets=self._budgets(),
        )

    def _need(self, holds: object, where: str, problem: str) -> bool:
        if not holds:
            self.problems.append(f"{where}: {problem}")
        return bool(holds)

    def _once(self, what: str, places: Iterable[tuple[str, Hashable]]) -> None:
        first: dict[Hashable, str] = {}
        for where, key in places:
            if key in first:
                self._need(False, where, f"the same {what} as {first[key]}: keep one of them")
            first.setdefault(key, where)

    def _currency(self) -> str | None:
        currency, stored = self.tables.top.currency, self.known.company
        where = "top of the file"
        if currency is not None:
            known = currency in list_currencies()
            self._need(
                known, where, f'`currency` must be an ISO 4217 code like "EUR", not "{currency}"'
            )
        elif stored is None:
            self._need(False, where, '`currency` is missing: write currency = "EUR"')
        if stored is None:
            self._need(self.tables.named["site"], where, "the first site file needs a [[site]]")
        return currency

    def _custom_fields(self) -> tuple[str, ...] | None:
        """The names of the ten free fields; those the file leaves out at the end have none."""
        given = self.tables.top.custom_fields
        if given is None:
            return None
        where, names = "top of the file", [name.strip() for name in given]
        few = len(names) <= CUSTOM_FIELDS
        self._need(few, where, f"`custom_fields` names {len(names)}: there are {CUSTOM_FIELDS}")
        self._once("custom field", [(where, name.lower()) for name in names if name])
        return (*names, *("",) * (CUSTOM_FIELDS - len(names)))

    def _masked(self, where: str, digits: int | None) -> int | None:
        few = digits is None or 0 <= digits <= MOST_MASKED
        self._need(few, where, f"`masked_digits` must be between 0 and {MOST_MASKED}")
        return digits

    def _language(self, where: str, language: str) -> None:
        told = f'`language` must be one of {", ".join(LANGUAGES)}, not "{language}"'
        self._need(not language or language in LANGUAGES, where, told)

    def _zone(self, where: str, name: str | None) -> str | None:
        if name is not None and not _is_zone(name):
            self._need(
                False, where, f'no time zone is called "{name}": write one like "Europe/Rome"'
            )
        return name

    def _site(self, placed: Placed[SiteTable]) -> WantedSite:
        where, site = placed.where, placed.table
        self._need(site.name.strip(), where, "`name` is empty")
        country = site.country in SUPPORTED_REGIONS
        self._need(country, where, f'`country` must be ISO 3166-1 like "IT", not "{site.country}"')
        self._zone(where, site.time_zone)
        for name in ("area_code", "outside_prefix"):
            text: str = getattr(site, name)
            self._need(
                not text or _DIALLED.fullmatch(text), where, f'`{name}` "{text}" is no digits'
            )
        for number in site.emergency:
            digits = number.isascii() and number.isdigit()
            self._need(digits, where, f'emergency number "{number}" is not digits alone')
        self._language(where, site.language)
        return WantedSite(
            name=site.name,
            country=site.country,
            time_zone=site.time_zone,
            area_code=site.area_code,
            outside_prefix=site.outside_prefix,
            emergency=site.emergency,
            language=site.language,
            masked_digits=self._masked(where, site.masked_digits),
        )

    def _reference(self, where: str, what: str, name: str, stored: Iterable[str]) -> None:
        choices = self.tables.named[what] | frozenset(stored)
        told = ", ".join(sorted(choice for choice in choices if choice)) or "none yet"
        self._need(name in choices, where, f'no {what} is called "{name}" (there is: {told})')

    def _gateway(self, placed: Placed[GatewayTable]) -> WantedGateway:
        where, gateway = placed.where, placed.table
        self._need(gateway.device.strip(), where, "`device` is empty")
        self._reference(where, "site", gateway.site, self.known.sites)
        if gateway.tariff is not None:
            self._reference(where, "tariff", gateway.tariff, self.known.tariffs)
        elif gateway.kind == "pstn":
            self.warnings.append(f"{where}: has no tariff, so its calls will be unrated")
        return WantedGateway(
            device=gateway.device,
            name=gateway.name or gateway.device,
            site=gateway.site,
            kind=gateway.kind,
            tariff=gateway.tariff,
        )

    # Price lists --------------------------------------------------------------------------------

    def _default_zone(self) -> ZoneInfo:
        stored = self.known.company
        sites = [placed.table.time_zone for placed in self.tables.sites]
        names = [self.tables.top.time_zone, stored.time_zone if stored else None, *sites]
        return ZoneInfo(next((name for name in names if name and _is_zone(name)), "UTC"))

    def _tariffs(self) -> tuple[WantedTariff, ...]:
        read = [(placed.where, self._tariff(placed)) for placed in self.tables.tariffs]
        lists = [(where, tariff) for where, tariff in read if tariff is not None]
        self._once("tariff and valid_from", [(w, (t.name, t.valid_from)) for w, t in lists])
        return tuple(tariff for _, tariff in lists)

    def _tariff(self, placed: Placed[TariffTable]) -> WantedTariff | None:
        where, tariff = placed.where, placed.table
        stored = self.known.company
        currency = self.tables.top.currency or (stored.currency if stored else None)
        same = currency is None or tariff.currency in (None, currency)
        self._need(
            same, where, f"`currency` must be the company's, {currency}, not {tariff.currency}"
        )
        given = tariff.valid_from is not None
        valid_from = _instant(tariff.valid_from, self._default_zone()) if given else None
        told = "`valid_from` must be an instant like 2026-01-01T00:00:00Z"
        self._need(valid_from or not given, where, told)
        try:
            content = (self.folder / tariff.file).read_bytes()
            rates = parse_rates(content)
        except OSError as error:
            self._need(False, where, f"cannot read {tariff.file}: {error.strerror}")
        except TariffCsvError as error:
            self.problems += [f"{where}: {tariff.file} {problem}" for problem in error.problems]
        else:
            return WantedTariff(tariff.name, valid_from, digest(content), rates)
        return None

    # People -------------------------------------------------------------------------------------

    def _people(self) -> tuple[WantedPerson, ...]:
        people = tuple(self._person(placed) for placed in self.tables.people)
        places = [placed.where for placed in self.tables.people]
        owned = [(w, p.extension) for w, p in zip(places, people, strict=True) if p.extension]
        self._once("extension", owned)
        return people

    def _person(self, placed: Placed[PersonTable]) -> WantedPerson:
        where, person = placed.where, placed.table
        login = bool(person.login) and not any(character.isspace() for character in person.login)
        self._need(login, where, "`login` must be one word")
        mail = not person.email or re.fullmatch(r"[^@\s]+@[^@\s]+", person.email)
        self._need(mail, where, f'`email` "{person.email}" is no address')
        if person.site is not None:
            self._reference(where, "site", person.site, self.known.sites)
        self._language(where, person.language or "")
        self._check_scope(where, person)
        self._check_secrets(where, person)
        return WantedPerson(
            login=person.login,
            first_name=person.first_name,
            last_name=person.last_name,
            email=person.email,
            extension=self._extension(where, person),
            department=person.department,
            cost_centre=person.cost_centre,
            office=person.office,
            site=person.site,
            role=person.role,
            scope=person.scope,
            language=person.language,
            masked_digits=self._masked(where, person.masked_digits),
            custom=tuple(
                getattr(person, f"custom_{number}") for number in range(1, CUSTOM_FIELDS + 1)
            ),
        )

    def _extension(self, where: str, person: PersonTable) -> ExtensionKey | None:
        number, partition = person.extension, person.partition
        good = not number or _EXTENSION.fullmatch(number)
        self._need(good, where, f'`extension` "{number}" is no number that can be dialled')
        self._need(number or not partition, where, "`partition` stands without an `extension`")
        self._need("@" not in partition, where, "`partition` cannot hold an @")
        return ExtensionKey(number, partition) if number else None

    def _check_scope(self, where: str, person: PersonTable) -> None:
        if person.role != "supervisor":
            only = '`scope` is a supervisor\'s: remove it, or write role = "supervisor"'
            self._need(person.scope is None, where, only)
        elif person.scope is None:
            self._need(False, where, "a supervisor needs scope = department, cost_centre or office")
        else:
            value: str = getattr(person, person.scope)
            self._need(value, where, f"supervises a {person.scope} but names none of their own")

    def _check_secrets(self, where: str, person: PersonTable) -> None:
        pin = person.pin is None or _PIN.fullmatch(person.pin)
        self._need(pin, where, "`pin` must be 4 to 20 digits")
        self._need(person.password != "", where, "`password` is empty: remove it")

    # Budgets ------------------------------------------------------------------------------------

    def _budgets(self) -> tuple[BudgetSpec, ...]:
        read = [(placed.where, self._budget(placed)) for placed in self.tables.budgets]
        budgets = [(where, budget) for where, budget in read if budget is not None]
        self._once(
            "budget", [(w, (b.target, b.target_key.lower(), b.each, b.period)) for w, b in budgets]
        )
        return tuple(budget for _, budget in budgets)

    def _budget(self, placed: Placed[BudgetTable]) -> BudgetSpec | None:
        where, budget = placed.where, placed.table
        targets: list[tuple[BudgetTarget, str | None]] = [
            ("person", budget.person),
            ("department", budget.department),
            ("cost_centre", budget.cost_centre),
        ]
        given: list[tuple[BudgetTarget, str]] = [(of, key) for of, key in targets if key]
        one = "say for whom by exactly one of `person`, `department`, `cost_centre`"
        amount = _AMOUNT.fullmatch(budget.amount)
        self._need(amount, where, f'`amount` must be like "100.00", not "{budget.amount}"')
        percents = all(1 <= percent <= 100 for percent in budget.warn_at_percent)
        self._need(percents, where, "`warn_at_percent` must be between 1 and 100")
        if not self._need(len(given) == 1, where, one) or not amount:
            return None
        target, key = given[0]
        alone = "`each` is for a department or a cost centre: a person is one already"
        self._need(target != "person" or not budget.each, where, alone)
        self._check_members(where, target, key)
        return BudgetSpec(
            target=target,
            target_key=key,
            amount=Decimal(budget.amount),
            period=budget.period,
            each=budget.each,
            carry_over=budget.carry_over,
            warn_at_percent=tuple(sorted(set(budget.warn_at_percent))),
            locks=budget.lock,
        )

    def _check_members(self, where: str, target: BudgetTarget, key: str) -> None:
        if target == "person":
            logins = {login.lower() for login in self.tables.named["person"]} | self.known.logins
            self._need(key.lower() in logins, where, f'nobody has the login "{key}"')
            return
        stored = self.known.departments if target == "department" else self.known.cost_centres
        here = {str(getattr(placed.table, target)) for placed in self.tables.people}
        if key.lower() not in {name.lower() for name in stored | here}:
            words = target.replace("_", " ")
            self.warnings.append(f'{where}: nobody is in the {words} "{key}" yet')


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False


def _instant(value: object, zone: ZoneInfo) -> datetime | None:
    """An instant in UTC; without an offset it is in `zone`, a date is its midnight there."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=zone)
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
