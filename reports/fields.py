"""The fields of calls by name: what they are called, what kind of value they have, what they serve.

A *dimension* can be grouped by, shown and restricted; a *fact* shown and restricted; a *measure* is
worked out of a group's calls. Names are those of `storage.facts`, which knows how each is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.document import Kind
from storage.facts.ask import Subject
from words.language import N_

Role = Literal["dimension", "fact", "measure"]
CUSTOM_FIELDS = 10


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `label` is an English text of the catalogues; custom fields are named otherwise.

    `choices` are its values with their words where there are few and fixed ones. A `shown_only`
    field cannot be restricted.
    """

    name: str
    label: str
    kind: Kind
    role: Role
    subject: Subject | None = None
    choices: tuple[tuple[str, str], ...] = ()
    shown_only: bool = False


CALL_TYPES = (
    ("outgoing", N_("Outgoing call to PSTN")),
    ("incoming", N_("Incoming call from PSTN")),
    ("missed", N_("Missed call")),
    ("internal", N_("Internal call")),
)
DESTINATION_TYPES = (
    ("local", N_("Local call")),
    ("national", N_("National")),
    ("mobile", N_("Mobile")),
    ("international", N_("International")),
    ("tollfree", N_("Toll-free")),
    ("premium", N_("Premium rate")),
    ("emergency", N_("Emergency")),
    ("other", N_("Other")),
)
ANSWERS = (("answered", N_("Answered")), ("unanswered", N_("Not answered")))

_ALL = (
    # Dimensions of a call.
    Field("type", N_("Type"), "text", "dimension", "calls", CALL_TYPES),
    Field("answer", N_("Status"), "text", "dimension", "calls", ANSWERS),
    Field("extension", N_("Extension"), "phone", "dimension"),
    Field("person", N_("Name"), "text", "dimension"),
    Field("department", N_("Department"), "text", "dimension"),
    Field("cost_centre", N_("Cost centre"), "text", "dimension"),
    Field("office", N_("Office"), "text", "dimension"),
    Field("site", N_("Site"), "text", "dimension"),
    Field("number", N_("Number"), "phone", "dimension", "calls"),
    Field("gateway", N_("Gateway"), "text", "dimension", "calls"),
    Field("operator", N_("Operator"), "text", "dimension", "calls"),
    Field("area", N_("Area"), "text", "dimension", "calls"),
    Field("destination_type", N_("Destination type"), "text", "dimension", "calls",
          DESTINATION_TYPES),
    Field("nation", N_("Nation"), "text", "dimension", "calls"),
    Field("hunt_group", N_("Hunt group"), "phone", "dimension", "calls"),
    Field("device", N_("Device"), "text", "dimension", "quality"),
    Field("date", N_("Date"), "date", "dimension"),
    Field("month", N_("Month"), "month", "dimension"),
    Field("weekday", N_("Weekday"), "weekday", "dimension"),
    Field("hour", N_("Hour"), "hour", "dimension"),
    *(Field(f"custom_{number}", f"Custom field {number}", "text", "dimension")
      for number in range(1, CUSTOM_FIELDS + 1)),
    # Facts of one call.
    Field("started_at", N_("Date and time"), "instant", "fact"),
    Field("duration", N_("Duration"), "seconds", "fact", "calls"),
    Field("ring", N_("Ring time"), "seconds", "fact", "calls"),
    Field("queued", N_("Waiting time"), "seconds", "fact", "calls"),
    Field("cost", N_("Cost"), "money", "fact", "calls"),
    Field("called_back_after", N_("Called back after"), "seconds", "fact", "calls",
          shown_only=True),
    Field("mos", N_("MOS"), "decimal", "fact", "quality"),
    Field("jitter", N_("Jitter (ms)"), "count", "fact", "quality"),
    Field("latency", N_("Delay (ms)"), "count", "fact", "quality"),
    Field("loss", N_("Packets lost (%)"), "percent", "fact", "quality"),
    # Measures of a group of calls.
    Field("calls", N_("Calls"), "count", "measure", "calls"),
    Field("calls_share", N_("Calls (%)"), "percent", "measure", "calls"),
    Field("answered", N_("Answered"), "count", "measure", "calls"),
    Field("answered_share", N_("Answered (%)"), "percent", "measure", "calls"),
    Field("unanswered", N_("Not answered"), "count", "measure", "calls"),
    Field("missed", N_("Missed"), "count", "measure", "calls"),
    Field("incoming", N_("Incoming"), "count", "measure", "calls"),
    Field("incoming_share", N_("Incoming (%)"), "percent", "measure", "calls"),
    Field("outgoing", N_("Outgoing"), "count", "measure", "calls"),
    Field("outgoing_share", N_("Outgoing (%)"), "percent", "measure", "calls"),
    Field("total_cost", N_("Total cost"), "money", "measure", "calls"),
    Field("cost_share", N_("Cost (%)"), "percent", "measure", "calls"),
    Field("average_cost", N_("Average cost"), "money", "measure", "calls"),
    Field("total_duration", N_("Total duration"), "seconds", "measure", "calls"),
    Field("average_duration", N_("Average duration"), "seconds", "measure", "calls"),
    Field("longest", N_("Longest"), "seconds", "measure", "calls"),
    Field("average_ring", N_("Average ring time"), "seconds", "measure", "calls"),
    Field("longest_ring", N_("Longest ring time"), "seconds", "measure", "calls"),
    Field("average_queued", N_("Average wait"), "seconds", "measure", "calls"),
    Field("longest_queued", N_("Longest wait"), "seconds", "measure", "calls"),
    Field("called_back", N_("Called back"), "count", "measure", "calls"),
    Field("not_called_back", N_("Not called back"), "count", "measure", "calls"),
    Field("called_back_share", N_("Called back (%)"), "percent", "measure", "calls"),
    Field("busy_hour", N_("Busiest hour"), "instant", "measure", "calls"),
    Field("busy_hour_calls", N_("Calls in it"), "count", "measure", "calls"),
    Field("busy_hour_erlang", N_("Erlang in it"), "decimal", "measure", "calls"),
    Field("reports", N_("Calls measured"), "count", "measure", "quality"),
    Field("average_mos", N_("Average MOS"), "decimal", "measure", "quality"),
    Field("worst_mos", N_("Worst MOS"), "decimal", "measure", "quality"),
    Field("poor_share", N_("Poor, MOS below 3.5 (%)"), "percent", "measure", "quality"),
    Field("average_jitter", N_("Average jitter (ms)"), "count", "measure", "quality"),
    Field("worst_jitter", N_("Worst jitter (ms)"), "count", "measure", "quality"),
    Field("average_latency", N_("Average delay (ms)"), "count", "measure", "quality"),
    Field("total_loss", N_("Packets lost (%)"), "percent", "measure", "quality"),
)  # fmt: skip

FIELDS = {field.name: field for field in _ALL}
"""Every field by its name."""
