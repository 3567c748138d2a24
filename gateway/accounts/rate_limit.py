"""How often somebody may try to sign in, and a program may ask."""

import threading
from collections import deque
from datetime import datetime, timedelta

from fastapi import Request

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, in_language
from gateway.web.i18n import length_in_words

TRIES_WITHIN = timedelta(minutes=15)


class RateLimits:
    """How often a number or an address tried to sign in lately.

    Kept in memory: a table would let anybody who finds the page write to our database, and
    what a restart forgets is a quarter of an hour. Each process counts for itself.
    """

    def __init__(self, within: timedelta = TRIES_WITHIN) -> None:
        self._within = within
        self._tries: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, limits: dict[str, int], *, now: datetime) -> timedelta | None:
        """Count one try for each key, before its outcome is known, so that many at once count too.

        Returns None, or how long to wait when a key has had all of its tries; then none counts.
        """
        with self._lock:
            self._forget_old(now)
            waits = [
                self._tries[key][0] + self._within - now
                for key, limit in limits.items()
                if len(self._tries.get(key, ())) >= limit
            ]
            if waits:
                return max(waits)
            for key in limits:
                self._tries.setdefault(key, deque()).append(now)
            return None

    def give_back(self, limits: dict[str, int]) -> None:
        """A try that succeeded does not count."""
        with self._lock:
            for key in limits:
                if self._tries.get(key):
                    self._tries[key].pop()

    def _forget_old(self, now: datetime) -> None:
        for key, tries in list(self._tries.items()):
            while tries and tries[0] + self._within <= now:
                tries.popleft()
            if not tries:
                del self._tries[key]


def get_rate_limits(request: Request) -> RateLimits:
    tries: RateLimits = request.app.state.tries
    return tries


def client_address(request: Request) -> str:
    """Under what the one who asks is counted, whoever they say they are."""
    return f"address {request.client.host if request.client else ''}"


TOO_MANY = gettext_noop("Too many tries. Wait {wait}, then try again.")


def too_many(wait: timedelta, language: str = DEFAULT_LANGUAGE) -> str:
    wait += timedelta(minutes=1)
    return in_language(language, TOO_MANY).format(wait=length_in_words(wait, language))
