"""My phone: whether it is locked, who holds it and why, and the one button that changes it.

A person locks and unlocks their own extensions alone, and only their own hold: what a budget or
an administrator holds stays held. The change goes to the extension's actor; the page then shows
what is wanted beside what the phone system has.
"""

from __future__ import annotations

import trio
from quart import Response, abort, request

from actors.mailbox import ActorError
from actors.messages import SetHold
from telephony.plant import ExtensionKey
from web.context import fields, go, house, part_or_page, viewer
from web.portal import signed_in_pages
from web.standing import my_standings, phone_cards

lock_pages = signed_in_pages("lock")


@lock_pages.get("/lock/")
async def my_phone() -> Response:
    """My phone."""
    stand = await my_standings()
    return await part_or_page(
        "portal/parts/lock.html", "portal/lock.html", phones=phone_cards(stand)
    )


@lock_pages.post("/lock/")
async def toggle() -> Response:
    """Set or release the person's own hold on one of their extensions."""
    form = await fields()
    person = viewer()
    key = ExtensionKey.parse(form.get("extension", "") or str(next(iter(person.extensions), "")))
    if key not in person.extensions:
        abort(403)
    if form.get("held") not in {"0", "1"}:
        abort(400)
    wanted = SetHold("user", held=form["held"] == "1", by=person.id)
    try:
        await house().locks.ask(key, wanted)
    except (ActorError, trio.TooSlowError):
        return await _not_taken()
    if "fragment" in request.args:
        return await my_phone()
    return go("/lock/")


async def _not_taken() -> Response:
    stand = await my_standings()
    return await part_or_page(
        "portal/parts/lock.html",
        "portal/lock.html",
        status=503,
        phones=phone_cards(stand),
        not_taken=True,
    )
