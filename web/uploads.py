"""How large a request may be: small everywhere, but where a file is expected."""

from __future__ import annotations

from typing import Any

from quart_trio.wrappers import TrioRequest

from web.people_import import IMPORT, MOST_BYTES

LARGER = {IMPORT: MOST_BYTES}
"""Addresses that take files, and how many bytes a request there may have."""


class RoomyRequest(TrioRequest):
    """A request whose largest body depends on its address."""

    def __init__(self, method: str, scheme: str, path: str, *rest: Any, **named: Any) -> None:  # noqa: ANN401 - Quart's own arguments, passed on
        roomy = LARGER.get(path)
        if roomy is not None:
            named["max_content_length"] = roomy
        super().__init__(method, scheme, path, *rest, **named)
        if roomy is not None:
            self.max_content_length = roomy  # of what the form is parsed from
