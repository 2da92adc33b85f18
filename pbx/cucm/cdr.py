"""Rows of Cisco UCM's CDR and CMR files, and of the CAR export, as legs and quality rows.

Columns are found by header name, without regard to case, since every version of CUCM appends
columns and the CAR export orders them differently (118, 123, 129, 133 columns; CMR 19 and 48).
A row that cannot be read raises `CdrRejected`; nothing else leaves this module.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from uuid import UUID

from pbx.cucm.files import parse_name
from pbx.port import FileName, Layout, RecordKind
from telephony.errors import CdrRejected, NotACallRecordFile
from telephony.legs import CmrRow, Leg

_UUID = re.compile(r"^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$", re.ASCII | re.IGNORECASE)
_CANONICAL = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.ASCII)
"""As the database writes it: a pkid is recognised by its text."""
_TYPE_LINE = re.compile(r"^(INTEGER|VARCHAR\(\d+\)|UNIQUEIDENTIFIER)$", re.ASCII | re.IGNORECASE)
_SMALL, _LARGE = 2**31, 2**63
_LATEST_EPOCH = 4_102_444_800
"""The year 2100: a later instant is a corrupt row, not a call."""

_LEG_COLUMNS: tuple[tuple[str, str], ...] = (
    ("pkid", "pkid"),
    ("cluster", "globalCallId_ClusterID"),
    ("node", "globalCallID_callManagerId"),
    ("call_no", "globalCallID_callId"),
    ("orig_leg", "origLegCallIdentifier"),
    ("dest_leg", "destLegIdentifier"),
    ("originated", "dateTimeOrigination"),
    ("connected", "dateTimeConnect"),
    ("disconnected", "dateTimeDisconnect"),
    ("duration_s", "duration"),
    ("calling", "callingPartyNumber"),
    ("calling_partition", "callingPartyNumberPartition"),
    ("calling_user", "callingPartyUnicodeLoginUserID"),
    ("original_called", "originalCalledPartyNumber"),
    ("original_called_partition", "originalCalledPartyNumberPartition"),
    ("final_called", "finalCalledPartyNumber"),
    ("final_called_partition", "finalCalledPartyNumberPartition"),
    ("final_called_user", "finalCalledPartyUnicodeLoginUserID"),
    ("last_redirect", "lastRedirectDn"),
    ("last_redirect_partition", "lastRedirectDnPartition"),
    ("outpulsed_called", "outpulsedCalledPartyNumber"),
    ("orig_device", "origDeviceName"),
    ("dest_device", "destDeviceName"),
    ("orig_cause", "origCause_value"),
    ("dest_cause", "destCause_value"),
    ("orig_termination_by", "origCallTerminationOnBehalfOf"),
    ("dest_termination_by", "destCallTerminationOnBehalfOf"),
    ("join_by", "joinOnBehalfOf"),
    ("original_redirect_by", "origCalledPartyRedirectOnBehalfOf"),
    ("last_redirect_by", "lastRedirectRedirectOnBehalfOf"),
    ("original_redirect_reason", "origCalledPartyRedirectReason"),
    ("last_redirect_reason", "lastRedirectRedirectReason"),
    ("pattern_usage", "calledPartyPatternUsage"),
    ("conversation", "destConversationId"),
    ("hunt_pilot", "huntPilotDN"),
    ("queued_s", "totalWaitTimeInQueue"),
    ("mobile_called", "finalMobileCalledPartyNumber"),
    ("calling_uri", "callingPartyNumber_uri"),
    ("called_uri", "finalCalledPartyNumber_uri"),
    ("comment", "comment"),
)
_LEG_LARGE = {"call_no", "orig_leg", "dest_leg", "originated", "connected", "disconnected"} | {
    "conversation"
}
_LEG_SMALL = {
    "node", "duration_s", "orig_cause", "dest_cause", "orig_termination_by",
    "dest_termination_by", "join_by", "original_redirect_by", "last_redirect_by",
    "original_redirect_reason", "last_redirect_reason", "pattern_usage", "queued_s",
}  # fmt: skip
_LEG_REQUIRED = {
    "pkid", "node", "call_no", "orig_leg", "dest_leg", "originated", "connected", "disconnected",
    "duration_s", "calling", "original_called", "final_called", "orig_device", "dest_device",
}  # fmt: skip

_CMR_COLUMNS: tuple[tuple[str, str], ...] = (
    ("pkid", "pkid"),
    ("cluster", "globalCallId_ClusterID"),
    ("node", "globalCallID_callManagerId"),
    ("call_no", "globalCallID_callId"),
    ("call_identifier", "callIdentifier"),
    ("directory_number", "directoryNum"),
    ("partition", "directoryNumPartition"),
    ("device", "deviceName"),
    ("stamped", "dateTimeStamp"),
    ("duration_s", "duration"),
    ("packets_sent", "numberPacketsSent"),
    ("packets_received", "numberPacketsReceived"),
    ("packets_lost", "numberPacketsLost"),
    ("jitter_ms", "jitter"),
    ("latency_ms", "latency"),
    ("mos", "varVQMetrics"),
)
_CMR_LARGE = {"call_no", "call_identifier", "stamped"} | {
    "packets_sent", "packets_received", "packets_lost",
}  # fmt: skip
_CMR_SMALL = {"node", "duration_s", "jitter_ms", "latency_ms"}
_CMR_REQUIRED = {"pkid", "node", "call_no", "call_identifier", "directory_number", "stamped"}


class CucmRecords:
    """Cisco UCM's way of writing call records: the `RecordFormat` of its files."""

    def parse_name(self, name: str) -> FileName | None:
        """Read `cdr_Cluster_01_202601010101_7`; None for `_…` and anything else."""
        return parse_name(name)

    def read_layout(self, line: str) -> Layout:
        """Understand a header line; raises `NotACallRecordFile`."""
        return read_layout(line)

    def is_heading(self, line: str) -> bool:
        """Whether this second line gives the columns' SQL types."""
        return is_type_line(line)


def read_layout(line: str) -> Layout:
    """Understand a header line; raises `NotACallRecordFile` when it is not one of a CDR or CMR."""
    header = line.lstrip("\ufeff").rstrip("\r\n")
    names = [name.strip().lower() for name in _split(header)]
    position: dict[str, int] = {}
    for index, name in enumerate(names):
        position.setdefault(name, index)
    if "cdrrecordtype" not in position or "pkid" not in position:
        raise NotACallRecordFile("its first line does not name cdrRecordType and pkid")
    if "destlegidentifier" in position:
        columns, large, small, required = _LEG_COLUMNS, _LEG_LARGE, _LEG_SMALL, _LEG_REQUIRED
        kind: RecordKind = "cdr"
    elif "callidentifier" in position:
        columns, large, small, required = _CMR_COLUMNS, _CMR_LARGE, _CMR_SMALL, _CMR_REQUIRED
        kind = "cmr"
    else:
        raise NotACallRecordFile("its first line has the columns of neither a CDR nor a CMR file")
    missing = [
        column for field, column in columns if field in required and column.lower() not in position
    ]
    if missing:
        raise NotACallRecordFile(f"its first line lacks the column {missing[0]}")
    reader = _RowReader(kind, columns, large, small, position, len(names))
    return Layout(kind, header, reader.leg if kind == "cdr" else reader.cmr)


def is_type_line(line: str) -> bool:
    """Whether this second line gives the columns' SQL types instead of a row."""
    first = line.split(",", 1)[0].strip().strip('"')
    return bool(_TYPE_LINE.match(first))


class _RowReader:
    """Turns lines into records, having worked out once where everything stands."""

    def __init__(
        self,
        kind: RecordKind,
        columns: Sequence[tuple[str, str]],
        large: Iterable[str],
        small: Iterable[str],
        position: dict[str, int],
        width: int,
    ) -> None:
        self._width = width
        # How many quotes a row has that needs no more care than to be rid of them.
        self._plain_quotes = {0}
        self._record_type = "1" if kind == "cdr" else "2"
        self._type_at = position["cdrrecordtype"]
        large, numeric = set(large), {*large, *small}
        ints = [(field, column) for field, column in columns if field in numeric]
        texts = [(field, column) for field, column in columns if field not in numeric]
        self._names = [column for _, column in ints]
        self._bounds = [_LARGE if field in large else _SMALL for field, _ in ints]
        # A column the file lacks is read from one past the row's end: an empty text is put there.
        self._pick_ints = itemgetter(*[position.get(c.lower(), width) for _, c in ints])
        self._pick_texts = itemgetter(*[position.get(c.lower(), width) for _, c in texts])
        # Numbers are converted together, texts taken together; this is the record's own order.
        apart = [field for field, _ in ints] + [field for field, _ in texts]
        self._in_order = itemgetter(*[apart.index(field) for field, _ in columns])

    def leg(self, line: str) -> Leg:
        leg = Leg._make(self._values(line))
        if leg.duration_s < 0:
            raise CdrRejected(f"duration is negative: {leg.duration_s}")
        first, last = leg.originated, leg.disconnected
        if not (0 < first <= _LATEST_EPOCH and 0 <= leg.connected <= _LATEST_EPOCH) or not (
            0 < last <= _LATEST_EPOCH
        ):
            return _with_instants(leg)
        return leg

    def cmr(self, line: str) -> CmrRow:
        values = list(self._values(line))
        values[-1] = _mos(values[-1])
        row = CmrRow._make(values)
        if not 0 <= row.stamped <= _LATEST_EPOCH:
            raise CdrRejected(f"dateTimeStamp is no plausible instant: {row.stamped}")
        return row

    def _values(self, line: str) -> tuple[object, ...]:
        bare = line.replace('"', "")
        fields = bare.split(",")
        quotes = len(line) - len(bare)
        if len(fields) != self._width or quotes not in self._plain_quotes:
            fields = _split(line)  # a comma or a quote within quotes, or the first row of its kind
            if bare.count(",") == self._width - 1 and not any('"' in field for field in fields):
                self._plain_quotes.add(quotes)
        if len(fields) != self._width:
            raise CdrRejected(f"has {len(fields)} columns where the header names {self._width}")
        if fields[self._type_at].strip() != self._record_type:
            raise CdrRejected(
                f"cdrRecordType is {fields[self._type_at]!r}, not {self._record_type}"
            )
        if "\x00" in line:
            raise CdrRejected("holds a zero byte")
        fields.append("")
        ints, texts = self._integers(self._pick_ints(fields)), self._pick_texts(fields)
        if "\\ " in texts:
            texts = tuple("" if text == "\\ " else text for text in texts)
        values = self._in_order((*ints, *texts))
        if not _CANONICAL.match(values[0]):
            if not _UUID.match(values[0]):
                raise CdrRejected(f"pkid is no UUID: {values[0]!r}")
            values = (str(UUID(values[0])), *values[1:])
        return values

    def _integers(self, texts: Sequence[str]) -> list[int]:
        try:
            numbers = list(map(int, texts))
        except ValueError:
            numbers = [self._integer(index, text) for index, text in enumerate(texts)]
        if max(numbers) >= _SMALL or min(numbers) < -_SMALL:
            for name, number, bound in zip(self._names, numbers, self._bounds, strict=True):
                if not -bound <= number < bound:
                    raise CdrRejected(f"{name} is out of range: {number}")
        return numbers

    def _integer(self, index: int, text: str) -> int:
        """An integer, or an empty one, which means never set."""
        bare = text.strip()
        if bare in ("", "\\"):
            return 0
        try:
            return int(bare)
        except ValueError:
            raise CdrRejected(f"{self._names[index]} is no whole number: {bare[:40]!r}") from None


def _with_instants(leg: Leg) -> Leg:
    """Either instant may be unset in a failed call; with none there is no telling when it was."""
    for name, epoch in (
        ("dateTimeOrigination", leg.originated),
        ("dateTimeConnect", leg.connected),
        ("dateTimeDisconnect", leg.disconnected),
    ):
        if not 0 <= epoch <= _LATEST_EPOCH:
            raise CdrRejected(f"{name} is no plausible instant: {epoch}")
    instants = [at for at in (leg.originated, leg.connected, leg.disconnected) if at]
    if not instants:
        raise CdrRejected("dateTimeOrigination and dateTimeDisconnect are both unset")
    return leg._replace(
        originated=leg.originated or instants[0], disconnected=leg.disconnected or instants[-1]
    )


def _split(line: str) -> list[str]:
    try:
        return next(csv.reader((line,), strict=True), list[str]())
    except csv.Error as error:
        raise CdrRejected(f"is no comma-separated row: {error}") from None


def _mos(metrics: object) -> str | None:
    """MLQK, the listening quality of the whole call on the MOS scale, out of `k=v;k=v`."""
    for part in str(metrics).replace(",", ";").split(";"):
        name, _, value = part.partition("=")
        if name.strip() == "MLQK":
            try:
                mos = Decimal(value.strip())
            except InvalidOperation:
                return None
            return str(mos) if mos.is_finite() and 0 <= mos <= 5 else None
    return None
