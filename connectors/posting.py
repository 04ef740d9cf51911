"""Sending a message to an address that an organisation named: to the public network only, once, and believing nothing back.

The name is resolved here and the connection made to the very address that was looked at, so that a name which answers
differently the second time leads nowhere else. No redirect is followed, no answer is read but its status, and no proxy, cookie or
credential of this machine is used.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

from errors import Invalid
from stanzas import WebhookRules

Address = IPv4Address | IPv6Address
Resolves = Callable[[str, int], Awaitable[Sequence[Address]]]

LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: `fault` is None where the receiver took the message."""

    fault: str | None
    status: int | None = None


class Poster:
    """Posts to addresses that `hub.toml` lets be reached."""

    def __init__(self, rules: WebhookRules, resolves: Resolves | None = None) -> None:
        """`resolves` gives the addresses of a name; by itself, as the system does."""
        self.rules = rules
        self._networks = [ip_network(each) for each in rules.networks]
        self._resolves = resolves or _resolved
        self._client: httpx.AsyncClient | None = None

    def check(self, url: str) -> None:
        """Go on only with a URL of a form that may be posted to; whereto it leads is looked at whenever something is sent.

        Raises:
            Invalid: it is not `https`, or holds a user, a fragment or an address that may not be reached.
        """
        try:
            parts = urlsplit(url)
            sound = bool(parts.hostname) and parts.username is None and parts.password is None and not parts.fragment and parts.port != 0
        except ValueError:
            sound = False
        if not sound or len(url) > LONGEST_URL or not url.isascii() or any(each <= " " for each in url):
            raise Invalid("this is no address that can be posted to", "write https://host/path, without user or fragment", "url")
        host = parts.hostname or ""
        literal = _literal(host)
        if literal is not None and not self.reaches(literal):
            raise Invalid("this address may not be reached from here", "name a host on the public network", "url")
        if parts.scheme != "https" and not (parts.scheme == "http" and literal is not None and literal.is_loopback):
            raise Invalid("messages leave over https only", "write https://host/path", "url")

    def reaches(self, address: Address) -> bool:
        """Whether an address may be reached: on the public network, or in one that hub.toml names."""
        inner = _inner(address)
        if any(address in network or inner in network for network in self._networks):
            return True
        return all(each.is_global and not each.is_multicast and not each.is_reserved for each in (address, inner))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send once; never raises for what the other side does."""
        try:
            async with asyncio.timeout(self.rules.timeout_seconds):
                return await self._post(url, headers, body)
        except TimeoutError:
            return Outcome("TIMEOUT")
        except Invalid:
            return Outcome("ADDRESS")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            return Outcome("UNREACHABLE")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.check(url)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await self._resolves(host, port)
        if not addresses or not all(map(self.reaches, addresses)):
            return Outcome("ADDRESS")
        target = httpx.URL(url).copy_with(host=str(addresses[0]))
        request = self.client().build_request(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc, "Content-Type": "application/json"},
            extensions={"sni_hostname": host} if parts.scheme == "https" else {},
        )
        response = await self.client().send(request, stream=True)
        await response.aclose()  # the answer's body is nothing to us, however long it would be
        status = response.status_code
        if 200 <= status < 300:
            return Outcome(None, status)
        return Outcome("REDIRECT" if 300 <= status < 400 else "STATUS", status)

    def client(self) -> httpx.AsyncClient:
        """The client, made at first use; each message has a connection of its own."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                headers={"User-Agent": "mizalla"},
                timeout=None,  # noqa: S113 — `post` has the one clock
                limits=httpx.Limits(max_keepalive_connections=0),
                follow_redirects=False,
                trust_env=False,
            )
        return self._client

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does: mapped, 6to4, or behind a translator (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in ip_network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


async def _resolved(host: str, port: int) -> Sequence[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
