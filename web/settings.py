"""What the pages need to know of the machine they are served from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the portal, made by the daemon from its configuration.

    `public_url` is where people reach the portal (links in mails are made from it, never from a
    request's Host header). `secure_cookies` where they reach it by TLS, here or at a proxy.
    A page waits `database_patience_s` for the database, then says that it does not answer.
    Results of reports can be opened again for `keep_results_days`.
    `behind_proxy` believes the last `X-Forwarded-For` entry, which a proxy of ours has written.
    """

    public_url: str
    secure_cookies: bool
    behind_proxy: bool = False
    session_idle_minutes: int = 60
    database_patience_s: float = 10.0
    session_life_hours: int = 12
    gadget_session_life_days: int = 30
    keep_results_days: int = 30
    version: str = "0.1.0"
    demo: bool = False

    @property
    def session_cookie(self) -> str:
        """The session cookie's name; the prefix makes browsers insist on TLS and this host."""
        return "__Host-ringfence" if self.secure_cookies else "ringfence"

    @property
    def form_cookie(self) -> str:
        """The name of the cookie that sign-in forms must repeat."""
        return "__Host-ringfence-form" if self.secure_cookies else "ringfence-form"
