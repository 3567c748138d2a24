"""Limits on how often sign-in can be tried, and on how often a program may call the API."""

import threading
from collections import deque
from datetime import datetime, timedelta

from fastapi import Request

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, in_language
from gateway.web.i18n import length_in_words

ATTEMPTS_WITHIN = timedelta(minutes=15)


class RateLimits:
    """Recent attempts, counted by phone number, address or token.

    In memory and for each process: a table would let anyone who finds the page write to our
    database, and a restart loses only 15 minutes of counts.
    """

    def __init__(self, within: timedelta = ATTEMPTS_WITHIN) -> None:
        self._within = within
        self._attempts: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, limits: dict[str, int], *, now: datetime) -> timedelta | None:
        """Count one attempt for each key, before its outcome is known, so that parallel ones count.

        Returns None, or how long to wait when a key has reached its limit; then nothing is counted.
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
        """Uncount an attempt that succeeded."""
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


def get_rate_limits(request: Request) -> RateLimits:
    rate_limits: RateLimits = request.app.state.rate_limits
    return rate_limits


def client_address(request: Request) -> str:
    """The key under which this client's attempts are counted, for whichever phone number."""
    return f"address {request.client.host if request.client else ''}"


TOO_MANY = gettext_noop("Too many attempts. Wait {wait}, then try again.")


def too_many(wait: timedelta, language: str = DEFAULT_LANGUAGE) -> str:
    wait += timedelta(minutes=1)
    return in_language(language, TOO_MANY).format(wait=length_in_words(wait, language))
