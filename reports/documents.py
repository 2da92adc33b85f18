"""An answer becomes a document: headings, values and notes in the reader's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.asking import Span
from reports.charts import chart_of
from reports.definition import Report
from reports.described import facts, field_label
from reports.document import Column, Document, Value
from reports.fields import FIELDS, Field
from reports.options import Options
from reports.words_of import in_words
from reports.zones import zone_label
from storage.completeness import Completeness
from storage.facts.ask import Ask
from storage.facts.kept import Answer, AnswerRow
from words.formats import Reader
from words.language import N_


@dataclass(frozen=True, slots=True)
class Made:
    """All that a document is made of but its rows. `name` is the saved report's, else empty."""

    report: Report
    options: Options
    ask: Ask
    span: Span | None
    answer: Answer
    complete: Completeness
    currency: str
    custom_labels: tuple[str, ...]
    made_at: datetime
    name: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns' fields, in their order."""
        return tuple(FIELDS[name] for name in self.answer.columns)


def title_of(made: Made, reader: Reader) -> str:
    """What the report is called: by its owner, else in the catalogue."""
    return made.name or reader.language.text(made.report.title)


def columns_of(made: Made, reader: Reader) -> tuple[Column, ...]:
    """The columns with their headings."""
    return tuple(
        Column(field.name, field_label(field, reader, made.custom_labels), field.kind)
        for field in made.fields
    )


def values_of(made: Made, row: AnswerRow, reader: Reader) -> tuple[Value, ...]:
    """A row's values, codes in words."""
    return tuple(
        in_words(field, value, reader) for field, value in zip(made.fields, row.values, strict=True)
    )


def document(made: Made, rows: Sequence[AnswerRow], reader: Reader) -> Document:
    """The whole document. `rows` are all rows or a page of them; a chart is of the first rows."""
    return Document(
        title=title_of(made, reader),
        question=reader.language.text(made.report.question),
        facts=asked(made, reader),
        columns=columns_of(made, reader),
        rows=[values_of(made, row, reader) for row in rows],
        totals=totals_of(made),
        totals_label=totals_label(made, reader),
        notes=notes(made, reader),
        chart=chart_of(made, rows, reader),
        currency=made.currency,
        zone=made.ask.zone,
        made_at=made.made_at,
    )


def asked(made: Made, reader: Reader) -> tuple[tuple[str, str], ...]:
    """The filters in words, the zone and when it was made."""
    told = facts(made.report, made.options, made.span, reader, made.custom_labels)
    text = reader.language.text
    zone = zone_label(made.ask.zone, made.made_at, reader)
    named = {label for label, _ in told}
    zones = [] if text(N_("Time zone")) in named else [(text(N_("Time zone")), zone)]
    return (*told, *zones, (text(N_("Made")), reader.exact(made.made_at)))


def totals_of(made: Made) -> tuple[Value, ...]:
    """The total of every column that has one."""
    totals = made.answer.totals
    in_list = {"duration": "total_duration", "cost": "total_cost"}
    names = [in_list.get(name, "") if made.report.is_list else name for name in made.answer.columns]
    return tuple(totals.get(name) for name in names)


def totals_label(made: Made, reader: Reader) -> str:
    """What the totals count."""
    plural = reader.language.plural
    number = reader.number(made.answer.calls)
    if made.report.subject == "quality":
        return plural("Total of %(count)s measured call", "Total of %(count)s measured calls",
                      made.answer.calls, count=number)  # fmt: skip
    return plural("Total of %(count)s call", "Total of %(count)s calls", made.answer.calls,
                  count=number)  # fmt: skip


def notes(made: Made, reader: Reader) -> tuple[str, ...]:
    """What the reader must know to read the figures right."""
    return (*_counted(made, reader), *_cut(made, reader), *_complete(made, reader))


def _counted(made: Made, reader: Reader) -> list[str]:
    text, answer = reader.language.text, made.answer
    if made.report.subject == "quality":
        return []
    if made.ask.each_side:
        return [text(N_("A call between two extensions, or passed on from one to another, counts at"
                        " each of them."))]  # fmt: skip
    if answer.sides > answer.calls:
        return [text(
            N_("Calls with several extensions count once: %(calls)s calls have %(rows)s rows."),
            calls=reader.number(answer.calls), rows=reader.number(answer.sides),
        )]  # fmt: skip
    return []


def _cut(made: Made, reader: Reader) -> list[str]:
    text, answer = reader.language.text, made.answer
    rows = reader.number(answer.rows)
    if made.report.is_list and answer.rows < answer.sides:
        return [text(N_("The first %(rows)s rows are listed; the totals count all. Narrow the"
                        " report to see the rest."), rows=rows)]  # fmt: skip
    if not made.report.is_list and made.options.most == answer.rows:
        return [text(N_("The first %(rows)s groups are listed; the totals count all."), rows=rows)]
    return []


def _complete(made: Made, reader: Reader) -> list[str]:
    text, (until_at, gaps) = reader.language.text, made.complete
    if until_at is None:
        return [text(N_("No call records have come in yet."))]
    if made.span and made.span[1] <= until_at and not gaps:
        return []
    told = [text(N_("Complete until %(moment)s: later call records have not come in yet."),
                 moment=reader.moment(until_at))]  # fmt: skip
    for gap in gaps[:5]:
        first, last = str(gap.first), str(gap.last)
        files = first if first == last else f"{first}\u2013{last}"
        told.append(text(
            N_("Missing: file %(files)s of node %(node)s of cluster %(cluster)s (%(kind)s)."),
            files=files, node=gap.node, cluster=gap.cluster, kind=gap.kind.upper(),
        ))  # fmt: skip
    return told
