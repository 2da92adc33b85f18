"""Charts: lengths are in proportion, words are safe and in their place, nothing a page forbids."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader
from lxml import etree

from reports.chart_parts import cut, round_ticks, width_of
from reports.chart_svg import NOTHING_TO_DRAW, picture, svg
from reports.document import Chart, ChartKind, Kind, Series
from words.formats import Reader
from words.language import language

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
KINDS: tuple[ChartKind, ...] = ("bars", "shares", "line")


def reader(code: str = "en") -> Reader:
    return Reader(language(code), "UTC", NOW)


def chart(
    values: tuple[int | str, ...] = ("60", "30.50", "9.50"),
    kind: ChartKind = "bars",
    *more: tuple[int | str, ...],
    labels: tuple[str, ...] = ("Sales", "Support", "IT", "Legal", "Board"),
    of: Kind = "money",
    over: Kind = "text",
) -> Chart:
    series = tuple(
        Series(name, tuple(Decimal(value) for value in one))
        for name, one in zip(("Incoming", "Outgoing", "Internal"), (values, *more), strict=False)
    )
    return Chart(kind, "Cost", labels[: len(values)], series, of, "Sales cost most.", over)


def drawn(one: Chart, code: str = "en", **size: int) -> etree._Element:
    return etree.fromstring(svg(one, reader(code), "EUR", **size))


def groups(root: etree._Element, css: str) -> list[etree._Element]:
    return root.findall(f".//{SVG}g[@class='{css}']")


def bars(root: etree._Element) -> list[list[etree._Element]]:
    """The coloured rectangles of each bar."""
    return [
        [r for r in bar.iter(f"{SVG}rect") if r.get("class", "").startswith("series-")]
        for bar in groups(root, "chart-bar")
    ]


def number(element: etree._Element, name: str) -> float:
    return float(element.get(name, "nan"))


def words(root: etree._Element) -> list[str]:
    return [re.sub("[\u2066-\u2069]", "", text.text or "") for text in root.iter(f"{SVG}text")]


def test_lying_bars_begin_together_and_are_as_long_as_their_values() -> None:
    lengths = [bar[0] for bar in bars(drawn(chart()))]
    assert len({number(bar, "x") for bar in lengths}) == 1
    longest = number(lengths[0], "width")
    assert number(lengths[1], "width") == pytest.approx(longest * 30.5 / 60, abs=0.02)
    assert number(lengths[2], "width") == pytest.approx(longest * 9.5 / 60, abs=0.02)


def test_values_are_written_beside_the_bars_in_the_readers_language() -> None:
    one = chart(("1234.5", "0"))
    assert {"1,234.50", "0.00", "Sales", "EUR"} <= set(words(drawn(one)))
    assert "1.234,50" in words(drawn(one, "de"))


def test_the_parts_of_a_bar_follow_each_other_and_have_a_key() -> None:
    root = drawn(chart((10, 40), "bars", (30, 5), (0, 5), of="count"))
    first, second = bars(root)
    assert [bar.get("class") for bar in first] == ["series-1", "series-2", "series-3"]
    for one, following in pairwise(first):
        end = number(one, "x") + number(one, "width")
        assert number(following, "x") == pytest.approx(end, abs=0.02)
    ends = [number(bar[-1], "x") + number(bar[-1], "width") for bar in (first, second)]
    begin = number(first[0], "x")
    assert (ends[0] - begin) / (ends[1] - begin) == pytest.approx(40 / 50, abs=0.001)
    [key] = groups(root, "chart-key")
    assert words(key) == ["Incoming", "Outgoing", "Internal"]
    assert {"40", "50"} <= set(words(root))


def test_bars_over_time_stand() -> None:
    hours = tuple(f"{hour:02}:00" for hour in range(24))
    root = drawn(chart(tuple(range(24)), labels=hours, of="count", over="hour"))
    standing = [bar[0] for bar in bars(root)]
    feet = {round(number(bar, "y") + number(bar, "height"), 1) for bar in standing}
    assert len(feet) == 1
    assert number(standing[12], "height") == pytest.approx(
        number(standing[23], "height") * 12 / 23, abs=0.02
    )
    below = words(groups(root, "chart-labels")[0])
    assert below[0] == "00:00"
    assert 6 <= len(below) <= 24


@pytest.mark.parametrize("width", range(260, 760, 20))
@pytest.mark.parametrize("points", [9, 24, 30, 31])
def test_labels_below_never_meet(width: int, points: int) -> None:
    labels = tuple(f"{day:02}/11/2026" for day in range(1, points + 1))
    root = drawn(chart(tuple(range(points)), labels=labels, of="count", over="date"), width=width)
    [below] = groups(root, "chart-labels")
    ends = [
        (number(one, "x"), width_of((one.text or "").strip("\u2066\u2069")) / 2) for one in below
    ]
    for (x, half), (other, other_half) in pairwise(ends):
        assert x + half < other - other_half
    assert len(ends) > 1


def test_a_line_is_as_high_as_its_values_and_named_where_it_ends() -> None:
    root = drawn(chart((0, 50, 100), "line", (100, 100, 99), of="count", over="month"))
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
        for line in root.iter(f"{SVG}polyline")
    ]
    (_, foot), (_, middle), (_, top) = lines[0]
    assert foot - middle == pytest.approx((foot - top) / 2, abs=0.02)
    [names] = groups(root, "chart-names")
    heights = sorted(number(text, "y") for text in names)
    assert heights[1] - heights[0] >= 12  # nearly equal ends, names apart
    assert set(words(names)) == {"Incoming", "Outgoing"}


def test_shares_are_listed_with_their_percentages() -> None:
    root = drawn(chart(kind="shares"))
    listed = [words(part) for part in groups(root, "chart-part")]
    assert listed == [
        ["Sales", "60.0%", "60.00"],
        ["Support", "30.5%", "30.50"],
        ["IT", "9.5%", "9.50"],
    ]
    slices = [path for path in root.iter(f"{SVG}path") if "chart-slice" in path.get("class", "")]
    assert len(slices) == 3
    assert [" 0 1 1 " in (path.get("d") or "") for path in slices] == [True, False, False]
    assert "100.00" in words(root)


def test_one_share_is_the_whole_ring_and_none_is_left_out() -> None:
    root = drawn(chart(("5", "0"), "shares"))
    [whole] = [path for path in root.iter(f"{SVG}path") if "chart-slice" in path.get("class", "")]
    path = whole.get("d") or ""
    assert path.count("M") == 2
    assert "L" not in path, "no seam"
    assert whole.get("fill-rule") == "evenodd"
    assert [words(part)[1] for part in groups(root, "chart-part")] == ["100.0%", "0.0%"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("one", [chart(()), replace(chart(), series=())])
def test_nothing_is_a_sentence(kind: ChartKind, one: Chart) -> None:
    said = svg(replace(one, kind=kind), reader(), "EUR")
    assert said == f'<p class="chart-nothing">{NOTHING_TO_DRAW}</p>'


def test_values_that_are_all_zero_are_drawn_but_no_ring_is() -> None:
    assert [number(bar[0], "width") for bar in bars(drawn(chart((0, 0))))] == [0, 0]
    assert svg(chart((0, 0), "shares"), reader(), "EUR").startswith("<p")


@pytest.mark.parametrize("over", ["text", "hour"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_label_is_more_than_text(kind: ChartKind, over: Kind) -> None:
    evil = "</text><script>alert(1)</script>\x0b&\"'" + "x" * 200
    root = drawn(chart(kind=kind, labels=(evil, "b", "c"), over=over), width=400)
    assert not list(root.iter(f"{SVG}script"))
    titles = "".join(title.text or "" for title in root.iter(f"{SVG}title"))
    assert evil.replace("\x0b", "") in titles  # whole where it is pointed at
    assert not any("x" * 100 in text for text in words(root))


@pytest.mark.parametrize("code", ["en", "ar"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [300, 720])
def test_words_stay_in_the_picture(kind: ChartKind, code: str, width: int) -> None:
    labels = (
        "A department of a very long name indeed, in Milano",
        "+39 02 667788****",
        "قسم المبيعات",
    )
    root = drawn(chart(("1234567.89", "4711", "3"), kind, labels=labels), code, width=width)
    for text in root.iter(f"{SVG}text"):
        x, wide = number(text, "x"), width_of(text.text or "", 11)
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "")]
        assert x - wide * share >= -1
        assert x + wide * (1 - share) <= width + 1


SALES = {"Sales", "\u2068Sales\u2069"}


@pytest.mark.parametrize("kind", KINDS)
def test_arabic_is_the_mirror_image(kind: ChartKind) -> None:
    one = chart(kind=kind)
    there, back = drawn(one), drawn(replace(one), "ar")
    if kind == "bars":
        for [left], [right] in zip(bars(there), bars(back), strict=True):
            mirrored = 720 - number(right, "x") - number(right, "width")
            assert mirrored == pytest.approx(number(left, "x"), abs=0.02)
    first_there, first_back = (
        next(number(text, "x") for text in root.iter(f"{SVG}text") if text.text in SALES)
        for root in (there, back)
    )
    assert (first_there < 360) == (first_back > 360) or kind == "shares"
    assert back.get("direction") == "ltr"  # mirrored once, not again by the page


def test_a_phone_number_keeps_its_direction() -> None:
    said = svg(chart(labels=("+39066778****", "2", "3"), over="phone"), reader("ar"), "EUR")
    assert "\u2066+39066778****\u2069" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_allows_all_that_is_in_it(kind: ChartKind) -> None:
    root = drawn(chart((1, 2, 3), kind, (1, 2, 3)))
    for element in root.iter():
        assert not any(name == "style" or name.startswith("on") for name in element.attrib)
        assert str(element.tag) not in {f"{SVG}style", f"{SVG}script", f"{SVG}image"}


def test_ids_of_one_page_do_not_meet() -> None:
    names = (reader(), "EUR")
    many = [svg(chart((1, 2), kind, (2, 1), (0, 1)), *names) for kind in KINDS]
    many += [svg(chart((1, 2), "bars", (2, 1)), *names, name=name) for name in ("a", "b")]
    shown = picture(chart((1, 2), "bars", (2, 1)), *names, "c")
    page = etree.fromstring(f"<div>{''.join((*many, shown.wide, shown.narrow))}</div>")
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in page.iter():
        if (fill := element.get("fill", "")).startswith("url(#"):
            assert fill[5:-1] in ids
    for root in page.iter(f"{SVG}svg"):
        assert {root.get("aria-labelledby"), root.get("aria-describedby")} <= set(ids)


def test_the_same_chart_is_drawn_the_same() -> None:
    assert svg(chart(), reader(), "EUR") == svg(chart(), reader(), "EUR")


def test_it_says_in_words_what_it_shows() -> None:
    root = drawn(chart())
    assert root.get("role") == "img"
    assert (root[0].tag, root[0].text) == (f"{SVG}title", "Cost")
    assert (root[1].tag, root[1].text) == (f"{SVG}desc", "Sales cost most.")


def test_its_table_is_offered() -> None:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    module = environment.get_template("portal/parts/chart.html").module
    one = chart((60, 40), "bars", (5, 7), labels=("<Sales>", "IT"))
    page = module.chart(picture(one, reader("de"), "EUR", "x"))  # type: ignore[attr-defined]
    assert page.count("<svg") == 2
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<table") :]))
    assert "Incoming Outgoing &lt;Sales&gt; 60,00 5,00 IT 40,00 7,00" in text


@given(
    most=st.decimals(min_value=0, max_value=10**9, places=4),
    kind=st.sampled_from(("money", "seconds", "count", "percent", "decimal")),
    intervals=st.integers(1, 6),
)
def test_ticks_are_round_even_and_reach_far_enough(
    most: Decimal, kind: Kind, intervals: int
) -> None:
    ticks = round_ticks(most, kind, "EUR", intervals)
    step = ticks[1]
    assert ticks == tuple(step * number for number in range(len(ticks)))
    assert ticks[-1] >= most
    assert len(ticks) == 2 or ticks[-2] < most
    assert len(ticks) <= intervals + 1
    if kind == "count":
        assert step == int(step)


@pytest.mark.parametrize(
    ("most", "kind", "ticks"),
    [
        ("411.33", "money", [0, 100, 200, 300, 400, 500]),
        ("330", "seconds", [0, 120, 240, 360]),
        ("50000", "seconds", [0, 10800, 21600, 32400, 43200, 54000]),
        ("3", "count", [0, 1, 2, 3]),
        ("1", "count", [0, 1]),
    ],
)
def test_ticks_are_the_ones_a_person_would_choose(most: str, kind: Kind, ticks: list[int]) -> None:
    assert list(round_ticks(Decimal(most), kind, "EUR", 5)) == ticks


@given(st.text(max_size=60), st.integers(20, 300))
def test_a_cut_label_fits(text: str, room: int) -> None:
    shown = cut(text, room)
    assert width_of(shown) <= room
    assert shown == text or shown.endswith("…")


def test_paper_and_page_have_the_same_colours() -> None:
    page = (ROOT / "web/static/charts.css").read_text()
    paper = (ROOT / "templates/pdf/chart.css").read_text()
    on_page = dict(re.findall(r"--(series-\d): (#\w+);", page.partition("@media")[0]))
    on_paper = dict(re.findall(r"^\.(series-\d) \{ fill: (#\w+); \}", paper, re.MULTILINE))
    assert on_page == on_paper
    assert len(on_page) == 6
