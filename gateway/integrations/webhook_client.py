"""Posting to an address that somebody typed in: which addresses may be, and how a post is signed.

A webhook must not become a way into the network that the line stands in. So a name is looked up
here, every address it has must be public, and the connection goes to just that address: a name
that means something else a moment later leads nowhere else. Redirects are not followed, proxies
of the environment are not asked, and no answer is read beyond its status.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Network, ip_address

import httpx
from standardwebhooks import Webhook as Signer

from models import DeliveryFailure

TIMEOUT_SECONDS = 10
LONGEST_URL = 500
PORTS = 2**16
LOOPBACK = "127.0.0.1"
# What is handed out to sites; all other IPv6 is local, special or not in use.
GLOBAL_UNICAST = IPv6Network("2000::/3")


class NotAllowed(Exception):
    """An address that nothing is posted to. Its text is a sentence: why, and what to do."""


class NotFound(Exception):
    """A name without an address, at least now."""


@dataclass(frozen=True)
class Answer:
    """What came of a post. `status` is None when there was no answer; `failure` says why not, and
    `why` names the fault, for the log.
    """

    status: int | None
    failure: DeliveryFailure | None = None
    why: str = ""

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def read_url(written: str, *, demo: bool) -> httpx.URL:
    """An address as it was typed; the demo may post to a program on the same machine.

    Raises:
        NotAllowed: it is none, or not one that may be.
    """
    try:
        url = httpx.URL(written.strip())
    except (httpx.InvalidURL, UnicodeError):
        raise NotAllowed(f"This is no address: {written.strip()[:80]!r}. Copy it anew.") from None
    if len(str(url)) > LONGEST_URL:
        raise NotAllowed(f"The address is longer than {LONGEST_URL} signs. Take a shorter one.")
    on_this_machine = url.scheme == "http" and url.host == LOOPBACK
    if on_this_machine and not demo:
        raise NotAllowed("An address on this machine may be told in the demo only. Use https.")
    if url.scheme != "https" and not on_this_machine:
        raise NotAllowed("The address must begin with https://, so that nobody reads on the way.")
    if not url.host:
        raise NotAllowed("The address names no host. Write it like https://program.example/told.")
    if url.userinfo or url.fragment:
        raise NotAllowed("Leave out the part with the password and the part behind #.")
    if url.port is not None and not 0 < url.port < PORTS:
        raise NotAllowed(f"There is no port {url.port}. Leave it out, or take one below {PORTS}.")
    return url


def resolve_addresses(url: httpx.URL, *, demo: bool) -> list[str]:
    """Where a post to `url` goes: numbers, looked up now.

    Raises:
        NotAllowed: it may not be posted to, or leads to a network that is not public.
        NotFound: its name has no address.
    """
    read_url(str(url), demo=demo)
    if url.scheme == "http":
        return [LOOPBACK]
    host = url.raw_host.decode("ascii").strip("[]")
    try:
        found = socket.getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFound(f"No address is found for {host}. Check the name.") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not all(is_public(address) for address in addresses):
        raise NotAllowed(f"{host} leads into a private network. Use an address on the internet.")
    return addresses


def is_public(address: str) -> bool:
    """Whether an address, given as a number, is one of the internet at large."""
    number = ip_address(address.partition("%")[0])
    if isinstance(number, IPv4Address):
        return number.is_global and not number.is_multicast
    # One that holds an IPv4 address within leads wherever that one leads.
    return number in GLOBAL_UNICAST and number.is_global and number.sixtofour is None


def signed(secret: str, number: str, body: str, *, now: datetime) -> dict[str, str]:
    """The headers that let a receiver see who sent `body` and when (Standard Webhooks)."""
    return {
        "webhook-id": number,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(secret).sign(number, now, body),
        "content-type": "application/json",
        "user-agent": "Warmline",
    }


def post(url: str, body: str, headers: dict[str, str], *, demo: bool) -> Answer:
    """Post once. Never raises, and takes ten seconds at most once the name is looked up."""
    try:
        asked = httpx.URL(url)
        addresses = resolve_addresses(asked, demo=demo)
    except (NotAllowed, NotFound, httpx.InvalidURL) as refused:
        unknown = isinstance(refused, NotFound)
        failure = DeliveryFailure.NO_SUCH_NAME if unknown else DeliveryFailure.NOT_PUBLIC
        return Answer(None, failure, type(refused).__name__)
    return post_to(addresses, asked, body, headers, trusted=_trusted())


def post_to(
    addresses: list[str],
    url: httpx.URL,
    body: str,
    headers: dict[str, str],
    *,
    trusted: ssl.SSLContext,
) -> Answer:
    """Post to the first of these addresses that can be reached, in the name of `url`'s host."""

    async def within_time() -> int:
        # httpx counts each read anew; a receiver that trickles would hold us for ever.
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _post(addresses, url, body, headers, trusted)

    try:
        return Answer(asyncio.run(within_time()))
    except Exception as error:
        # Whatever it is: one that came out of here would be sent each minute and never given up.
        return Answer(None, _delivery_failure(error), type(error).__name__)


def _delivery_failure(error: BaseException) -> DeliveryFailure:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return DeliveryFailure.TOO_SLOW
    # httpx keeps the fault it came of behind its own.
    fault: BaseException | None = error
    while fault is not None:
        if isinstance(fault, ssl.SSLError):
            return DeliveryFailure.NOT_TRUSTED
        fault = fault.__cause__ or fault.__context__
    return DeliveryFailure.UNREACHABLE


async def _post(
    addresses: list[str],
    url: httpx.URL,
    body: str,
    headers: dict[str, str],
    trusted: ssl.SSLContext,
) -> int:
    host = url.raw_host.decode("ascii")
    async with httpx.AsyncClient(
        verify=trusted, trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS
    ) as client:
        for address in addresses:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                content=body.encode(),
                headers={**headers, "host": url.netloc.decode("ascii")},
                # The certificate must be of the name, though we connect to the number.
                extensions={"sni_hostname": host.strip("[]")},
            )
            try:
                answer = await client.send(request, stream=True)
            except httpx.ConnectError:
                if address == addresses[-1]:
                    raise
                continue
            await answer.aclose()
            return answer.status_code
    raise OSError("there was no address to post to")


@cache
def _trusted() -> ssl.SSLContext:
    """Read once: it takes longer than a post."""
    return httpx.create_ssl_context(trust_env=False)
