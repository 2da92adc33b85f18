"""Why somebody finds themselves at the door again, said there in a sentence.

The browser still remembers its session; what the database remembers of it says why it is over.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from quart import request

from web.context import reader, say, session_ending, settings
from web.security import UNSAFE, local_path


def ending_words() -> str:
    """The sentence for the door; empty where no session of this browser is over."""
    why = session_ending()
    if why == "idle":
        return reader().language.plural(
            "You were signed out after %(num)d minute without use.",
            "You were signed out after %(num)d minutes without use.",
            settings().session_idle_minutes,
        )
    if why == "expired":
        return say("You were signed out: a session ends after some hours, however busy it is.")
    if why == "disabled":
        return say("Your account is switched off. Your administrator can say why.")
    if why == "ended":
        return say(
            "Your session was ended: on another of your devices, by an administrator, "
            "or because your password was changed."
        )
    return ""


def way_to_the_door() -> str:
    """The address of the door, which leads back to where one was.

    After a form that is the page the form was on: nothing that was sent is done later by itself.
    """
    path = request.full_path.rstrip("?")
    if request.method in UNSAFE:
        sent_from = urlsplit(request.headers.get("Referer", ""))
        ours = sent_from.netloc in {request.host, urlsplit(settings().public_url).netloc}
        path = f"{sent_from.path}?{sent_from.query}".rstrip("?") if ours else "/"
    return f"/login?next={quote(local_path(path))}"
