"""What a report is: data, not a page. Adding one is a dozen lines in `reports.catalogue`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.document import ChartKind
from reports.options import NO_OPTIONS, Options
from storage.facts.ask import Order, Subject

Category = Literal["monitor", "incoming", "cost", "group"]


@dataclass(frozen=True, slots=True)
class ChartOf:
    """How a report is drawn: its first grouping along one side, these measures along the other.

    At most `most` groups are drawn. The rest are one more part of a whole; beside bars they would
    be a giant, and the title says how many there are.
    """

    kind: ChartKind
    measures: tuple[str, ...]
    most: int = 10


@dataclass(frozen=True, slots=True)
class Report:
    """One report of the catalogue.

    `id` stands in links for ever. `title` and `question` are English texts of the catalogues. A
    report with `by` counts groups by those fields and shows `columns` as measures; one without
    lists calls with `columns` as fields. `can` are the fields its reader may group by instead.
    `each_side` counts an internal call at both its extensions, as a report by extension does.
    `options` are the filters it runs with unless others are given.
    """

    id: str
    category: Category
    title: str
    question: str
    columns: tuple[str, ...]
    order: tuple[Order, ...]
    by: tuple[str, ...] = ()
    chart: ChartOf | None = None
    options: Options = NO_OPTIONS
    each_side: bool = False
    subject: Subject = "calls"

    @property
    def is_list(self) -> bool:
        """Whether rows are calls."""
        return not self.by
