"""One step of a handoff's timeline, in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from escalation.speech.i18n import phrase
from gateway.handoffs.decisions import Segment, decision_details, decision_reason
from gateway.runtime.labels import DECISIONS
from models import DecisionRecord


class Kind(StrEnum):
    PRACTICED = "practiced"
    CHECKED_IN = "checked_in"
    WROTE = "wrote"
    DECIDED = "decided"
    MOVED = "moved"
    PAGED = "paged"
    TEXTED = "texted"
    REPLIED = "replied"
    DROPPED = "dropped"
    COUNTED = "counted"


@dataclass(frozen=True)
class Entry:
    """`after` is the time since the step before."""

    at: datetime
    kind: Kind
    what: str
    details: tuple[str, ...] = ()
    quote: tuple[Segment, ...] = ()
    after: timedelta = timedelta()


def decision_entry(record: DecisionRecord, *, quote: tuple[Segment, ...] = ()) -> Entry:
    return Entry(
        record.at,
        Kind.DECIDED,
        phrase(
            "Decided to {decision}: {why}",
            decision=phrase(DECISIONS[record.decision]),
            why=decision_reason(record.why),
        ),
        details=decision_details(record),
        quote=quote,
    )


def with_waits(steps: Sequence[Entry]) -> list[Entry]:
    """The steps, each with the time since the one before."""
    return [
        replace(step, after=max(step.at - earlier.at, timedelta()))
        for earlier, step in zip([*steps[:1], *steps], steps, strict=False)
    ]
