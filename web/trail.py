"""What a page tells the audit log: who asks, from which address, and about whom.

Nothing here decides what is worth telling; `storage.audit` keeps it.
"""

from __future__ import annotations

from storage.audit import Event
from storage.people import Person
from web.context import client_address, session_if_loaded


def event(action: str, about: Person | None = None, subject: str = "", **details: str) -> Event:
    """Something whoever looks does now; `about` is the person it is done to, where it is one."""
    session = session_if_loaded()
    doer = session.person if session else None
    return Event(
        action=action,
        person_id=doer.id if doer else None,
        login=doer.login if doer else "",
        subject_id=about.id if about else None,
        subject=subject or (about.full_name if about else ""),
        address=client_address(),
        details=details,
    )
