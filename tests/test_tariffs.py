"""Price lists in the database and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import trio
from fixtures_company import COMPANY, a_company
from test_rating import a_rate
from test_tariff_csv import HEADER, a_file, a_long_list

from daemon.cli import main
from rating.tariff import Rate, TariffBook
from rating.tariff_csv import parse_rates
from storage.database import Connection, Database, StorageConflict, open_database
from storage.tariffs import (
    ALWAYS,
    ImportResult,
    import_version,
    listing,
    load_book,
    load_version,
    version_at,
)
from storage.traces import StoredTrace, call_trace
from telephony.numbers import normalise

UNPRICED = replace(
    COMPANY, tariffs=(), gateways=tuple(replace(g, tariff=None) for g in COMPANY.gateways)
)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROWS = (
    a_rate("39", "0.02", type="national"),
    a_rate("3902", "0.01", type="local", days="Mon-Fri", from_time="18:30", to_time="08:00"),
    a_rate("3902", "0.015", "30/6", type="local", connect_fee=Decimal("0.05")),
)


async def imported(
    database: Database, *rates: Rate, name: str = "carrier", sha: str = "a", **more: object
) -> ImportResult:
    start = more.get("valid_from", NEW_YEAR)
    return await database.unit_of_work(
        import_version, name, "EUR", start, rates or ROWS, sha * 64, now=more.get("now", NOW)
    )


async def test_what_was_imported_is_in_the_book(database: Database) -> None:
    result = await imported(database)
    assert (result.changed, result.rates) == (True, 3)
    book = await database.unit_of_work(load_book)
    version = book.by_id(result.version_id)
    assert version is not None
    assert (version.tariff, version.currency, version.valid_from) == ("carrier", "EUR", NEW_YEAR)
    assert {rate for rows in version.rates.values() for rate in rows} == set(ROWS)
    assert book.version(version.tariff_id, NOW) is version


async def test_the_same_file_again_changes_nothing(database: Database) -> None:
    first = await imported(database)
    again = await imported(database)
    assert again == first._replace(changed=False)


async def test_other_rates_for_the_same_instant_supersede_and_keep(database: Database) -> None:
    first = await imported(database)
    second = await imported(database, a_rate("39", "0.5"), sha="b")
    assert second.version_id != first.version_id
    book = await database.unit_of_work(load_book)
    assert book.by_id(first.version_id) is None
    assert book.by_id(second.version_id) is not None
    old = await database.unit_of_work(load_version, first.version_id)
    assert old is not None
    assert len(old.rates["3902"]) == 2
    assert await database.unit_of_work(load_version, 999_999) is None


async def test_a_version_without_an_instant(database: Database) -> None:
    first = await imported(database, valid_from=None)
    assert first.valid_from == ALWAYS
    assert not (await imported(database, valid_from=None)).changed
    later = await imported(database, a_rate(), valid_from=None, sha="b")
    assert later.valid_from == NOW
    soon = NOW + timedelta(days=1)
    assert not (await imported(database, valid_from=None, sha="b", now=soon)).changed


async def test_a_tariff_keeps_its_currency(database: Database) -> None:
    await imported(database)
    with pytest.raises(StorageConflict, match="EUR"):
        await database.unit_of_work(import_version, "carrier", "CHF", NEW_YEAR, ROWS, "c" * 64)


async def test_two_imports_at_once_leave_one_current_version(database: Database) -> None:
    async with trio.open_nursery() as nursery:
        for sha in "abcdef":
            nursery.start_soon(lambda sha=sha: imported(database, sha=sha))
    assert len(await database.unit_of_work(listing)) == 1


async def test_known_versions_are_not_read_again(database: Database) -> None:
    await imported(database)
    book = await database.unit_of_work(load_book)
    await imported(database, name="other")
    newer = await database.unit_of_work(load_book, book)
    assert len(newer.versions) == 2
    (old,) = (version for rows in book.versions.values() for version in rows)
    assert newer.by_id(old.id) is old
    await database.unit_of_work(_recoin, "CHF")
    recoined = (await database.unit_of_work(load_book, newer)).by_id(old.id)
    assert recoined is not None
    assert (recoined.currency, recoined.rates) == ("CHF", old.rates)


async def test_the_version_for_one_number_holds_its_prefixes_alone(database: Database) -> None:
    await imported(database, *ROWS, a_rate("44"), a_rate("112", "0", type="emergency"))
    book = await database.unit_of_work(load_book)
    (tariff_id,) = book.versions
    site = next(iter((await a_company(database, UNPRICED)).sites.values()))
    for dialled, prefixes in (("00266771234", {"39", "3902"}), ("112", {"39", "112"})):
        number = normalise(dialled, site)
        version = await database.unit_of_work(version_at, tariff_id, NOW, number)
        assert version is not None
        assert {*version.rates, *version.emergency} == prefixes
    early = NEW_YEAR - timedelta(seconds=1)
    assert await database.unit_of_work(version_at, tariff_id, early) is None


async def test_listing_names_who_uses_a_tariff(database: Database) -> None:
    await a_company(database, UNPRICED)
    await imported(database)
    await database.unit_of_work(_give, "carrier")
    (row,) = await database.unit_of_work(listing)
    assert (row.name, row.rates, row.gateways) == ("carrier", 3, ("Milano", "Viareggio"))


async def _recoin(connection: Connection, currency: str) -> None:
    await connection.execute("update tariff set currency = $1", currency)


async def _give(connection: Connection, tariff: str) -> None:
    await connection.execute(
        """update gateway set tariff_id = t.id from tariff t
           where t.name = $1 and gateway.kind = 'pstn'""",
        tariff,
    )


async def test_thirty_six_thousand_prefixes_are_stored(database: Database) -> None:
    rates = parse_rates(a_long_list())
    await imported(database, *rates)
    book = await database.unit_of_work(load_book)
    assert sum(len(version.rates) for rows in book.versions.values() for version in rows) == 36_000


# Stored calls -----------------------------------------------------------------------------------


async def a_call(connection: Connection, key: UUID, **more: object) -> None:
    row = {
        "key": key, "party": 0, "revision": 1, "counted": True, "direction": "outgoing",
        "extension": "731", "number": "00266771234", "e164": "+390266771234",
        "originated_at": NOW, "started_at": NOW, "ended_at": NOW + timedelta(seconds=75),
        "ring_s": 0, "duration_s": 75, "call_duration_s": 75, "answered": True,
        "cost": Decimal("0.069500"), "currency": "EUR",
    } | more  # fmt: skip
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await connection.execute(
        f"insert into call ({', '.join(row)}) values ({places})", *row.values()
    )


async def traced(database: Database, **more: object) -> StoredTrace:
    key = uuid4()
    await database.unit_of_work(a_call, key, **more)
    found = await database.unit_of_work(call_trace, key)
    assert found is not None
    return found


async def test_a_stored_call_is_explained_by_its_own_version(database: Database) -> None:
    await a_company(database, UNPRICED)
    first = await imported(database)
    await imported(database, a_rate("39", "9"), sha="b")
    found = await traced(database, tariff_version_id=first.version_id)
    assert (found.same, found.trace.charge.cost) == (True, Decimal("0.069500"))
    assert found.trace.charge.prefix == "3902"
    outpulsed = await traced(database, tariff_version_id=first.version_id, number="0266771234")
    assert outpulsed.same
    changed = await traced(database, tariff_version_id=first.version_id, cost=Decimal(1))
    assert not changed.same
    moved = await traced(database, tariff_version_id=first.version_id, number="1234")
    assert moved.same
    assert "stored as" in moved.trace.as_text()


async def test_a_call_that_was_not_priced_says_so(database: Database) -> None:
    await a_company(database, UNPRICED)
    free = {"cost": Decimal(0), "currency": "EUR"}
    incoming = await traced(database, direction="incoming", **free)
    assert "incoming call" in incoming.trace.as_text()
    assert not incoming.trace.charge.unrated
    assert "no known gateway" in (await traced(database, **free)).trace.as_text()
    assert await database.unit_of_work(call_trace, uuid4()) is None


# Commands ---------------------------------------------------------------------------------------


@pytest.fixture
def ringfence(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a command on a database that knows the small company."""
    config = tmp_path / "ringfence.toml"
    config.write_text(f"[database]\ndsn = {json.dumps(dsn)}\n")
    monkeypatch.setenv("RINGFENCE_CONFIG", str(config))
    monkeypatch.setenv("RINGFENCE_DATA", str(tmp_path / "var"))

    async def found_company() -> None:
        async with open_database(dsn) as database:
            await a_company(database, UNPRICED)

    trio.run(found_company)
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture
def price_list(tmp_path: Path) -> Path:
    path = tmp_path / "carrier.csv"
    path.write_bytes(
        a_file("39,Italy,national,0,0.02,60,60,0,0", "3902,Milano,local,0.05,0.015,30,6,0,0")
    )
    return path


@pytest.fixture
def priced(ringfence: Callable[..., int], price_list: Path, dsn: str) -> Callable[..., int]:
    """The same, with a price list that its gateways use."""

    async def give() -> None:
        async with open_database(dsn) as database:
            await database.unit_of_work(_give, "carrier")

    assert ringfence("tariff", "import", price_list, "--name", "carrier",
                     "--valid-from", "2026-01-01T00:00:00Z") == 0  # fmt: skip
    trio.run(give)
    return ringfence


def test_rate_prints_the_price_and_why(
    priced: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert priced("rate", "00266771234", "--seconds", 75) == 0
    text = capsys.readouterr().out
    assert "Total        0.069500 EUR" in text
    assert "Gateway      Milano (TRUNK-PSTN)" in text


@pytest.mark.parametrize(
    ("arguments", "cost", "prefix", "destination", "unrated"),
    [
        (("00266771234", "--seconds", 75), "0.069500", "3902", "Milano", False),
        (("03351234567", "--seconds", 61), "0.040000", "39", "Italy", False),
        (("000442079460000", "--seconds", 60), "0.000000", "", "", True),
        (("0112", "--seconds", 60), "0.000000", "", "Emergency", False),
        (("731", "--seconds", 60), "0.000000", "", "", False),
        (("+390266771234", "--seconds", 0), "0.000000", "3902", "Milano", False),
        (("00266771234", "--seconds", 75, "--gateway", "viareggio"), "0.069500", "3902", "Milano",
         False),
        (("00266771234", "--seconds", 75, "--gateway", "ICT-9"), "0.000000", "", "", False),
        (("00266771234", "--seconds", 75, "--at", "2025-12-31T23:00"), "0.000000", "", "", True),
        (("00266771234", "--seconds", 75, "--at", "2026-01-01T01:00"), "0.069500", "3902", "Milano",
         False),
    ],
)  # fmt: skip
def test_rate_as_json(
    priced: Callable[..., int], capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...], cost: str, prefix: str, destination: str, unrated: bool,
) -> None:  # fmt: skip
    capsys.readouterr()
    assert priced("rate", *arguments, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["cost"], answer["currency"], answer["prefix"]) == (cost, "EUR", prefix)
    assert (answer["destination"], answer["unrated"]) == (destination, unrated)
    total = sum((Decimal(line["amount"]) for line in answer["trace"]["intervals"]), Decimal(0))
    assert total == Decimal(cost) == Decimal(answer["trace"]["total"])
    assert answer["tariff"] == ("" if "ICT-9" in arguments else "carrier")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rate", "0112"), "--seconds"),
        (("rate", "0112", "--seconds", "9", "--gateway", "nowhere"), "TRUNK-PSTN"),
        (("rate", "0112", "--seconds", "9", "--at", "soon"), "no instant"),
        (("rate", "--call", str(uuid4())), "no call"),
        (("tariff", "import", "/nonexistent.csv", "--name", "x"), "No such file"),
    ],
)
def test_a_command_says_what_went_wrong_in_one_line(
    priced: Callable[..., int], capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...], told: str,
) -> None:  # fmt: skip
    capsys.readouterr()
    assert priced(*arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_without_a_tariff_rate_says_what_to_do(
    ringfence: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ringfence("rate", "0112", "--seconds", 9) == 1
    assert "has a tariff yet" in capsys.readouterr().err
    assert ringfence("rate", "00266771234", "--seconds", 9, "--gateway", "Milano", "--json") == 0
    assert json.loads(capsys.readouterr().out)["unrated"] is True


def test_a_stored_call_on_the_command_line(
    priced: Callable[..., int], dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = uuid4()

    async def store() -> TariffBook:
        async with open_database(dsn) as database:
            book = await database.unit_of_work(load_book)
            (version,) = next(iter(book.versions.values()))
            await database.unit_of_work(a_call, key, tariff_version_id=version.id)
            return book

    trio.run(store)
    capsys.readouterr()
    assert priced("rate", "--call", key, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["call"], answer["cost"], answer["stored_cost"]) == (
        str(key), "0.069500", "0.069500",
    )  # fmt: skip


def test_tariff_import_and_list(
    ringfence: Callable[..., int], price_list: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("tariff", "import", price_list, "--name", "carrier")
    assert ringfence("tariff", "list") == 0
    assert "no tariffs yet" in capsys.readouterr().out
    assert ringfence(*command, "--valid-from", "2026-07-01", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "tariff": "carrier", "rates": 2, "valid_from": "2026-06-30T22:00:00Z", "changed": True,
    }  # fmt: skip
    assert ringfence(*command) == 0
    assert "= tariff carrier" in capsys.readouterr().out
    assert ringfence("tariff", "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["rates"], row["gateways"]) == ("carrier", 2, [])
    assert ringfence("tariff", "list") == 0
    assert "2 rates" in capsys.readouterr().out


def test_a_bad_price_list_is_refused_whole(
    ringfence: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEADER}\n39,Italy,national,0,0.02,60,60,0,0\n" + "0,x,y,0,0,0,0,0,0\n" * 60)
    assert ringfence("tariff", "import", path, "--name", "carrier") == 1
    err = capsys.readouterr().err
    assert "line 3: prefix '0'" in err
    assert "and 10 more" in err
    assert "nothing was imported" in err
    assert ringfence("tariff", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_price_list_may_come_before_the_company(
    dsn: str, price_list: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    config = tmp_path / "ringfence.toml"
    config.write_text(f"[database]\ndsn = {json.dumps(dsn)}\n")
    monkeypatch.setenv("RINGFENCE_CONFIG", str(config))
    command = ["tariff", "import", str(price_list), "--name", "carrier"]
    assert main(command) == 1
    assert "--currency" in capsys.readouterr().err
    assert main([*command, "--currency", "eur"]) == 0


def test_a_price_list_is_in_the_company_s_currency(
    ringfence: Callable[..., int], price_list: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ringfence("tariff", "import", price_list, "--name", "x", "--currency", "CHF") == 1
    assert "EUR" in capsys.readouterr().err
