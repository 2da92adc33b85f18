"""What the history of a budget says, in the reader's words.

The database keeps codes and exact values; here they become sentences. A code this release does
not know is shown as it is, so that no row disappears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from storage.budgets import HistoryRow
from web.context import reader, say
from words.language import N_

ACTIONS = {
    "assign": N_("Budget assigned"),
    "change": N_("Budget changed"),
    "warn": N_("Warning reached"),
    "exhaust": N_("Budget used up"),
    "recover": N_("Budget available again"),
    "lock": N_("Phone locked"),
    "unlock": N_("Phone unlocked"),
    "notify_sent": N_("Notify sent"),
    "end_period": N_("End period"),
    "correct_carry": N_("Carry-over corrected"),
    "unassign": N_("Budget ended"),
}
"""Every action, in the order of the drop-down."""

PERIODS = {"daily": N_("Daily"), "weekly": N_("Weekly"), "monthly": N_("Monthly")}

NOTICES = {
    "budget_warning": N_("Budget warning"),
    "budget_exhausted": N_("Budget used up"),
    "budget_recovered": N_("Budget available again"),
    "end_period": N_("End period"),
    "phone_locked": N_("Phone was locked"),
    "phone_unlocked": N_("Phone was unlocked"),
}

OWNERS = {
    "person": N_("User %(name)s"),
    "department": N_("Department %(name)s"),
    "cost_centre": N_("Cost centre %(name)s"),
}

Details = Mapping[str, object]


def action_words(action: str) -> str:
    """What an action is called."""
    return say(ACTIONS[action]) if action in ACTIONS else action


def owner_words(target: str, name: str, extension: str = "") -> str:
    """Whom a budget is for: `User Andrea Sonnino (731)`."""
    said = say(OWNERS[target], name=name) if target in OWNERS else name
    return f"{said} ({extension})" if extension else said


def row_owner(row: HistoryRow) -> str:
    """Whom the budget of a row is for; a member's own share is the member's."""
    if row.person_name:
        return owner_words("person", row.person_name, row.extension)
    return owner_words(row.target, row.target_key)


def _amount(details: Details, name: str, currency: str) -> str:
    try:
        return reader().money(Decimal(str(details[name])), currency)
    except (KeyError, InvalidOperation):
        return ""


def _notice(details: Details, _: str) -> str:
    kind = str(details.get("kind", ""))
    what = say(NOTICES[kind]) if kind in NOTICES else kind
    name, extension = str(details.get("to", "")), str(details.get("extension", ""))
    address = str(details.get("address", ""))
    if details.get("channel") == "mail":
        whom = f"[MAIL:{address}]"
    else:
        whom = f"{name} ({extension})" if extension else name
    return say("%(what)s, sent to %(whom)s", what=what, whom=whom)


def _extension(details: Details, _: str) -> str:
    return say("Extension %(extension)s", extension=details.get("extension", ""))


def _warning(details: Details, currency: str) -> str:
    percent = reader().percent(int(str(details.get("percent", "0"))))
    used = say("%(percent)s used", percent=percent)
    return f"{used}: {_used(details, currency)}"


def _used(details: Details, currency: str) -> str:
    assigned = _amount(details, "assigned", currency) or _amount(details, "amount", currency)
    spent = _amount(details, "spent", currency)
    return say("%(spent)s (assigned %(amount)s)", spent=spent, amount=assigned)


def _ended(details: Details, currency: str) -> str:
    used = _used(details, currency)
    carried = _amount(details, "carried_over", currency)
    if not carried or Decimal(str(details["carried_over"])) == 0:
        return used
    return f"{used}; " + say("%(amount)s carried over", amount=carried)


def _assigned(details: Details, currency: str) -> str:
    period = str(details.get("period", ""))
    words = say(PERIODS[period]) if period in PERIODS else period
    return f"{words} · {_amount(details, 'amount', currency)}"


def _changed(details: Details, currency: str) -> str:
    before, after = (_amount(details, name, currency) for name in ("amount_before", "amount"))
    return say("%(before)s before, now %(after)s", before=before, after=after) if after else ""


def _corrected(details: Details, currency: str) -> str:
    before = _amount(details, "carried_before", currency)
    after = _amount(details, "carried", currency)
    return say("%(before)s before, now %(after)s", before=before, after=after)


_WORDS: Mapping[str, Callable[[Details, str], str]] = {
    "assign": _assigned,
    "change": _changed,
    "warn": _warning,
    "exhaust": _used,
    "recover": _used,
    "lock": _extension,
    "unlock": _extension,
    "notify_sent": _notice,
    "end_period": _ended,
    "correct_carry": _corrected,
}


def details_words(row: HistoryRow) -> str:
    """What happened exactly, in one line; empty where the action says it all."""
    words = _WORDS.get(row.action)
    return words(row.details, row.currency) if words else ""
