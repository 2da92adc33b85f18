"""The directory over LDAP when servers are down, silent, cut off, or not who they should be."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from fixtures_slapd import MANY, PLAIN, SERVICE_PASSWORD, Authority, Slapd

import directory.ldap
from directory.ldap import LdapDirectory, open_directory
from directory.port import DirectoryError, DirectoryRefused, DirectoryUnavailable
from directory.wire import trust

pytestmark = pytest.mark.slow

QUICK = {"connect_timeout_s": 1, "answer_timeout_s": 1}
NOBODY: dict[str, object] = {"base": PLAIN, "bind_name": "", "bind_password": ""}


def broken_off() -> contextlib.suppress:
    """What happens to a connection does not matter to the one in the middle."""
    return contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError)


@asynccontextmanager
async def listening(
    handle: Callable[[trio.SocketStream], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server on a free port that does this with every connection."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def held(stream: trio.SocketStream) -> None:
        with broken_off():
            async with stream:
                await handle(stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, held, listeners)
        try:
            yield listeners[0].socket.getsockname()[1]
        finally:
            nursery.cancel_scope.cancel()


@dataclass
class Proxy:
    """Passes everything on to a port, and cuts after so many bytes of the server's."""

    to_port: int
    cut_after: int | None = None
    sent: bytearray = field(default_factory=bytearray)
    connections: int = 0

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        server = await trio.open_tcp_stream("127.0.0.1", self.to_port)
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(self._up, stream, server)
            with broken_off():
                await self._down(server, stream)
            nursery.cancel_scope.cancel()

    async def _down(self, server: trio.SocketStream, stream: trio.SocketStream) -> None:
        left = self.cut_after
        async for data in server:
            await stream.send_all(data[:left])
            if left is not None:
                left -= len(data)
                if left <= 0:
                    return

    async def _up(self, stream: trio.SocketStream, server: trio.SocketStream) -> None:
        with broken_off():
            async for data in stream:
                self.sent += data
                await server.send_all(data)


async def never(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def failure(ask: Callable[[], Awaitable[object]]) -> DirectoryError:
    with trio.fail_after(30), pytest.raises(DirectoryError) as caught:
        await ask()
    return caught.value


# Certificates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", ["ldaps", "starttls"])
async def test_a_good_certificate_opens_the_way(slapd: Slapd, encryption: str) -> None:
    port = slapd.tls_port if encryption == "ldaps" else slapd.port
    for host in ("localhost", "127.0.0.1"):
        wanted = slapd.settings(encryption=encryption, servers=(f"{host}:{port}",))
        directory = open_directory(wanted)
        assert (await directory.sign_in("anna", "anna's password")).login == "anna"
        assert "TLS" in await directory.probe()


@pytest.mark.parametrize("encryption", ["ldaps", "starttls"])
@pytest.mark.parametrize(
    ("server", "host", "certificates", "trouble"),
    [
        ("expired_slapd", "localhost", None, "certificate_expired"),
        ("stranger_slapd", "localhost", None, "certificate_name"),
        ("stranger_slapd", "127.0.0.1", None, "certificate_name"),
        ("slapd", "localhost", "", "certificate_unknown"),
    ],
)
async def test_a_bad_certificate_stops_everything(
    request: pytest.FixtureRequest,
    encryption: str,
    server: str,
    host: str,
    certificates: str | None,
    trouble: str,
) -> None:
    running: Slapd = request.getfixturevalue(server)
    proxy = Proxy(running.tls_port if encryption == "ldaps" else running.port)
    async with listening(proxy) as port:
        wanted = running.settings(encryption=encryption, servers=(f"{host}:{port}",))
        if certificates is not None:
            wanted = running.settings(
                encryption=encryption, servers=(f"{host}:{port}",), certificates=certificates
            )
        error = await failure(lambda: open_directory(wanted).sign_in("anna", "anna's password"))
    assert isinstance(error, DirectoryRefused)
    assert error.trouble == trouble
    assert f"{host}:{port}" in str(error)
    assert b"anna" not in proxy.sent
    assert SERVICE_PASSWORD.encode() not in proxy.sent


async def test_another_companys_authority_is_not_trusted(slapd: Slapd, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another")
    error = await failure(open_directory(slapd.settings(certificates=other.pem)).probe)
    assert error.trouble == "certificate_unknown"


def test_tls_before_1_2_is_not_spoken() -> None:
    assert trust("").minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_where_starttls_is_refused_nothing_is_sent(bare_slapd: Slapd) -> None:
    proxy = Proxy(bare_slapd.port)
    async with listening(proxy) as port:
        wanted = bare_slapd.settings(encryption="starttls", servers=(f"localhost:{port}",))
        error = await failure(lambda: open_directory(wanted).sign_in("anna", "anna's password"))
    assert isinstance(error, DirectoryRefused)
    assert error.trouble == "starttls"
    assert b"1.3.6.1.4.1.1466.20037" in proxy.sent
    assert b"anna" not in proxy.sent
    assert SERVICE_PASSWORD.encode() not in proxy.sent


async def test_starttls_taken_out_on_the_way_sends_nothing(slapd: Slapd) -> None:
    """Somebody between us and the server says "success" to StartTLS and goes on in the clear."""
    heard = bytearray()

    async def lie(stream: trio.SocketStream) -> None:
        asked = await stream.receive_some()
        heard.extend(asked)
        identity = asked[2 : 4 + asked[3]]
        success = identity + bytes([0x78, 7, 10, 1, 0, 4, 0, 4, 0])
        await stream.send_all(bytes([0x30, len(success)]) + success)
        async for data in stream:
            heard.extend(data)

    async with listening(lie) as port:
        wanted = slapd.settings(encryption="starttls", servers=(f"localhost:{port}",), **QUICK)
        error = await failure(lambda: open_directory(wanted).sign_in("anna", "anna's password"))
    assert isinstance(error, (DirectoryUnavailable, DirectoryRefused))
    assert b"\x16\x03" in heard
    assert SERVICE_PASSWORD.encode() not in heard


async def test_a_plain_server_on_the_port_of_ldaps(slapd: Slapd) -> None:
    proxy = Proxy(slapd.port)
    async with listening(proxy) as port:
        wanted = slapd.settings(servers=(f"localhost:{port}",), **QUICK)
        error = await failure(lambda: open_directory(wanted).sign_in("anna", "anna's password"))
    assert isinstance(error, (DirectoryUnavailable, DirectoryRefused))
    assert b"anna" not in proxy.sent


async def test_a_tls_server_on_the_plain_port(slapd: Slapd) -> None:
    wanted = slapd.settings(encryption="none", servers=(f"localhost:{slapd.tls_port}",), **QUICK)
    assert isinstance(await failure(open_directory(wanted).probe), DirectoryUnavailable)


# Servers that are down, silent, or talk nonsense ------------------------------------------------


@pytest.mark.parametrize("encryption", ["ldaps", "starttls", "none"])
async def test_a_silent_server_holds_nobody(slapd: Slapd, encryption: str) -> None:
    errors: list[DirectoryError] = []

    async def give_up(ask: Callable[[], Awaitable[object]]) -> None:
        errors.append(await failure(ask))

    async with listening(never) as port, trio.open_nursery() as nursery:
        wanted = slapd.settings(encryption=encryption, servers=(f"localhost:{port}",), **QUICK)
        opened = open_directory(wanted)
        nursery.start_soon(give_up, lambda: opened.sign_in("anna", "anna's password"))
        nursery.start_soon(give_up, opened.everybody)
        nursery.start_soon(give_up, opened.probe)
    assert [type(error) for error in errors] == [DirectoryUnavailable] * 3
    assert [error.trouble for error in errors] == ["no_answer"] * 3


async def test_a_server_that_drips_holds_nobody(slapd: Slapd) -> None:
    """Every byte comes before a socket's time-out, and the answer never ends."""

    async def drip(stream: trio.SocketStream) -> None:
        await stream.send_all(b"\x30\x84\x7f\xff\xff\xff")
        while True:
            await stream.send_all(b"\x02")
            await trio.sleep(0.1)

    async with listening(drip) as port:
        wanted = slapd.settings(encryption="none", servers=(f"localhost:{port}",), **QUICK)
        opened = open_directory(wanted)
        for ask in (lambda: opened.sign_in("anna", "anna's password"), opened.everybody):
            error = await failure(ask)
            assert isinstance(error, DirectoryUnavailable)
            assert error.trouble == "no_answer"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"\x30\x00",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"\x30\x0c\x02\x01\x7f\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
        b"\x30\x82\x00\x04\xff\xff\xff\xff",
        b"\xff" * 100,
        b"",
    ],
)
async def test_whoever_talks_nonsense_is_no_server(slapd: Slapd, said: bytes) -> None:
    async def talk(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said)

    async with listening(talk) as port:
        wanted = slapd.settings(encryption="none", servers=(f"localhost:{port}",), **QUICK)
        error = await failure(open_directory(wanted).everybody)
    assert isinstance(error, DirectoryUnavailable)


@pytest.mark.parametrize("server", ["does-not-exist.invalid", "localhost:1"])
async def test_a_server_that_is_not_there(slapd: Slapd, server: str) -> None:
    error = await failure(open_directory(slapd.settings(servers=(server,))).probe)
    assert isinstance(error, DirectoryUnavailable)
    assert error.trouble == "no_answer"
    assert server in str(error)


async def test_the_second_server_answers_when_the_first_is_down(slapd: Slapd) -> None:
    servers = ("localhost:1", f"localhost:{slapd.tls_port}")
    opened = open_directory(slapd.settings(servers=servers))
    assert (await opened.sign_in("anna", "anna's password")).login == "anna"
    assert f"localhost:{slapd.tls_port}" in await opened.probe()


async def test_the_second_server_answers_when_the_firsts_certificate_is_bad(
    slapd: Slapd, expired_slapd: Slapd
) -> None:
    servers = (f"localhost:{expired_slapd.tls_port}", f"localhost:{slapd.tls_port}")
    opened = open_directory(slapd.settings(servers=servers))
    assert (await opened.sign_in("anna", "anna's password")).login == "anna"


async def test_a_wrong_password_is_not_tried_at_the_next_server(slapd: Slapd) -> None:
    second = Proxy(slapd.tls_port)
    async with listening(second) as port:
        servers = (f"localhost:{slapd.tls_port}", f"localhost:{port}")
        opened = open_directory(slapd.settings(servers=servers))
        await failure(lambda: opened.sign_in("lukasz", "not it"))
    assert second.connections == 0


async def test_a_server_that_failed_is_asked_last_for_a_while(
    slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Proxy(slapd.tls_port, cut_after=0)
    async with listening(first) as port:
        servers = (f"localhost:{port}", f"localhost:{slapd.tls_port}")
        opened = open_directory(slapd.settings(servers=servers))
        for _ in range(3):
            await opened.sign_in("anna", "anna's password")
        assert first.connections == 1
        first.cut_after = None
        monkeypatch.setattr(directory.ldap, "FAILED_S", 0.0)
        await opened.sign_in("anna", "anna's password")
        monkeypatch.undo()
        await opened.sign_in("anna", "anna's password")
        assert first.connections == 3


async def test_every_server_is_named_when_none_answers(slapd: Slapd, expired_slapd: Slapd) -> None:
    servers = ("localhost:1", f"localhost:{expired_slapd.tls_port}")
    error = await failure(open_directory(slapd.settings(servers=servers)).probe)
    assert isinstance(error, DirectoryRefused)
    assert error.trouble == "certificate_expired"
    assert all(server in str(error) for server in servers)


# Cut off in the middle ---------------------------------------------------------------------------


async def test_a_list_cut_off_in_the_middle_is_no_list(slapd: Slapd) -> None:
    proxy = Proxy(slapd.port, cut_after=500_000)
    async with listening(proxy) as port:
        wanted = slapd.settings(encryption="none", servers=(f"localhost:{port}",), **NOBODY)
        error = await failure(open_directory(wanted).everybody)
    assert isinstance(error, DirectoryUnavailable)
    assert error.trouble == "broke_off"


async def test_a_list_cut_off_is_read_anew_at_the_next_server(slapd: Slapd) -> None:
    proxy = Proxy(slapd.port, cut_after=500_000)
    async with listening(proxy) as port:
        servers = (f"localhost:{port}", f"localhost:{slapd.port}")
        wanted = slapd.settings(encryption="none", servers=servers, **NOBODY)
        people = await open_directory(wanted).everybody()
    assert proxy.connections == 1
    assert len({person.login for person in people}) == len(people) == MANY


async def test_who_gives_up_waiting_leaves_no_thread_behind(slapd: Slapd) -> None:
    async with listening(never) as port:
        opened = LdapDirectory(
            slapd.settings(
                servers=(f"localhost:{port}",), connect_timeout_s=60, answer_timeout_s=300
            )
        )
        with trio.move_on_after(0.3) as scope:
            await opened.sign_in("anna", "anna's password")
        assert scope.cancelled_caught
        with trio.fail_after(10):
            for _ in range(int(opened._threads.total_tokens)):
                await opened._threads.acquire_on_behalf_of(object())


async def test_many_sign_ins_at_a_time(slapd: Slapd) -> None:
    opened = open_directory(slapd.settings())
    found: list[str] = []

    async def one(uid: str) -> None:
        found.append((await opened.sign_in(uid, f"{uid}'s password")).login)

    names = ["anna", "lukasz", "layla", "łucja"] * 10
    async with trio.open_nursery() as nursery:
        for uid in names:
            nursery.start_soon(one, uid)
    assert sorted(found) == sorted(names)
