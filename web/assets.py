"""Style sheets, scripts and pictures: read once, served from memory, kept by browsers for a year.

The address carries a digest of all of them, so that a new release is a new address; scripts that
import each other by relative path stay within one release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from quart import Blueprint, Response, abort

FOLDER = Path(__file__).resolve().parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}

assets = Blueprint("assets", __name__)


@cache
def _files() -> Mapping[str, bytes]:
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }


@cache
def release() -> str:
    """A digest of every asset, part of each address."""
    digest = hashlib.sha256()
    for name, content in _files().items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of an asset by its name. Raises KeyError for one that is not there."""
    if name not in _files():
        raise KeyError(name)
    return f"/static/{release()}/{name}"


@assets.get("/static/<digest>/<path:name>")
async def serve(digest: str, name: str) -> Response:
    """One asset; an address of another release gets today's, to be asked for again."""
    content = _files().get(name)
    if content is None:
        abort(404)
    response = Response(content, content_type=_TYPES[Path(name).suffix])
    current = digest == release()
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if current else "no-cache"
    )
    return response
