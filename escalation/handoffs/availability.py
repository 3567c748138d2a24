"""Whom we may page now: absences, LATER and PASS, rest after a crisis, and each mentor's load.

Database reads come first, pure functions then decide. If the rules leave no one to page, we drop
reasons one by one (`LOOKED_PAST`) until someone is left. Three reasons always hold: the person
left the program, cannot be texted, or the mentee has an open concern about them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from escalation.policy import MentorsPolicy
from escalation.transaction import Transaction
from models import (
    Absence,
    Concern,
    Handoff,
    HandoffEvent,
    Move,
    Person,
    Presence,
    SafeguardingRecord,
    Snooze,
    Status,
    Urgency,
)

# The end of a PASS: a LATER forever. Both databases can store this time.
NOT_AGAIN = datetime(9000, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
# An open console page reports every 30 seconds.
LOOKING = timedelta(seconds=60)


class WhyNot(StrEnum):
    CAPPED = "capped"
    RESTING = "resting"
    LATER = "later"
    PASSED = "passed"
    AWAY = "away"
    CONCERN = "concern"
    LEFT = "left"


# Reasons to drop when no one is left, in order. In a crisis we page people who are away before
# people who passed on this handoff.
LOOKED_PAST: Mapping[Urgency, Sequence[WhyNot]] = {
    Urgency.ROUTINE: (
        WhyNot.CAPPED,
        WhyNot.RESTING,
        WhyNot.LATER,
        WhyNot.PASSED,
        WhyNot.AWAY,
    ),
    Urgency.SOON: (
        WhyNot.CAPPED,
        WhyNot.RESTING,
        WhyNot.LATER,
        WhyNot.PASSED,
        WhyNot.AWAY,
    ),
    Urgency.CRISIS: (
        WhyNot.CAPPED,
        WhyNot.RESTING,
        WhyNot.LATER,
        WhyNot.AWAY,
        WhyNot.PASSED,
    ),
}


@dataclass(frozen=True)
class Circumstances:
    """One person in relation to one handoff.

    `held`: other handoffs they hold. `crises`: crises they claimed in the last seven days.
    """

    held: int = 0
    crises: int = 0
    resting: bool = False
    later: bool = False
    passed: bool = False
    away: bool = False
    concern: bool = False
    left: bool = False


def why_not(
    seen: Circumstances, urgency: Urgency, limits: MentorsPolicy, *, first: bool, climbed: bool
) -> frozenset[WhyNot]:
    """Every reason not to page a person.

    In a crisis, load and rest keep a person off the `first` rung only. Once the ladder was
    `climbed` without a claim, we also page people who are away.
    """
    crisis = urgency is Urgency.CRISIS
    loaded = seen.held >= limits.most_held or (crisis and seen.crises >= limits.most_crises_a_week)
    reasons = {
        WhyNot.CAPPED: loaded and (first or not crisis),
        WhyNot.RESTING: seen.resting and (first or not crisis),
        WhyNot.LATER: seen.later,
        WhyNot.PASSED: seen.passed,
        WhyNot.AWAY: seen.away and not (crisis and climbed),
        WhyNot.CONCERN: seen.concern,
        WhyNot.LEFT: seen.left,
    }
    return frozenset(reason for reason, holds in reasons.items() if holds)


def whom_to_call(
    rungs: Sequence[Mapping[int, Circumstances]],
    rung: int,
    urgency: Urgency,
    limits: MentorsPolicy,
    *,
    look_past: bool = True,
) -> tuple[int, list[int]]:
    """The first rung from `rung` on with people to page, and who they are.

    `rungs` holds the people we can text on each rung. We skip rungs without anyone to page, then
    try earlier rungs as if they were the last one, and only then drop reasons. Without
    `look_past` the list can be empty although people are there.
    """
    last = len(rungs) - 1
    onward = range(min(rung, last), last + 1)
    before = range(min(rung, last))
    looked_past: set[WhyNot] = set()
    for reason in (None, *(LOOKED_PAST[urgency] if look_past else ())):
        if reason is not None:
            looked_past.add(reason)
        for candidate in (*onward, *before):
            called_as = max(rung, candidate) if candidate in onward else max(rung, last)
            first, climbed = called_as == 0, called_as > last
            called = [
                person
                for person, seen in rungs[candidate].items()
                if why_not(seen, urgency, limits, first=first, climbed=climbed) <= looked_past
            ]
            if called:
                return called_as, called
    return max(rung, last), []


def get_circumstances(
    tx: Transaction, handoff: Handoff, people: Iterable[Person]
) -> dict[int, Circumstances]:
    """By person id."""
    session, now = tx.session, tx.now
    by_id = {person.id: person for person in people}
    ids = list(by_id)
    away, until = away_now(session, ids, now=now), snoozed_until(session, handoff, now=now)
    held, crises = _held(session, handoff, ids), _crises_taken(session, ids, since=now - WEEK)
    resting = _resting(session, ids, since=now - timedelta(hours=tx.policy.mentors.cool_down_hours))
    concerns = mentors_under_concern(session, handoff.conversation.person_id)
    return {
        one: Circumstances(
            held=held[one],
            crises=crises[one],
            resting=one in resting,
            later=one in until and until[one] != NOT_AGAIN,
            passed=until.get(one) == NOT_AGAIN,
            away=one in away,
            concern=one in concerns,
            left=person.left_at is not None,
        )
        for one, person in by_id.items()
    }


def away_now(session: Session, people: Iterable[int], *, now: datetime) -> dict[int, Absence]:
    """Those of `people` who are away, each with the absence that ends last."""
    absences = session.scalars(
        select(Absence)
        .where(
            Absence.person_id.in_(list(people)),
            Absence.begins_at <= now,
            or_(Absence.ends_at.is_(None), Absence.ends_at > now),
        )
        .order_by(Absence.id)
    )
    longest: dict[int, Absence] = {}
    for absence in absences:
        other = longest.get(absence.person_id)
        if other is None or (other.ends_at or NOT_AGAIN) <= (absence.ends_at or NOT_AGAIN):
            longest[absence.person_id] = absence
    return longest


def is_away(session: Session, person: Person, *, now: datetime) -> bool:
    return bool(away_now(session, [person.id], now=now))


def latest_snoozes(session: Session, handoff: Handoff) -> dict[int, Snooze]:
    """Each person's last LATER or PASS on a waiting handoff, by person id.

    Answers from before it became more urgent no longer count.
    """
    raised_at = session.scalar(
        select(func.max(HandoffEvent.at)).where(
            HandoffEvent.handoff_id == handoff.id, HandoffEvent.move == Move.RAISE
        )
    )
    said = select(Snooze).where(Snooze.handoff_id == handoff.id).order_by(Snooze.id)
    if raised_at is not None:
        said = said.where(Snooze.at > raised_at)
    return {snooze.person_id: snooze for snooze in session.scalars(said)}


def snoozed_until(session: Session, handoff: Handoff, *, now: datetime) -> dict[int, datetime]:
    """Until when not to page each person for `handoff`; NOT_AGAIN for a PASS."""
    latest = latest_snoozes(session, handoff)
    return {one: snooze.until for one, snooze in latest.items() if snooze.until > now}


def mentors_under_concern(session: Session, mentee_id: int | None) -> set[int | None]:
    """The mentors about whom this mentee has an open concern."""
    return set(
        session.scalars(
            select(SafeguardingRecord.mentor_id).where(
                SafeguardingRecord.mentee_id == mentee_id,
                SafeguardingRecord.concern == Concern.MENTOR,
                SafeguardingRecord.mentor_id.is_not(None),
                SafeguardingRecord.closed_at.is_(None),
            )
        )
    )


def mentees_with_concern(person: Person) -> Select[int]:
    """The mentees who have an open concern about this person."""
    return select(SafeguardingRecord.mentee_id).where(
        SafeguardingRecord.mentor_id == person.id,
        SafeguardingRecord.concern == Concern.MENTOR,
        SafeguardingRecord.closed_at.is_(None),
    )


def is_looking_at(session: Session, person: Person, handoff: Handoff, *, now: datetime) -> bool:
    """Whether `person` had the handoff open in the console within the last minute."""
    seen_at = last_looked(session, person, handoff)
    return seen_at is not None and now - seen_at <= LOOKING


def last_looked(session: Session, person: Person, handoff: Handoff) -> datetime | None:
    return session.scalar(
        select(Presence.seen_at).where(
            Presence.person_id == person.id, Presence.handoff_id == handoff.id
        )
    )


def _held(session: Session, handoff: Handoff, people: list[int]) -> Counter[int]:
    return Counter(
        one
        for one in session.scalars(
            select(Handoff.mentor_id).where(
                Handoff.status == Status.CLAIMED,
                Handoff.mentor_id.in_(people),
                Handoff.id != handoff.id,
            )
        )
        if one is not None
    )


def _crises_taken(session: Session, people: list[int], *, since: datetime) -> Counter[int]:
    """How many crises each claimed since then, including handoffs that became a crisis later."""
    taken = session.execute(
        select(HandoffEvent.by_id, HandoffEvent.handoff_id)
        .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
        .where(
            HandoffEvent.move == Move.CLAIM,
            HandoffEvent.by_id.in_(people),
            HandoffEvent.at > since,
            Handoff.urgency == Urgency.CRISIS,
        )
        .distinct()
    )
    return Counter(by for by, _ in taken if by is not None)


def _resting(session: Session, people: list[int], *, since: datetime) -> set[int | None]:
    """People who ended a crisis since then, or are handling one."""
    return set(
        session.scalars(
            select(Handoff.mentor_id).where(
                Handoff.urgency == Urgency.CRISIS,
                Handoff.mentor_id.in_(people),
                or_(Handoff.status == Status.CLAIMED, Handoff.closed_at > since),
            )
        )
    )
