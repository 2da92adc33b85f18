"""The rules every request and every answer of the portal keeps.

A change comes from our own pages or not at all: the browser must not name another origin, and the
form must repeat a secret that only our page knows. Answers carry no inline script or style.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from quart import Response, abort, g, request

from web.context import fields, reader, session_if_loaded, settings

STALE = "stale"
"""Said with a 403 to a form whose secret is not (or no longer) the session's."""

CSRF_FIELD = "csrf_token"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_LONG_TLS = "max-age=31536000"


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(left.encode(), right.encode())


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def local_path(target: str | None) -> str:
    """`target` where it is a path of this portal, else `/`: nobody is sent elsewhere."""
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"}:
        return "/"
    if any(ord(char) <= 32 or char == "\\" for char in target):
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def refuse_foreign_change() -> None:
    """Answer 403 to a change that another site's page asks for."""
    if request.method not in UNSAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403)
    origin = request.headers.get("Origin")
    ours = {request.host, urlsplit(settings().public_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours:
        abort(403)


async def refuse_unstorable() -> None:
    """Answer 400 to a NUL in the address or the form: no person types one, no database takes it."""
    sent = [*request.args.values()]
    if request.method in UNSAFE:
        sent += (await fields()).values()
    if any("\0" in value for value in sent):
        abort(400)


async def sent_csrf() -> str:
    """The secret a form carries, empty where it carries none."""
    return (await fields()).get(CSRF_FIELD, "")


async def refuse_unsigned_change() -> None:
    """Answer 403 to a change of a signed-in person without the secret of their session."""
    session = session_if_loaded()
    if request.method not in UNSAFE or session is None:
        return
    if not same(await sent_csrf(), session.csrf):
        abort(403, STALE)


def form_secret() -> str:
    """What a form must repeat: the session's secret, or before sign-in that of its own cookie."""
    session = session_if_loaded()
    if session is not None:
        return session.csrf
    if "form_secret" not in g:
        g.form_secret = request.cookies.get(settings().form_cookie, "") or new_secret()
    return str(g.form_secret)


async def is_our_form() -> bool:
    """Whether a form posted before sign-in repeats the secret of its cookie."""
    kept = request.cookies.get(settings().form_cookie, "")
    return bool(kept) and same(await sent_csrf(), kept)


def set_cookie(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    """A cookie for this host alone, out of scripts' reach, not sent along from other sites."""
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path="/",
        secure=settings().secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(
        name, path="/", secure=settings().secure_cookies, httponly=True, samesite="Lax"
    )


async def dress(response: Response) -> Response:
    """Put the rules' headers, and a new form's cookie, on an answer."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", _LONG_TLS)
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Content-Language", reader().language.tag)
        response.vary.update(("Cookie", "Accept-Language"))
    fresh = g.get("form_secret")
    if fresh and request.cookies.get(settings().form_cookie) != fresh:
        set_cookie(response, settings().form_cookie, str(fresh))
    return response
