"""Reports run: a question is asked, its answer kept, and read as pages or as a whole document."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reports.asking import Span, span_of
from reports.asking import ask as question
from reports.charts import chart_of, chart_order
from reports.definition import Report
from reports.document import Chart, Document
from reports.documents import Made, document
from reports.guessing import Guesses
from reports.options import Options
from storage.company import company
from storage.completeness import Completeness, completeness
from storage.database import Connection, Database
from storage.facts.ask import Ask, Order
from storage.facts.copy import FactsCopy
from storage.facts.kept import AnswerRow, Answers, Glance
from storage.people_admin import custom_labels
from storage.viewer import Viewer
from telephony.clock import Clock
from words.formats import Reader

DRAWN = 400
"""Rows read for a chart: as many hours, days or months as one can show."""

SHOWN = 20
"""Rows a widget shows."""

REMEMBERED = 2_000
"""Widgets whose figures are remembered."""


@dataclass(frozen=True, slots=True)
class Run:
    """A report that has been run; its rows can be read for as long as its answer is kept."""

    made: Made
    took: timedelta
    answers: Answers

    @property
    def rows(self) -> int:
        """How many rows there are to read."""
        return self.made.answer.rows

    async def page(
        self, order: Sequence[Order] = (), offset: int = 0, size: int | None = None
    ) -> list[AnswerRow]:
        """Some rows, in the report's order or another. Raises `NoLongerKept`."""
        return await self.answers.read(self.made.answer, order, offset, size)

    async def chart(self, reader: Reader) -> Chart | None:
        """The report's chart, the same whatever page is shown."""
        if self.made.report.chart is None or not self.rows:
            return None
        order = chart_order(self.made.report, self.made.ask)
        rows = await self.page(order, 0, DRAWN)
        return chart_of(self.made, rows, reader)


Wanted = tuple[Viewer, Report, Options]
"""For whom, what, and narrowed how."""


class Reports:
    """What runs reports. Made once, with the analytic copy."""

    def __init__(self, copy: FactsCopy, database: Database, clock: Clock) -> None:
        self.copy = copy
        self.answers = Answers(copy)
        self._database = database
        self._clock = clock
        self._guesses = Guesses()
        self._glances: OrderedDict[tuple[Viewer, Ask], Glance] = OrderedDict()

    async def run(
        self, viewer: Viewer, report: Report, options: Options, reader: Reader, name: str = ""
    ) -> Run:
        """Run a report for whoever looks, in their scope.

        Raises `TooManyNumbers`, `NotReady`, `TooSlow`, `NotAskable`, `StorageError`,
        `StorageUnavailable`.
        """
        began = self._clock()
        around = await self._database.unit_of_work(_around)
        asked, span = self._question(report, options, reader, began)
        self._guesses.note(viewer.person_id, asked, began)
        answer = await self.answers.ask(viewer, asked)
        made = Made(report, options, asked, span, answer, *around, began, name)
        return Run(made, self._clock() - began, self.answers)

    async def glances(self, wanted: Sequence[Wanted], reader: Reader) -> list[Document]:
        """Several reports seen small, as the widgets of a dashboard are: their first rows.

        One that was asked before is worked out again only where calls have changed since. Raises
        as `run` does.
        """
        now = self._clock()
        around = await self._database.unit_of_work(_around)
        version = await self.copy.refresh()
        asked = [(viewer, *self._question(report, options, reader, now))
                 for viewer, report, options in wanted]  # fmt: skip
        orders = [
            chart_order(report, ask)
            for (_, report, _), (_, ask, _) in zip(wanted, asked, strict=True)
        ]
        missing = [
            (viewer, ask, order)
            for (viewer, ask, _), order in zip(asked, orders, strict=True)
            if not self._is_known(viewer, ask, version)
        ]
        if missing:
            found = await self.answers.glance(missing, SHOWN, DRAWN)
            for (viewer, ask, _), glance in zip(missing, found, strict=True):
                self._glances[viewer, ask] = glance
        made: list[Document] = []
        for (viewer, report, options), (_, ask, span) in zip(wanted, asked, strict=True):
            glance = self._glances[viewer, ask]
            facts = Made(report, options, ask, span, glance.answer, *around, now)
            chart = chart_of(facts, glance.drawn, reader) if report.chart else None
            made.append(replace(document(facts, glance.rows, reader), chart=chart))
        while len(self._glances) > REMEMBERED:
            self._glances.popitem(last=False)
        return made

    def _is_known(self, viewer: Viewer, ask: Ask, version: int) -> bool:
        known = self._glances.get((viewer, ask))
        if known is None or known.answer.version < version:
            return False
        self._glances.move_to_end((viewer, ask))
        return True

    def forget_glances(self) -> None:
        """Work every widget out again when it is next looked at."""
        self._glances.clear()

    def _question(
        self, report: Report, options: Options, reader: Reader, now: datetime
    ) -> tuple[Ask, Span | None]:
        zone = options.zone or reader.zone_name
        span = span_of(options, zone, now, reader.first_weekday)
        return question(report, options, zone, span), span


async def _around(connection: Connection) -> tuple[Completeness, str, tuple[str, ...]]:
    """What stands around every report: how complete the calls are, the currency, the labels."""
    found = await company(connection)
    return (
        await completeness(connection),
        found.currency if found else "",
        await custom_labels(connection),
    )
