"""Posting to a URL that a manager typed: which ones we allow, and how we sign a request.

A webhook must not become a way into our own network. So we resolve the host name here, every
address must be public, and we connect to exactly that address: a name that resolves differently
a moment later leads nowhere else. We follow no redirects, use no proxies of the environment, and
read only the status of the answer.
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
# The range that is assigned to sites. All other IPv6 addresses are local, special, or unused.
GLOBAL_UNICAST = IPv6Network("2000::/3")


class NotAllowed(Exception):
    """Says why we do not post to a URL, and what to do."""

    failure = DeliveryFailure.NOT_PUBLIC


class NotFound(NotAllowed):
    """The host name has no address, at least now."""

    failure = DeliveryFailure.NO_SUCH_NAME


@dataclass(frozen=True)
class Answer:
    """The result of a post. Without an HTTP status, `failure` says why; `error` is for the log."""

    status: int | None
    failure: DeliveryFailure | None = None
    error: str = ""

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def read_url(written: str, *, demo: bool) -> httpx.URL:
    """The demo may also post to a program on the same machine.

    Raises:
        NotAllowed: it is not a URL, or not one that we post to.
    """
    try:
        url = httpx.URL(written.strip())
    except (httpx.InvalidURL, UnicodeError):
        shown = written.strip()[:80]
        raise NotAllowed(f"Not a valid URL: {shown!r}. Copy it again.") from None
    if len(str(url)) > LONGEST_URL:
        raise NotAllowed(f"The URL is longer than {LONGEST_URL} characters. Use a shorter one.")
    on_this_machine = url.scheme == "http" and url.host == LOOPBACK
    if on_this_machine and not demo:
        raise NotAllowed("Only the demo can use a URL on this machine. Use https.")
    if url.scheme != "https" and not on_this_machine:
        raise NotAllowed(
            "The URL must start with https://, so that no one else can read what we send."
        )
    if not url.host:
        raise NotAllowed("The URL has no host. Write it like https://example.org/webhook.")
    if url.userinfo or url.fragment:
        raise NotAllowed("Remove the part with the password and the part after #.")
    if url.port is not None and not 0 < url.port < PORTS:
        raise NotAllowed(f"Port {url.port} does not exist. Use one from 1 to {PORTS - 1}.")
    return url


def resolve(written: str, *, demo: bool) -> tuple[httpx.URL, list[str]]:
    """The URL, and the IP addresses of its host now. Asks the network: call it outside of any
    transaction.

    Raises:
        NotAllowed: we do not post to it, or its host is in a private network.
        NotFound: the host name has no address.
    """
    url = read_url(written, demo=demo)
    if url.scheme == "http":
        return url, [LOOPBACK]
    host = url.raw_host.decode("ascii").strip("[]")
    try:
        found = socket.getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFound(f"We found no address for {host}. Check the name.") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not all(is_public(address) for address in addresses):
        raise NotAllowed(f"{host} is in a private network. Use an address on the internet.")
    return url, addresses


def is_public(address: str) -> bool:
    number = ip_address(address.partition("%")[0])
    if isinstance(number, IPv4Address):
        return number.is_global and not number.is_multicast
    # A 6to4 address leads to the IPv4 address within it.
    return number in GLOBAL_UNICAST and number.is_global and number.sixtofour is None


def signed(secret: str, number: str, body: str, *, now: datetime) -> dict[str, str]:
    """Headers that prove to a receiver who sent `body` and when (Standard Webhooks)."""
    return {
        "webhook-id": number,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(secret).sign(number, now, body),
        "content-type": "application/json",
        "user-agent": "Warmline",
    }


def post(url: str, body: str, headers: dict[str, str], *, demo: bool) -> Answer:
    """Post once. Never raises. Takes ten seconds at most after the host name is resolved."""
    try:
        target, addresses = resolve(url, demo=demo)
    except NotAllowed as refused:
        return Answer(None, refused.failure, type(refused).__name__)
    return post_to(addresses, target, body, headers, trusted=_trusted())


def post_to(
    addresses: list[str],
    url: httpx.URL,
    body: str,
    headers: dict[str, str],
    *,
    trusted: ssl.SSLContext,
) -> Answer:
    """Post to the first of these addresses that we can reach, in the name of the URL's host."""
    # httpx times each read separately, so a receiver that trickles would hold us forever.
    posting = asyncio.wait_for(_post(addresses, url, body, headers, trusted), TIMEOUT_SECONDS)
    try:
        return Answer(asyncio.run(posting))
    except Exception as error:
        # Any error: one that got out would repeat every minute, and we would never give up.
        return Answer(None, _delivery_failure(error), type(error).__name__)


def _delivery_failure(error: BaseException) -> DeliveryFailure:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return DeliveryFailure.TOO_SLOW
    # httpx hides the cause behind its own error.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return DeliveryFailure.NOT_TRUSTED
        cause = cause.__cause__ or cause.__context__
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
                # The certificate must be for the name, although we connect to the address.
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
    """Read once, because it takes longer than a post."""
    return httpx.create_ssl_context(trust_env=False)
