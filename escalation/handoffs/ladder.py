"""The ladder: whom to page next, and when, until a mentor claims.

availability.py decides whom of a rung we may page. No process sleeps while a handoff waits: each
rung is one short transaction that pages its people and schedules the job for the next rung.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.handoffs.availability import (
    NOT_AGAIN,
    Circumstances,
    get_circumstances,
    latest_snoozes,
    whom_to_call,
    why_not,
)
from escalation.handoffs.duty import on_duty
from escalation.handoffs.hours import get_holidays, is_within_hours, next_opening
from escalation.handoffs.jobs import CheckAlerts, Climb, Later, Recall
from escalation.policy import Group, Ladder
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread, say
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
    Snooze,
    Status,
    changes_one,
)

# Final states of a text that reached no one.
HOPELESS = (Delivery.FAILED, Delivery.UNDELIVERED, Delivery.DROPPED)


def start_climb(
    session: Session, handoff: Handoff, *, now: datetime, rules: Rules, later: Later
) -> list[Person]:
    """Start a new ladder, at once or when the program opens. Returns the people paged now."""
    handoff.ladder += 1
    handoff.rung = -1
    session.flush()
    opening = first_page_at(session, handoff, rules, now=now)
    if opening > now:
        handoff.next_page_at = opening
        later(session, Climb(handoff.id, handoff.ladder, 0), at=opening)
        return []
    return climb(session, handoff, handoff.ladder, 0, now=now, rules=rules, later=later)


def first_page_at(session: Session, handoff: Handoff, rules: Rules, *, now: datetime) -> datetime:
    """Now, unless this urgency waits for the program's hours."""
    if rules.policy.ladder_for(handoff.urgency).outside_hours == "wait":
        program = handoff.conversation.program
        return next_opening(program, now, get_holidays(session, program))
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
    """Page rung `rung` of ladder number `ladder` and schedule the next. Returns the people paged.

    Skips rungs on which we can page no one. Does nothing if a mentor claimed it, a new ladder
    started, or the rung was paged already, so it is safe to run twice.
    """
    steps = rules.policy.ladder_for(handoff.urgency)
    rung, people = people_to_call(session, handoff, rung, now=now, rules=rules)
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
    own = _matched(session, handoff, MatchKind.OWN)
    for person in people:
        key = f"alert_{handoff.urgency.name.lower()}"
        if person.id == handoff.mentor_id:
            key = "alert_raised_to_holder"
        text = say(
            session,
            rules,
            get_thread(session, rules, person),
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
    """Climb at once if no one on the current rung can still answer.

    Each text failed, did not arrive in time, or was answered with PASS.
    """
    alerts = _rung_alerts(session, handoff)
    said = latest_snoozes(session, handoff)
    passed = {one for one, snooze in said.items() if snooze.until == NOT_AGAIN}
    patience = timedelta(minutes=rules.policy.alert.delivered_within_minutes)
    may_answer = any(
        alert.person_id not in passed and _may_still_arrive(alert.message, patience, now=now)
        for alert in alerts
    )
    if not alerts or may_answer:
        return []
    # If only people who just passed are left, do not page them again at once.
    if passed and not _callable_from(session, handoff, 0, now=now, rules=rules)[1]:
        return []
    return climb(
        session, handoff, handoff.ladder, handoff.rung + 1, now=now, rules=rules, later=later
    )


def pass_on(
    session: Session,
    handoff: Handoff,
    person: Person,
    *,
    now: datetime,
    rules: Rules,
    later: Later,
) -> bool:
    """Stop paging `person` for a waiting handoff. True if there is someone else to page.

    If there is no one else at all, the ladder keeps its times and pages `person` again in the end.
    """
    session.add(Snooze(handoff_id=handoff.id, person_id=person.id, at=now, until=NOT_AGAIN))
    session.flush()
    _, others = _callable_from(session, handoff, 0, now=now, rules=rules)
    if not others:
        return False
    if handoff.rung >= 0:
        climb_on_if_nobody_was_reached(session, handoff, now=now, rules=rules, later=later)
    return True


def put_off(
    session: Session,
    handoff: Handoff,
    person: Person,
    until: datetime,
    *,
    now: datetime,
    later: Later,
) -> None:
    """Do not page `person` for a waiting handoff before `until`."""
    snooze = Snooze(handoff_id=handoff.id, person_id=person.id, at=now, until=until)
    session.add(snooze)
    session.flush()
    later(session, Recall(handoff.id, snooze.id), at=until)


def recall(
    session: Session,
    handoff: Handoff,
    snooze_id: int,
    *,
    now: datetime,
    rules: Rules,
    later: Later,
) -> bool:
    """Page a person again whose LATER is over, if the handoff still waits. True if paged.

    The ladder gets a new number but keeps its times: its current rung may include this person
    already, and a person has one alert per rung.
    """
    snooze = session.get_one(Snooze, snooze_id)
    if not _is_to_be_recalled(session, handoff, snooze, now=now, rules=rules):
        return False
    handoff.ladder += 1
    session.flush()
    person = session.get_one(Person, snooze.person_id)
    page(session, handoff, [person], now=now, rules=rules)
    due = handoff.next_page_at or now
    later(session, Climb(handoff.id, handoff.ladder, handoff.rung + 1), at=due)
    return True


def overdue_recalls(
    session: Session, *, now: datetime, get_rules: Callable[[int], Rules]
) -> list[Recall]:
    """The recalls that were due by `now` and were not paged yet."""
    snoozes = session.execute(
        select(Snooze, Handoff)
        .join(Handoff, Handoff.id == Snooze.handoff_id)
        .where(Handoff.status == Status.WAITING, Snooze.until < now)
        .order_by(Snooze.id)
    )
    return [
        Recall(handoff.id, snooze.id)
        for snooze, handoff in snoozes
        if _is_to_be_recalled(
            session, handoff, snooze, now=now, rules=get_rules(handoff.conversation.program_id)
        )
    ]


def _is_to_be_recalled(
    session: Session, handoff: Handoff, snooze: Snooze, *, now: datetime, rules: Rules
) -> bool:
    # Before its first rung, the ladder will still page them in their turn.
    if handoff.status is not Status.WAITING or handoff.rung < 0 or snooze.until > now:
        return False
    latest = latest_snoozes(session, handoff).get(snooze.person_id)
    if latest is None or latest.id != snooze.id:
        return False
    paged_since = select(Alert.id).where(
        Alert.handoff_id == handoff.id,
        Alert.person_id == snooze.person_id,
        Alert.at >= snooze.until,
    )
    if session.scalar(paged_since.limit(1)) is not None:
        return False
    person = session.get_one(Person, snooze.person_id)
    limits = rules.policy.mentors
    seen = get_circumstances(session, handoff, [person], now=now, limits=limits)[person.id]
    # They chose the time themselves, so their load does not matter.
    asked = Circumstances(away=seen.away, concern=seen.concern, left=seen.left)
    kept_away = why_not(asked, handoff.urgency, limits, first=False, climbed=False)
    return person.can_be_texted and not kept_away


def _rung_alerts(session: Session, handoff: Handoff) -> list[Alert]:
    return list(
        session.scalars(
            select(Alert).where(
                Alert.handoff_id == handoff.id,
                Alert.ladder == handoff.ladder,
                Alert.rung == handoff.rung,
            )
        )
    )


def _may_still_arrive(text: Message, patience: timedelta, *, now: datetime) -> bool:
    if text.delivery in HOPELESS:
        return False
    return text.delivery is Delivery.DELIVERED or now < text.at + patience


def people_to_call(
    session: Session, handoff: Handoff, rung: int, *, now: datetime, rules: Rules
) -> tuple[int, list[Person]]:
    """The first rung from `rung` on with someone to page; empty only if we can text no one."""
    return _callable_from(session, handoff, rung, now=now, rules=rules, look_past=True)


def _callable_from(
    session: Session,
    handoff: Handoff,
    rung: int,
    *,
    now: datetime,
    rules: Rules,
    look_past: bool = False,
) -> tuple[int, list[Person]]:
    steps, limits = rules.policy.ladder_for(handoff.urgency), rules.policy.mentors
    rungs = [people_on(session, handoff, steps, each, now=now) for each in range(len(steps.rungs))]
    people = {person.id: person for on_rung in rungs for person in on_rung}
    seen = get_circumstances(session, handoff, people.values(), now=now, limits=limits)
    rung, called = whom_to_call(
        [{person.id: seen[person.id] for person in on_rung} for on_rung in rungs],
        rung,
        handoff.urgency,
        limits,
        look_past=look_past,
    )
    return rung, [people[one] for one in called]


def people_on(
    session: Session, handoff: Handoff, steps: Ladder, rung: int, *, now: datetime
) -> list[Person]:
    """Everyone on a rung whom we can text now, even if availability rules them out."""
    program = handoff.conversation.program
    skip_mentors = steps.outside_hours == "skip" and not is_within_hours(
        program, now, get_holidays(session, program)
    )
    found: dict[int, Person] = {}
    for group in steps.at(rung).page:
        if skip_mentors and group in ("own", "back_up"):
            continue
        for person in _group(session, handoff, group, now=now):
            if person.can_be_texted:
                found.setdefault(person.id, person)
    return list(found.values())


def _group(session: Session, handoff: Handoff, group: Group, *, now: datetime) -> list[Person]:
    if group == "own":
        return _matched(session, handoff, MatchKind.OWN)
    if group == "back_up":
        return _matched(session, handoff, MatchKind.BACK_UP)
    program = handoff.conversation.program
    if group == "duty":
        return on_duty(session, program, now=now)
    managers = select(Person).where(Person.program_id == program.id, Person.role == Role.MANAGER)
    return list(session.scalars(managers.order_by(Person.id)))


def _matched(session: Session, handoff: Handoff, kind: MatchKind) -> list[Person]:
    matched = (
        select(Person)
        .join(Match, Match.mentor_id == Person.id)
        .where(Match.mentee_id == handoff.conversation.person_id, Match.kind == kind)
        .order_by(Match.id)
    )
    return list(session.scalars(matched))


def get_own_mentor(session: Session, conversation: Conversation) -> Person | None:
    """The mentee's own mentor, unless that person has left the program."""
    return session.scalar(
        select(Person)
        .join(Match, Match.mentor_id == Person.id)
        .where(
            Match.mentee_id == conversation.person_id,
            Match.kind == MatchKind.OWN,
            Person.left_at.is_(None),
        )
    )


def is_overdue(handoff: Handoff, *, now: datetime, grace: timedelta) -> bool:
    """Whether a rung was due and was not paged: its job was lost and must run now."""
    return (
        handoff.status is Status.WAITING
        and handoff.next_page_at is not None
        and now > handoff.next_page_at + grace
    )
