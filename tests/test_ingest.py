"""Files in, books right: whatever comes twice, late, out of order, broken or cut off."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import trio
from books import state
from cdr_text import header, line, text, write
from fixtures_company import COMPANY, GATEWAYS, a_company
from scenario_tables import BEGIN, EMPTY, scenarios

from actors.ingest import Intake, Taken, import_files
from pbx.cucm.cdr import CucmRecords
from pbx.lab.cdr import CMR
from rating.tariff import Rate
from storage import calls, files, quality
from storage.database import Connection, Database
from storage.tariffs import import_version
from storage.verify import verify
from telephony.legs import Leg

RECORDS = CucmRecords()


@pytest.fixture
async def books(database: Database) -> Database:
    """A company whose outside calls cost 0.05 and 0.01 a second."""
    return await books_of(database)


async def books_of(database: Database) -> Database:
    rates = [
        Rate(str(digit), "Anywhere", "international", Decimal("0.05"), Decimal("0.60"), 1, 1)
        for digit in range(1, 10)
    ]
    await database.unit_of_work(import_version, "carrier", "EUR", None, rates, "0" * 64)
    gateways = tuple(replace(g, tariff="carrier" * (g.kind == "pstn") or None) for g in GATEWAYS)
    await a_company(database, replace(COMPANY, gateways=gateways))
    return database


def a_leg(number: int, **fields: object) -> Leg:
    """An answered outgoing call of 731, 60 seconds long, unless told otherwise."""
    at = BEGIN + 100 * number
    return EMPTY._replace(
        **{
            "pkid": f"00000000-0000-4000-8000-{number:012d}",
            "cluster": "Lab",
            "node": 1,
            "call_no": 1000 + number,
            "orig_leg": 20_000 + 2 * number,
            "dest_leg": 20_001 + 2 * number,
            "originated": at,
            "connected": at + 8,
            "disconnected": at + 68,
            "duration_s": 60,
            "calling": "731",
            "original_called": "00266771234",
            "final_called": "00266771234",
            "orig_device": "SEP001122334455",
            "dest_device": "TRUNK-PSTN",
        }
        | fields
    )


async def take(database: Database, *paths: Path) -> Taken:
    taken, refused = await import_files(database, RECORDS, paths)
    assert not refused
    return taken


async def no_difference(database: Database) -> None:
    found = await database.unit_of_work(verify)
    assert not found.differences


async def test_a_file_becomes_calls_charges_and_counts(books: Database, tmp_path: Path) -> None:
    path = write(tmp_path, [a_leg(1), a_leg(2, connected=0, duration_s=0)])
    assert await take(books, path) == Taken(files=1, rows=2, legs=2, calls=2)
    newest, oldest = await books.unit_of_work(calls.listing)
    assert (oldest.extension, oldest.payer, oldest.cost) == ("731", "731", Decimal("0.65"))
    assert (oldest.gateway, oldest.destination) == ("Milano", "Anywhere")
    assert (newest.answered, newest.payer, newest.cost) == (False, None, Decimal(0))
    assert path.exists()
    await no_difference(books)


async def test_the_same_file_again_is_not_read(books: Database, tmp_path: Path) -> None:
    path = write(tmp_path, [a_leg(1)])
    await take(books, path)
    before = await state(books)
    assert await take(books, path) == Taken(files=1, duplicate_files=1)
    assert await state(books) == before


async def test_the_same_rows_in_another_file_change_nothing(
    books: Database, tmp_path: Path
) -> None:
    await take(books, write(tmp_path, [a_leg(1), a_leg(2)], sequence=1))
    before = await state(books)
    again = await take(books, write(tmp_path, [a_leg(2), a_leg(1), a_leg(1)], sequence=2))
    assert again == Taken(files=1, rows=3)
    after = await state(books)
    assert {name: after[name] for name in before if name != "files"} == {
        name: before[name] for name in before if name != "files"
    }


@pytest.mark.parametrize("seed", range(4))
async def test_rows_late_and_out_of_order_leave_the_same_books(
    books: Database, tmp_path: Path, seed: int
) -> None:
    """Every scenario's rows, apart in time, one to three rows a file, some delivered twice."""
    rng = random.Random(seed)
    legs = _all_scenarios()
    await take(books, write(tmp_path, legs, sequence=1))
    wanted = await state(books)
    await books.unit_of_work(_empty_the_books)
    rng.shuffle(legs)
    sequence = 100
    while legs:
        count = rng.randint(1, 12)
        part, legs = legs[:count], legs[count:]
        sequence += 1
        await take(books, write(tmp_path, part, sequence=sequence))
        if rng.random() < 0.3:
            await take(books, write(tmp_path, rng.sample(part, 1), sequence=sequence + 5000))
    got = await state(books)
    for name in ("legs", "calls", "charges", "balances"):
        assert got[name] == wanted[name], name
    await no_difference(books)


def _all_scenarios() -> list[Leg]:
    """Each scenario on a day and with identifiers of its own."""
    legs: list[Leg] = []
    for number, scenario in enumerate(scenarios(), start=1):
        shift, ids = number * 500_000, number * 1000
        legs += [
            leg._replace(
                call_no=leg.call_no + ids if leg.call_no else 0,
                orig_leg=leg.orig_leg + ids if leg.orig_leg else 0,
                dest_leg=leg.dest_leg + ids if leg.dest_leg else 0,
                originated=leg.originated + shift,
                connected=leg.connected + shift if leg.connected else 0,
                disconnected=leg.disconnected + shift,
            )
            for leg in scenario.legs
        ]
    return legs


async def _empty_the_books(connection: Connection) -> None:
    await connection.execute(
        "truncate leg, cmr, call, ledger, ingest_file, cdr_reject, file_gap restart identity"
    )


async def test_a_late_leg_reverses_the_charge_and_charges_anew(
    books: Database, tmp_path: Path
) -> None:
    consult = a_leg(1, disconnected=BEGIN + 168)
    final = a_leg(
        2,
        call_no=999,
        dest_leg=consult.dest_leg,
        calling="0584123456",
        orig_device="TRUNK-PSTN",
        originated=consult.disconnected,
        connected=consult.disconnected,
        disconnected=consult.disconnected + 100,
        duration_s=100,
        join_by=10,
    )
    await take(books, write(tmp_path, [consult], sequence=1))
    await take(books, write(tmp_path, [final], sequence=2))
    rows = await books.unit_of_work(_ledger)
    assert [(row["kind"], row["amount"]) for row in rows] == [
        ("charge", Decimal("0.65")),
        ("reversal", Decimal("-0.65")),
        ("charge", Decimal("1.65")),
    ]
    assert [row["revision"] for row in rows] == [1, 1, 2]
    await no_difference(books)


async def _ledger(connection: Connection) -> list[object]:
    return await connection.fetch("select * from ledger order by id")


async def test_a_bad_row_is_set_aside_and_the_file_goes_on(books: Database, tmp_path: Path) -> None:
    rows = [line(a_leg(1)), "1,2,3", line(a_leg(2)).replace(",60,", ",sixty,"), line(a_leg(3))]
    path = tmp_path / "cdr_Lab_01_202603020800_1"
    path.write_text("\n".join([header(_columns()), *rows]) + "\n")
    assert await take(books, path) == Taken(files=1, rows=4, legs=2, calls=2, rejected=2)
    found = await books.unit_of_work(files.rejects)
    assert [(row.file, row.line) for row in found] == [(path.name, 3), (path.name, 4)]
    assert found[0].reason == "has 3 columns where the header names 133"
    assert found[1].reason == "duration is no whole number: 'sixty'"
    assert found[0].raw == "1,2,3"


def _columns() -> Sequence[str]:
    from pbx.lab.cdr import CDR

    return CDR.columns


async def test_a_row_set_aside_can_be_retried_once_it_can_be_read(
    books: Database, tmp_path: Path
) -> None:
    path = tmp_path / "cdr_Lab_01_202603020800_1"
    path.write_text(text([a_leg(1), a_leg(2)]).rstrip("\n"))
    await trio.Path(path).touch()
    assert await take(books, path) == Taken(files=1, rows=2, legs=1, calls=1, rejected=1)
    (reject,) = await books.unit_of_work(files.rejects)
    assert "no line end" in reject.reason
    assert await Intake(books, RECORDS).retry_rejects() == Taken(rows=1, legs=1, calls=1)
    assert await books.unit_of_work(files.rejects) == []
    assert await Intake(books, RECORDS).retry_rejects() == Taken()
    await no_difference(books)


async def test_a_foreign_file_is_refused_by_name_and_left(books: Database, tmp_path: Path) -> None:
    path = tmp_path / "holiday.csv"
    path.write_text("from,to\n1,2\n")
    good = write(tmp_path, [a_leg(1)])
    missing = tmp_path / "nowhere"
    taken, refused = await import_files(books, RECORDS, [path, missing, good])
    assert (taken.files, taken.legs) == (3, 1)
    assert any("holiday.csv is no call-record file" in text for text in refused)
    assert any("nowhere" in text for text in refused)
    assert path.read_text() == "from,to\n1,2\n"


async def test_quality_rows_are_stored_once(books: Database, tmp_path: Path) -> None:
    path = tmp_path / "cmr_Lab_01_202603020800_1"
    path.write_bytes(
        CMR.file(
            [
                {
                    "cdrRecordType": 2,
                    "pkid": a_leg(7).pkid,
                    "callIdentifier": a_leg(7).orig_leg,
                    "varVQMetrics": "MLQK=4.5",
                }
            ]
        )
    )
    assert await take(books, path) == Taken(files=1, rows=1, cmr=1)
    copy = tmp_path / "cmr_Lab_01_202603020801_2"
    copy.write_bytes(path.read_bytes() + b"\n")
    assert await take(books, copy) == Taken(files=1, rows=1)


async def test_holes_in_the_numbering_are_noted_and_closed(books: Database, tmp_path: Path) -> None:
    for sequence in (10, 14, 12):
        await take(books, write(tmp_path, [a_leg(sequence)], sequence=sequence))
    gaps = await books.unit_of_work(files.gaps)
    assert [(gap.cluster, gap.node, gap.first, gap.last) for gap in gaps] == [
        ("Lab", 1, 11, 11),
        ("Lab", 1, 13, 13),
    ]
    for sequence in (11, 13):
        await take(books, write(tmp_path, [a_leg(sequence)], sequence=sequence))
    assert await books.unit_of_work(files.gaps) == []


async def test_the_company_may_change_between_batches(books: Database, tmp_path: Path) -> None:
    intake = Intake(books, RECORDS)
    await intake.take(write(tmp_path, [a_leg(1)], sequence=1))
    moved = replace(COMPANY.people[0], department="Research")
    await a_company(books, replace(COMPANY, people=(moved, *COMPANY.people[1:])))
    await intake.take(write(tmp_path, [a_leg(2)], sequence=2))
    rows = await books.unit_of_work(_ledger)
    assert [row["department"] for row in rows] == ["Sales", "Research"]
    await no_difference(books)


async def test_a_trunk_nobody_described_is_unrated_and_named(
    books: Database, tmp_path: Path
) -> None:
    await take(books, write(tmp_path, [a_leg(1, dest_device="TRNK-PSTN"), a_leg(2)]))
    _, odd = await books.unit_of_work(calls.listing)
    assert (odd.direction, odd.payer, odd.cost, odd.unrated) == ("outgoing", "731", 0, True)
    assert await books.unit_of_work(calls.unknown_trunks) == [("TRNK-PSTN", 1)]
    await no_difference(books)


async def test_one_row_is_one_leg_however_its_pkid_is_spelled(
    books: Database, tmp_path: Path
) -> None:
    leg = a_leg(1, pkid="abcdef01-0000-4000-8000-00000000000f")
    same = [leg._replace(pkid=leg.pkid.upper()), leg._replace(pkid=leg.pkid.replace("-", ""))]
    assert (await take(books, write(tmp_path, [leg, *same]))).legs == 1
    assert (await take(books, write(tmp_path, same, sequence=2))).legs == 0


async def test_a_pipe_is_refused_before_it_is_opened(books: Database, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with trio.fail_after(5):
        _, refused = await import_files(books, RECORDS, [tmp_path / "pipe"])
    assert "is no regular file" in refused[0]


async def test_an_unpriced_number_costs_nothing_and_is_counted(
    books: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, [a_leg(1, final_called="?", original_called="?")])
    await take(books, path)
    (call,) = await books.unit_of_work(calls.listing)
    assert (call.unrated, call.cost) == (True, Decimal(0))
    assert await books.unit_of_work(calls.unrated) == 1


async def test_calls_that_came_before_the_company_are_priced_afterwards(
    database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, [a_leg(1), a_leg(2, calling="732")])
    assert await take(database, path) == Taken(files=1, rows=2, legs=2, calls=2)
    await books_of(database)
    assert {row.cost for row in await database.unit_of_work(calls.listing)} == {Decimal(0)}
    done = await Intake(database, RECORDS).rerate()
    assert (done.changed, done.difference) == (2, Decimal("1.30"))
    assert {row.payer for row in await database.unit_of_work(calls.listing)} == {"731", "732"}
    assert (await Intake(database, RECORDS).rerate()).changed == 0
    await no_difference(database)


async def test_a_large_file_is_read_by_another_process_with_the_same_result(
    books: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    legs = [a_leg(number) for number in range(1, 2001)]
    path = tmp_path / "cdr_Lab_01_202603020800_1"
    path.write_text(text(legs[:1500]) + "1,2,3\n" + "".join(f"{line(x)}\n" for x in legs[1500:]))
    await take(books, path)
    wanted = await state(books)
    await books.unit_of_work(_empty_the_books)
    monkeypatch.setattr("actors.ingest.WORTH_A_PROCESS_BYTES", 1)
    assert (await take(books, path)).rejected == 1
    assert await state(books) == wanted
    partly = write(tmp_path, [*legs[1990:], a_leg(2001)], sequence=2)
    assert await take(books, partly) == Taken(files=1, rows=11, legs=1, calls=1)


async def test_a_reader_that_fails_leaves_the_file_to_be_taken_again(
    books: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, [a_leg(1)])
    monkeypatch.setattr("actors.ingest.WORTH_A_PROCESS_BYTES", 1)
    monkeypatch.setattr("actors.reader.sys.executable", "/bin/true")
    _, refused = await import_files(books, RECORDS, [path])
    assert "ended too soon" in refused[0]
    monkeypatch.undo()
    assert (await take(books, path)).legs == 1


async def test_cancelling_an_import_leaves_no_reader_and_loses_nothing(
    books: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.ingest.WORTH_A_PROCESS_BYTES", 1)
    path = write(tmp_path, [a_leg(number) for number in range(1, 30_001)])
    with trio.move_on_after(1.5):
        await import_files(books, RECORDS, [path])
    assert not [pid for pid in _children() if b"actors.reader" in _command(pid)]
    await take(books, path)
    assert (await state(books))["legs"][1] == 30_000
    await no_difference(books)


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_quality_is_joined_to_its_call(books: Database, tmp_path: Path) -> None:
    leg = a_leg(7)
    await take(books, write(tmp_path, [leg, a_leg(8)]))
    path = tmp_path / "cmr_Lab_01_202603020800_1"
    common = {
        "cdrRecordType": 2,
        "globalCallID_callManagerId": leg.node,
        "globalCallID_callId": leg.call_no,
        "globalCallId_ClusterID": leg.cluster,
        "dateTimeStamp": leg.disconnected,
    }
    sides = [
        {"pkid": a_leg(71).pkid, "callIdentifier": leg.orig_leg, "deviceName": "SEP1", "jitter": 4},
        {"pkid": a_leg(72).pkid, "callIdentifier": leg.dest_leg, "deviceName": "TRUNK-PSTN"},
        {"pkid": a_leg(73).pkid, "callIdentifier": 12345, "deviceName": "SEP-OTHER"},
    ]
    mos = {"varVQMetrics": "MLQK=4.4;MLQKav=4.3"}
    path.write_bytes(CMR.file({**common, **side, **mos} for side in sides))
    await take(books, path)
    rows = await books.unit_of_work(calls.listing)
    heard = await books.unit_of_work(quality.of_calls, [row.key for row in rows])
    assert list(heard) == [leg.pkid]
    assert [(q.device, str(q.mos), q.jitter_ms) for q in heard[leg.pkid]] == [
        ("SEP1", "4.4000", 4),
        ("TRUNK-PSTN", "4.4000", 0),
    ]
