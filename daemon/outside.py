"""Makes the adapters of phone system and directory, and the mail's settings, as configured.

Nothing but `daemon` builds adapters; whoever uses them knows `pbx.port` alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from actors.directory import DirectoryAccess
from actors.house import Outside
from actors.mailer import MailSettings
from actors.metrics import count_pbx_request
from actors.sealing import Sealer
from daemon.config import Config, CucmSection
from daemon.secret_key import secret_key
from directory.ldap import open_directory
from directory.settings_check import check_settings
from pbx.cucm.axl import AxlSettings, open_axl
from pbx.cucm.phone import PhoneSettings, open_phones
from pbx.cucm.ris import RisSettings, open_ris
from web.phone import PHONE_MESSAGES


@asynccontextmanager
async def open_outside(config: Config, portal_url: str = "") -> AsyncGenerator[Outside]:
    """The world outside the house as configured; connects to nothing yet.

    `portal_url` is where phones reach the portal; without it they are pushed texts to show
    instead of pages to fetch. Raises `PbxRefused` where a certificate file cannot be read.
    """
    async with AsyncExitStack() as stack:
        locker = screen = None
        cucm = config.cucm
        if cucm.axl_url:
            counted = partial(count_pbx_request, "axl")
            locker = await stack.enter_async_context(open_axl(axl_settings(cucm), counted))
            if cucm.ris_url and cucm.phone_username:
                counted = partial(count_pbx_request, "ris")
                ris = await stack.enter_async_context(open_ris(ris_settings(cucm), counted))
                phones = open_phones(phone_settings(cucm, portal_url), locker, ris)
                screen = await stack.enter_async_context(phones)
        yield Outside(
            locker=locker,
            screen=screen,
            mail=mail_settings(config),
            sample_numbers=config.locks.outside_numbers,
            reconcile_every_s=float(config.locks.reconcile_every_s),
            directory=directory_access(config),
        )


def directory_access(config: Config) -> DirectoryAccess:
    """How a directory is asked; which one, and whether any, stands in the database."""
    sealer = Sealer(partial(secret_key, config.secret))
    return DirectoryAccess(open_directory, check_settings, sealer)


def mail_settings(config: Config) -> MailSettings | None:
    """How mail leaves, from `[mail]`; None where no server is named."""
    mail = config.mail
    if not mail.host:
        return None
    return MailSettings(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        sender=mail.sender,
        username=mail.username,
        password=mail.password,
        timeout_s=mail.timeout_s,
    )


def _ca_file(cucm: CucmSection) -> Path | None:
    return Path(cucm.ca_file) if cucm.ca_file else None


def axl_settings(cucm: CucmSection) -> AxlSettings:
    """Where AXL is, from `[cucm]`."""
    return AxlSettings(
        url=cucm.axl_url,
        username=cucm.username,
        password=cucm.password,
        verify=cucm.verify_tls,
        ca_file=_ca_file(cucm),
        timeout_s=cucm.timeout_s,
        max_concurrent=cucm.max_concurrent,
        default_lock_css=cucm.default_lock_css,
        lock_css=cucm.lock_css,
    )


def ris_settings(cucm: CucmSection) -> RisSettings:
    """Where RISPort is, from `[cucm]`."""
    return RisSettings(
        url=cucm.ris_url,
        username=cucm.username,
        password=cucm.password,
        verify=cucm.verify_tls,
        ca_file=_ca_file(cucm),
        timeout_s=cucm.timeout_s,
    )


def phone_settings(cucm: CucmSection, portal_url: str = "") -> PhoneSettings:
    """How to push to phones, from `[cucm]`; they fetch what they show below `portal_url`."""
    return PhoneSettings(
        username=cucm.phone_username,
        password=cucm.phone_password,
        port=cucm.phone_port,
        tls=cucm.phone_scheme == "https",
        page_url=f"{portal_url}{PHONE_MESSAGES}" if portal_url else "",
    )
