"""Limits on attempts to sign in and on API calls."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from fastapi import Request

from gateway.web.i18n import length_in_words, request_language, said_to
from gateway.web.rendering import PageRefused, get_line

ATTEMPTS_WITHIN = timedelta(minutes=15)


class RateLimits:
    """Recent attempts by phone number, address, or token, in the memory of each process.

    A table would let anyone who finds the page write to our database, and a restart loses only 15
    minutes of counts.
    """

    def __init__(self, within: timedelta = ATTEMPTS_WITHIN) -> None:
        self._within = within
        self._attempts: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, limits: dict[str, int], *, now: datetime) -> timedelta | None:
        """Count one attempt for each key, before its outcome is known, so that parallel ones count.

        When a key has reached its limit, count nothing and return how long to wait.
        """
        with self._lock:
            self._forget_old(now)
            waits = [
                self._attempts[key][0] + self._within - now
                for key, limit in limits.items()
                if len(self._attempts.get(key, ())) >= limit
            ]
            if waits:
                return max(waits)
            for key in limits:
                self._attempts.setdefault(key, deque()).append(now)
            return None

    def give_back(self, limits: dict[str, int]) -> None:
        with self._lock:
            for key in limits:
                if self._attempts.get(key):
                    self._attempts[key].pop()

    def _forget_old(self, now: datetime) -> None:
        for key, attempts in list(self._attempts.items()):
            while attempts and attempts[0] + self._within <= now:
                attempts.popleft()
            if not attempts:
                del self._attempts[key]


def client_key(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"


def count_attempt(request: Request, limits: dict[str, int]) -> None:
    rate_limits: RateLimits = request.app.state.rate_limits
    if wait := rate_limits.take(limits, now=get_line(request).clock()):
        # Rounded up to a minute, so that the next attempt is not a moment too early.
        time = length_in_words(wait + timedelta(minutes=1), request_language(request))
        said = said_to(request, "Too many attempts. Wait {wait}, then try again.", wait=time)
        raise PageRefused(429, said)


@contextmanager
def counted_attempt(request: Request, limits: dict[str, int]) -> Iterator[None]:
    """Count an attempt, and uncount it if the block succeeds. Raises PageRefused at a limit."""
    count_attempt(request, limits)
    yield
    request.app.state.rate_limits.give_back(limits)
