"""Makes the file of a scheduled report, as its owner may see it and in their language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from actors.report_jobs import whole_document
from actors.report_schedules import Made
from reports.catalogue import REPORTS
from reports.definition import Report
from reports.described import facts, sentence
from reports.documents import title_of
from reports.errors import ExportError
from reports.export import export
from reports.option_fields import BadOptions, from_json
from reports.options import Options
from reports.running import Reports, Run
from storage import people
from storage.database import Database
from storage.people import Person
from storage.report_mail import ReportFile
from storage.report_schedule_types import Schedule
from storage.viewer import Viewer
from telephony.clock import Clock
from telephony.errors import RingfenceError
from words.formats import Reader
from words.language import DEFAULT, N_, first_known, language, regional


class CannotRun(RingfenceError):
    """The report of a schedule cannot be run; why, in its owner's language."""


class ReportMaker:
    """See `actors.report_schedules.MakeReport`. `default_language` is for whoever has none."""

    def __init__(
        self,
        reports: Reports,
        database: Database,
        clock: Clock,
        default_language: str = DEFAULT,
    ) -> None:
        self._reports = reports
        self._database = database
        self._clock = clock
        self._default_language = default_language

    async def __call__(self, owner: Person, schedule: Schedule) -> Made:
        """Run the report and write its file. Raises `RingfenceError` with why that cannot be."""
        reader = await self._reader(owner, schedule)
        report, options = _asked(schedule.draft.report, schedule.draft.options, reader)
        viewer, name = Viewer.of(owner), schedule.saved_name
        run = await self._reports.run(viewer, report, options, reader, name)
        try:
            document = await whole_document(run, reader)
            file = await export(document, schedule.draft.format, reader, owner.id)
        except ExportError as error:
            raise CannotRun(error.said(reader.language)) from error
        finally:
            await self._reports.answers.forget(run.made.answer.id)
        return Made(
            file=ReportFile(*file),
            rows=run.rows,
            filters=sentence(_filters(run, reader)),
            subject=_subject(run, reader),
            language=reader.language.code,
        )

    async def _reader(self, owner: Person, schedule: Schedule) -> Reader:
        """How the owner reads, with the days of the schedule's zone."""
        place = await self._database.unit_of_work(people.place_of, owner)
        code = first_known(
            (owner.language, owner.directory_language, place.language, self._default_language)
        )
        # Without a browser that tells: days are written, and weeks begin, as where the owner sits.
        known = language(code, regional(code, place.country))
        return Reader(known, schedule.draft.zone, self._clock(), owner.time_format)


def _asked(report_id: str, stored: Mapping[str, object], reader: Reader) -> tuple[Report, Options]:
    report = REPORTS.get(report_id)
    if report is None:
        words = N_("There is no such report any more. Delete this schedule and make another.")
        raise CannotRun(reader.language.text(words))
    try:
        return report, from_json(dict(stored), report)
    except BadOptions:
        words = N_("Its filters can no longer be read. Edit the schedule and save it again.")
        raise CannotRun(reader.language.text(words)) from None


def _filters(run: Run, reader: Reader) -> tuple[tuple[str, str], ...]:
    made = run.made
    return facts(made.report, made.options, made.span, reader, made.custom_labels)


def _subject(run: Run, reader: Reader) -> str:
    """The title, and the period where there is one: `Call List · 1 – 31 October 2026`."""
    made = run.made
    period = replace(Options(), period=made.options.period)
    told = facts(made.report, period, made.span, reader)
    return " · ".join([title_of(made, reader), *(value for _, value in told)])
