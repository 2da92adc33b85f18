"""The daemon's one configuration file, decoded strictly: an unknown key is an error naming it.

TOML; every duration, size and period carries its unit in its name; relative paths are relative to
the file. A secret is written in the file itself, or better in a file of its own (`*_file`), handed
over by systemd as a credential, or given in the environment. docs/configuration.md explains every
key, and a test fails when it misses one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from telephony.errors import RingfenceError

Seconds = Annotated[int, msgspec.Meta(ge=1)]
Timeout = Annotated[float, msgspec.Meta(gt=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Days = Annotated[int, msgspec.Meta(ge=0)]

SECRETS = (
    "database.dsn",
    "mail.password",
    "cucm.password",
    "cucm.phone_password",
    "secret.key",
)
"""Keys that may also come from `<key>_file`, a systemd credential or the environment."""

SHORTEST_KEY = 32
"""A key anybody could guess would seal nothing."""


class ConfigError(RingfenceError):
    """The configuration cannot be used; the message names the file and the key."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every section has in common."""


class DatabaseSection(_Section, frozen=True):
    """Where the state is kept. Without `dsn`, an embedded PostgreSQL under the data folder."""

    dsn: str = ""
    dsn_file: str = ""


class InboxSection(_Section, frozen=True):
    """Where call records arrive and what becomes of their files."""

    directory: str = ""
    archive_directory: str = ""
    archive_keep_days: Days = 400
    rescan_every_s: Seconds = 10
    last_row_wait_s: Seconds = 60


class WebSection(_Section, frozen=True):
    """Where the portal listens and how people reach it."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    behind_proxy: bool = False
    session_idle_minutes: Seconds = 60
    session_life_hours: Seconds = 12
    gadget_session_life_days: Annotated[int, msgspec.Meta(ge=1)] = 30


class MailSection(_Section, frozen=True):
    """The server that takes outgoing mail. Without `host`, mail waits."""

    host: str = ""
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    password_file: str = ""
    sender: str = ""
    timeout_s: Timeout = 20.0


class CucmSection(_Section, frozen=True):
    """Cisco UCM. Without `axl_url`, calls are counted and nothing is locked."""

    axl_url: str = ""
    ris_url: str = ""
    username: str = ""
    password: str = ""
    password_file: str = ""
    ca_file: str = ""
    verify_tls: bool = True
    timeout_s: Timeout = 20.0
    max_concurrent: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4
    default_lock_css: str = ""
    lock_css: dict[str, str] = {}
    phone_username: str = ""
    phone_password: str = ""
    phone_password_file: str = ""
    phone_scheme: Literal["http", "https"] = "http"
    phone_port: Port = 80


class LocksSection(_Section, frozen=True):
    """How locks are kept true and proved."""

    reconcile_every_s: Seconds = 60
    outside_numbers: tuple[str, ...] = ()


class LogSection(_Section, frozen=True):
    """What the daemon writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    mask_digits: Annotated[int, msgspec.Meta(ge=0)] = 4


class RetentionSection(_Section, frozen=True):
    """How long calls and the audit log are kept; 0 is for ever."""

    calls_keep_days: Days = 0
    audit_keep_days: Days = 0


class ReportsSection(_Section, frozen=True):
    """The analytic copy that reports are asked of, and how long their results are kept.

    `threads` 0 is one for each processor; `keep_results_days` 0 keeps none.
    """

    directory: str = ""
    memory_mib: Annotated[int, msgspec.Meta(ge=128)] = 1024
    threads: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    keep_results_days: Days = 30


class SecretSection(_Section, frozen=True):
    """What seals the secrets that lie in the database. Without `key`, the file `key_file` holds it.

    Where nothing is configured that file is `secret.key` in the data folder, made on first use.
    """

    key: str = ""
    key_file: str = ""


class Config(_Section, frozen=True):
    """The whole configuration; every section and key may be left out."""

    database: DatabaseSection = DatabaseSection()
    inbox: InboxSection = InboxSection()
    web: WebSection = WebSection()
    mail: MailSection = MailSection()
    cucm: CucmSection = CucmSection()
    locks: LocksSection = LocksSection()
    log: LogSection = LogSection()
    retention: RetentionSection = RetentionSection()
    reports: ReportsSection = ReportsSection()
    secret: SecretSection = SecretSection()


def find_config(
    config: str | None, data: str | None, environment: Mapping[str, str]
) -> tuple[Path | None, Path]:
    """Which configuration file to read (None: none) and which data folder to use.

    The file: `--config`, RINGFENCE_CONFIG, `ringfence.toml` in a data folder that was named; with
    none named `./ringfence.toml`, else `./var/ringfence.toml`, which the demo writes. The folder:
    `--data`, RINGFENCE_DATA, `./var`.
    """
    config = config or environment.get("RINGFENCE_CONFIG") or None
    data = data or environment.get("RINGFENCE_DATA") or None
    folder = Path(data or "var").absolute()
    if config is not None:
        return Path(config).absolute(), folder
    places = [folder] if data is not None else [Path(), folder]
    candidates = (place / "ringfence.toml" for place in places)
    return next((file.absolute() for file in candidates if file.is_file()), None), folder


def load_config(file: Path | None, data: Path, environment: Mapping[str, str]) -> Config:
    """Read and check the configuration, with secrets and paths resolved.

    Raises `ConfigError` naming the file and the key. Blocks for a few small files.
    """
    raw: dict[str, object] = {}
    if file is not None:
        try:
            raw = tomllib.loads(file.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file}: {error}") from error
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {_plainly(str(error))}") from error
    base = file.parent if file is not None else Path()
    config = _with_secrets(config, base, environment, str(file))
    config = _with_paths(config, base, data)
    _check(config, str(file))
    return config


_UNKNOWN = re.compile(r"Object contains unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_AT = re.compile(r"(.*) - at `\$\.?([^`]*)`", re.DOTALL)


def _plainly(message: str) -> str:
    """What msgspec says, as a person would say it: the key first."""
    if found := _UNKNOWN.match(message):
        where = f"{found[2]}." if found[2] else ""
        return f"unknown key {where}{found[1]}"
    if found := _AT.match(message):
        return f"{found[2]}: {found[1]}"
    return message


def _with_secrets(config: Config, base: Path, environment: Mapping[str, str], file: str) -> Config:
    for key in SECRETS:
        section, name = key.split(".")
        settings = getattr(config, section)
        value = _secret(key, getattr(settings, name), getattr(settings, f"{name}_file"),
                        base, environment, file)  # fmt: skip
        changed = msgspec.structs.replace(settings, **{name: value, f"{name}_file": ""})
        config = msgspec.structs.replace(config, **{section: changed})
    return config


def _secret(
    key: str, written: str, named: str, base: Path, environment: Mapping[str, str], file: str
) -> str:
    """A secret from the environment, else its file, else systemd's credential, else as written."""
    variable = "RINGFENCE_" + key.upper().replace(".", "_")
    if variable in environment:
        return environment[variable]
    if f"{variable}_FILE" in environment:
        written, named = "", environment[f"{variable}_FILE"]
    if written and named:
        raise ConfigError(f"{file}: {key} and {key}_file are both given")
    credential = Path(environment.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / key
    place = base / named if named else credential
    if not named and (written or not credential.is_file()):
        return written
    try:
        return place.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {key}_file: {error}") from error


def _with_paths(config: Config, base: Path, data: Path) -> Config:
    def resolved(written: str, default: Path | None = None) -> str:
        if not written:
            return str(default.absolute()) if default else ""
        return str((base / written).absolute())

    inbox, web, cucm = config.inbox, config.web, config.cucm
    return msgspec.structs.replace(
        config,
        inbox=msgspec.structs.replace(
            inbox,
            directory=resolved(inbox.directory, data / "inbox"),
            archive_directory=resolved(inbox.archive_directory, data / "archive"),
        ),
        web=msgspec.structs.replace(
            web,
            tls_certificate_file=resolved(web.tls_certificate_file),
            tls_key_file=resolved(web.tls_key_file),
        ),
        cucm=msgspec.structs.replace(cucm, ca_file=resolved(cucm.ca_file)),
        reports=msgspec.structs.replace(
            config.reports, directory=resolved(config.reports.directory, data / "analytics")
        ),
        secret=msgspec.structs.replace(
            config.secret, key_file="" if config.secret.key else resolved("", data / "secret.key")
        ),
    )


def _check(config: Config, file: str) -> None:
    """What one key cannot know of another."""
    web, mail, cucm = config.web, config.mail, config.cucm
    problems = (
        (bool(web.tls_certificate_file) != bool(web.tls_key_file),
         "web.tls_certificate_file and web.tls_key_file belong together"),
        (bool(web.public_url) and not re.match(r"https?://[^/]+", web.public_url),
         "web.public_url: must begin with http:// or https://"),
        (bool(mail.host) and "@" not in mail.sender,
         "mail.sender: an address is needed to send mail"),
        (bool(cucm.axl_url) and not re.match(r"https?://[^/]+", cucm.axl_url),
         "cucm.axl_url: must begin with https://"),
        (bool(cucm.axl_url) and not cucm.username,
         "cucm.username: needed with cucm.axl_url"),
        (0 < len(config.secret.key) < SHORTEST_KEY,
         f"secret.key: needs {SHORTEST_KEY} characters or more"),
        (config.inbox.directory == config.inbox.archive_directory,
         "inbox.archive_directory: must not be the inbox itself"),
    )  # fmt: skip
    for wrong, message in problems:
        if wrong:
            raise ConfigError(f"{file}: {message}")


def environment() -> Mapping[str, str]:
    """The process's environment, as everything here takes it."""
    return os.environ
