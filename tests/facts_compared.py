"""What the reports say beside what was worked out by hand."""

from __future__ import annotations

from typing import Any

from facts_added_up import Key, Result, in_order, order_of, rank
from facts_by_hand import Question, number_key
from fixtures_facts import World

from actors.report_jobs import whole_document
from reports.running import Run
from storage.facts.kept import AnswerRow


def assert_same(world: World, asked: Question) -> Result:
    """Rows, their order, totals and counts are those worked out by hand."""
    wanted = world.by_hand(asked)
    run, rows = world.ask(asked)
    answer = run.made.answer
    assert answer.columns == wanted.columns
    assert (answer.sides, answer.calls) == (wanted.sides, wanted.calls)
    assert answer.totals == wanted.totals
    assert answer.rows == len(rows)
    if asked.by:
        _assert_groups(world, asked, wanted, rows)
    elif asked.report.subject == "quality":
        _assert_voices(asked, wanted, rows)
    else:
        assert [row.values for row in rows] == wanted.listed
        assert [row.call for row in rows] == [
            f"{row['key']}.{row['party']}" for row in wanted.listed_rows
        ]
    return wanted


def _assert_voices(asked: Question, wanted: Result, rows: list[AnswerRow]) -> None:
    """The same voices in their order; those that are equal in it may change places."""
    found = [row.values for row in rows]
    by = [asked.columns.index(order.column) for order in order_of(asked)]
    assert [[one[at] for at in by] for one in found] == [
        [one[at] for at in by] for one in wanted.listed
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted.listed))
    assert not any(row.call for row in rows)


def key_of(world: World, asked: Question, row: AnswerRow) -> Key:
    """Which group a row is, by what it gives to find its calls again."""

    def part(number: int, name: str) -> Any:
        if name == "number":
            return number_key(world.call(row.keys["number"]))
        return row.keys["person"] if name == "person" else row.values[number]

    return tuple(part(number, name) for number, name in enumerate(asked.by))


def _assert_groups(world: World, asked: Question, wanted: Result, rows: list[AnswerRow]) -> None:
    most = asked.options.most
    found = {key_of(world, asked, row): row for row in rows}
    assert len(found) == len(rows), "a group is there twice"
    assert len(rows) == min(most if most is not None else len(wanted.groups), len(wanted.groups))
    assert found.keys() <= wanted.groups.keys()
    width = len(asked.by)
    for key, row in found.items():
        told = dict(zip(asked.columns, row.values[width:], strict=True))
        figures = wanted.groups[key]
        assert told == {name: figures[name] for name in asked.columns}, key
        for value, shown in zip(row.values[:width], wanted.shown[key], strict=True):
            assert value in shown
    _assert_order(asked, wanted, list(found), rows)


def _assert_order(asked: Question, wanted: Result, keys: list[Key], rows: list[AnswerRow]) -> None:
    """The order's columns are those of all groups sorted by hand; equal groups may change places.

    Numbers are sorted by what they are, not by what is shown of them.
    """
    by = {name: number for number, name in enumerate(asked.by)}
    shown = dict(zip(keys, (row.values for row in rows), strict=True))

    def value(key: Key, name: str) -> Any:
        if name not in by:
            return wanted.groups[key][name]
        if name == "number":
            return None
        if key in shown:
            return shown[key][by[name]]
        return next(iter(wanted.shown[key][by[name]]))

    ordered = list(wanted.groups)
    for order in reversed(order_of(asked)):
        ordered = in_order(
            ordered, lambda key, name=order.column: rank(name, value(key, name)), order.falling
        )
    names = [order.column for order in order_of(asked)]
    assert [[value(key, name) for name in names] for key in keys] == [
        [value(key, name) for name in names] for key in ordered[: len(keys)]
    ]


def document_of(world: World, asked: Question, run: Run) -> Any:
    """The whole document of a run."""
    return world.run(whole_document, run, world.reader(asked))
