"""What Active Directory does otherwise than slapd, for tests that cannot have the real one.

Written after RFC 4511 and MS-ADTS: binds by name@suffix, DOMAIN\\name and DN; the `data` codes of a
refused bind; a bind without a password that succeeds as nobody; nothing to see without a bind;
references beside a domain's own entries; pages of at most 1000; 1500 values of an attribute at a
time; membership through nested groups by matching rule. BER by hand, so that it shares no mistake
with ldap3.
"""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DOMAIN = "DC=corp,DC=example"
SUFFIX = "corp.example"
_IN_CHAIN, _BIT_AND = "1.2.840.113556.1.4.1941", "1.2.840.113556.1.4.803"
_PAGES = "1.2.840.113556.1.4.319"
_MAX_PAGE, _MAX_VALUES = 1000, 1500
_REFUSED = (
    "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data {}, v4563\0"
)
_NOT_BOUND = (
    "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful "
    "bind must be completed on the connection., data 0, v4563"
)


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    length = len(body)
    if length < 128:
        return bytes([tag, length]) + body
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + body


def text(value: str | bytes, tag: int = 0x04) -> bytes:
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def number(value: int, tag: int = 0x02) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def items(data: bytes) -> list[tuple[int, bytes]]:
    """The elements one after the other in `data`: tag and content of each."""
    found, position = [], 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            octets = length & 0x7F
            length = int.from_bytes(data[position : position + octets], "big")
            position += octets
        found.append((tag, data[position : position + length]))
        position += length
    return found


def _whole(data: bytes) -> int | None:
    """How many bytes the first element has, once they are all there."""
    if len(data) < 2:
        return None
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1]
    size = 2 + octets + length
    return size if len(data) >= max(size, 2 + octets) else None


def integer(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


@dataclass
class Account:
    """An entry. `refusal` is the code with which a bind is refused, whatever the password."""

    dn: str
    attributes: dict[str, list[bytes]]
    password: str = ""
    refusal: str = ""

    def first(self, name: str) -> str:
        return self.attributes.get(name.lower(), [b""])[0].decode("utf-8", "replace")


@dataclass
class FakeAd:
    """The domain: its entries, and what it was asked. `follows_chains` False: says it is not AD."""

    accounts: dict[str, Account] = field(default_factory=dict)
    follows_chains: bool = True
    port: int = 0
    binds: list[tuple[str, str]] = field(default_factory=list)
    ranges: int = 0
    other_domain: dict[str, str] = field(default_factory=dict)
    """Names and passwords a trusted domain lets in, of whom there is no entry here."""

    def add(self, dn: str, password: str = "", refusal: str = "", **attributes: Any) -> Account:
        kept = {"objectguid": [uuid.uuid5(uuid.NAMESPACE_DNS, dn).bytes_le]}
        for name, values in attributes.items():
            listed = values if isinstance(values, list) else [values]
            kept[name.lower()] = [v if isinstance(v, bytes) else str(v).encode() for v in listed]
        account = Account(dn, kept, password, refusal)
        self.accounts[dn.lower()] = account
        return account

    def person(self, login: str, password: str = "", refusal: str = "", **more: Any) -> Account:
        fields: dict[str, Any] = {
            "objectClass": ["top", "person", "organizationalPerson", "user"],
            "objectCategory": "person",
            "sAMAccountName": login,
            "userPrincipalName": f"{login}@{SUFFIX}",
            "userAccountControl": 512,
            "givenName": login.title(),
        }
        dn = f"CN={login.title()},OU=Staff,{DOMAIN}"
        return self.add(dn, password or f"{login}'s password", refusal, **(fields | more))

    def group(self, name: str, *members: str) -> str:
        dn = f"CN={name},OU=Groups,{DOMAIN}"
        self.add(dn, objectClass="group", member=list(members))
        for member in members:
            if member.lower() in self.accounts:
                self.accounts[member.lower()].attributes.setdefault("memberof", []).append(
                    dn.encode()
                )
        return dn

    def by_name(self, name: str) -> Account | None:
        if name.lower() in self.accounts:
            return self.accounts[name.lower()]
        for account in self.accounts.values():
            if account.first("userPrincipalName").lower() == name.lower():
                return account
        login = re.fullmatch(rf"(?i)(.+)@{re.escape(SUFFIX)}|CORP\\(.+)", name)
        for account in self.accounts.values():
            if login and account.first("sAMAccountName").lower() in {
                (part or "").lower() for part in login.groups()
            }:
                return account
        return None

    def chain(self, dn: str) -> set[str]:
        """The groups of an entry, and theirs."""
        found: set[str] = set()
        left = [dn.lower()]
        while left:
            member = left.pop()
            for group in self.accounts.values():
                members = {v.decode().lower() for v in group.attributes.get("member", ())}
                if member in members and group.dn.lower() not in found:
                    found.add(group.dn.lower())
                    left.append(group.dn.lower())
        return found


class _Talk(socketserver.BaseRequestHandler):
    """One connection."""

    domain: FakeAd

    def handle(self) -> None:
        self.bound = False
        self.buffer = b""
        with contextlib.suppress(OSError):
            while (message := self._message()) is not None:
                (_, identity), (tag, operation), *rest = items(message)
                self.controls = dict(self._controls(rest))
                if tag == 0x42:
                    return
                for answer in self._answers(tag, operation):
                    self.request.sendall(tlv(0x30, number(integer(identity)), answer))

    def _message(self) -> bytes | None:
        while (size := _whole(self.buffer)) is None:
            data = self.request.recv(65536)
            if not data:
                return None
            self.buffer += data
        message, self.buffer = self.buffer[:size], self.buffer[size:]
        return items(message)[0][1]

    def _controls(self, rest: list[tuple[int, bytes]]) -> Iterator[tuple[str, bytes]]:
        for _, content in rest:
            for _, control in items(content):
                parts = items(control)
                yield parts[0][1].decode(), parts[-1][1] if len(parts) > 1 else b""

    def _answers(self, tag: int, operation: bytes) -> Iterator[bytes]:
        if tag == 0x60:
            yield self._bind(operation)
        elif tag == 0x63:
            yield from self._search(operation)
        else:
            yield tlv(0x78, _result(2, "unknown extended operation"))

    def _bind(self, operation: bytes) -> bytes:
        (_, _), (_, name_octets), (_, secret) = items(operation)
        name, password = name_octets.decode(), secret.decode()
        self.domain.binds.append((name, password))
        self.bound = False
        if not password:
            return tlv(0x61, _result(0))
        account = self.domain.by_name(name)
        if account is None:
            self.bound = self.domain.other_domain.get(name) == password
            code = "525"
        elif account.refusal:
            code = account.refusal
        else:
            self.bound = account.password == password
            code = "52e"
        if self.bound:
            return tlv(0x61, _result(0))
        return tlv(0x61, _result(49, _REFUSED.format(code)))

    def _search(self, operation: bytes) -> Iterator[bytes]:
        parts = items(operation)
        base, scope, limit = parts[0][1].decode(), integer(parts[1][1]), integer(parts[3][1])
        wanted = [name.decode() for _, name in items(parts[7][1])]
        if not base and scope == 0:
            capable = ["1.2.840.113556.1.4.800"] if self.domain.follows_chains else []
            yield _entry("", {"supportedCapabilities": [oid.encode() for oid in capable]})
            yield tlv(0x65, _result(0))
            return
        if not self.bound:
            yield tlv(0x65, _result(1, _NOT_BOUND))
            return
        if not base.lower().endswith(DOMAIN.lower()):
            url = f"ldap://elsewhere.example/{base}"
            yield tlv(0x65, _result(10, "0000202B: RefErr", text(url)))
            return
        if base.lower() != DOMAIN.lower() and not any(
            dn.endswith(base.lower()) for dn in self.domain.accounts
        ):
            yield tlv(0x65, _result(32, "0000208D: NameErr: DSID-03100245, problem 2001"))
            return
        found = [
            account
            for dn, account in self.domain.accounts.items()
            if (dn == base.lower() if scope == 0 else dn.endswith(base.lower()))
            and self._passes(parts[6], account)
        ]
        yield from self._page(found, base, limit, wanted)

    def _page(
        self, found: list[Account], base: str, limit: int, wanted: list[str]
    ) -> Iterator[bytes]:
        start, size, control = 0, _MAX_PAGE, b""
        if _PAGES in self.controls:
            (_, asked), (_, cookie) = items(items(self.controls[_PAGES])[0][1])
            start, size = int(cookie or b"0"), min(integer(asked), _MAX_PAGE)
            after = start + size
            again = str(after) if after < len(found) else ""
            value = tlv(0x30, number(0), text(again))
            control = tlv(0xA0, tlv(0x30, text(_PAGES), text(value)))
        size = min(size, limit or size)
        for account in found[start : start + size]:
            yield _entry(account.dn, self._asked(account, wanted))
        if base.lower() == DOMAIN.lower() and len(found) > 1:
            yield tlv(0x73, text(f"ldap://DomainDnsZones.{SUFFIX}/DC=DomainDnsZones,{DOMAIN}"))
        cut = not control and len(found) > size
        yield tlv(0x65, _result(4 if cut else 0)) + control

    def _asked(self, account: Account, wanted: list[str]) -> dict[str, list[bytes]]:
        given: dict[str, list[bytes]] = {}
        for name in wanted:
            kind, _, asked = name.partition(";range=")
            values = account.attributes.get(kind.lower(), [])
            if not values:
                continue
            if len(values) <= _MAX_VALUES and not asked:
                given[kind] = values
                continue
            self.domain.ranges += 1
            first = int(asked.partition("-")[0] or 0)
            last = first + _MAX_VALUES - 1
            given[kind] = []
            end = "*" if last >= len(values) - 1 else last
            given[f"{kind};range={first}-{end}"] = values[first : last + 1]
        return given

    def _passes(self, node: tuple[int, bytes], account: Account) -> bool:  # noqa: PLR0911 - one for each kind
        tag, content = node
        if tag == 0xA0:
            return all(self._passes(part, account) for part in items(content))
        if tag == 0xA1:
            return any(self._passes(part, account) for part in items(content))
        if tag == 0xA2:
            return not self._passes(items(content)[0], account)
        if tag == 0x87:
            return content.decode().lower() in {*account.attributes, "objectclass"}
        if tag == 0xA3:
            (_, name), (_, value) = items(content)
            held = account.attributes.get(name.decode().lower(), ())
            return value.lower() in {one.lower() for one in held}
        assert tag == 0xA9, f"a filter this does not know: {tag:#x}"
        parts = dict(items(content))
        rule, value = parts[0x81].decode(), parts[0x83].decode()
        if rule == _IN_CHAIN:
            return value.lower() in self.domain.chain(account.dn)
        assert rule == _BIT_AND
        return bool(int(account.first(parts[0x82].decode()) or 0) & int(value))


def _result(code: int, said: str = "", *references: bytes) -> bytes:
    referred = tlv(0xA3, *references) if references else b""
    return number(code, 0x0A) + text("") + text(said) + referred


def _entry(dn: str, attributes: dict[str, list[bytes]]) -> bytes:
    listed = [
        tlv(0x30, text(name), tlv(0x31, *(text(value) for value in values)))
        for name, values in attributes.items()
    ]
    return tlv(0x64, text(dn), tlv(0x30, *listed))


@contextlib.contextmanager
def serving(domain: FakeAd) -> Iterator[FakeAd]:
    """Listen on a free port of 127.0.0.1 until the block ends."""

    class Talk(_Talk):
        pass

    Talk.domain = domain
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        domain.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield domain
        finally:
            server.shutdown()
            thread.join()
