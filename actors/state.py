"""What the database knows of how everything stands, as findings with what to do about them.

`ringfence doctor` prints them, the portal's page of the state shows them. Nothing is asked of the
phone system or the mail server here; `actors.looks` does that.
"""

from __future__ import annotations

import re

from actors.findings import NAMED, Bytes, Finding, Value, Words, plain, said
from storage.alarms import Alarm
from storage.figures import Standing
from storage.files import Gap, RejectRow
from words.language import N_

DATABASE = Words(N_("database"))
PEOPLE = Words(N_("people"))
COMPANY = Words(N_("company"))
INBOX = Words(N_("inbox"))
SMTP = Words("SMTP")
AXL = Words("AXL")
LDAP = Words("LDAP")
NONE = Words(N_("none"))

REFUSALS = {
    "changed": N_("the directory was another by then than the one shown"),
    "empty": N_("the directory gave nobody, and nobody was switched off for that"),
    "no_administrator": N_("no administrator would be left"),
    "too_many": N_("more people would be switched off than is allowed without being asked"),
}
"""Why a synchronisation was held back, by its code."""

ALARMS = {
    "directory_failed": N_("The directory could not be read: %(why)s"),
    "directory_refused": N_("A synchronisation was held back: %(why)s"),
    "line_drift": N_("Extension %(extension)s was changed by hand while it was locked"),
    "lock_refused": N_("Extension %(extension)s cannot be locked: %(why)s"),
    "pbx_unreachable": N_("The phone system does not answer: %(why)s"),
    "quarantined": N_("%(actor)s failed too often and is left alone for a while: %(why)s"),
    "refused_file": N_("The file %(file)s cannot be read: %(why)s"),
}
"""What an alarm says, by its kind; its params fill it in."""


def database(found: Standing) -> Finding:
    """That it answers, and how large it is."""
    text = said(
        N_("PostgreSQL %(server)s, schema %(schema)s, %(size)s"),
        server=found.server,
        schema=str(found.schema),
        size=Bytes(found.size_bytes),
    )
    return Finding(DATABASE, "OK", text)


def people(found: Standing) -> Finding:
    """Whether anybody can administer."""
    figures = found.figures
    if figures.administrators:
        text = said(
            N_("%(people)s, administrators %(administrators)s"),
            people=figures.people,
            administrators=figures.administrators,
        )
        return Finding(PEOPLE, "OK", text, link="/admin/people")
    todo = said(
        N_("nobody can administer: %(command)s"),
        command="ringfence user add LOGIN --role administrator",
    )
    return Finding(PEOPLE, "TODO", todo, link="/admin/people")


def company(found: Standing) -> Finding:
    """Whether there is a company to count for."""
    if found.company is None:
        return Finding(
            COMPANY,
            "TODO",
            said(N_("no site is known: %(command)s"), command="ringfence apply FILE"),
        )
    text = f"{found.company.currency}, {found.company.time_zone}"
    return Finding(COMPANY, "OK", plain(text))


def inbox(found: Standing, folder: str = "", problem: str = "", waiting: int = 0) -> Finding:
    """What came in; `problem` is the folder's, in English, `waiting` files are not taken yet."""
    if problem:
        return Finding(
            INBOX,
            "TODO",
            plain(problem),
            (Words(N_("the daemon makes it when it starts")),),
        )
    where = plain(folder) if folder else Words(N_("call records"))
    if found.intake.last_file_at is None:
        return Finding(
            INBOX,
            "TODO",
            said(N_("%(where)s: no file has come yet; is the phone system set?"), where=where),
        )
    text = said(
        N_("%(where)s: %(files)s files, the last at %(at)s"),
        where=where,
        files=found.intake.files,
        at=found.intake.last_file_at,
    )
    named: list[Words] = []
    if found.newest_call_at is not None:
        named.append(said(N_("the newest call began at %(at)s"), at=found.newest_call_at))
    if waiting:
        named.append(said(N_("files waiting: %(count)s"), count=waiting))
    return Finding(INBOX, "OK", text, named=tuple(named))


def portal(address: str, *, is_safe: bool) -> Finding:
    """Whether what people send to the portal is encrypted, or never leaves this machine."""
    what = Words(N_("portal"))
    if is_safe:
        return Finding(what, "OK", plain(address))
    todo = said(N_("set one of %(keys)s"), keys="web.tls_certificate_file, web.public_url")
    return Finding(what, "TODO", said(N_("%(address)s is not encrypted"), address=address), (todo,))


def mail(found: Standing, server: str | None, problem: str = "") -> Finding:
    """The queue of mails, and what is wrong with the server where somebody has just looked."""
    if server is None:
        return Finding(SMTP, "--", Words(N_("not configured; nobody is mailed")))
    if problem:
        todo = said(N_("see %(section)s of the configuration"), section="[mail]")
        return Finding(SMTP, "TODO", plain(problem), (todo,))
    figures = found.figures
    waiting = said(
        N_("%(server)s, %(count)s waiting"), server=server, count=figures.notifications_pending
    )
    if figures.notifications_failed:
        given_up = said(
            N_("%(count)s notifications were given up; see the log"),
            count=figures.notifications_failed,
        )
        named = (found.mail.last_error,) if found.mail.last_error else ()
        return Finding(SMTP, "TODO", waiting, (given_up,), named)
    return Finding(SMTP, "OK", waiting)


def directory(found: Standing) -> Finding:
    """How the last synchronisation went."""
    page = "/admin/directory"
    if not found.has_directory:
        return Finding(LDAP, "--", Words(N_("not configured")), link=page)
    run = found.last_sync
    if run is None:
        return Finding(LDAP, "OK", Words(N_("configured; nothing was synchronised yet")), link=page)
    if run.outcome in ("failed", "refused"):
        text = said(N_("the synchronisation of %(at)s was not done"), at=run.started_at)
        why = (_why_not(run.reason),) if run.reason else ()
        return Finding(LDAP, "TODO", text, named=why, link=page)
    if run.outcome is None:
        text = said(N_("a synchronisation is under way since %(at)s"), at=run.started_at)
        return Finding(LDAP, "OK", text, link=page)
    text = said(
        N_("synchronised at %(at)s, people seen: %(seen)s"),
        at=run.done_at or run.started_at,
        seen=run.seen,
    )
    return Finding(LDAP, "OK", text, link=page)


def _why_not(reason: str) -> Words:
    return Words(REFUSALS[reason]) if reason in REFUSALS else plain(reason)


def missing_files(found: Standing) -> Finding:
    """Holes in the numbering of the call-record files."""
    what = Words(N_("missing files"))
    if not found.gaps:
        return Finding(what, "OK", NONE)
    count = sum(gap.last - gap.first + 1 for gap in found.gaps)
    todo = (Words(N_("have Cisco UCM send them again")),)
    text = plain(count)
    named = tuple(_gap(gap) for gap in found.gaps[:NAMED])
    return Finding(what, "TODO", text, todo, named, count=len(found.gaps))


def _gap(gap: Gap) -> Words:
    span = str(gap.first) if gap.first == gap.last else f"{gap.first}-{gap.last}"
    return said(
        N_("%(kind)s %(cluster)s node %(node)s %(span)s"),
        kind=gap.kind,
        cluster=gap.cluster,
        node=str(gap.node),
        span=span,
    )


def rejected_rows(found: Standing) -> Finding:
    """Rows of call records nobody could read."""
    what, count = Words(N_("rejected rows")), found.figures.rejects_open
    if not count:
        return Finding(what, "OK", NONE)
    named = tuple(_reject(row) for row in found.rejects)
    todo = (said(N_("see %(command)s"), command="ringfence rejects"),)
    return Finding(what, "TODO", plain(count), todo, named, count)


def _reject(row: RejectRow) -> Words:
    return said(
        N_("%(file)s line %(line)s: %(reason)s"),
        file=row.file,
        line=str(row.line),
        reason=row.reason,
    )


def unrated_calls(found: Standing) -> Finding:
    """Calls no rate covers, and trunks nobody has named."""
    what, count = Words(N_("unrated calls")), found.figures.calls_unrated
    if not count:
        return Finding(what, "OK", NONE)
    text = said(N_("%(count)s calls no rate covers, most of them to"), count=count)
    named = tuple(f"{one.number} ({one.calls})" for one in found.unrated)
    todo = [said(N_("see %(command)s"), command="ringfence rate")]
    if found.unknown_trunks:
        devices = ", ".join(f"{device} ({calls})" for device, calls in found.unknown_trunks)
        todo.append(
            said(
                N_("no [[gateway]] names %(devices)s: add it, apply, and run %(command)s"),
                devices=devices,
                command="ringfence rerate",
            )
        )
    return Finding(what, "TODO", text, tuple(todo), named)


def locks(found: Standing) -> Finding:
    """Locks wanted and in place, and the lines where the two differ."""
    figures, what, known = found.figures, Words(N_("locks")), found.phone_system
    text = said(
        N_("%(wanted)s wanted, %(actual)s in place"),
        wanted=figures.locks_wanted,
        actual=figures.locks_actual,
    )
    if figures.drifted:
        todo = said(N_("%(count)s lines were changed by hand"), count=figures.drifted)
        return Finding(what, "TODO", text, (todo,), tuple(known.drifted), figures.drifted)
    if figures.locks_differing:
        todo = said(
            N_("a running daemon keeps trying: see %(command)s"), command="ringfence status EXT"
        )
        named = tuple(f"{one.extension}: {one.error}" for one in known.troubles)
        named = named or tuple(known.differing)
        return Finding(what, "TODO", text, (todo,), named, figures.locks_differing)
    return Finding(what, "OK", text)


def standing_alarms(found: Standing) -> Finding:
    """Alarms nobody has cleared."""
    what = Words(N_("alarms"))
    if not found.alarms:
        return Finding(what, "OK", NONE)
    count = len(found.alarms)
    named = tuple(_alarm(alarm) for alarm in found.alarms[:NAMED])
    return Finding(what, "TODO", plain(count), (), named, count)


def _alarm(alarm: Alarm) -> Words:
    params: dict[str, Value] = dict(alarm.params)
    if alarm.kind == "directory_refused" and "why" in params:
        params["why"] = _why_not(alarm.params["why"])
    told = Words(ALARMS.get(alarm.kind, ""), params)
    if not told.message or not _fills(told.message, alarm.params):
        told = plain(f"{alarm.kind} {alarm.key}")
    return said(N_("%(alarm)s, since %(at)s"), alarm=told, at=alarm.raised_at)


def _fills(message: str, params: dict[str, str]) -> bool:
    """Whether these params are all the message needs: an older release may have kept others."""
    return set(re.findall(r"%\((\w+)\)s", message)) <= params.keys()


BEFORE = (database, people, company)
AFTER = (directory, missing_files, rejected_rows, unrated_calls, locks, standing_alarms)
"""The findings of the database alone, around those that need the configuration."""
