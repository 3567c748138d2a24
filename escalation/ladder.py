"""The ladder: who is paged next, and when, until somebody claims.

Waiting is never a sleeping process. Each rung is one short transaction that pages its people,
notes when the next rung is due, and keeps that work for later in the same commit.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.hours import is_within_hours, next_opening
from escalation.later import CheckAlerts, Climb, Later
from escalation.policy import Group, Ladder
from escalation.rules import Rules
from escalation.voice import say, thread_of
from models import (
    Alert,
    Conversation,
    Delivery,
    Handoff,
    HandoffEvent,
    Match,
    MatchKind,
    Message,
    Move,
    Person,
    Role,
    Status,
)
from models.conditional import changes_one

# What a text can end as without having reached anybody.
HOPELESS = (Delivery.FAILED, Delivery.UNDELIVERED, Delivery.DROPPED)


def start_climb(
    session: Session, handoff: Handoff, *, now: datetime, rules: Rules, later: Later
) -> list[Person]:
    """Begin a new ladder at its first rung, at once or when the programme opens.

    Returns the people paged now; empty when the ladder waits for opening, or when nobody of
    it can be texted.
    """
    handoff.ladder += 1
    handoff.rung = -1
    session.flush()
    opening = first_page_at(handoff, rules, now=now)
    if opening > now:
        handoff.next_page_at = opening
        later(session, Climb(handoff.id, handoff.ladder, 0), at=opening)
        return []
    return climb(session, handoff, handoff.ladder, 0, now=now, rules=rules, later=later)


def first_page_at(handoff: Handoff, rules: Rules, *, now: datetime) -> datetime:
    """When the first rung is due: now, unless this urgency waits for the programme's hours."""
    if rules.policy.ladder_for(handoff.urgency).outside_hours == "wait":
        return next_opening(handoff.conversation.programme, now)
    return now


def climb(
    session: Session,
    handoff: Handoff,
    ladder: int,
    rung: int,
    *,
    now: datetime,
    rules: Rules,
    later: Later,
) -> list[Person]:
    """Page rung `rung` of climb number `ladder`, and keep the next rung for later.

    Rungs on which nobody can be paged are passed over. A climb that was overtaken (somebody
    claimed, the ladder was started anew, the rung was paged already) does nothing, so it may
    be run any number of times. Returns the people paged.
    """
    steps = rules.policy.ladder_for(handoff.urgency)
    rung, people = _first_rung_with_people(session, handoff, steps, rung, now=now)
    next_page_at = now + steps.at(rung).wait
    moved = changes_one(
        session,
        update(Handoff)
        .where(
            Handoff.id == handoff.id,
            Handoff.status == Status.WAITING,
            Handoff.ladder == ladder,
            Handoff.rung < rung,
        )
        .values(rung=rung, next_page_at=next_page_at),
    )
    session.refresh(handoff)
    if not moved:
        return []
    page(session, handoff, people, now=now, rules=rules)
    later(session, Climb(handoff.id, ladder, rung + 1), at=next_page_at)
    if people:
        patience = timedelta(minutes=rules.policy.alert.delivered_within_minutes)
        later(session, CheckAlerts(handoff.id, ladder, rung), at=now + patience)
    return people


def page(
    session: Session, handoff: Handoff, people: list[Person], *, now: datetime, rules: Rules
) -> None:
    """Write an alert, and the text that carries it, for each of `people`; log the move."""
    own = _matched(session, handoff, MatchKind.OWN)
    for person in people:
        key = f"alert_{handoff.urgency.name.lower()}"
        if person.id == handoff.mentor_id:
            key = "alert_raised_to_holder"
        text = say(
            session,
            rules,
            thread_of(session, rules, person),
            key,
            now=now,
            code=handoff.id,
            whose="your mentee" if person in own else "a mentee",
            link=rules.link(handoff.id),
        )
        session.add(
            Alert(
                handoff_id=handoff.id,
                person_id=person.id,
                message_id=text.id,
                ladder=handoff.ladder,
                rung=handoff.rung,
                at=now,
            )
        )
    session.add(
        HandoffEvent(
            handoff_id=handoff.id,
            at=now,
            move=Move.PAGE,
            detail={
                "urgency": handoff.urgency.name.lower(),
                "ladder": handoff.ladder,
                "rung": handoff.rung,
                "people": [person.id for person in people],
            },
        )
    )
    session.flush()


def climb_on_if_nobody_was_reached(
    session: Session, handoff: Handoff, *, now: datetime, rules: Rules, later: Later
) -> list[Person]:
    """Climb at once when every text of the present rung failed, or none arrived in time."""
    texts = session.scalars(
        select(Message)
        .join(Alert, Alert.message_id == Message.id)
        .where(
            Alert.handoff_id == handoff.id,
            Alert.ladder == handoff.ladder,
            Alert.rung == handoff.rung,
        )
    ).all()
    patience = timedelta(minutes=rules.policy.alert.delivered_within_minutes)
    if not texts or any(_may_still_arrive(text, patience, now=now) for text in texts):
        return []
    return climb(
        session, handoff, handoff.ladder, handoff.rung + 1, now=now, rules=rules, later=later
    )


def _may_still_arrive(text: Message, patience: timedelta, *, now: datetime) -> bool:
    if text.delivery in HOPELESS:
        return False
    return text.delivery is Delivery.DELIVERED or now < text.at + patience


def _first_rung_with_people(
    session: Session, handoff: Handoff, steps: Ladder, rung: int, *, now: datetime
) -> tuple[int, list[Person]]:
    """The first rung from `rung` on that has somebody to page, or the last, with nobody."""
    for candidate in range(rung, max(rung, len(steps.rungs) - 1) + 1):
        people = people_on(session, handoff, steps, candidate, now=now)
        if people:
            return candidate, people
    return max(rung, len(steps.rungs) - 1), []


def people_on(
    session: Session, handoff: Handoff, steps: Ladder, rung: int, *, now: datetime
) -> list[Person]:
    """Everybody of a rung who can be texted now, each once."""
    programme = handoff.conversation.programme
    skip_mentors = steps.outside_hours == "skip" and not is_within_hours(programme, now)
    found: dict[int, Person] = {}
    for group in steps.at(rung).page:
        if skip_mentors and group in ("own", "back_up"):
            continue
        for person in _group(session, handoff, group):
            if person.can_be_texted:
                found.setdefault(person.id, person)
    return list(found.values())


def _group(session: Session, handoff: Handoff, group: Group) -> list[Person]:
    if group == "own":
        return _matched(session, handoff, MatchKind.OWN)
    if group == "back_up":
        return _matched(session, handoff, MatchKind.BACK_UP)
    staff = select(Person).where(Person.programme_id == handoff.conversation.programme_id)
    if group == "duty":
        staff = staff.where(Person.on_duty)
    else:
        staff = staff.where(Person.role == Role.MANAGER)
    return list(session.scalars(staff.order_by(Person.id)))


def _matched(session: Session, handoff: Handoff, kind: MatchKind) -> list[Person]:
    matched = (
        select(Person)
        .join(Match, Match.mentor_id == Person.id)
        .where(Match.mentee_id == handoff.conversation.person_id, Match.kind == kind)
        .order_by(Match.id)
    )
    return list(session.scalars(matched))


def own_mentor_of(session: Session, conversation: Conversation) -> Person | None:
    return session.scalar(
        select(Person)
        .join(Match, Match.mentor_id == Person.id)
        .where(Match.mentee_id == conversation.person_id, Match.kind == MatchKind.OWN)
    )


def is_overdue(handoff: Handoff, *, now: datetime, grace: timedelta) -> bool:
    """Whether a rung was due and nobody was paged: work was lost and must be done now."""
    return (
        handoff.status is Status.WAITING
        and handoff.next_page_at is not None
        and now > handoff.next_page_at + grace
    )
