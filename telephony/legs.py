"""A leg: one row of a call record, in the trade's own words, whatever phone system wrote it.

Field names follow the CDR fields of Cisco UCM's Call Detail Records Administration Guide, since
every other source we read is mapped onto the same facts. Times are epoch seconds, UTC, as the
record gives them; 0 means *never*.
"""

from __future__ import annotations

from typing import NamedTuple


class Leg(NamedTuple):
    """One call-record row. `pkid` (a UUID in text) is its identity for ever.

    `call_no` 0 means that the phone system gave no call id: such rows are never grouped.
    `*_leg` are call-leg identifiers, unique in a cluster for about a day; 0 means no such side.
    """

    pkid: str
    cluster: str
    node: int
    call_no: int
    orig_leg: int
    dest_leg: int
    originated: int
    connected: int
    disconnected: int
    duration_s: int
    calling: str
    calling_partition: str
    calling_user: str
    original_called: str
    original_called_partition: str
    final_called: str
    final_called_partition: str
    final_called_user: str
    last_redirect: str
    last_redirect_partition: str
    outpulsed_called: str
    orig_device: str
    dest_device: str
    orig_cause: int
    dest_cause: int
    orig_termination_by: int
    dest_termination_by: int
    join_by: int
    original_redirect_by: int
    last_redirect_by: int
    original_redirect_reason: int
    last_redirect_reason: int
    pattern_usage: int
    conversation: int
    hunt_pilot: str
    queued_s: int
    mobile_called: str
    calling_uri: str
    called_uri: str
    comment: str


class CmrRow(NamedTuple):
    """Voice quality of one side of a call (a CMR row). Jitter and latency in milliseconds."""

    pkid: str
    cluster: str
    node: int
    call_no: int
    call_identifier: int
    directory_number: str
    partition: str
    device: str
    stamped: int
    duration_s: int
    packets_sent: int
    packets_received: int
    packets_lost: int
    jitter_ms: int
    latency_ms: int
    mos: str | None
