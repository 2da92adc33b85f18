"""Which fields the reader of a report may choose from."""

from __future__ import annotations

from collections.abc import Iterable

from reports.definition import Report
from reports.fields import FIELDS, Field


def columns_of(report: Report) -> tuple[Field, ...]:
    """The fields a report can show: of calls, or measures of groups."""
    roles = {"dimension", "fact"} if report.is_list else {"measure"}
    return tuple(field for field in _of(report) if field.role in roles)


def groupings_of(report: Report) -> tuple[Field, ...]:
    """The fields a report's calls can be grouped by; none where it lists calls."""
    if report.is_list:
        return ()
    return tuple(field for field in _of(report) if field.role == "dimension")


def _of(report: Report) -> Iterable[Field]:
    return (field for field in FIELDS.values() if field.subject in {None, report.subject})


def restrictable(report: Report) -> tuple[Field, ...]:
    """The fields a report's calls may be restricted by."""
    return tuple(field for field in _of(report) if field.role != "measure" and not field.shown_only)
