"""Made-up call records: shaped like Cisco UCM's, and like a company's year."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from lab_parts import COMPANY

from pbx.cucm.cdr import CucmRecords
from pbx.lab import scenarios
from pbx.lab.cdr import CDR, CMR, Record, signed_address
from pbx.lab.company import LabCompany
from pbx.lab.rows import Ids, Party, outside_party, quality
from pbx.lab.traffic import history, history_lines
from telephony.legs import Leg

ANDREA = Party("731", "PT-Internal", "SEP731", "asonnino")
BRUNA = Party("732", "PT-Internal", "SEP732", "bconti")
CARLO = Party("733", "PT-Internal", "SEP733", "cmoro")
CALLER = outside_party("+393471234567", "TRUNK")
CALLED = outside_party("0236123456", "TRUNK", "PT-PSTN", "0.!")
AT = 1_790_000_000


def test_records_have_as_many_columns_as_those_of_cucm_14() -> None:
    assert (len(CDR.columns), len(CMR.columns)) == (133, 48)


@pytest.mark.shared
def test_columns_are_those_of_the_real_files() -> None:
    folder = Path(__file__).parents[2] / "shared" / "samples"
    if not folder.exists():
        pytest.skip("the sample files are not beside the checkout (../shared/samples)")
    for layout, name in ((CDR, "cdr_flat_133col.csv"), (CMR, "cmr_flat_48col.csv")):
        header, types = (folder / name).read_text().splitlines()[:2]
        assert layout.header == header
        assert layout.types == types


def test_a_line_is_read_back_as_it_was_meant() -> None:
    (record,) = scenarios.plain(Ids("t"), ANDREA, CALLED, AT, 5, 60)
    record["comment"] = 'a "quoted", text'
    layout = CucmRecords().read_layout(CDR.header)
    leg = layout.read(CDR.line(record))
    assert isinstance(leg, Leg)
    assert leg.comment == 'a "quoted", text'
    assert (leg.calling, leg.final_called, leg.duration_s) == ("731", "0236123456", 60)
    assert (leg.originated, leg.connected, leg.disconnected) == (AT, AT + 5, AT + 65)


def test_addresses_are_signed_and_backwards() -> None:
    assert signed_address("192.168.18.188") == -1139627840


# Each way a call can go, as rows: (from, to, leg out, leg in, talked, split, joined by) -----------

Row = tuple[str, str, str, str, int, bool, int]


def told(rows: list[Record]) -> list[Row]:
    """Rows with the leg ids renamed a, b, c, ... in the order in which they appear."""
    letters: dict[int, str] = {}

    def letter(leg: object) -> str:
        return letters.setdefault(int(str(leg)), chr(ord("a") + len(letters)))

    return [
        (
            str(row["callingPartyNumber"]),
            str(row["finalCalledPartyNumber"])[:3],
            letter(row["origLegCallIdentifier"]),
            letter(row["destLegIdentifier"]),
            int(row["duration"]),
            row.get("origCause_value") == scenarios.SPLIT,
            int(row.get("joinOnBehalfOf", 0)),
        )
        for row in rows
    ]


OUT = "+393471234567"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda i: scenarios.plain(i, ANDREA, CALLED, AT, 5, 60),
            [("731", "023", "a", "b", 60, False, 0)],
        ),
        (
            lambda i: scenarios.missed(i, CALLER, ANDREA, AT, 20),
            [(OUT, "731", "a", "b", 0, False, 0)],
        ),
        (lambda i: scenarios.busy(i, CALLER, ANDREA, AT), [(OUT, "731", "a", "b", 0, False, 0)]),
        (
            lambda i: scenarios.forward(i, CALLER, ANDREA, CALLED, AT, 5, 60),
            [(OUT, "023", "a", "b", 60, False, 0)],
        ),
        (
            lambda i: scenarios.transfer(i, CALLER, ANDREA, BRUNA, AT, 5, 30, 10, 60),
            [
                (OUT, "731", "a", "b", 40, True, 0),
                ("731", "732", "c", "d", 7, True, 0),
                (OUT, "732", "a", "d", 60, False, 10),
            ],
        ),
        (
            lambda i: scenarios.transfer(i, CALLER, ANDREA, CALLED, AT, 5, 30, 4, 60, blind=True),
            [
                (OUT, "731", "a", "b", 34, True, 0),
                ("731", "023", "c", "d", 0, True, 0),
                (OUT, "023", "a", "d", 60, False, 10),
            ],
        ),
        (
            lambda i: scenarios.transfer_by_caller(i, ANDREA, CALLED, BRUNA, AT, 5, 30, 10, 60),
            [
                ("731", "023", "a", "b", 40, True, 0),
                ("731", "732", "c", "d", 7, True, 0),
                ("0236123456", "732", "b", "d", 60, False, 10),
            ],
        ),
        (
            lambda i: scenarios.conference(i, ANDREA, CALLED, BRUNA, AT, 5, 30, 10, 60, 20),
            [
                ("731", "023", "a", "b", 40, True, 0),
                ("731", "732", "c", "d", 7, True, 0),
                ("731", "b00", "a", "e", 60, False, 4),
                ("0236123456", "b00", "b", "f", 60, False, 4),
                ("732", "b00", "d", "g", 60, False, 4),
                ("0236123456", "732", "b", "d", 20, False, 4),
            ],
        ),
        (
            lambda i: scenarios.hunt(i, CALLER, Party("799"), BRUNA, AT, 5, 60),
            [(OUT, "732", "a", "b", 60, False, 0)],
        ),
        (
            lambda i: scenarios.pickup(i, CALLER, ANDREA, BRUNA, AT, 5, 60),
            [(OUT, "731", "a", "b", 0, True, 0), (OUT, "732", "a", "c", 60, False, 16)],
        ),
    ],
)
def test_rows_of_each_scenario(make: Callable[[Ids], list[Record]], expected: list[Row]) -> None:
    rows = make(Ids("t"))
    assert told(rows) == expected
    for row in rows:
        connected = int(row["dateTimeConnect"])
        assert row["duration"] == (int(row["dateTimeDisconnect"]) - connected if connected else 0)
        assert int(row["dateTimeOrigination"]) <= int(row["dateTimeDisconnect"])


def test_who_redirected_is_told() -> None:
    (forwarded,) = scenarios.forward(Ids("t"), CALLER, ANDREA, CALLED, AT, 5, 60)
    assert forwarded["lastRedirectDn"] == "731"
    assert forwarded["originalCalledPartyNumber"] == "731"
    (hunted,) = scenarios.hunt(Ids("t"), CALLER, Party("799"), BRUNA, AT, 5, 60)
    assert hunted["huntPilotDN"] == "799"
    (rung_out,) = scenarios.hunt(Ids("t"), CALLER, Party("799"), BRUNA, AT, 5, 0)
    assert "huntPilotDN" not in rung_out
    bridged = scenarios.conference(Ids("t"), ANDREA, BRUNA, CARLO, AT, 5, 5, 5, 60)[2:]
    assert len({row["destConversationId"] for row in bridged}) == 1
    assert all("ConfControllerDn=731" in str(row["comment"]) for row in bridged)


def test_a_recording_leaves_a_row_of_its_own() -> None:
    ids = Ids("t")
    (talk,) = scenarios.plain(ids, ANDREA, CALLED, AT, 5, 60)
    row = scenarios.recording(ids, talk, outside_party("9000", "TRUNK-REC"))
    assert str(row["callingPartyNumber"]).startswith("b00")
    assert row["lastRedirectRedirectOnBehalfOf"] == 27


def test_only_phones_report_quality() -> None:
    ids = Ids("t")
    (talk,) = scenarios.plain(ids, ANDREA, BRUNA, AT, 5, 60)
    assert [q["directoryNum"] for q in quality(ids, talk)] == ["731", "732"]
    (talk,) = scenarios.plain(ids, ANDREA, CALLED, AT, 5, 60)
    assert [q["directoryNum"] for q in quality(ids, talk)] == ["731"]
    (missed,) = scenarios.missed(ids, ANDREA, CALLED, AT, 5)
    assert quality(ids, missed) == []


# A company's weeks --------------------------------------------------------------------------------

FIRST, LAST = date(2026, 9, 7), date(2026, 9, 20)


def weeks(company: LabCompany = COMPANY, seed: int = 1) -> list[list[Record]]:
    return list(history(company, FIRST, LAST, 3000, seed))


def test_the_same_seed_makes_the_same_calls() -> None:
    assert weeks() == weeks()
    assert weeks() != weeks(seed=2)


def test_a_company_telephones_on_working_days_and_in_office_hours() -> None:
    calls = weeks()
    assert len(calls) == 3000
    zone = ZoneInfo("Europe/Rome")
    begun = [
        datetime.fromtimestamp(int(rows[0]["dateTimeOrigination"]), UTC).astimezone(zone)
        for rows in calls
    ]
    assert {moment.date() for moment in begun} <= {FIRST.replace(day=n) for n in range(7, 21)}
    assert sum(moment.weekday() < 5 for moment in begun) > 0.9 * len(begun)
    assert sum(8 <= moment.hour < 18 for moment in begun) > 0.9 * len(begun)


def test_a_mix_of_calls_with_a_few_percent_abroad() -> None:
    calls = weeks()
    rows = [row for call in calls for row in call]
    out = [r for r in rows if str(r["destDeviceName"]).startswith("TRUNK")]
    abroad = [r for r in out if str(r["finalCalledPartyNumber"])[1:3] == "00"]
    assert 0.01 < len(abroad) / len(out) < 0.10
    kinds = Counter(len(call) for call in calls)
    assert kinds[3] > 30
    assert kinds[1] > 2500
    assert sum(r["dateTimeConnect"] == 0 for r in rows) > 300
    assert any(r.get("huntPilotDN") == "799" for r in rows)


def test_ids_never_repeat() -> None:
    rows = [row for call in weeks() for row in call]
    assert len({row["pkid"] for row in rows}) == len(rows)


def test_lines_make_a_file_that_is_read_without_a_reject() -> None:
    lines = list(history_lines(COMPANY, FIRST, LAST, 300, 3))
    assert (lines[0], lines[1]) == (CDR.header, CDR.types)
    layout = CucmRecords().read_layout(lines[0])
    legs = [layout.read(line) for line in lines[2:]]
    assert len(legs) >= 300
    assert all(isinstance(leg, Leg) for leg in legs)
