"""What the pages about the directory say: of runs, of what differs, of what went wrong."""

from __future__ import annotations

from collections.abc import Mapping

from directory.port import Trouble
from storage.directory import SyncRun
from storage.directory_types import Difference, Planned, Problem
from web.context import say
from words.language import LANGUAGES, N_

FIELD_WORDS: Mapping[str, str] = {
    "login": N_("User name"),
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "email": N_("Mail"),
    "department": N_("Department"),
    "cost_centre": N_("Cost centre"),
    "office": N_("Office"),
    "site": N_("Site"),
    "extension": N_("Extension"),
    "directory_language": N_("Language"),
    "language": N_("Language"),
    "role": N_("Role"),
    "scope": N_("Oversees"),
    "source": N_("Account"),
    "directory_key": N_("Entry in the directory"),
    "directory_extension": N_("Extension in the directory"),
}
VALUE_WORDS: Mapping[str, str] = {
    "user": N_("User"),
    "supervisor": N_("Supervisor"),
    "administrator": N_("Administrator"),
    "department": N_("Department"),
    "cost_centre": N_("Cost centre"),
    "office": N_("Office"),
    "local": N_("Local"),
    "directory": N_("Directory"),
}
_HIDDEN = ("directory_key", "directory_extension")
_SAID = ("login", "first_name", "last_name")

TROUBLE_WORDS: Mapping[Trouble, str] = {
    "other": N_("The directory did not do what was asked."),
    "no_answer": N_("No server answers. Check the names, the ports and the firewall between."),
    "broke_off": N_("The server broke off in the middle of its answer. Try again."),
    "busy": N_("The server is too busy. Try again in a few minutes."),
    "tls": N_("No encrypted connection can be made. Check the encryption and the port."),
    "certificate_expired": N_("The server's certificate has expired, or is not valid yet."),
    "certificate_name": N_(
        "The server's certificate is for another name. Write the server's name as its certificate "
        "says it."
    ),
    "certificate_unknown": N_(
        "Nobody this machine trusts has issued the server's certificate. Paste your company's "
        "authority under Certificates."
    ),
    "starttls": N_("The server offers no StartTLS. Choose LDAPS, or have it switched on."),
    "settings": N_("The settings cannot be used as they are."),
    "service_account": N_("The directory refuses the service account: its name or its password."),
    "encryption_required": N_("The directory takes passwords over encrypted connections alone."),
    "base": N_("The directory has no such base, or the service account may not see it."),
    "filter": N_("The directory does not understand the filter."),
    "limit": N_(
        "The directory gives no more entries to the service account. Have its limit raised, or "
        "narrow the filter."
    ),
    "group": N_("The directory has no such group, or the service account may not see it."),
    "nobody": N_("Nobody below the base passes the filter, or the service account sees nobody."),
}

REASON_WORDS: Mapping[str, str] = {
    "changed": N_(
        "The directory, or somebody here, has changed something since the preview. Nothing was "
        "done: look at the new preview."
    ),
    "empty": N_(
        "The directory gave no entry at all. Nothing was done: everybody would have been switched "
        "off. Check the base, the filter and what the service account may see."
    ),
    "no_administrator": N_(
        "No administrator would be left. Nothing was done. Check the groups, or keep a local "
        "administrator."
    ),
    "too_many": N_(
        "More people would be switched off than one synchronisation may do by itself. Nothing was "
        "done. Look at the preview; if it is right, apply it there."
    ),
    "cut off": N_("Ringfence was stopped in the middle. Nothing was done; it is tried again."),
}


def reason_words(run: SyncRun) -> str:
    """Why a run was not done, as far as we know words for it; else the directory's own."""
    return say(REASON_WORDS[run.reason]) if run.reason in REASON_WORDS else run.reason


def field_words(name: str, labels: Mapping[int, str]) -> str:
    """What a field is called."""
    if name.startswith("custom_"):
        number = int(name.removeprefix("custom_"))
        return labels.get(number) or say("Free field %(number)s", number=number)
    return say(FIELD_WORDS.get(name, name))


def value_words(name: str, value: str) -> str:
    """A value as people read it."""
    if name == "directory_language":
        return LANGUAGES.get(value, value)
    if name in {"role", "scope", "source"} and value in VALUE_WORDS:
        return say(VALUE_WORDS[value])
    return value


def worth_showing(one: Planned) -> list[Difference]:
    """What differs, without what only the machine keeps; that alone where nothing else does.

    Of somebody new the name is said already, and everybody is a user who is nothing else.
    """
    plain = [difference for difference in one.differences if difference.name not in _HIDDEN]
    if one.person_id is None:
        return [d for d in plain if d.name not in _SAID and d[1:] != ("", "user")]
    return plain or list(one.differences)


PROBLEM_WORDS: Mapping[str, str] = {
    "no_login": N_("An entry without a user name was left out: %(who)s"),
    "twice": N_("Two entries have the user name %(who)s. This one was left out: %(what)s"),
    "local_account": N_("%(who)s is a local account with a password of its own; left alone."),
    "login_taken": N_("%(who)s was not given the user name %(what)s: another account has it."),
    "extension_unusable": N_("%(who)s keeps the present extension: “%(what)s” is none."),
    "extension_wanted": N_("%(who)s was not given extension %(what)s: another entry has it too."),
    "extension_taken": N_(
        "%(who)s was not given extension %(what)s: it belongs to %(owner)s. Free it there first."
    ),
}


def problem_message(problem: Problem) -> tuple[str, dict[str, str]]:
    """What was left alone and why: the message in English, and what belongs into it."""
    kind = problem.kind
    what, _, owner = problem.what.partition("|")
    if kind == "extension_taken" and not owner:
        kind = "extension_wanted"
    return PROBLEM_WORDS[kind], {"who": problem.who, "what": what, "owner": owner}


def problem_words(problem: Problem) -> str:
    """What was left alone, and why."""
    message, values = problem_message(problem)
    return say(message, **values)
