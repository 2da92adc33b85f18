"""What an address of a report asks for: which report, narrowed how, and the addresses around it.

An address carries its options, so that it can be sent; whoever opens it sees what they may see. It
names the saved report it came from as well, where there is one, and the run whose rows it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from quart import abort, request

from actors.report_jobs import Asked, Job
from reports.catalogue import REPORTS
from reports.definition import Report
from reports.option_fields import BadOptions, from_json, link, parse
from reports.options import Options
from storage import saved_reports
from storage.database import Connection
from storage.saved_reports import SavedReport
from storage.viewer import Viewer
from web.context import go, house, seer

PATH = "/analytics/reports"
SCHEDULE = "/analytics/scheduled-reports/new"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report and its options. `saved` is the saved report they came from, changed or not.

    `is_lost` where what was saved can no longer be read, and the report's own options stand in.
    """

    report: Report
    options: Options
    saved: SavedReport | None = None
    is_lost: bool = False

    @property
    def is_as_saved(self) -> bool:
        """Whether this is the saved report as it was saved."""
        return (
            self.saved is not None
            and not self.is_lost
            and self.options == options_of(self.saved, self.report)
        )

    @property
    def name(self) -> str:
        """What somebody calls it; empty for a report of the catalogue, or one that was changed."""
        return self.saved.draft.name if self.saved and self.is_as_saved else ""

    @property
    def asked(self) -> Asked:
        """What is run."""
        saved_id = self.saved.id if self.saved and self.is_as_saved else None
        return Asked(self.report, self.options, self.name, saved_id)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query of every address of it."""
        saved = [("saved", str(self.saved.id))] if self.saved else []
        return [*link(self.options), *saved]

    def to(self, where: str = "", **more: object) -> str:
        """Its page, or one below it; empty values are left out."""
        given = [(name, str(value)) for name, value in more.items() if value]
        return f"{PATH}/{self.report.id}{where}?{urlencode([*self.pairs, *given])}"

    def narrowed(self, options: Options) -> str:
        """Its page with other options."""
        return replace(self, options=options).to()

    @property
    def schedule(self) -> str:
        """Where it is scheduled."""
        if self.saved is not None and self.is_as_saved:
            return f"{SCHEDULE}?saved={self.saved.id}"
        return f"{SCHEDULE}?{urlencode([('report', self.report.id), *link(self.options)])}"


def options_of(saved: SavedReport, report: Report) -> Options | None:
    """What was saved; None where this release can no longer read it."""
    try:
        return from_json(dict(saved.draft.options), report)
    except BadOptions:
        return None


def stored_options(report_id: str, stored: Mapping[str, object]) -> tuple[Report, Options] | None:
    """A report of the catalogue with options kept as JSON; None where either is no more."""
    report = REPORTS.get(report_id)
    if report is None:
        return None
    try:
        return report, from_json(dict(stored), report)
    except BadOptions:
        return None


def number_of(text: str | None) -> int | None:
    """An id of an address; None where it is none."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 9:
        return None
    return int(text)


def report_of(report_id: str) -> Report:
    """A report of the catalogue; 404 where there is none."""
    report = REPORTS.get(report_id)
    if report is None:
        abort(404)
    return report


async def saved_of(connection: Connection, viewer: Viewer, report: Report) -> SavedReport | None:
    """The saved report the address names, as far as the viewer finds it.

    Without options of its own the address means nothing where they do not: 404. With them it is a
    link somebody has sent, and opens without the name.
    """
    text = request.args.get("saved")
    number = number_of(text)
    found = await saved_reports.one(connection, viewer, number) if number is not None else None
    if found is not None and found.draft.report == report.id:
        return found
    if text and "options" not in request.args:
        abort(404)
    return None


async def read_wanted(connection: Connection, viewer: Viewer, report_id: str) -> Wanted:
    """What this request's address asks for; where a filter is wrong, the form that says so."""
    report = report_of(report_id)
    saved = await saved_of(connection, viewer, report)
    pairs = list(request.args.items(multi=True))
    if saved is not None and "options" not in request.args:
        options = options_of(saved, report)
        return Wanted(report, options or report.options, saved, is_lost=options is None)
    options, errors = parse(pairs, report)
    if errors:
        abort(go(f"{PATH}/{report.id}/options?{urlencode(_without_run(pairs))}"))
    return Wanted(report, options, saved)


def _without_run(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0] not in {"run", "page", "sort", "order", "size"}]


def job_named(wanted: Wanted) -> Job | None:
    """The run the address names, where it is this report's and still the viewer's."""
    job = house().report_jobs.find(request.args.get("run", ""), seer())
    if job is None or (job.asked.report, job.asked.options) != (wanted.report, wanted.options):
        return None
    return job
