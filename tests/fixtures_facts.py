"""A company with a few hundred calls of every kind, its reports, and its books for the oracle.

Made once in a run. The reports live in a thread with a loop of its own, so that plain tests, and
Hypothesis, can ask them hundreds of questions.
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import trio
from facts_added_up import Result, by_hand
from facts_by_hand import Books, Question, Row, read_books
from fixtures_company import COMPANY, FOUNDED_AT
from fixtures_server import TEMPLATE, TestServer

from reports.definition import Report
from reports.options import NO_OPTIONS, Options
from reports.running import Reports, Run
from storage.company_apply import apply
from storage.database import Connection, Database, open_database
from storage.facts.copy import open_copy
from storage.facts.engine import EngineSettings
from storage.facts.kept import AnswerRow
from storage.people import by_login
from storage.viewer import Viewer
from words.formats import Reader
from words.language import language

pytest.register_assert_rewrite("facts_compared")

NOW = datetime(2026, 3, 31, 20, 30, tzinfo=UTC)
"""Half past ten in the evening in Rome: the last hours of a month, a quarter and a week's day."""

ZONES = (
    "Europe/Rome", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "Pacific/Auckland", "America/St_Johns",
)  # fmt: skip
SEED = 20260401
CALLS = 300
VOICE = 120

# As dialled, in E.164 (empty where it has none), destination, its type.
NUMBERS = (
    ("03331234567", "+393331234567", "Italy mobile", "mobile"),
    ("03331234568", "+393331234568", "Italy mobile", "mobile"),
    ("00266771234", "+390266771234", "Milano", "local"),
    ("0006698831", "+3906698831", "Vatican", "national"),
    ("00049301234567", "+49301234567", "Germany", "international"),
    ("00049301234999", "+49301234999", "GERMANY", "international"),
    ("000442079460123", "+442079460123", "United Kingdom", "international"),
    ("000441534880123", "+441534880123", "Jersey", "international"),
    ("00014165550123", "+14165550123", "Canada", "international"),
    ("00012125550123", "+12125550123", "United States", "international"),
    ("00018765550123", "+18765550123", "Jamaica", "international"),
    ("00077172123456", "+77172123456", "Kazakhstan", "international"),
    ("000881612345678", "+881612345678", "Satellite", "international"),
    ("089212345", "", "Premium", "premium"),
    ("112", "", "", "emergency"),
    ("0800123123", "+39800123123", "Freephone", "tollfree"),
    ("*22", "", "", "other"),
    ("anna.b@voice.example", "", "", ""),
    ("", "", "", ""),
)
_UNITS = (
    ("Sales", "CC-10", "Milano"), ("SALES", "cc-10", "Milano"), ("Support", "CC-20", "Viareggio"),
    ("", "", ""), ("ΠΩΛΉΣΕΙΣ", "CC-30", "İstanbul"), ("Éxport; \"a,b\"\nx", "CC-10", "Berlin"),
    ("IT", "", "Milano"), ("Support", "CC-10", "Milano"),
)  # fmt: skip


async def _found(connection: Connection) -> None:
    """Sites of other countries, people with every peculiarity, and their extensions."""
    await apply(connection, COMPANY, FOUNDED_AT)
    await connection.execute(
        """
        update site set masked_digits = 2 where name = 'Viareggio';
        insert into site (name, country, time_zone, masked_digits, position)
        values ('Berlin', 'DE', 'Europe/Berlin', null, 10),
               ('London', 'GB', 'Europe/London', 6, 11),
               ('Toronto', 'CA', 'America/Toronto', 0, 12);
        insert into gateway (device, name, site_id, kind, position)
        select 'GW-BER', 'Berlin, "new"', id, 'pstn', 20 from site where name = 'Berlin';
        insert into gateway (device, name, site_id, kind, position)
        select 'GW-MI2', 'Milano', id, 'pstn', 21 from site where name = 'Milano';
        insert into tariff (name, currency) values ('other-2026', 'EUR');
        insert into tariff_version (tariff_id, valid_from, sha256, rates)
        select id, '2026-01-01', repeat('0', 64), 0 from tariff where name = 'other-2026';
        """
    )
    for unit in _UNITS:
        await connection.execute(
            "insert into unit (department, cost_centre, office) values ($1, $2, $3)"
            " on conflict do nothing", *unit)  # fmt: skip
    await connection.execute(
        """
        insert into person (login, first_name, last_name, site_id, masked_digits, custom,
                            department, cost_centre, office)
        select v.login, v.first, v.last, (select id from site where name = v.site), v.masked,
               array[v.one, v.two, '', '', '', '', '', '', '', 'x' || v.one],
               u.department, u.cost_centre, u.office
          from (values ('arossi', 'Anna', 'Rossi', 'Berlin', null, 'A', 'north', 3),
                       ('arossi2', 'Anna', 'Rossi', 'London', null, 'a', 'north', 5),
                       ('noname', '', '', null, 7, 'B', '', 4),
                       ('nosite', 'No', 'Site', null, null, '', 'south', 2),
                       ('open', 'Olga', 'Open', 'Toronto', null, 'A', 'south', 7),
                       ('single', '', 'Ångström', 'Viareggio', 1, 'ÄÖ', 'north', 6))
               v(login, first, last, site, masked, one, two, unit)
          join unnest($1::text[], $2::text[], $3::text[]) with ordinality
               u(department, cost_centre, office, number) on u.number = v.unit
        """,
        *map(list, zip(*_UNITS, strict=True)),
    )
    await connection.execute(
        """
        update person set custom[1] = 'A', custom[2] = 'north' where login = 'asonnino';
        insert into extension_owner (extension, person_id, from_at)
        select '9' || id, id, null from person where login in
               ('arossi', 'arossi2', 'noname', 'nosite', 'open', 'single');
        -- 741 has passed from one person to another, and back to nobody.
        update extension_owner set until_at = '2026-02-10' where extension = '741';
        insert into extension_owner (extension, person_id, from_at, until_at)
        select '741', id, '2026-02-10', '2026-03-20' from person where login = 'asonnino';
        update person set role = 'supervisor', scope = 'office', office = 'Milano'
         where login = 'bkowalska';
        update person set role = 'supervisor', scope = 'cost_centre', cost_centre = 'CC-10'
         where login = 'dweber';
        """
    )


class _Maker:
    """Writes random calls: rows as `rating.charge` would make them, and some odder ones."""

    def __init__(self, books: Books) -> None:
        self.dice = random.Random(SEED)
        self.books = books
        self.rows: list[Row] = []
        self.extensions = sorted({o["extension"] for o in books.tables["extension_owner"]})
        self.units = [unit["id"] for unit in books.tables["unit"]]
        self.gateways = [g["id"] for g in books.tables["gateway"] if g["kind"] == "pstn"]
        self.sites = [site["id"] for site in books.tables["site"]]
        self.versions = [version["id"] for version in books.tables["tariff_version"]]

    def instant(self) -> datetime:
        """Around ends of months and years, changes of clocks, today, and anywhere else."""
        dice = self.dice
        near = dice.choice((
            datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC),
            datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC),
            datetime(2026, 3, 8, 7, tzinfo=UTC), NOW, NOW - timedelta(days=1),
            NOW - timedelta(days=7),
        ))  # fmt: skip
        if dice.random() < 0.45:
            return near + timedelta(seconds=dice.randrange(-5400, 5400))
        if dice.random() < 0.1:
            return near
        return datetime(2025, 3, 20, tzinfo=UTC) + timedelta(seconds=dice.randrange(378 * 86_400))

    def side(self, at: datetime, extension: str | None) -> tuple[int | None, int | None]:
        """Who had the extension, in which unit: people move at the end of January."""
        for owner in self.books.tables["extension_owner"]:
            if (
                owner["extension"] == extension
                and (owner["from_at"] is None or owner["from_at"] <= at)
                and (owner["until_at"] is None or at < owner["until_at"])
            ):
                person = self.books.of("person", owner["person_id"])
                if at < datetime(2026, 2, 1, tzinfo=UTC) and person["id"] % 3 == 0:
                    return person["id"], self.units[person["id"] % len(self.units)]
                return person["id"], person["unit_id"]
        return None, None

    def call(self) -> None:
        dice, at = self.dice, self.instant()
        direction = dice.choices(("outgoing", "incoming", "internal"), (5, 4, 3))[0]
        answered = dice.random() < 0.68
        sides = dice.sample(self.extensions, 3)
        count = 2 if direction == "internal" else 1
        if dice.random() < 0.18:
            count = dice.choice((1, 2, 3))
        number, e164, destination, kind = dice.choice(NUMBERS)
        whole_s = dice.choice((0, 1, 20, 54, 60, 3600, dice.randrange(4000))) if answered else 0
        ring_s = dice.randrange(40)
        inside, out = direction == "internal", direction == "outgoing"
        cost = Decimal(dice.randrange(4_000_000)) / 1_000_000 if out and answered else Decimal(0)
        key = str(UUID(int=dice.getrandbits(128)))
        site = None if dice.random() < 0.1 else dice.choice(self.sites)
        gateway = None if inside or dice.random() < 0.1 else dice.choice(self.gateways)
        hunt = dice.choice(("", "", "500", "501")) if not out else ""
        queued_s = dice.randrange(120) if hunt else 0
        version = dice.choice(self.versions) if out else None
        for party in range(count):
            extension: str | None = sides[party]
            if party == 0 and not inside and dice.random() < 0.06:
                extension = None if dice.random() < 0.5 else "4711"
            person_id, unit_id = self.side(at, extension)
            other = sides[0] if party else (sides[1] if count > 1 else "599")
            # Somebody a call was sent on to need not have taken it.
            took = answered and (party == 0 or not out or dice.random() < 0.7)
            self.rows.append({
                "key": key, "party": party, "revision": 1, "counted": party == 0,
                "direction": direction, "extension": extension, "person_id": person_id,
                "unit_id": unit_id, "number": other if inside else number,
                "e164": "" if inside else e164, "originated_at": at - timedelta(seconds=ring_s),
                "started_at": at, "ended_at": at + timedelta(seconds=whole_s), "ring_s": ring_s,
                "duration_s": whole_s if party == 0 or not took else whole_s // (party + 1),
                "call_duration_s": whole_s, "answered": took,
                "cost": Decimal(0) if party else cost, "currency": "EUR", "gateway_id": gateway,
                "site_id": site, "destination": destination if out else "",
                "destination_type": kind if out else "",
                "tariff_version_id": version,
                "hunt_pilot": hunt, "queued_s": queued_s,
            })  # fmt: skip

    def voice(self) -> tuple[Any, ...]:
        dice = self.dice
        mos = None if dice.random() < 0.1 else Decimal(dice.randrange(10_000, 50_000)) / 10_000
        received = dice.choice((0, 1000, dice.randrange(100_000)))
        extension, at = dice.choice(self.extensions), self.instant()
        if dice.random() < 0.7:  # beside a call, up to a little more than a day later
            call = dice.choice([row for row in self.rows if row["extension"]])
            late = dice.choice((0, 60, 3600, 86_400, 86_401))
            extension, at = call["extension"], call["started_at"] + timedelta(seconds=late)
        return (
            str(UUID(int=dice.getrandbits(128))), "c", 1, 1, 1, extension, "",
            dice.choice(("SEP000000000001", "SEP000000000002")), int(at.timestamp()),
            60, 1000, received, dice.choice((0, dice.randrange(200))), dice.randrange(60),
            dice.randrange(300), mos,
        )  # fmt: skip


async def add_rows(connection: Connection, rows: list[Row]) -> None:
    """Store rows of `call`."""
    names = list(rows[0])
    slots = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    await connection.executemany(
        f"insert into call ({', '.join(names)}) values ({slots})",
        [tuple(row.values()) for row in rows],
    )


async def _fill(connection: Connection) -> None:
    maker = _Maker(await read_books(connection))
    for _ in range(CALLS):
        maker.call()
    await add_rows(connection, maker.rows)
    await connection.executemany(
        "insert into cmr values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
        " $16)",
        [maker.voice() for _ in range(VOICE)],
    )


@dataclass
class World:
    """The reports and the books of the company; `run` runs an async function beside them."""

    database: Database
    reports: Reports
    books: Books
    viewers: dict[str, Viewer]
    token: trio.lowlevel.TrioToken = field(repr=False)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return trio.from_thread.run(function, *arguments, trio_token=self.token)

    def question(
        self, who: str, report: Report, options: Options = NO_OPTIONS, zone: str = "Europe/Rome"
    ) -> Question:
        return Question(self.viewers[who], report, options, options.zone or zone, NOW)

    def by_hand(self, asked: Question) -> Result:
        return by_hand(self.books, asked)

    def call(self, call: str) -> Row:
        """A row of `call` by the id that answers give."""
        key, _, party = call.rpartition(".")
        return next(
            row for row in self.books.tables["call"]
            if str(row["key"]) == key and row["party"] == int(party)
        )  # fmt: skip

    def reader(self, asked: Question) -> Reader:
        return Reader(language("en", asked.language), asked.zone, asked.now)

    def ask(self, asked: Question) -> tuple[Run, list[AnswerRow]]:
        """Run a report and read all of it."""

        async def work() -> tuple[Run, list[AnswerRow]]:
            run = await self.reports.run(
                asked.viewer, asked.report, asked.options, self.reader(asked)
            )
            return run, await run.page()

        return self.run(work)


async def _open(dsn: str, ready: queue.Queue[World | BaseException], stop: trio.Event) -> None:
    settings = EngineSettings(threads=1)
    async with open_database(dsn) as database, open_copy(database, settings) as copy:
        await database.unit_of_work(_found)
        await database.unit_of_work(_fill)
        reports = Reports(copy, database, lambda: NOW)
        await reports.answers.prepare()
        viewers: dict[str, Viewer] = {}
        for login in ("root", "cmoreau", "bkowalska", "dweber", "asonnino", "arossi2", "nosite"):
            person = await database.unit_of_work(by_login, login)
            assert person is not None
            viewers[login] = Viewer.of(person)
        viewers["greek"] = replace(viewers["cmoreau"], scope="department", scope_value="ΠΩΛΉΣΕΙΣ")
        viewers["turkish"] = replace(viewers["cmoreau"], scope="office", scope_value="İstanbul")
        viewers["machine"] = Viewer(None, "all")
        books = await database.unit_of_work(read_books)
        token = trio.lowlevel.current_trio_token()
        ready.put(World(database, reports, books, viewers, token))
        await stop.wait()


@pytest.fixture(scope="session")
def world(postgres: TestServer) -> Iterator[World]:
    """The company and its reports; nobody changes it."""
    name = "facts_world"
    dsn = postgres.create(name, TEMPLATE)
    ready: queue.Queue[World | BaseException] = queue.Queue()
    stop = trio.Event()

    def hold() -> None:
        try:
            trio.run(partial(_open, dsn, ready, stop))
        except BaseException as error:  # noqa: BLE001 - handed to the fixture that waits for it
            ready.put(error)

    thread = threading.Thread(target=hold, name="facts")
    thread.start()
    made = ready.get()
    try:
        if isinstance(made, BaseException):
            raise made
        yield made
    finally:
        if isinstance(made, World):
            made.token.run_sync_soon(stop.set)
        thread.join()
        postgres.drop(name)
