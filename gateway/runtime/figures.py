"""Figures over a long history take seconds. Then we compute them again only after some minutes.

What is computed quickly, as in every small program, is computed each time.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from gateway.runtime.database import Database

T = TypeVar("T")

# As long as another gateway can read words whose key was destroyed (models/encryption/keys.py).
KEPT_FOR = timedelta(minutes=5)
SLOW_SECONDS = 1.0
MOST_KEPT = 200


@dataclass(frozen=True)
class _Kept:
    figures: Any
    at: datetime


_kept: WeakKeyDictionary[Database, dict[Hashable, _Kept]] = WeakKeyDictionary()


def get_figures(
    database: Database,
    about: Hashable,
    compute: Callable[[], T],
    *,
    now: datetime,
    slow_seconds: float = SLOW_SECONDS,
) -> tuple[T, datetime]:
    """The figures and when they were computed. `about` names them, with all that they depend on."""
    here = _kept.setdefault(database, {})
    kept = here.get(about)
    if kept is not None and timedelta(0) <= now - kept.at < KEPT_FOR:
        return kept.figures, kept.at
    # SQLite works on this thread, so other work on the machine does not count.
    clock = time.thread_time if database.is_sqlite else time.perf_counter
    began = clock()
    figures = compute()
    here.pop(about, None)
    if clock() - began > slow_seconds:
        if len(here) >= MOST_KEPT:
            here.clear()
        here[about] = _Kept(figures, now)
    return figures, now
