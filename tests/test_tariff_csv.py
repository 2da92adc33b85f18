"""Price lists: read whole, or refused with every bad row named."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.tariff_csv import TOLD_PROBLEMS, TariffCsvError, digest, parse_rates

HEADER = (
    "prefix,destination,type,connect_fee,price_per_minute,initial_s,increment_s,free_s,"
    "minimum_charge"
)
BANDED = f"{HEADER},days,from,to"


def a_file(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows, "")).encode()


def refusal(data: bytes) -> TariffCsvError:
    with pytest.raises(TariffCsvError) as error:
        parse_rates(data)
    return error.value


def problems(*rows: str, header: str = HEADER) -> list[tuple[int, str]]:
    return [tuple(problem) for problem in refusal(a_file(*rows, header=header)).problems]


def test_a_row_becomes_a_rate() -> None:
    (rate,) = parse_rates(a_file("3902,Milano,local,0.05,0.0125,60,30,10,0.1"))
    assert (rate.prefix, rate.destination, rate.type) == ("3902", "Milano", "local")
    assert rate.price_per_minute == Decimal("0.0125")
    assert (rate.initial_s, rate.increment_s, rate.free_s) == (60, 30, 10)
    assert (rate.connect_fee, rate.minimum_charge) == (Decimal("0.05"), Decimal("0.1"))
    assert rate.band is None


def test_a_spreadsheet_s_export_is_read_too() -> None:
    text = (
        "\ufeffType;Prefix;Destination;price_per_minute;CONNECT_FEE;initial_s;increment_s;"
        "free_s;minimum_charge;to;days;from\r\n"
        'Mobile;+39335;"Italy; mobile";0,125;;1;1;;;18:00;Mon-Fri;08:00\r\n\r\n'
    )
    (rate,) = parse_rates(text.encode())
    assert (rate.prefix, rate.destination, rate.type) == ("39335", "Italy; mobile", "mobile")
    assert (rate.price_per_minute, rate.connect_fee) == (Decimal("0.125"), Decimal(0))
    assert str(rate.band) == "Mon-Fri 08:00-18:00"


def test_every_bad_row_is_named_at_once() -> None:
    found = problems(
        "39,Italy,national,0,0.10,60,60,0,0",
        "0039,Italy,national,0,0.10,60,60,0,0",
        "44,,national,0,0.10,60,60,0,0",
        "33,France,landline,0,0.10,60,60,0,0",
        "49,Germany,international,0,cheap,60,60,0,0",
        "43,Austria,international,0,0.1,60,0,0,0",
        "41,Switzerland,international,0,0.1,a minute,60,0,0",
        "1,America,international,0,0.1,60,60",
        "7,Russia,international,0,-0.1,60,60,0,0",
        "86,China,international,0,1e-3,60,60,0,0",
        "61,Australia,international,0,0.1234567,60,60,0,0",
    )
    assert [line for line, _ in found] == list(range(3, 13))
    words = (
        "E.164,destination,one of,0.125,1 or more,whole seconds,header has 9,from 0,0.125,six dec"
    )
    for (_, message), word in zip(found, words.split(","), strict=True):
        assert word in message


def test_lines_are_counted_as_an_editor_does() -> None:
    rows = ('39,"Italy\nall of it",national,0,1,60,60,0,0', "", "44,UK,nowhere,0,1,60,60,0,0")
    with pytest.raises(TariffCsvError) as error:
        parse_rates(a_file(*rows))
    assert [problem.line for problem in error.value.problems] == [2, 5]


def test_the_same_prefix_twice_is_refused_unless_the_bands_differ() -> None:
    row = "39,Italy,national,0,0.10,60,60,0,0"
    ((line, message),) = problems(row, row.replace("0.10", "0.20"))
    assert line == 3
    assert "in line 2 too" in message
    rates = parse_rates(
        a_file(
            f"{row},Mon-Fri,08:00,18:00", f"{row},Mon-Fri,18:00,08:00", f"{row},,,", header=BANDED
        )
    )
    assert len(rates) == 3
    ((_, message),) = problems(f"{row},Mon-Fri,,", f'{row},"Tue,Wed,Thu,Fri,Mon",,', header=BANDED)
    assert "line 2 too" in message


def test_bands_nobody_could_choose_between_are_refused() -> None:
    row = "39,Italy,national,0,0.10,60,60,0,0"
    ((_, message),) = problems(f'{row},"Mon,Tue",,', f'{row},"Tue,Wed",,', header=BANDED)
    assert "neither is narrower" in message


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (HEADER.replace("prefix,", ""), "'prefix' is missing"),
        (f"{HEADER},colour", "'colour' is unknown"),
        (f"{HEADER},free_s", "twice"),
        ("", "missing"),
    ],
)
def test_a_header_that_is_not_ours(header: str, told: str) -> None:
    assert told in str(refusal(a_file(header=header)))


def test_a_file_without_rates_or_not_utf8() -> None:
    assert "no rates" in str(refusal(a_file()))
    assert "UTF-8" in str(refusal(b"prefix,d\xe9stination\n"))
    refusal(a_file("39,It\x00aly,national,0,0.10,60,60,0,0"))
    refusal(b"")


def test_the_message_is_one_line_and_the_list_is_limited() -> None:
    error = refusal(a_file(*["0,x,y,0,0,0,0,0,0"] * 500))
    assert (error.total, len(error.problems)) == (500, TOLD_PROBLEMS)
    assert "\n" not in str(error)
    assert "500 problems" in str(error)
    assert "and 497 more" in str(error)


def test_a_file_is_known_by_its_content() -> None:
    assert digest(b"a") == digest(b"a") != digest(b"b")
    assert len(digest(b"")) == 64


@given(st.permutations(BANDED.split(",")), st.randoms(use_true_random=False))
def test_neither_the_order_of_columns_nor_of_rows_counts(
    columns: list[str], random: object
) -> None:
    rows = [
        ["39", "Italy", "national", "0", "0.1", "60", "60", "0", "0", "Mon-Fri", "", ""],
        ["39", "Italy", "national", "0", "0.2", "60", "60", "0", "0", "Sat,Sun", "", ""],
        ["3902", "Milano", "local", "0", "0.3", "1", "1", "0", "0", "", "", ""],
    ]
    named = [dict(zip(BANDED.split(","), row, strict=True)) for row in rows]
    expected = set(parse_rates(_written(BANDED.split(","), named)))
    random.shuffle(named)  # type: ignore[attr-defined]
    assert set(parse_rates(_written(columns, named))) == expected


def _written(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_the_file_it_is_read_or_refused(data: bytes) -> None:
    with suppress(TariffCsvError):
        assert parse_rates(data)


def a_long_list(rows: int = 36_000) -> bytes:
    """As many prefixes as a large carrier's price list has."""
    lines = (f"{10_000 + n},Place {n % 900},international,0,0.{n % 997:04},60,60,0,0"
             for n in range(rows))  # fmt: skip
    return a_file(*lines)


def test_thirty_six_thousand_prefixes_are_read() -> None:
    assert len(parse_rates(a_long_list())) == 36_000


@pytest.mark.shared
def test_a_real_price_list_is_read_whole(shared: Path) -> None:
    lines = (shared / "samples/rates_36k.csv").read_text("utf-8", errors="replace").splitlines()
    cells = [line.split(";") for line in lines if line]
    rows = {
        c[0]: f'{c[0]},"{c[1]}",international,0,{Decimal(c[6]).scaleb(-4):f},1,1,0,0'
        for c in cells
        if c[0].isdigit() and not c[0].startswith("0") and len(c[0]) <= 15
    }
    assert len(parse_rates(a_file(*rows.values()))) == len(rows) > 35_000
