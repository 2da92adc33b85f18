"""What IP phones fetch: the messages that were pushed to them.

A phone shows no session; the token in the address was given to that one phone and soon expires.
"""

from __future__ import annotations

from quart import Blueprint, Response, abort

from web.context import house

PHONE_MESSAGES = "/phone/message"

phone = Blueprint("phone", __name__)


@phone.get(f"{PHONE_MESSAGES}/<token>")
async def message(token: str) -> Response:
    """One pushed message as phone XML, not to be kept in the phone's history; else 404."""
    screen = house().screen
    xml = screen.page(token) if screen is not None else None
    if xml is None:
        abort(404)
    headers = {"Expires": "-1", "Cache-Control": "no-store"}
    return Response(xml, content_type="text/xml; charset=utf-8", headers=headers)
