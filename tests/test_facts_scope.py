"""Nobody learns from a report what they may not see: others' calls, or hidden digits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from call_rows import AT, add_call
from facts_added_up import rank
from facts_by_hand import Row, hidden_digits, in_scope, number_key, shown_number
from facts_compared import assert_same
from fixtures_facts import World

from actors.house import House
from reports.catalogue import REPORTS
from reports.choosable import columns_of, groupings_of
from reports.options import Options, RestrictedGroup, Restriction
from reports.running import Run
from storage import people
from storage.database import Database
from storage.facts.ask import Ask, Condition, Order
from storage.facts.kept import AnswerRow
from storage.viewer import Viewer
from words.formats import Reader
from words.language import language

LIST, GROUPS = REPORTS["call-list"], REPORTS["group-by-department"]
LOOKERS = ("cmoreau", "bkowalska", "dweber", "asonnino", "arossi2", "nosite")


def id_of(row: Row) -> str:
    return f"{row['key']}.{row['party']}"


def seen_by(world: World, viewer: Viewer) -> set[str]:
    """The ids of the rows a viewer may see."""
    rows = world.books.tables["call"]
    return {id_of(row) for row in rows if in_scope(world.books, row, viewer)}


def unseen(world: World, viewer: Viewer) -> list[Row]:
    rows = world.books.tables["call"]
    return [row for row in rows if not in_scope(world.books, row, viewer)]


# Others' calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", LOOKERS)
def test_a_list_has_what_its_reader_may_see(world: World, who: str) -> None:
    asked = world.question(who, LIST)
    _, rows = world.ask(asked)
    assert {row.call for row in rows} == seen_by(world, asked.viewer)
    assert unseen(world, asked.viewer)


def _about_others(world: World, viewer: Viewer) -> Iterator[Options]:
    """Options that name people, extensions, departments and numbers of calls one does not see."""
    for row in unseen(world, viewer)[::150]:
        person = world.books.of("person", row["person_id"])
        unit = world.books.of("unit", row["unit_id"])
        yield Options(within=(("person", person.get("login", "")),))
        yield Options(within=(("extension", row["extension"] or ""),))
        yield Options(within=(("department", unit.get("department", "")),))
        yield Options(groups=(RestrictedGroup("person", (person.get("login", ""),)), None))
        yield Options(groups=(RestrictedGroup("department", (unit.get("department", ""),)), None))
        for joined in ("and", "or"):
            yield Options(restrictions=(
                Restriction("and", "duration", "at_least", "0"),
                Restriction(joined, "extension", "is", row["extension"] or "0"),
                Restriction("or", "number", "is", row["number"] or "0"),
            ))  # fmt: skip


@pytest.mark.parametrize("who", ["cmoreau", "asonnino", "nosite"])
def test_no_option_reaches_others_calls(world: World, who: str) -> None:
    viewer = world.viewers[who]
    allowed = seen_by(world, viewer)
    for options in _about_others(world, viewer):
        _, rows = world.ask(world.question(who, LIST, options))
        assert {row.call for row in rows} <= allowed
        run, _ = world.ask(world.question(who, GROUPS, options))
        assert run.made.answer.sides == len(rows)


@pytest.mark.parametrize("who", ["cmoreau", "asonnino"])
def test_like_a_call_one_does_not_see_is_like_nothing(world: World, who: str) -> None:
    """Even where one has calls with that very number."""
    viewer = world.viewers[who]
    rows = world.books.tables["call"]
    own = {number_key(row) for row in rows if in_scope(world.books, row, viewer)}
    others = [row for row in unseen(world, viewer) if number_key(row) in own]
    assert others
    for row in others[:5]:
        run, rows = world.ask(world.question(who, LIST, Options(like=id_of(row))))
        assert (run.rows, rows) == (0, [])
        assert run.made.answer.totals == {"calls": 0, "total_duration": 0, "total_cost": 0}


@pytest.mark.parametrize(
    "like",
    ["", "x", "1.1", "00000000-0000-0000-0000-000000000000.0", "' or true --.0",
     "00000000-0000-0000-0000-000000000000.99999"],
)  # fmt: skip
def test_like_no_call_at_all(world: World, like: str) -> None:
    assert world.ask(world.question("root", LIST, Options(like=like)))[1] == []


def test_like_finds_what_one_sees(world: World) -> None:
    for who in ("root", "cmoreau"):
        rows = [
            row for row in world.books.tables["call"]
            if in_scope(world.books, row, world.viewers[who])
        ]  # fmt: skip
        one_of_each = {number_key(row): row for row in rows}
        for row in list(one_of_each.values())[::4]:
            found = assert_same(world, world.question(who, LIST, Options(like=id_of(row))))
            assert found.sides or row["direction"] == "internal", "it may count by its other row"


@pytest.mark.parametrize("kind", ["call-list", "group-by-department-and-extension", "call-quality"])
def test_who_is_nobody_sees_nothing(world: World, kind: str) -> None:
    """A viewer of one's own calls who is no person: nobody's calls are not theirs."""
    asked = replace(world.question("root", REPORTS[kind]), viewer=Viewer(None, "own"))
    run, rows = world.ask(asked)
    assert rows == []
    assert run.made.answer.sides == 0
    unnamed = replace(asked, viewer=Viewer(None, "unit", "department", "none such"))
    assert world.ask(unnamed)[1] == []


@pytest.mark.parametrize(
    ("seconds", "after"),
    [(600, 600), (0, 0), (86_400, 86_400), (86_401, None), (-1, None)],
)
async def test_calls_back_are_told_to_who_sees_them(
    database: Database, house: House, seconds: int, after: int | None
) -> None:
    """Within a day, whoever called back; a colleague's call is told to who sees the colleague's."""
    missed, number = REPORTS["missed-calls"], {"e164": "+390266771234"}
    called = {"direction": "incoming", "seconds": 0, **number}
    await database.unit_of_work(partial(add_call, **called))
    await database.unit_of_work(
        partial(add_call, extension="741", at=AT + timedelta(seconds=seconds), **number)
    )
    told: dict[str, Any] = {}
    for login in ("root", "cmoreau", "asonnino"):
        person = await database.unit_of_work(people.by_login, login)
        assert person is not None
        options = replace(missed.options, period=None)
        reader = Reader(language("en"), "UTC", AT)
        run = await house.reports.run(Viewer.of(person), missed, options, reader)
        [row] = await run.page()
        told[login] = row.values[-1]
        grouped = replace(options, columns=("called_back", "called_back_share"))
        run = await house.reports.run(
            Viewer.of(person), REPORTS["called-back-by-department"], grouped, reader
        )
        assert run.made.answer.totals["called_back"] == (told[login] is not None)
    assert told == {"root": after, "cmoreau": None, "asonnino": None}


# Hidden digits ------------------------------------------------------------------------------------


def hidden(world: World, row: Row) -> bool:
    """Whether any digit of a row's number is hidden."""
    outside = row["direction"] != "internal" and row["number"]
    return bool(outside) and hidden_digits(world.books, row) > 0


def test_there_are_hidden_numbers_and_plain_ones(world: World) -> None:
    rows = [row for row in world.books.tables["call"] if row["direction"] != "internal"]
    assert {hidden(world, row) for row in rows if row["number"]} == {True, False}


def _strings(row: AnswerRow) -> Iterator[str]:
    yield from (str(value) for value in row.values if value is not None)
    yield from row.keys.values()
    yield row.call


def _secrets(world: World, who: str) -> set[str]:
    """Numbers, as dialled and in E.164, of which no row that somebody sees shows every digit."""
    told: dict[bool, set[str]] = {True: set(), False: set()}
    for row in world.books.tables["call"]:
        secret = hidden(world, row) or not in_scope(world.books, row, world.viewers[who])
        told[secret] |= {row["number"], row["e164"].removeprefix("+")}
    return {text for text in told[True] - told[False] if len(text) > 6}


def _assert_told_nowhere(rows: list[AnswerRow], secrets: set[str]) -> None:
    for row, secret in itertools.product(rows, secrets):
        assert not any(secret in text for text in _strings(row)), secret


@pytest.mark.parametrize("who", ["cmoreau", "asonnino"])
def test_each_number_of_a_list_is_shown_as_masked(world: World, who: str) -> None:
    every = tuple(field.name for field in columns_of(LIST))
    asked = world.question(who, LIST, Options(columns=every))
    _, rows = world.ask(asked)
    place = every.index("number")
    for row in rows:
        call = world.call(row.call)
        assert row.values[place] == shown_number(world.books, call)
        if hidden(world, call):
            whole = [text for text in (call["number"], call["e164"].lstrip("+")) if len(text) > 4]
            assert not any(text in one for text in whole for one in _strings(row))
            assert str(row.values[place]).endswith("*" * hidden_digits(world.books, call)) or (
                "@" in call["number"]
            )


@pytest.mark.parametrize("who", ["cmoreau", "arossi2"])
def test_no_report_tells_a_hidden_number(world: World, who: str) -> None:
    secrets = _secrets(world, who)
    assert secrets
    for report in REPORTS.values():
        _assert_told_nowhere(world.ask(world.question(who, report))[1], secrets)
    for field in groupings_of(GROUPS)[::4]:
        for by in ((field.name, "number"), ("number", field.name)):
            if len(set(by)) == len(by):
                asked = world.question(who, GROUPS, Options(by=by))
                _assert_told_nowhere(world.ask(asked)[1], secrets)


def _masked_rows(world: World, who: str) -> list[Row]:
    """One row for each outside number of which something is shown and something hidden."""
    viewer, found = world.viewers[who], dict[Any, Row]()
    for row in world.books.tables["call"]:
        shown = shown_number(world.books, row)
        partly = shown.rstrip("*") != shown and shown.strip("*")
        if hidden(world, row) and partly and in_scope(world.books, row, viewer):
            found.setdefault(number_key(row), row)
    return list(found.values())[:6]


@pytest.mark.parametrize("operator", ["begins", "ends", "contains", "lacks"])
def test_hidden_digits_cannot_be_guessed_one_by_one(world: World, operator: str) -> None:
    """A guess of the next digit, or the last, right or wrong, gives the same answer."""
    who = "asonnino"
    everything = {row.call for row in world.ask(world.question(who, LIST))[1]}
    masked = _masked_rows(world, who)
    assert len(masked) > 2
    for row, digit in itertools.product(masked[:1], "0123456789"):
        masked_alike = {
            call for call in everything
            if shown_number(world.books, world.call(call)) == shown_number(world.books, row)
        }  # fmt: skip
        shown = shown_number(world.books, row).rstrip("*")
        typed = digit if operator == "ends" else shown + digit
        guess = Restriction("and", "number", operator, typed)
        _, rows = world.ask(world.question(who, LIST, Options(restrictions=(guess,))))
        found = {answered.call for answered in rows}
        assert id_of(row) in masked_alike
        assert masked_alike & found == (masked_alike if operator == "lacks" else set())


@pytest.mark.parametrize("operator", ["more", "less", "at_least", "at_most"])
def test_numbers_are_compared_as_they_are_shown(world: World, operator: str) -> None:
    """What the form does not offer, a question could ask: it acts on what is shown as well."""
    viewer = world.viewers["cmoreau"]
    compare = {"more": "__gt__", "less": "__lt__", "at_least": "__ge__", "at_most": "__le__"}
    for row in _masked_rows(world, "cmoreau")[:3]:
        text = (row["e164"] or row["number"]).lower()
        asked = Ask(
            columns=("number",), measures=("calls",),
            where=(Condition("number", operator, text),),  # type: ignore[arg-type]
        )  # fmt: skip

        async def work(asked: Ask = asked) -> list[AnswerRow]:
            answers = world.reports.answers
            return await answers.read(await answers.ask(viewer, asked))

        found = {one.call for one in world.run(work)}
        assert found == {
            id_of(one) for one in world.books.tables["call"]
            if in_scope(world.books, one, viewer)
            and getattr(shown_number(world.books, one).lower(), compare[operator])(text)
        }  # fmt: skip


def test_sorting_by_number_sorts_what_is_shown(world: World) -> None:
    """The order of a list does not tell which of two hidden endings is the higher."""
    run, rows = world.ask(world.question("cmoreau", LIST))
    for falling in (False, True):

        async def work(falling: bool = falling) -> list[AnswerRow]:
            return await run.page((Order("number", falling),))

        place = LIST.columns.index("number")
        by_hand = sorted(rows, key=lambda row: str(row.values[place]), reverse=falling)
        assert world.run(work) == by_hand


async def _pages(run: Run, order: Order) -> list[AnswerRow]:
    return [
        row for offset in range(0, run.rows, 97) for row in await run.page((order,), offset, 97)
    ]


def test_a_page_is_a_part_of_the_whole(world: World) -> None:
    """Every column can be sorted by; pages hold every row once, without values last."""
    for report in (LIST, REPORTS["traffic-by-gateway"], REPORTS["missed-calls"]):
        run, rows = world.ask(world.question("root", report))
        columns = run.made.answer.columns
        for (at, name), falling in itertools.product(enumerate(columns), (False, True)):
            there = [row for row in rows if row.values[at] is not None]
            there.sort(
                key=lambda row, at=at, name=name: rank(name, row.values[at]), reverse=falling
            )
            without = [row for row in rows if row.values[at] is None]
            assert world.run(_pages, run, Order(name, falling)) == [*there, *without]
