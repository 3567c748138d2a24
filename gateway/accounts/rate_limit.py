"""Limits on attempts to sign in, on API calls, and on chat messages, counted in the database.

All gateways share the counts, and a restart keeps them. Rows hold keyed hashes, no numbers or
addresses.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from fastapi import Request, Response
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import KeyRefused
from gateway.web.cookies import cookie_name
from gateway.web.i18n import length_in_words, request_language, said_to
from gateway.web.rendering import PageRefused, get_line, get_settings
from models import RateLimit, fingerprint

ATTEMPTS_WITHIN = timedelta(minutes=15)
# For one account from one address, and for all accounts from it.
ATTEMPTS_PER_ACCOUNT = 5
ATTEMPTS_PER_ADDRESS = 20
# Their own wrong attempts, in a browser that has signed this person in before.
ATTEMPTS_PER_DEVICE = 10
DEVICE_COOKIE = "warmline_signed_in"
DEVICE_LASTS = timedelta(days=180)


# --- counting ---


class _Full(Exception):
    """A key has reached its limit; undoes what the transaction counted."""


class RateLimits:
    """Counts of attempts by key, each within a time that begins with the first attempt."""

    def __init__(self, line: Line, within: timedelta = ATTEMPTS_WITHIN) -> None:
        self._line = line
        self._within = within

    def take(self, limits: Mapping[str, int], *, now: datetime) -> timedelta | None:
        """Count one attempt for each key, before its outcome is known, so that parallel ones count.

        When a key has reached its limit, count nothing and return how long to wait.
        """
        # In one order, so that no two transactions wait for each other.
        hashed = dict(sorted((_hash(key), limit) for key, limit in limits.items()))
        with self._line.database.reading() as session:
            known = _current(session, hashed, now=now)
        if wait := _wait(known, hashed, now=now):
            return wait
        if len(known) < len(hashed):
            self._forget_old(now)
        try:
            with self._line.database.writing() as session:
                for key in hashed:
                    self._count(session, key, now=now)
                known = _current(session, hashed, now=now)
                over = {key: limit + 1 for key, limit in hashed.items()}
                if wait := _wait(known, over, now=now):
                    raise _Full
        except _Full:
            return wait
        return None

    def give_back(self, limits: Mapping[str, int]) -> None:
        keys = sorted(_hash(key) for key in limits)
        with self._line.database.writing() as session:
            for key in keys:
                counted = sa.update(RateLimit).where(RateLimit.key_hash == key, RateLimit.count > 0)
                session.execute(counted.values(count=RateLimit.count - 1))

    def _count(self, session: Session, key: str, *, now: datetime) -> None:
        dialect = session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        row = insert(RateLimit).values(key_hash=key, count=1, expires_at=now + self._within)
        is_old = RateLimit.expires_at <= now
        again = {
            "count": sa.case((is_old, 1), else_=RateLimit.count + 1),
            "expires_at": sa.case((is_old, row.excluded.expires_at), else_=RateLimit.expires_at),
        }
        session.execute(row.on_conflict_do_update(index_elements=["key_hash"], set_=again))

    def _forget_old(self, now: datetime) -> None:
        """Waits for no other transaction: what another counts right now is left alone."""
        old = sa.select(RateLimit.key_hash).where(RateLimit.expires_at <= now)
        old = old.limit(1000).with_for_update(skip_locked=True)
        with self._line.database.writing() as session:
            session.execute(sa.delete(RateLimit).where(RateLimit.key_hash.in_(old)))


Counts = Mapping[str, tuple[int, datetime]]


def _hash(key: str) -> str:
    return fingerprint("rate limit", key).hex()


def _current(session: Session, keys: Mapping[str, int], *, now: datetime) -> Counts:
    rows = session.execute(
        sa.select(RateLimit.key_hash, RateLimit.count, RateLimit.expires_at).where(
            RateLimit.key_hash.in_(keys), RateLimit.expires_at > now
        )
    )
    return {key: (count, expires_at) for key, count, expires_at in rows}


def _wait(known: Counts, limits: Mapping[str, int], *, now: datetime) -> timedelta | None:
    """How long until no key is at its limit; None if none is."""
    waits = [expires_at - now for key, (count, expires_at) in known.items() if count >= limits[key]]
    return max(waits, default=None)


# --- whom to count ---


def client_key(request: Request) -> str:
    """The client's address. In IPv6 one client has a whole network of 64 bits."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if address.version == 6:
        return f"address {ipaddress.ip_network((address, 64), strict=False)}"
    return f"address {host}"


def attempt_limits(
    request: Request,
    what: str,
    account: str,
    *,
    each: int = ATTEMPTS_PER_ACCOUNT,
    from_address: int = ATTEMPTS_PER_ADDRESS,
    sends_text: bool = False,
) -> dict[str, int]:
    """The limits for someone who says that they are `account`, the hash of a phone number.

    A browser that has signed this person in before has its own limit, which no one else's
    attempts use up. Anyone else is limited by account and address together, and by address; if
    the attempt `sends_text`, by account alone, because each text costs money.
    """
    if device := _get_device(request, account):
        own = each if sends_text else ATTEMPTS_PER_DEVICE
        return {f"{what} {account} device {device}": own}
    address = client_key(request)
    account_here = f"{what} {account}" + ("" if sends_text else f" {address}")
    return {account_here: each, f"{what} {address}": from_address}


def count_attempt(request: Request, limits: Mapping[str, int]) -> None:
    rate_limits: RateLimits = request.app.state.rate_limits
    if wait := rate_limits.take(limits, now=get_line(request).clock()):
        # Rounded up to a minute, so that the next attempt is not a moment too early.
        time = length_in_words(wait + timedelta(minutes=1), request_language(request))
        said = said_to(request, "Too many attempts. Wait {wait}, then try again.", wait=time)
        raise PageRefused(429, said)


@contextmanager
def counted_attempt(request: Request, limits: Mapping[str, int]) -> Iterator[None]:
    """Count an attempt, and uncount it if the block succeeds. Raises PageRefused at a limit."""
    count_attempt(request, limits)
    yield
    request.app.state.rate_limits.give_back(limits)


@contextmanager
def counted_failure(request: Request, limits: Mapping[str, int]) -> Iterator[None]:
    """Count the block's KeyRefused. For keys too long to guess: a right one is never refused."""
    try:
        yield
    except KeyRefused:
        count_attempt(request, limits)
        raise


# --- browsers that have signed a person in before ---


def remember_browser(
    request: Request, response: Response, account: str, *, marks: str = ""
) -> Response:
    """Give this browser a cookie for `account`. `marks` are the cookie's attributes."""
    nonce = _get_device(request, account) or secrets.token_urlsafe(16)
    secure = "; Secure" if get_settings(request).is_https else ""
    marks = marks or f"Path=/; HttpOnly; SameSite=Lax{secure}"
    value = f"{nonce}.{_sign(account, nonce)}; Max-Age={int(DEVICE_LASTS.total_seconds())}"
    response.headers.append("Set-Cookie", f"{_cookie_name(request, account)}={value}; {marks}")
    return response


def _get_device(request: Request, account: str) -> str | None:
    """What identifies this browser, if it has signed `account` in before."""
    nonce, _, signature = request.cookies.get(_cookie_name(request, account), "").partition(".")
    is_ours = hmac.compare_digest(signature.encode(), _sign(account, nonce).encode())
    return nonce if is_ours else None


def _cookie_name(request: Request, account: str) -> str:
    # One for each person, because several may share a browser.
    person = fingerprint("device cookie name", account).hex()[:12]
    return cookie_name(request, f"{DEVICE_COOKIE}_{person}")


def _sign(account: str, nonce: str) -> str:
    return fingerprint("device cookie", f"{account} {nonce}").hex()
