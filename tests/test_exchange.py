"""Requests to sources over real sockets: connections are kept while they are good, and nothing odd is believed."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.exchange import LONGEST_HEAD, Allowance, Pool, Response, Target

pytestmark = pytest.mark.anyio

GOOD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"


@dataclass
class Server:
    """What a small server received; each entry of `said` is what it answers next, None that it hangs up."""

    port: int
    said: list[bytes | None]
    connections: int = 0
    asked: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(*said: bytes | None, closing: bool = False, secure: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Answer with these, in order; with `closing` hang up behind each."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        try:
            while True:
                found.asked.append(await reader.readuntil(b"\r\n\r\n"))
                if (given := found.said.pop(0)) is None:
                    break
                writer.write(given)
                await writer.drain()
                if closing:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=secure)
    found = Server(server.sockets[0].getsockname()[1], [*said])
    async with server:
        yield found


Ask = Callable[..., Awaitable[Response]]


@asynccontextmanager
async def asking(server: Server, most: int = 4) -> AsyncIterator[Ask]:
    pool, target = Pool(most), Target.of(f"http://127.0.0.1:{server.port}/a", {})

    async def ask(allowed: int = 1000) -> Response:
        return await asyncio.wait_for(pool.ask(target, target.request(None), Allowance(allowed)), 5)

    yield ask
    pool.close()


@pytest.mark.parametrize("answer", [GOOD, CHUNKED], ids=["length", "chunks"])
async def test_one_connection_serves_one_request_after_the_other(answer: bytes) -> None:
    async with serving(answer, answer, answer) as server, asking(server) as ask:
        assert [(await ask()).body for _ in range(3)] == [b"{}"] * 3
    assert server.connections == 1


async def test_requests_at_once_have_a_connection_each_and_no_more_than_allowed() -> None:
    async with serving(*[GOOD] * 6) as server, asking(server, most=2) as ask:
        assert [each.body for each in await asyncio.gather(*(ask() for _ in range(6)))] == [b"{}"] * 6
    assert server.connections == 2


async def test_a_kept_connection_that_ends_when_it_is_asked_is_asked_anew_once() -> None:
    async with serving(GOOD, None, GOOD) as server, asking(server) as ask:
        assert [(await ask()).body, (await ask()).body] == [b"{}", b"{}"]
    assert (server.connections, len(server.asked)) == (2, 3)


async def test_a_new_connection_that_ends_is_a_failure() -> None:
    async with serving(None, GOOD) as server, asking(server) as ask:
        with pytest.raises(ConnectionError):
            await ask()
    assert len(server.asked) == 1


async def test_a_server_that_hangs_up_behind_its_answer_is_connected_to_again() -> None:
    async with serving(GOOD, GOOD, closing=True) as server, asking(server) as ask:
        assert [(await ask()).body, (await ask()).body] == [b"{}", b"{}"]
    assert server.connections == 2


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with serving(b"HTTP/1.0 200 OK\r\n\r\n[1]", closing=True) as server, asking(server) as ask:
        assert (await ask()).body == b"[1]"


async def test_what_comes_before_an_answer_is_passed_over() -> None:
    async with serving(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + GOOD) as server, asking(server) as ask:
        assert (await ask()).body == b"{}"


async def test_what_comes_behind_an_answer_unasked_is_not_the_answer_of_the_next() -> None:
    lie = GOOD.replace(b"{}", b"[]")
    async with serving(GOOD + lie, GOOD) as server, asking(server) as ask:
        assert (await ask()).body == b"{}"
        assert (await ask()).body == b"{}"
    assert server.connections == 2


async def test_a_refusal_is_told_without_its_body() -> None:
    async with serving(b"HTTP/1.1 302 Found\r\nLocation: /b\r\ncontent-length: 1000000\r\n\r\nabc") as server, asking(server) as ask:
        found = await ask()
    assert (found.status, found.headers, found.body) == (302, {b"location": "/b"}, b"")


async def test_an_answer_that_is_too_long_is_left_off() -> None:
    async with serving(GOOD, GOOD) as server, asking(server) as ask:
        found = await ask(1)
        assert (found.excessive, found.body) == (True, b"")
        assert (await ask(2)).body == b"{}"
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * (LONGEST_HEAD // 5),
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["endless head", "two lengths", "length and chunks", "no chunk", "another protocol", "no HTTP"],
)
async def test_what_is_no_answer_ends_the_connection(answer: bytes) -> None:
    async with serving(answer, GOOD) as server, asking(server) as ask:
        with pytest.raises(OSError):
            await ask()
        assert (await ask()).body == b"{}"
    assert server.connections == 2


async def test_an_ask_that_is_given_up_leaves_no_connection_for_the_next() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n", GOOD) as server, asking(server) as ask:
        given_up = asyncio.ensure_future(ask())
        while not server.asked:
            await asyncio.sleep(0.01)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await ask()).body == b"{}"
    assert server.connections == 2


def certified(folder: Path, address: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side for an address, and the certificate that vouches for it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a source")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    (folder / "authority.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context, folder / "authority.pem"


@pytest.mark.parametrize(("address", "vouched"), [("127.0.0.1", True), ("127.0.0.1", False), ("127.0.0.2", True)])
async def test_a_source_over_tls_is_asked_only_if_it_is_who_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, vouched: bool
) -> None:
    secure, authority = certified(tmp_path, address)
    if vouched:
        monkeypatch.setattr("connectors.exchange.trusted", lambda: ssl.create_default_context(cafile=authority))
    async with serving(GOOD, GOOD, secure=secure) as server:
        pool, target = Pool(2), Target.of(f"https://127.0.0.1:{server.port}/", {"Authorization": "Bearer secret"})
        if address == "127.0.0.1" and vouched:
            found = [await asyncio.wait_for(pool.ask(target, target.request(b"{}"), Allowance(100)), 5) for _ in range(2)]
            assert ([each.body for each in found], server.connections) == ([b"{}"] * 2, 1)
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.wait_for(pool.ask(target, target.request(b"{}"), Allowance(100)), 5)
            assert server.asked == []
        pool.close()


def test_a_request_says_where_it_goes_and_who_asks() -> None:
    target = Target.of("https://user:pass@host.example:444/a b/ü?x=1", {"X-Key": "k"})
    assert (target.host, target.port, target.secure) == ("host.example", 444, True)
    head, body = target.request(b"[]").split(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /a%20b/%C3%BC?x=1 HTTP/1.1",
        b"Host: host.example:444",
        b"X-Key: k",
        b"Authorization: Basic dXNlcjpwYXNz",
        b"Content-Type: application/json",
        b"Content-Length: 2",
    ]
    assert body == b"[]"
    assert target.request(None).startswith(b"GET /a%20b/%C3%BC?x=1 HTTP/1.1\r\n")


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X:": "a"}, {"": "a"}, {"X": "a\0"}])
def test_a_header_with_a_line_in_it_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        Target.of("http://host", headers)


@pytest.mark.parametrize("url", ["", "host", "ftp://host/x", "http://", "http://host:99999/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Target.of(url, {})
