"""Excel, PDF and CSV: the same rows and totals in each, typed, safe, and nothing held up."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import trio
import trio.testing
from openpyxl.worksheet.worksheet import Worksheet

from reports import export as exports
from reports import pdf as paper
from reports import worker
from reports.csv_file import csv_file, plain
from reports.document import Chart, Column, Document, Kind, Series, Value
from reports.errors import ExportFailed, NoLibraries, TookTooLong, TooLarge, TooLong
from reports.export import export, file_name
from reports.pdf import PDF_ROWS, pdf
from reports.shown import NOTHING, heading, shown, written
from reports.worker import Format, frames, work
from reports.xlsx import HEADER_ROW, MANY, xlsx
from words.formats import Reader
from words.language import language

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
COLUMNS = (
    Column("started_at", "Date and time", "instant"),
    Column("extension", "Extension", "phone"),
    Column("person", "Name", "text"),
    Column("number", "Number", "phone"),
    Column("duration", "Duration", "seconds"),
    Column("cost", "Cost", "money"),
    Column("cost_share", "% of cost", "percent"),
    Column("mos", "MOS", "decimal"),
    Column("calls", "Calls", "count"),
    Column("date", "Date", "date"),
    Column("month", "Month", "month"),
    Column("hour", "Hour", "hour"),
    Column("weekday", "Weekday", "weekday"),
)
ROWS: tuple[tuple[Value, ...], ...] = (
    (NOW, "0731", "Ada", "+390266****", 187, Decimal("1234.567891"), Decimal("12.5"),
     Decimal("4.1"), 1234, date(2026, 11, 20), date(2026, 11, 1), 9, 0),
    (NOW - timedelta(hours=30), "732", "Bea", "112", 450_000, Decimal("0.004"), Decimal("87.5"),
     None, 3, date(2026, 11, 19), date(2026, 10, 1), 23, 6),
)  # fmt: skip
TOTALS: tuple[Value, ...] = (
    None, None, None, None, 450_187, Decimal("1234.571891"), Decimal(100), None, 1237, None, None,
    None, None,
)  # fmt: skip
CHART = Chart(
    "bars", "Cost by name", ("Ada", "Bea"), (Series("Cost", (Decimal("1234.567891"), 0)),),
    "money", "Ada cost most.",
)  # fmt: skip
DOCUMENT = Document(
    title="Phone bill",
    question="What is the cost of the calls?",
    facts=(("Period", "November 2026"), ("Call type", "Outgoing answered")),
    columns=COLUMNS,
    rows=ROWS,
    totals=TOTALS,
    totals_label="Total of 2 calls",
    notes=("An internal call is counted once.",),
    chart=CHART,
    currency="EUR",
    zone="Europe/Rome",
    made_at=NOW,
)


def reader(code: str = "en") -> Reader:
    return Reader(language(code), "UTC", NOW)


def few(*names: str, rows: tuple[tuple[Value, ...], ...] = ROWS) -> Document:
    """The document with some of its columns."""
    kept = [index for index, column in enumerate(COLUMNS) if column.name in names]
    return replace(
        DOCUMENT,
        columns=tuple(COLUMNS[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in rows),
        totals=tuple(TOTALS[index] for index in kept),
    )


def text_document(*cells: str, kind: Kind = "text") -> Document:
    columns = (Column("person", "Name", kind),)
    return replace(
        DOCUMENT, columns=columns, rows=tuple((cell,) for cell in cells), totals=(None,), chart=None
    )


def sheet(document: Document, code: str = "en") -> Worksheet:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(document, reader(code))))
    return book.worksheets[0]


def table(document: Document, code: str = "en") -> list[tuple[Any, ...]]:
    """Header, rows and totals of the workbook, as openpyxl reads them."""
    rows = list(sheet(document, code).iter_rows(min_row=HEADER_ROW + 1, values_only=True))
    return rows[: len(document.rows) + 2]


def lines(document: Document, code: str = "en") -> list[list[str]]:
    content = csv_file(document, reader(code))
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def text_of(content: bytes, folder: Path, *options: str) -> str:
    (folder / "report.pdf").write_bytes(content)
    command = ["pdftotext", *options, str(folder / "report.pdf"), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# How values are written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "code", "expected"),
    [
        (Decimal("1234.565"), "money", "en", "1,234.57"),
        (Decimal("1234.565"), "money", "de", "1.234,57"),
        (187, "seconds", "en", "00:03:07"),
        (Decimal("12.45"), "percent", "en", "12.5%"),
        (Decimal("12.5"), "percent", "de", "12,5\u00a0%"),
        (Decimal("4.105"), "decimal", "fr", "4,11"),
        (1234567, "count", "it", "1.234.567"),
        (date(2026, 3, 31), "date", "de", "31.03.2026"),
        (date(2026, 3, 1), "month", "de", "März 2026"),
        (date(2026, 3, 1), "month", "pl", "marzec 2026"),
        (0, "weekday", "es", "lunes"),
        (6, "weekday", "en", "Sunday"),
        (9, "hour", "de", "09:00"),
        (NOW, "instant", "en", "20/11/2026 23:30"),
        (None, "money", "en", NOTHING),
        ("Total", "instant", "en", "Total"),
    ],
)
def test_values_are_written_in_the_readers_language(
    value: Value, kind: Kind, code: str, expected: str
) -> None:
    assert written(value, kind, reader(code), "EUR") == expected


def test_money_has_its_currencys_decimals_and_its_unit_in_the_heading() -> None:
    assert written(Decimal("1234.5"), "money", reader(), "JPY") == "1,235"
    assert heading(COLUMNS[5], "JPY", reader()) == "Cost (JPY)"
    assert heading(COLUMNS[8], "JPY", reader()) == "Calls"


def test_the_hour_is_the_readers_own() -> None:
    assert replace(reader(), time_format="12").hour(13).split() == ["1:00", "pm"]


# The three formats --------------------------------------------------------------------------------


def exact(value: Value, column: Column) -> Value:
    """A value as both spreadsheets must give it back: local time, and nothing rounded."""
    if isinstance(value, datetime):
        local = {NOW: datetime(2026, 11, 21, 0, 30)}  # noqa: DTZ001 - as the sheet shows it
        return local.get(value, datetime(2026, 11, 19, 18, 30))  # noqa: DTZ001 - as above
    if column.kind == "weekday" and value is not None:
        return {0: "Monday", 6: "Sunday"}[int(str(value))]
    return value


def from_sheet(value: Any, column: Column) -> Value:
    """What openpyxl read, as a value of the document."""
    if value is None or isinstance(value, str):
        return value
    if column.kind == "seconds":
        return round(value.total_seconds())
    if column.kind == "percent":
        return Decimal(str(value)) * 100
    if column.kind in {"money", "decimal"}:
        return Decimal(str(value))
    return value.date() if column.kind in {"date", "month"} else value


def from_line(text: str, column: Column) -> Value:
    """What stands in the CSV, as a value of the document."""
    if not text or column.kind in {"text", "weekday"} or text.startswith("Total"):
        return text or None
    if column.kind == "seconds":
        hours, minutes, seconds = map(int, text.split(":"))
        return hours * 3600 + minutes * 60 + seconds
    if column.kind == "month":
        return date.fromisoformat(f"{text}-01")
    read = {
        "phone": lambda cell: cell.removeprefix("'"),
        "instant": datetime.fromisoformat,
        "date": date.fromisoformat,
        "count": int,
        "hour": int,
    }
    return read.get(column.kind, Decimal)(text)  # type: ignore[operator, return-value]


def test_all_three_carry_the_same_rows_and_totals(tmp_path: Path) -> None:
    expected = [
        [exact(value, column) for value, column in zip(row, COLUMNS, strict=True)]
        for row in (*ROWS, ("Total of 2 calls", *TOTALS[1:]))
    ]
    in_sheet = [list(map(from_sheet, row, COLUMNS)) for row in table(DOCUMENT)[1:]]
    in_lines = [list(map(from_line, row, COLUMNS)) for row in lines(DOCUMENT)[1:]]
    assert in_sheet == expected
    assert in_lines == expected

    names = [column.name for column in COLUMNS if column.kind != "month"]
    narrow = few(*names)
    on_paper = re.sub(r"\s+", "", text_of(pdf(narrow, reader()), tmp_path, "-layout"))
    local = replace(reader(), zone_name="Europe/Rome")
    for row in narrow.rows:
        cells = zip(row, narrow.columns, strict=True)
        said = "".join(shown(value, column, local, "EUR") for value, column in cells)
        assert re.sub(r"\s+", "", said) in on_paper
    assert "Totalof2calls125:03:071,234.57100.0%1,237" in on_paper


async def test_a_process_writes_what_a_thread_writes() -> None:
    many = replace(DOCUMENT, rows=list(ROWS) * 700)
    for format_, write in (("csv", csv_file), ("xlsx", xlsx)):
        sent = io.BytesIO(b"".join(frames(many, format_, reader("de"))))  # type: ignore[arg-type]
        assert work(sent) == write(many, reader("de"))


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_a_long_report_is_written_by_a_process(format_: Format) -> None:
    long = replace(few("person", "cost"), rows=[("Ada", Decimal("0.1"))] * (MANY + 1))
    file = await export(long, format_, reader(), 1)
    if format_ == "csv":
        read = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    else:
        book = openpyxl.load_workbook(io.BytesIO(file.content), read_only=True)
        read = list(book.worksheets[0].iter_rows(min_row=HEADER_ROW + 1, values_only=True))
        assert read[-1][0] == DOCUMENT.notes[0]
        read = read[:-2]
    assert len(read) == MANY + 3
    assert read[-1][0] == "Total of 2 calls"
    assert str(read[MANY + 1][1]) == ("0.10" if format_ == "csv" else "0.1")


# Excel --------------------------------------------------------------------------------------------


def test_cells_have_types_and_formats() -> None:
    row = next(sheet(DOCUMENT).iter_rows(min_row=HEADER_ROW + 2))
    formats = {column.name: cell.number_format for column, cell in zip(COLUMNS, row, strict=True)}
    assert formats == {
        "started_at": "yyyy-mm-dd hh:mm:ss",
        "extension": "@",
        "person": "@",
        "number": "@",
        "duration": "[h]:mm:ss",
        "cost": "#,##0.00",
        "cost_share": "0.0%",
        "mos": "#,##0.00",
        "calls": "#,##0",
        "date": "yyyy-mm-dd",
        "month": "mmmm yyyy",
        "hour": '00":00"',
        "weekday": "@",
    }
    types = "".join(cell.data_type for cell in row)
    assert types == "d" + "sss" + "d" + "nnnn" + "dd" + "n" + "s"
    assert [cell.value for cell in row[1:4]] == ["0731", "Ada", "+390266****"]


def test_the_sheet_can_be_worked_with() -> None:
    page = sheet(DOCUMENT)
    assert page.title == "Phone bill"
    assert page["A1"].value == "Phone bill"
    asked = str(page["A2"].value)
    assert "Period: November 2026" in asked
    assert "Call type: Outgoing answered" in asked
    assert page.freeze_panes == f"A{HEADER_ROW + 2}"
    assert page.auto_filter.ref == f"A{HEADER_ROW + 1}:M{HEADER_ROW + 3}"
    assert page.cell(HEADER_ROW + 1, 6).value == "Cost (EUR)"
    assert page.cell(HEADER_ROW + 6, 1).value == DOCUMENT.notes[0]
    assert all(page.column_dimensions[letter].width >= 8 for letter in "ABCDEF")
    assert page.print_title_rows == f"${HEADER_ROW + 1}:${HEADER_ROW + 1}"


def test_the_workbook_says_what_it_is() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(DOCUMENT, reader())))
    assert book.properties.title == DOCUMENT.title
    assert book.properties.subject == DOCUMENT.question
    assert book.properties.creator == "Ringfence"
    about = book.worksheets[1]
    facts = [tuple(cell.value for cell in row) for row in about["A4:B5"]]
    assert facts == list(DOCUMENT.facts)


@pytest.mark.parametrize(
    ("chart", "kind"),
    [
        (CHART, "barChart"),
        (replace(CHART, kind_of_label="month"), "barChart"),
        (replace(CHART, kind="shares"), "pieChart"),
        (replace(CHART, kind="line"), "lineChart"),
    ],
)
def test_the_chart_refers_to_cells(chart: Chart, kind: str) -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(xlsx(replace(DOCUMENT, chart=chart), reader())), rich_text=True
    )
    about = book.worksheets[1]
    [drawn] = about._charts  # type: ignore[attr-defined]
    assert drawn.tagname == kind
    [series] = drawn.series
    [[labels], [values]] = (
        [reference.partition("!")[2].replace("$", "")]
        for reference in ((series.cat.strRef or series.cat.numRef).f, series.val.numRef.f)
    )
    assert [row[0].value for row in about[labels]] == ["Ada", "Bea"]
    assert [row[0].value for row in about[values]] == [1234.567891, 0]


def test_without_a_chart_there_is_none() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(replace(DOCUMENT, chart=None), reader())))
    assert [page._charts for page in book.worksheets] == [[], []]  # type: ignore[attr-defined]


def test_arabic_runs_from_right_to_left() -> None:
    page = sheet(DOCUMENT, "ar")
    assert page.sheet_view.rightToLeft
    assert page.cell(HEADER_ROW + 2, 4).alignment.readingOrder == 1  # numbers do not
    assert not sheet(DOCUMENT).sheet_view.rightToLeft


FORMULAS = ("=1+1", "+1;cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", "http://x.example/")


def test_no_text_is_a_formula_or_a_link() -> None:
    page = sheet(text_document(*FORMULAS))
    cells = [page.cell(HEADER_ROW + 2 + index, 1) for index in range(len(FORMULAS))]
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(str(cell.value).startswith("'") for cell in cells[:-1])
    assert not any(cell.hyperlink for cell in cells)
    assert [line[0][:1] for line in lines(text_document(*FORMULAS))[1:-1]] == ["'"] * 8 + ["h"]


def test_words_around_the_table_are_no_formulas_either() -> None:
    evil = replace(
        text_document("x"), title="=1+1", facts=(("=a", "=b"),), totals_label="=c", notes=("=d",)
    )
    book = openpyxl.load_workbook(io.BytesIO(xlsx(evil, reader())))
    cells = [cell for page in book.worksheets for row in page.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert lines(evil)[-1] == ["'=c"]


def test_a_number_is_text_with_its_plus_and_a_trick_is_not_a_number() -> None:
    page = sheet(text_document("+39 02 66****", "+cmd|' /C calc'!A0", kind="phone"))
    first, second = (page.cell(HEADER_ROW + 2 + index, 1) for index in (0, 1))
    assert (first.value, first.quotePrefix) == ("+39 02 66****", True)
    assert str(second.value).startswith("'+cmd")


@pytest.mark.parametrize("title", ["a/b:c*[d]?", "'quoted'", "x" * 80, "About this report", "::"])
def test_any_title_makes_a_workbook(title: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(replace(DOCUMENT, title=title), reader())))
    assert len({name.casefold() for name in book.sheetnames}) == 2


def test_a_report_without_rows_is_a_file_all_the_same(tmp_path: Path) -> None:
    empty = replace(DOCUMENT, rows=(), totals=None, chart=None)
    assert sheet(empty).max_row >= HEADER_ROW + 1
    assert len(lines(empty)) == 1
    assert "No call matches." in text_of(pdf(empty, reader()), tmp_path)


# CSV ----------------------------------------------------------------------------------------------


def test_csv_is_for_programs() -> None:
    head, first, second, total = lines(DOCUMENT, "de")
    assert head[0] == "Date and time (Europe/Rome)"
    assert head[5] == "Cost (EUR)"
    assert first == [
        "2026-11-21 00:30:00", "0731", "Ada", "'+390266****", "00:03:07", "1234.567891", "12.5",
        "4.1", "1234", "2026-11-20", "2026-11", "9", "Montag",
    ]  # fmt: skip
    assert (second[4], second[5], second[7]) == ("125:00:00", "0.004", "")
    assert total[0] == "Total of 2 calls"


def test_decimals_are_neither_rounded_nor_padded() -> None:
    assert [plain(Decimal(text), 2) for text in ("49.890000", "3", "0.0000001", "1E+3")] == [
        "49.89",
        "3.00",
        "0.0000001",
        "1000.00",
    ]


def test_totals_keep_their_first_column() -> None:
    document = replace(
        DOCUMENT, columns=COLUMNS[8:9], rows=((1,), (2,)), totals=(3,), totals_label="Total"
    )
    assert lines(document)[-2:] == [["Total"], ["3"]]


# PDF ----------------------------------------------------------------------------------------------


def test_a_pdf_has_its_facts_pages_header_and_totals(tmp_path: Path) -> None:
    rows = tuple((f"Person {number}", Decimal(number)) for number in range(90))
    long = replace(few("person", "cost"), rows=rows)
    content = pdf(long, reader())
    pages = text_of(content, tmp_path, "-layout").split("\f")[:-1]
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Cost (EUR)" in page
        assert "Phone bill" in page
    for text in ("What is the cost of the calls?", "Outgoing answered", "Cost by name", "1,234.57"):
        assert text in pages[0]
    assert "Outgoing answered" not in pages[1]
    assert re.search(r"Total of 2 calls\s+1,234.57\n", pages[-1])
    assert DOCUMENT.notes[0] in pages[-1]
    info = subprocess.run(
        ["pdfinfo", str(tmp_path / "report.pdf")], check=True, capture_output=True, text=True
    ).stdout
    assert re.search(r"Title:\s+Phone bill", info)
    assert "A4" in info


def test_a_few_groups_and_their_chart_are_one_page(tmp_path: Path) -> None:
    """A month by department: nobody wants the total alone on a second sheet."""
    facts = tuple((f"Filter {number}", "chosen") for number in range(5))
    names = ("person", "number", "duration", "cost", "cost_share", "mos", "calls")
    rows = tuple(ROWS[0] for _ in range(7))
    for kind in ("shares", "bars"):
        drawn = replace(CHART, kind=kind)
        document = replace(few(*names, rows=rows), facts=facts, chart=drawn)
        assert text_of(pdf(document, reader()), tmp_path).count("\f") == 1


def test_many_columns_lie(tmp_path: Path) -> None:
    sizes = []
    for document in (few("person", "cost"), DOCUMENT):
        (tmp_path / "report.pdf").write_bytes(pdf(document, reader()))
        info = subprocess.run(
            ["pdfinfo", str(tmp_path / "report.pdf")], check=True, capture_output=True, text=True
        ).stdout
        sizes.append(re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", info).groups())  # type: ignore[union-attr]
    (width, height), (wide, low) = [tuple(map(float, size)) for size in sizes]
    assert (width < height, wide > low) == (True, True)


def test_arabic_is_shaped_and_from_right_to_left(tmp_path: Path) -> None:
    arabic = replace(
        few("person", "number", "cost"),
        title="تكلفة المكالمات",
        columns=(
            Column("person", "الموظف", "text"),
            Column("number", "الرقم", "phone"),
            Column("cost", "التكلفة", "money"),
        ),
        chart=replace(CHART, labels=("المبيعات", "الدعم")),
    )
    text = text_of(pdf(arabic, reader("ar")), tmp_path)
    for word in ("تكلفة المكالمات", "المبيعات", "الموظف"):
        assert word in text
    assert "+390266****" in text
    fonts = subprocess.run(
        ["pdffonts", str(tmp_path / "report.pdf")], check=True, capture_output=True, text=True
    ).stdout
    assert "Arabic" in fonts
    boxes = text_of((tmp_path / "report.pdf").read_bytes(), tmp_path, "-bbox")

    def left(word: str) -> float:
        return float(re.findall(rf'xMin="([\d.]+)"[^>]*>{word}<', boxes)[-1])

    assert left("Ada") > left(r"\+390266\*+") > left(r"1,234\.57")


def test_what_is_in_a_name_is_neither_markup_nor_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("never printed")
    evil = f'<img src="file://{secret}"><link rel=attachment href="file://{secret}">'
    document = replace(
        text_document(evil, "</style><b>bold"), title="<i>title", notes=("{{ 7*7 }}",)
    )
    text = text_of(pdf(document, reader()), tmp_path)
    flat = re.sub(r"\s+", "", text)
    assert re.sub(r"\s+", "", evil) in flat
    assert "</style><b>bold" in flat
    assert "<i>title" in flat
    assert "{{7*7}}" in flat
    assert b"never printed" not in (tmp_path / "report.pdf").read_bytes()


def test_a_style_sheet_cannot_fetch_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched = []

    def page(*_: object) -> str:
        return (
            f'<style>@import "file://{tmp_path}/x.css"</style><img src="data:image/png;base64,x">'
        )

    def open_(*arguments: object, **_: object) -> None:
        fetched.append(arguments)
        raise OSError

    monkeypatch.setattr(paper, "page", page)
    monkeypatch.setattr("urllib.request.OpenerDirector.open", open_)
    assert pdf(DOCUMENT, reader()).startswith(b"%PDF")
    assert fetched == []


def test_the_totals_stand_on_no_page_alone(tmp_path: Path) -> None:
    for number in range(15, 22):
        whole = replace(DOCUMENT, rows=[ROWS[0]] * number, notes=())
        *_, last = text_of(pdf(whole, reader()), tmp_path).removesuffix("\f").split("\f")
        assert ROWS[0][1] in last, number


async def test_a_pdf_that_is_too_long_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_run", None)  # nothing is started
    long = replace(DOCUMENT, rows=[ROWS[0]] * (PDF_ROWS + 1))
    with pytest.raises(TooLong, match=r"5000 rows.*5001.*Take Excel or CSV") as caught:
        await export(long, "pdf", reader(), 1)
    assert "Excel" in caught.value.said(language("en"))


async def test_a_pdf_comes_from_a_process_in_the_readers_language(tmp_path: Path) -> None:
    file = await export(DOCUMENT, "pdf", reader("de"), 1)
    assert (file.name, file.media_type) == ("Phone-bill-2026-11-21.pdf", "application/pdf")
    text = text_of(file.content, tmp_path)
    assert "Seite 1 von 1" in text
    assert "1.234,57" in text


async def test_people_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for many large files waits for them; the others wait for one of them."""
    written, go = list[str](), trio.Event()

    async def run(title: str) -> tuple[int, bytes, bytes]:
        await go.wait()
        written.append(title)
        return 0, b"%PDF", b""

    monkeypatch.setattr(exports, "frames", lambda document, *_: document.title)
    monkeypatch.setattr(exports, "_run", run)
    async with trio.open_nursery() as nursery:
        for number in range(3):
            one = replace(DOCUMENT, title=f"hers {number}")
            nursery.start_soon(export, one, "pdf", reader(), 1)
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(export, replace(DOCUMENT, title="his"), "pdf", reader(), 2)
        await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert written.index("his") == 1


# The process --------------------------------------------------------------------------------------


async def test_who_waits_no_longer_has_the_process_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    scope, killed = trio.CancelScope(), []

    async def kill(process: trio.Process) -> None:
        killed.append(process)
        process.kill()

    def endless(*arguments: Any) -> Iterator[bytes]:
        yield from list(frames(*arguments))[:-1]
        scope.cancel()
        yield b""

    monkeypatch.setattr(exports, "_kill", kill)
    monkeypatch.setattr(exports, "frames", endless)
    with scope:
        await export(DOCUMENT, "pdf", reader(), 1)
    assert scope.cancelled_caught
    assert [process.returncode for process in killed] == [-9]
    monkeypatch.undo()
    assert (await export(few("person"), "pdf", reader(), 1)).content.startswith(b"%PDF")


async def test_when_the_time_is_up_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "TIMEOUT_S", 0)
    with pytest.raises(TookTooLong, match="Narrow the report"):
        await export(DOCUMENT, "pdf", reader(), 1)


async def test_a_process_that_fails_is_told_of_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exports, "frames", lambda *_: iter((b"no pickle",)))
    with pytest.raises(ExportFailed, match="log says why") as caught:
        await export(DOCUMENT, "pdf", reader(), 1)
    assert "UnpicklingError" in caught.value.reason
    assert [record.message for record in caplog.records] == ["export failed"]


@pytest.mark.parametrize(
    ("code", "said", "error"),
    [
        (worker.OUT_OF_MEMORY, b"", TooLarge),
        (1, b"Traceback\nMemoryError\n", TooLarge),
        (worker.LIBRARIES_MISSING, b"", NoLibraries),
        (-9, b"", ExportFailed),
    ],
)
def test_how_the_process_exits_is_understood(code: int, said: bytes, error: type) -> None:
    with pytest.raises(error):
        exports._judged(code, b"half a file", said)


def test_too_little_memory_is_an_exit_code_and_no_file() -> None:
    small = "import reports.worker as w; w.MEMORY_BYTES = 128 << 20; raise SystemExit(w.main())"
    many = replace(text_document(), rows=[("x" * 1_000_000,)] * 300)
    done = subprocess.run(
        [exports.sys.executable, "-c", small],
        input=b"".join(frames(many, "csv", reader())),
        capture_output=True,
        check=False,
        cwd=exports._ROOT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (worker.OUT_OF_MEMORY, b"", b"")


def test_missing_libraries_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "_LIBRARIES", ("libno-such-thing.so.0",))
    with pytest.raises(NoLibraries, match=r"apt-get install .*libpangoft2-1\.0-0"):
        pdf(DOCUMENT, reader())


def test_the_process_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_CUCM_PASSWORD", "secret")
    assert "secret" not in exports._environment().values()


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Group by department", "Group-by-department-2026-11-21.csv"),
        ("../../etc/passwd", "etc-passwd-2026-11-21.csv"),
        ('a"b\r\nSet-Cookie: x', "a-b-Set-Cookie-x-2026-11-21.csv"),
        ("Kosten für März", "Kosten-für-März-2026-11-21.csv"),
        ("...", "2026-11-21.csv"),
    ],
)
async def test_a_files_name_is_safe_and_its_day_local(title: str, name: str) -> None:
    document = replace(DOCUMENT, title=title)
    assert file_name(document, "csv") == name
    file = await export(document, "csv", reader(), 1)
    assert file.name == name
    assert file.disposition.isascii()
    assert re.fullmatch(r"attachment; filename=\"[\w.-]+\.csv\"; filename\*=UTF-8''[\w.%-]+",
                        file.disposition)  # fmt: skip
