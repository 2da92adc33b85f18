"""Rows of every width and spelling become the same legs; a bad one is named, never dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from cdr_text import CAR, columns_of, header, line, text
from hypothesis import given
from hypothesis import strategies as st
from scenario_tables import scenarios

from actors import reading
from pbx.cucm.cdr import CucmRecords
from pbx.cucm.files import parse_name
from pbx.lab.cdr import CMR
from telephony.errors import CdrRejected, NotACallRecordFile
from telephony.legs import CmrRow, Leg

RECORDS = CucmRecords()
LEGS = [leg for scenario in scenarios() for leg in scenario.legs]
LEG = LEGS[0]


def read(content: str, tmp_path: Path) -> list[reading.Batch]:
    path = tmp_path / "file"
    path.write_bytes(content.encode())
    opened = reading.look(path, RECORDS)
    return list(reading.batches(path, opened.layout, RECORDS, 0))


@pytest.mark.parametrize("width", [118, 123, 129, 133])
@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("types", [True, False])
def test_every_layout(width: int, quoted: bool, types: bool, tmp_path: Path) -> None:
    assert len(columns_of(width)) == width
    if not quoted and any("," in value for leg in LEGS for value in leg if isinstance(value, str)):
        pytest.fail("the scenarios hold a comma, which only a quoted file can carry")
    (batch,) = read(text(LEGS, width, quoted=quoted, types=types), tmp_path)
    assert not batch.rejects
    dropped = {"mobile_called"} if width == 118 else set()
    wanted = [leg._replace(**dict.fromkeys(dropped, "")) for leg in LEGS]
    assert list(batch.legs) == wanted


def test_the_header_decides_whatever_its_case_and_order() -> None:
    columns = tuple(reversed(CAR))
    layout = RECORDS.read_layout(header(columns).upper())
    assert layout.read(line(LEG, columns)) == LEG


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    content = "\ufeff" + text([LEG]).replace("\n", "\r\n")
    (batch,) = read(content, tmp_path)
    assert list(batch.legs) == [LEG]


def test_the_car_export_writes_an_unset_user_as_backslash_and_blank() -> None:
    layout = RECORDS.read_layout(header(CAR))
    row = line(LEG._replace(calling_user="\\ "), CAR)
    assert layout.read(row) == LEG


def test_a_comma_in_quotes_and_doubled_quotes() -> None:
    layout = RECORDS.read_layout(header(columns_of(133)))
    row = line(LEG._replace(comment='""a, b""'))
    record = layout.read(row)
    assert isinstance(record, Leg)
    assert record.comment == '"a, b"'


def test_integers_never_set_are_empty() -> None:
    columns = columns_of(133)
    cells = line(LEG).split(",")
    cells[columns.index("destConversationId")] = '""'
    cells[columns.index("totalWaitTimeInQueue")] = ""
    assert RECORDS.read_layout(header(columns)).read(",".join(cells)) == LEG


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("duration", "sixty", "duration is no whole number"),
        ("duration", "-1", "duration is negative"),
        ("duration", "99999999999", "duration is out of range"),
        ("dateTimeConnect", "99999999999", "dateTimeConnect is no plausible instant"),
        ("pkid", '"not-a-uuid"', "pkid is no UUID"),
        ("cdrRecordType", "2", "cdrRecordType is '2', not 1"),
        ("globalCallID_callId", "1e5", "globalCallID_callId is no whole number"),
        ("callingPartyNumber", '"20\x001"', "zero byte"),
    ],
)
def test_a_bad_value_is_named(column: str, value: str, reason: str) -> None:
    columns = columns_of(133)
    cells = line(LEG).split(",")
    cells[columns.index(column)] = value
    with pytest.raises(CdrRejected, match=reason.replace("(", r"\(")):
        RECORDS.read_layout(header(columns)).read(",".join(cells))


@pytest.mark.parametrize("cut", [1, 60, 132])
def test_a_row_of_too_few_columns_is_rejected(cut: int) -> None:
    row = ",".join(line(LEG).split(",")[:cut])
    with pytest.raises(CdrRejected, match=f"has {cut} columns where the header names 133"):
        RECORDS.read_layout(header(columns_of(133))).read(row)


@given(st.text(max_size=400))
def test_no_line_raises_anything_else(row: str) -> None:
    layout = RECORDS.read_layout(header(columns_of(118)))
    for candidate in (row, f"{line(LEG, columns_of(118))[:200]}{row}"):
        try:
            layout.read(candidate)
        except CdrRejected:
            continue


@pytest.mark.parametrize(
    "first",
    ["", "name,number", "cdrRecordType,pkid,colour", '"cdrRecordType","pkid"', "\x00\x01", '"'],
)
def test_what_is_no_call_record_file(first: str, tmp_path: Path) -> None:
    path = tmp_path / "strange"
    path.write_text(first + "\nrow\n")
    with pytest.raises(NotACallRecordFile, match="strange is no call-record file"):
        reading.look(path, RECORDS)


def test_quality_rows_old_and_new() -> None:
    old = RECORDS.read_layout(",".join(CMR.columns[:19]))
    row = old.read(
        '2,1,77,1,201,5,1772438500,100,9,98,8,2,7,3,7689e493-f151-4173-885f-ca81be94258f,PT,Lab,SEP201,"MLQK=4.5,MLQKav=4.4"'
    )
    assert isinstance(row, CmrRow)
    assert (row.call_identifier, row.packets_lost, row.jitter_ms, row.latency_ms) == (5, 2, 7, 3)
    assert (row.mos, row.duration_s, row.device) == ("4.5", 0, "SEP201")
    new = RECORDS.read_layout(CMR.header)
    record = new.read(
        CMR.line(
            {
                "cdrRecordType": 2,
                "pkid": row.pkid,
                "varVQMetrics": "MLQK=4.1234;MLQKav=4.0;CS=1",
                "duration": 60,
            }
        )
    )
    assert isinstance(record, CmrRow)
    assert (record.mos, record.duration_s) == ("4.1234", 60)


@pytest.mark.parametrize(
    ("name", "cluster", "node", "sequence"),
    [
        ("cdr_Cluster1_01_200404021658_1", "Cluster1", 1, 1),
        ("cdr_StandAloneCluster_02_201510091036_254831", "StandAloneCluster", 2, 254831),
        ("cdr_Nord_Enterprise-Cluster-01_03_202601010000_7", "Nord_Enterprise-Cluster-01", 3, 7),
        ("cmr_A.b_99_202612312359_12", "A.b", 99, 12),
    ],
)
def test_names_are_read_from_the_right(name: str, cluster: str, node: int, sequence: int) -> None:
    found = parse_name(name)
    assert found is not None
    assert (found.cluster, found.node, found.sequence) == (cluster, node, sequence)
    assert found.kind == name[:3]


@pytest.mark.parametrize(
    "name",
    [
        "_cdr_A_01_202601010000_7",
        "cdr_A_01_202613010000_7",
        "cdr_A_01_7",
        "notes.txt",
        "cdr_A_01_202601010000_7.gz",
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.shared
def test_every_row_of_the_samples_becomes_a_record(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "samples").glob("c[dma]r_*")):
        opened = reading.look(path, RECORDS)
        rows = len(path.read_text(encoding="utf-8-sig").splitlines()) - 1
        rows -= RECORDS.is_heading(path.read_text(encoding="utf-8-sig").splitlines()[1])
        batches = list(reading.batches(path, opened.layout, RECORDS, 0))
        read_rows = sum(len(batch.legs) + len(batch.cmr) for batch in batches)
        rejects = [reject for batch in batches for reject in batch.rejects]
        assert read_rows + len(rejects) == rows
        assert all(reject.reason for reject in rejects)
        seen += rows
    assert seen > 200
