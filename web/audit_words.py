"""What the audit log says, in the reader's words.

The database keeps codes; a code this release does not know is shown as it is, so that no row and
no detail disappears.
"""

from __future__ import annotations

from typing import NamedTuple

from reports.catalogue import REPORTS
from storage.audit import AuditRow
from web.context import say
from words.language import LANGUAGES, N_

ACTIONS = {
    "sign_in": N_("Signed in"),
    "sign_in_failed": N_("Sign-in refused"),
    "sign_out": N_("Signed out"),
    "session_ended": N_("Session ended"),
    "sessions_ended": N_("Sessions ended"),
    "password_set": N_("Password set"),
    "password_cleared": N_("Password taken away"),
    "password_link_sent": N_("Password link sent"),
    "password_reset": N_("Password chosen by link"),
    "calls_viewed": N_("Calls looked at"),
    "calls_exported": N_("Calls exported"),
    "person_created": N_("Person added"),
    "person_changed": N_("Person changed"),
    "person_disabled": N_("Person switched off"),
    "person_enabled": N_("Person switched on"),
    "extension_given": N_("Extension given"),
    "extension_taken": N_("Extension taken back"),
    "custom_fields_named": N_("Free fields named"),
    "people_exported": N_("People exported"),
    "people_imported": N_("People imported"),
    "directory_changed": N_("Directory settings changed"),
    "directory_tried": N_("Directory tried"),
    "directory_removed": N_("Directory settings removed"),
    "sync_asked": N_("Synchronisation asked for"),
    "sync_applied": N_("Synchronisation carried out"),
    "report_saved": N_("Report saved"),
    "report_changed": N_("Saved report changed"),
    "report_deleted": N_("Saved report deleted"),
    "report_mailed": N_("Report sent by mail"),
    "schedule_created": N_("Report scheduled"),
    "schedule_changed": N_("Schedule changed"),
    "schedule_activated": N_("Schedule switched on"),
    "schedule_stopped": N_("Schedule stopped"),
    "schedule_deleted": N_("Schedule deleted"),
    "schedule_run": N_("Schedule run at once"),
    "audit_exported": N_("Audit log exported"),
    "state_examined": N_("State examined"),
}
"""Every action, in the order of the drop-down."""

_NAMES = {
    "address": N_("Address"),
    "addresses": N_("Addresses"),
    "by": N_("By"),
    "call": N_("Call"),
    "changed": N_("Changed"),
    "cost_centre": N_("Cost centre"),
    "created": N_("Added"),
    "department": N_("Department"),
    "device": N_("Device"),
    "directory_language": N_("Language of the directory"),
    "disabled": N_("Switched off"),
    "email": N_("Mail"),
    "enabled": N_("Switched on"),
    "extension": N_("Extension"),
    "fields": N_("Fields"),
    "file": N_("File"),
    "filter": N_("Filters"),
    "first_name": N_("First name"),
    "format": N_("Format"),
    "from": N_("From"),
    "gateway": N_("Gateway"),
    "kind": N_("Kind"),
    "language": N_("Language"),
    "last_name": N_("Last name"),
    "like": N_("Number"),
    "login": N_("User name"),
    "masked_digits": N_("Hidden digits"),
    "number": N_("Number"),
    "office": N_("Office"),
    "partition": N_("Partition"),
    "people": N_("People"),
    "person": N_("Person"),
    "reason": N_("Reason"),
    "report": N_("Report"),
    "role": N_("Role"),
    "rows": N_("Rows"),
    "schedule": N_("Schedule"),
    "scope": N_("Scope"),
    "sessions": N_("Sessions"),
    "site": N_("Site"),
    "source": N_("Source"),
    "text": N_("Words"),
    "time_format": N_("Time of day"),
    "type": N_("Type"),
    "until": N_("To"),
    "why": N_("Reason"),
}

_VALUES = {
    "administrator": N_("Administrator"),
    "directory": N_("Company directory"),
    "local": N_("Local account"),
    "no": N_("no"),
    "sign_in": N_("Sign-in"),
    "supervisor": N_("Supervisor"),
    "user": N_("User"),
    "yes": N_("yes"),
    "wrong_password": N_("wrong password"),
    "wrong": N_("wrong user name or password"),
    "unknown": N_("unknown user name"),
    "disabled": N_("switched off"),
    "too_many": N_("too many attempts"),
    "locked": N_("locked by the directory"),
    "expired": N_("password expired"),
    "not_admitted": N_("not admitted by the directory"),
    "unusable": N_("name taken by another account"),
    "directory_away": N_("the directory does not answer"),
    "gadget": N_("Gadget"),
    "portal": N_("Portal"),
}
"""Values that are codes of ours; any other value is a name, a number or somebody's own words."""

_CODED = {"by", "kind", "reason", "role", "scope", "source", "why", "disabled", "enabled"}
_LOOKS = {
    "call": N_("Call"),
    "call list": N_("Call List"),
    "last calls": N_("Last Calls"),
    "report": N_("Report"),
}
"""What was looked at, as `web.whose.looked_at` tells it."""

_SCOPES = {
    "department": N_("Department"),
    "cost_centre": N_("Cost centre"),
    "office": N_("Office"),
}


class Detail(NamedTuple):
    """One fact of an event: what it is called, and what it was."""

    name: str
    value: str


def action_words(action: str) -> str:
    """What an action is called."""
    return say(ACTIONS[action]) if action in ACTIONS else action


def subject_of(row: AuditRow) -> str:
    """Whom or what an event was about; what its details say is not said twice."""
    if row.action == "calls_viewed":
        return _look(row)
    return _report(row.subject) if row.action == "calls_exported" else row.subject


def _look(row: AuditRow) -> str:
    what, _, about = row.subject.partition(": ")
    if what not in {*_LOOKS, "search"}:
        return row.subject
    ends = [at for name in row.details if (at := about.find(f", {name} ")) >= 0]
    whose = about[: min(ends, default=len(about))]
    whose = say(N_("Everybody")) if whose == "everybody" else whose
    if what == "search":
        return say(N_("Search: %(text)s"), text=whose)
    return f"{say(_LOOKS[what])}: {whose}"


def _report(name: str) -> str:
    """What a report is called where its id is given."""
    return say(REPORTS[name].title) if name in REPORTS else name


def details_of(row: AuditRow) -> list[Detail]:
    """What happened exactly, fact by fact."""
    return [Detail(_name(name), _value(name, str(told))) for name, told in row.details.items()]


def details_text(row: AuditRow) -> str:
    """The same in one line, for tables of other programs."""
    return "; ".join(f"{name}: {value}" for name, value in details_of(row))


def _name(name: str) -> str:
    if name.startswith("custom_") and name.removeprefix("custom_").isdecimal():
        return say("Free field %(number)s", number=name.removeprefix("custom_"))
    return say(_NAMES[name]) if name in _NAMES else name


def _value(name: str, told: str) -> str:
    """A change is `before → after`, either of which may be a code."""
    return " → ".join(_one_value(name, part) for part in told.split(" → "))


def _one_value(name: str, told: str) -> str:
    if name == "language" and told in LANGUAGES:
        return LANGUAGES[told]
    known = _SCOPES if name == "scope" else _VALUES
    if name == "report":
        return _report(told)
    return say(known[told]) if name in _CODED and told in known else told
