"""A real slapd for tests: two companies, a password policy, TLS, and certificates of every kind.

`dc=example,dc=com` has an overlay that keeps memberOf and one for the password policy (three wrong
passwords lock). `dc=plain,dc=test` has neither, and 10,000 people.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import ipaddress
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from directory.port import AttributeNames, DirectorySettings

BASE = "dc=example,dc=com"
PLAIN = "dc=plain,dc=test"
SERVICE = f"cn=ringfence,ou=services,{BASE}"
SERVICE_PASSWORD = "the service's own"
MANY = 10_000
LIMITED = f"cn=limited,{PLAIN}"
"""An account to which the server gives 50 entries at most, pages or none."""

SLAPD, SLAPADD = "/usr/sbin/slapd", "/usr/sbin/slapadd"
MODULES = Path("/usr/lib/ldap")

OPENLDAP = AttributeNames(
    login="uid",
    department="departmentNumber",
    office="l",
    custom=("title", "carLicense"),
)


# Certificates ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A company's own certificate authority."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=400))
            .not_valid_after(now + dt.timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, *hosts: str, days: int = 30) -> Identity:
        """A server's certificate for these names; negative `days`: it ended that long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        names = [_alternative(host) for host in hosts]
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - dt.timedelta(days=200))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = f"{self._name}-{made.serial_number}"
        identity = Identity(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        identity.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return identity


def _alternative(host: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


# What is in the directory ------------------------------------------------------------------------


def entry(dn: str, **attributes: str | bytes | list[str | bytes]) -> str:
    """One entry as LDIF."""
    lines = [_line("dn", dn)]
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append(_line(name, value))  # noqa: PERF401 - two loops read better
    return "\n".join(lines) + "\n\n"


def _line(name: str, value: str | bytes) -> str:
    octets = value.encode() if isinstance(value, str) else value
    return f"{name}:: {base64.b64encode(octets).decode()}"


def a_worker(uid: str, first: str, last: str, base: str = BASE, **more: Any) -> str:
    """Somebody whose password is `<uid>'s password`."""
    fields: dict[str, Any] = {
        "objectClass": ["inetOrgPerson", "shadowAccount"],
        "uid": uid,
        "cn": f"{first} {last}",
        "givenName": first,
        "sn": last,
        "mail": f"{uid}@example.com",
        "userPassword": f"{uid}'s password",
    }
    rdn = uid.replace(",", "\\,")
    return entry(f"uid={rdn},ou=people,{base}", **(fields | more))


def _example() -> str:
    return "".join(
        [
            entry(BASE, objectClass=["dcObject", "organization"], dc="example", o="Example"),
            *(
                entry(f"ou={name},{BASE}", objectClass="organizationalUnit", ou=name)
                for name in ("people", "groups", "services", "policies", "twins")
            ),
            entry(
                SERVICE,
                objectClass=["organizationalRole", "simpleSecurityObject"],
                cn="ringfence",
                userPassword=SERVICE_PASSWORD,
                pwdPolicySubentry=f"cn=services,ou=policies,{BASE}",
            ),
            entry(
                f"cn=services,ou=policies,{BASE}",
                objectClass=["person", "pwdPolicy"],
                cn="services",
                sn="services",
                pwdAttribute="userPassword",
            ),
            entry(
                f"cn=default,ou=policies,{BASE}",
                objectClass=["person", "pwdPolicy"],
                cn="default",
                sn="default",
                pwdAttribute="userPassword",
                pwdLockout="TRUE",
                pwdMaxFailure="3",
                pwdMustChange="TRUE",
            ),
            entry(
                f"cn=aged,ou=policies,{BASE}",
                objectClass=["person", "pwdPolicy"],
                cn="aged",
                sn="aged",
                pwdAttribute="userPassword",
                pwdMaxAge="60",
            ),
            a_worker(
                "anna",
                "Anna",
                "Bianchi",
                departmentNumber="Sales",
                l="Milano",
                telephoneNumber="+39 02 6677 731",
                preferredLanguage="de-CH",
                title="Head of sales",
                carLicense=["MI 1", "MI 2"],
            ),
            a_worker("lukasz", "Łukasz", "Żółć"),
            a_worker("layla", "ليلى", "حداد", cn=["ليلى حداد"]),
            a_worker("łucja", "Łucja", "Gęś"),
            a_worker("سامي", "سامي", "نور"),
            a_worker("o*o", "Star", "Name"),
            a_worker("tom,r", "Comma", "Name"),
            a_worker("locked", "Loreto", "Chiuso", pwdAccountLockedTime="000001010000Z"),
            a_worker("tries", "Teresa", "Prova"),
            a_worker("left", "Lea", "Via", shadowExpire="100"),
            a_worker(
                "aged",
                "Agata",
                "Vecchi",
                pwdPolicySubentry=f"cn=aged,ou=policies,{BASE}",
                pwdChangedTime="20200101000000Z",
            ),
            a_worker("reset", "Renata", "Nuova", pwdReset="TRUE"),
            a_worker("broken", "Bruno", "Rotto", mail=[b"\xff\xfe@example.com", "b@example.com"]),
            a_worker("moving", "Mora", "Prima"),
            a_worker("twin", "Tina", "Prima"),
            a_worker("twin", "Tino", "Secondo").replace(
                _line("dn", f"uid=twin,ou=people,{BASE}"), _line("dn", f"uid=twin,ou=twins,{BASE}")
            ),
        ]
    )


def _plain() -> Iterator[str]:
    yield entry(PLAIN, objectClass=["dcObject", "organization"], dc="plain", o="Plain")
    for name in ("people", "groups"):
        yield entry(f"ou={name},{PLAIN}", objectClass="organizationalUnit", ou=name)
    for number in range(MANY):
        yield a_worker(f"p{number:05}", f"Person {number}", "Many", PLAIN, telephoneNumber="1")
    yield entry(
        LIMITED,
        objectClass=["organizationalRole", "simpleSecurityObject"],
        cn="limited",
        userPassword="limited",
    )
    group = f"ou=groups,{PLAIN}"
    yield entry(
        f"cn=chiefs,{group}",
        objectClass="groupOfNames",
        cn="chiefs",
        member=[f"UID=P00001 , OU=People, {PLAIN.upper()}", f"uid=p00002,ou=people,{PLAIN}"],
    )
    yield entry(
        f"cn=unique,{group}",
        objectClass="groupOfUniqueNames",
        cn="unique",
        uniqueMember=f"uid=p00003,ou=people,{PLAIN}",
    )
    yield entry(
        f"cn=posix,{group}",
        objectClass="posixGroup",
        cn="posix",
        gidNumber="100",
        memberUid=["p00004", "p00001"],
    )


GROUPS = {
    "admins": ["anna"],
    "heads": ["anna", "lukasz"],
    "staff": ["anna", "lukasz", "layla"],
}
"""Groups of `dc=example,dc=com` and their members; only memberOf can be read of them."""


def group(name: str) -> str:
    """The distinguished name of a group of `dc=example,dc=com`."""
    return f"cn={name},ou=groups,{BASE}"


# The server --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slapd:
    """A slapd that runs: its ports, and the authority its certificate comes from."""

    port: int
    tls_port: int
    authority: Authority

    def settings(self, **more: Any) -> DirectorySettings:
        """Settings that work, by TLS and the service account; `more` overrides anything."""
        fields: dict[str, Any] = {
            "servers": (f"localhost:{self.tls_port}",),
            "base": BASE,
            "certificates": self.authority.pem,
            "bind_name": SERVICE,
            "bind_password": SERVICE_PASSWORD,
            "user_filter": "(objectClass=inetOrgPerson)",
            "attributes": OPENLDAP,
            "connect_timeout_s": 5,
            "answer_timeout_s": 10,
        }
        if more.get("encryption") in {"none", "starttls"}:
            fields["servers"] = (f"localhost:{self.port}",)
        return DirectorySettings(**(fields | more))

    @contextlib.contextmanager
    def as_root(self) -> Iterator[Any]:
        """An ldap3 connection that may change `dc=example,dc=com`."""
        import ldap3  # asked for by tests of the directory alone

        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        ldap = ldap3.Connection(server, f"cn=root,{BASE}", "root", auto_bind=True)
        try:
            yield ldap
        finally:
            ldap.unbind()


def _configuration(folder: Path, identity: Identity | None, databases: str) -> Path:
    lines = [f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "nis")]
    lines += ["include /etc/ldap/schema/inetorgperson.schema", f"modulepath {MODULES}"]
    lines += [f"moduleload {name}" for name in ("back_mdb", "memberof", "ppolicy")]
    lines += [f"pidfile {folder}/slapd.pid", "sizelimit unlimited"]
    if identity:
        lines += [
            f"TLSCertificateFile {identity.certificate}",
            f"TLSCertificateKeyFile {identity.key}",
        ]
    path = folder / "slapd.conf"
    path.write_text("\n".join(lines) + "\n" + databases)
    return path


def _databases(folder: Path) -> str:
    for name in ("example", "plain"):
        (folder / name).mkdir()
    return f"""
database mdb
suffix "{BASE}"
rootdn "cn=root,{BASE}"
rootpw root
directory {folder}/example
maxsize 104857600
index uid,objectClass eq
access to attrs=userPassword by anonymous auth by * none
access to attrs=member by * none
access to * by dn.exact="{SERVICE}" read by * none
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{BASE}"
ppolicy_use_lockout

database mdb
suffix "{PLAIN}"
rootdn "cn=root,{PLAIN}"
rootpw root
directory {folder}/plain
maxsize 1048576000
index uid,objectClass eq
limits dn.exact="{LIMITED}" size.soft=50 size.hard=50 size.prtotal=50
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def _running(folder: Path, configuration: Path, *, tls: bool = True) -> Iterator[tuple[int, int]]:
    server, port, tls_port = _started(folder, configuration, tls=tls)
    try:
        yield port, tls_port
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _started(
    folder: Path, configuration: Path, *, tls: bool
) -> tuple[subprocess.Popen[bytes], int, int]:
    log = folder / "log"
    for _ in range(3):  # somebody else may take a free port before slapd does
        port, tls_port = _free_port(), _free_port()
        addresses = f"ldap://127.0.0.1:{port}/" + (f" ldaps://127.0.0.1:{tls_port}/" if tls else "")
        with log.open("wb") as output:
            server = subprocess.Popen(
                [SLAPD, "-d", "0", "-f", str(configuration), "-h", addresses],
                stdout=output,
                stderr=output,
            )
        if _answers(server, port):
            return server, port, tls_port
        server.kill()
        server.wait()
    pytest.fail(f"slapd did not start: {log.read_text()}")


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return server.poll() is None
        time.sleep(0.02)
    return False


def _load(configuration: Path, suffix: str, ldif: str) -> None:
    done = subprocess.run(
        [SLAPADD, "-q", "-f", str(configuration), "-b", suffix],
        input=ldif.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="session")
def ldap_folder() -> Iterator[Path]:
    if not Path(SLAPD).exists():
        pytest.skip("slapd is not installed")
    folder = Path(tempfile.mkdtemp(prefix="ringfence-slapd-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def authority(ldap_folder: Path) -> Authority:
    return Authority(ldap_folder, "company")


@pytest.fixture(scope="session")
def slapd(ldap_folder: Path, authority: Authority) -> Iterator[Slapd]:
    """The server with both companies, whose certificate is for localhost."""
    folder = ldap_folder / "main"
    folder.mkdir()
    identity = authority.issue("localhost", "127.0.0.1")
    configuration = _configuration(folder, identity, _databases(folder))
    _load(configuration, BASE, _example())
    _load(configuration, PLAIN, "".join(_plain()))
    with _running(folder, configuration) as (port, tls_port):
        running = Slapd(port, tls_port, authority)
        # Not before it runs: the overlay writes memberOf of groups it sees added.
        with running.as_root() as ldap:
            for name, members in GROUPS.items():
                names = [f"uid={member},ou=people,{BASE}" for member in members]
                assert ldap.add(group(name), "groupOfNames", {"cn": name, "member": names})
        yield running


@contextlib.contextmanager
def _bare(folder: Path, authority: Authority, identity: Identity | None) -> Iterator[Slapd]:
    """A server with nothing in it."""
    folder.mkdir()
    configuration = _configuration(folder, identity, "")
    with _running(folder, configuration, tls=identity is not None) as (port, tls_port):
        yield Slapd(port, tls_port, authority)


@pytest.fixture(scope="session")
def expired_slapd(ldap_folder: Path, authority: Authority) -> Iterator[Slapd]:
    """A server whose certificate ended yesterday."""
    identity = authority.issue("localhost", days=-1)
    with _bare(ldap_folder / "expired", authority, identity) as running:
        yield running


@pytest.fixture(scope="session")
def stranger_slapd(ldap_folder: Path, authority: Authority) -> Iterator[Slapd]:
    """A server whose certificate is for another host."""
    identity = authority.issue("elsewhere.example.com", "192.0.2.1")
    with _bare(ldap_folder / "stranger", authority, identity) as running:
        yield running


@pytest.fixture(scope="session")
def bare_slapd(ldap_folder: Path, authority: Authority) -> Iterator[Slapd]:
    """A server without a certificate, on one plain port."""
    with _bare(ldap_folder / "bare", authority, None) as running:
        yield running
