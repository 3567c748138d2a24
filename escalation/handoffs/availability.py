"""Whom we may page now: absences, LATER and PASS, rest after a crisis, and each mentor's load.

Database reads come first, pure functions then decide. If the rules leave no one to page, we drop
reasons one by one (`LOOKED_PAST`) until someone is left. Three reasons always hold: the person
left the program, cannot be texted, or the mentee has an open concern about them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from escalation.transaction import Transaction
from models import (
    Absence,
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
LOAD_AND_LATER = (WhyNot.CAPPED, WhyNot.RESTING, WhyNot.LATER)
LOOKED_PAST: Mapping[Urgency, Sequence[WhyNot]] = {
    Urgency.ROUTINE: (*LOAD_AND_LATER, WhyNot.PASSED, WhyNot.AWAY),
    Urgency.SOON: (*LOAD_AND_LATER, WhyNot.PASSED, WhyNot.AWAY),
    Urgency.CRISIS: (*LOAD_AND_LATER, WhyNot.AWAY, WhyNot.PASSED),
}


Reasons = frozenset[WhyNot]


def still_apply(reasons: Reasons, urgency: Urgency, *, first: bool, climbed: bool) -> Reasons:
    """The reasons that count on this rung.

    In a crisis, load and rest count on the `first` rung only, and being away no longer counts once
    the ladder was `climbed` without a claim.
    """
    if urgency is Urgency.CRISIS and not first:
        reasons -= {WhyNot.CAPPED, WhyNot.RESTING}
    if urgency is Urgency.CRISIS and climbed:
        reasons -= {WhyNot.AWAY}
    return reasons


def whom_to_call(
    rungs: Sequence[Mapping[int, Reasons]], rung: int, urgency: Urgency, *, look_past: bool = True
) -> tuple[int, list[int]]:
    """The first rung from `rung` on with people to page, and who they are.

    `rungs` holds the people we can text on each rung, with the reasons not to page them. We skip
    rungs without anyone to page, then try earlier rungs as if they were the last one, and only
    then drop reasons. Without `look_past` the list can be empty although people are there.
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
                for person, reasons in rungs[candidate].items()
                if still_apply(reasons, urgency, first=first, climbed=climbed) <= looked_past
            ]
            if called:
                return called_as, called
    return max(rung, last), []


def get_reasons(
    tx: Transaction, handoff: Handoff, people: Collection[Person]
) -> dict[int, Reasons]:
    """Every reason not to page each person for `handoff`, by person id."""
    session, now, limits = tx.session, tx.now, tx.policy.mentors
    ids = [person.id for person in people]
    capped = _holders(session, handoff, ids, at_least=limits.most_held)
    if handoff.urgency is Urgency.CRISIS:
        capped |= _claimed_crises(
            session, ids, at_least=limits.most_crises_a_week, since=now - timedelta(weeks=1)
        )
    snoozes = latest_snoozes(session, handoff).values()
    passed = {snooze.person_id for snooze in snoozes if snooze.until == NOT_AGAIN}
    found: dict[WhyNot, Collection[int | None]] = {
        WhyNot.CAPPED: capped,
        WhyNot.RESTING: _resting(session, ids, since=now - timedelta(hours=limits.cool_down_hours)),
        WhyNot.LATER: {one.person_id for one in snoozes if now < one.until} - passed,
        WhyNot.PASSED: passed,
        WhyNot.AWAY: away_now(session, ids, now=now),
        WhyNot.CONCERN: mentors_under_concern(session, handoff.conversation.person_id),
        WhyNot.LEFT: {person.id for person in people if person.left_at is not None},
    }
    return {
        one: frozenset(reason for reason, theirs in found.items() if one in theirs) for one in ids
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


def mentors_under_concern(session: Session, mentee_id: int | None) -> set[int | None]:
    return set(
        session.scalars(
            select(SafeguardingRecord.mentor_id).where(
                SafeguardingRecord.mentee_id == mentee_id,
                SafeguardingRecord.mentor_id.is_not(None),
                SafeguardingRecord.closed_at.is_(None),
            )
        )
    )


def mentees_with_concern(person: Person) -> Select[int]:
    return select(SafeguardingRecord.mentee_id).where(
        SafeguardingRecord.mentor_id == person.id,
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


def _holders(
    session: Session, handoff: Handoff, people: list[int], *, at_least: int
) -> set[int | None]:
    """People who hold at least `at_least` other handoffs."""
    return set(
        session.scalars(
            select(Handoff.mentor_id)
            .where(
                Handoff.status == Status.CLAIMED,
                Handoff.mentor_id.in_(people),
                Handoff.id != handoff.id,
            )
            .group_by(Handoff.mentor_id)
            .having(func.count() >= at_least)
        )
    )


def _claimed_crises(
    session: Session, people: list[int], *, at_least: int, since: datetime
) -> set[int | None]:
    """People who claimed at least `at_least` crises since then, including handoffs that became a
    crisis later.
    """
    return set(
        session.scalars(
            select(HandoffEvent.by_id)
            .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
            .where(
                HandoffEvent.move == Move.CLAIM,
                HandoffEvent.by_id.in_(people),
                HandoffEvent.at > since,
                Handoff.urgency == Urgency.CRISIS,
            )
            .group_by(HandoffEvent.by_id)
            .having(func.count(HandoffEvent.handoff_id.distinct()) >= at_least)
        )
    )


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
