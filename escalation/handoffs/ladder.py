"""The ladder: whom to page next, and when, until a mentor claims.

availability.py decides whom of a rung we may page. No process sleeps while a handoff waits: each
rung is one short transaction that pages its people and schedules the job for the next rung.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.handoffs.alerts.grouping import alert_by_text
from escalation.handoffs.alerts.steps import is_still_trying, plan_steps
from escalation.handoffs.availability import (
    NOT_AGAIN,
    WhyNot,
    get_reasons,
    latest_snoozes,
    whom_to_call,
)
from escalation.handoffs.duty import managers_to_text, on_duty
from escalation.handoffs.hours import get_holidays, is_within_hours, next_opening
from escalation.handoffs.jobs import CheckAlerts, Climb, Recall, enqueue
from escalation.handoffs.moves import log_move
from escalation.handoffs.replies import HOPELESS
from escalation.policy import Group, Ladder
from escalation.ruleset import Rules
from escalation.speech.names import your_mentee
from escalation.transaction import Transaction
from models import (
    Alert,
    Conversation,
    Delivery,
    FailedTry,
    Handoff,
    Match,
    MatchKind,
    Message,
    Move,
    Person,
    Snooze,
    Status,
    Urgency,
    changes_one,
)

log = structlog.get_logger()


def start_climb(tx: Transaction, handoff: Handoff) -> list[Person]:
    """Start a new ladder, at once or when the program opens. Returns the people paged now."""
    handoff.ladder += 1
    handoff.rung = -1
    tx.session.flush()
    if tx.policy.ladder_for(handoff.urgency).outside_hours == "wait":
        program = handoff.conversation.program
        opening = next_opening(program, tx.now, get_holidays(tx.session, program))
        if opening > tx.now:
            handoff.next_page_at = opening
            enqueue(tx.session, Climb(handoff.id, handoff.ladder, 0), at=opening)
            return []
    return climb(tx, handoff, handoff.ladder, 0)


def get_opening_awaited(tx: Transaction, handoff: Handoff) -> datetime | None:
    """When the ladder begins, if nobody is paged before the program opens."""
    waits = tx.policy.ladder_for(handoff.urgency).outside_hours == "wait"
    if handoff.rung >= 0 or not waits:
        return None
    program = handoff.conversation.program
    is_open = is_within_hours(program, tx.now, get_holidays(tx.session, program))
    return None if is_open else handoff.next_page_at


def climb(tx: Transaction, handoff: Handoff, ladder: int, rung: int) -> list[Person]:
    """Page rung `rung` of ladder number `ladder` and schedule the next. Returns the people paged.

    Skips rungs on which we can page no one. Does nothing if a mentor claimed it, a new ladder
    started, or the rung was paged already, so it is safe to run twice.
    """
    rung, people = people_to_call(tx, handoff, rung)
    next_page_at = tx.now + tx.policy.ladder_for(handoff.urgency).at(rung).wait
    moved = changes_one(
        tx.session,
        update(Handoff)
        .where(
            Handoff.id == handoff.id,
            Handoff.status == Status.WAITING,
            Handoff.ladder == ladder,
            Handoff.rung < rung,
        )
        .values(rung=rung, next_page_at=next_page_at),
    )
    tx.session.refresh(handoff)
    if not moved:
        return []
    page(tx, handoff, people)
    enqueue(tx.session, Climb(handoff.id, ladder, rung + 1), at=next_page_at)
    if people:
        patience = timedelta(minutes=tx.policy.alert.delivered_within_minutes)
        enqueue(tx.session, CheckAlerts(handoff.id, ladder, rung), at=tx.now + patience)
    return people


def page_beside_holder(
    tx: Transaction, handoff: Handoff, *, key: str | None = None
) -> list[Person]:
    """Page the first rung with somebody beside the holder, who keeps it. Returns the people paged.

    Without `key`, a line of the script, it has become urgent, and the holder is paged as well.
    """
    _, people = people_to_call(tx, handoff, 0)
    holder = handoff.mentor
    if key is None and holder and holder.can_be_texted and not holder.left_at:
        people.insert(0, holder)
    handoff.ladder, handoff.rung = handoff.ladder + 1, 0
    tx.session.flush()
    page(tx, handoff, people, key=key)
    return people


def page(
    tx: Transaction, handoff: Handoff, people: list[Person], *, key: str | None = None
) -> None:
    """Text `people` and log it. Without `key`, they read how urgent the handoff is."""
    own = _matched(tx.session, handoff.conversation, MatchKind.OWN)
    mentee = handoff.conversation.person
    name = "" if mentee is None or mentee.erased_at else mentee.name
    yours = your_mentee(name, tx.policy.alert.names_mentee)
    for_holder = "alert_raised_to_holder" if len(people) > 1 else "alert_raised_alone"
    for person in people:
        whose = yours if person in own else "a mentee"
        special = for_holder if person.id == handoff.mentor_id else key
        if special is not None:
            text = tx.tell_about(handoff, person, special, whose=whose)
        else:
            text = alert_by_text(tx, handoff, person, whose=whose)
        tx.session.flush()
        alert = Alert(
            handoff_id=handoff.id,
            person_id=person.id,
            message_id=text.id,
            ladder=handoff.ladder,
            rung=handoff.rung,
            at=tx.now,
        )
        tx.session.add(alert)
        tx.session.flush()
        plan_steps(tx, handoff, alert, person)
    log_move(
        tx,
        handoff,
        Move.PAGE,
        by=None,
        urgency=handoff.urgency.name.lower(),
        ladder=handoff.ladder,
        rung=handoff.rung,
        people=[person.id for person in people],
    )
    if not people and handoff.urgency is Urgency.CRISIS:
        log.error("a crisis reached nobody", handoff=handoff.id, ladder=handoff.ladder)


def climb_if_unreached(tx: Transaction, handoff: Handoff, *, failed: Message | None = None) -> None:
    """Climb at once if no one on the current rung can still answer.

    Each text failed, did not arrive in time, or was answered with PASS. `failed` counts as failed,
    although it is sent once more.
    """
    alerts = tx.session.scalars(
        select(Alert).where(
            Alert.handoff_id == handoff.id,
            Alert.ladder == handoff.ladder,
            Alert.rung == handoff.rung,
        )
    ).all()
    said = latest_snoozes(tx.session, handoff)
    passed = {one for one, snoozed in said.items() if snoozed.until == NOT_AGAIN}
    sent_after = tx.now - timedelta(minutes=tx.policy.alert.delivered_within_minutes)
    may_answer = any(
        alert.person_id not in passed
        and (_may_still_arrive(alert.message, sent_after) or _may_be_called(tx, handoff, alert))
        and not (handoff.urgency is Urgency.CRISIS and _is_second_try(tx.session, alert.message))
        for alert in alerts
    )
    if not alerts or may_answer:
        return
    # Texts to the same people would fail again at once: the ladder pages them at its own time.
    _, others = people_to_call(tx, handoff, handoff.rung + 1)
    if {person.id for person in others} <= {alert.person_id for alert in alerts} - passed:
        return
    # If only people who just passed are left, do not page them again at once.
    if not passed or _has_others(tx, handoff):
        climb(tx, handoff, handoff.ladder, handoff.rung + 1)


def pass_on(tx: Transaction, handoff: Handoff, person: Person) -> bool:
    """Stop paging `person` for a waiting handoff. True if there is someone else to page.

    If there is no one else at all, the ladder keeps its times and pages `person` again in the end.
    """
    snooze(tx, handoff, person, until=NOT_AGAIN)
    if not _has_others(tx, handoff):
        return False
    if handoff.rung >= 0:
        climb_if_unreached(tx, handoff)
    return True


def put_off(tx: Transaction, handoff: Handoff, person: Person, *, until: datetime) -> None:
    snoozed = snooze(tx, handoff, person, until=until)
    enqueue(tx.session, Recall(handoff.id, snoozed.id), at=until)


def snooze(tx: Transaction, handoff: Handoff, person: Person, *, until: datetime) -> Snooze:
    snoozed = Snooze(handoff_id=handoff.id, person_id=person.id, at=tx.now, until=until)
    tx.session.add(snoozed)
    tx.session.flush()
    return snoozed


def recall(tx: Transaction, handoff: Handoff, snooze_id: int) -> None:
    """Page a person again whose LATER is over, if the handoff still waits.

    The ladder gets a new number but keeps its times: its current rung may include this person
    already, and a person has one alert per rung.
    """
    snoozed = tx.session.get_one(Snooze, snooze_id)
    if not _is_to_be_recalled(tx, handoff, snoozed):
        return
    handoff.ladder += 1
    tx.session.flush()
    page(tx, handoff, [tx.session.get_one(Person, snoozed.person_id)])
    due = handoff.next_page_at or tx.now
    enqueue(tx.session, Climb(handoff.id, handoff.ladder, handoff.rung + 1), at=due)


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
        Recall(handoff.id, snoozed.id)
        for snoozed, handoff in snoozes
        if _is_to_be_recalled(
            Transaction(session, get_rules(handoff.conversation.program_id), now), handoff, snoozed
        )
    ]


def _is_to_be_recalled(tx: Transaction, handoff: Handoff, snoozed: Snooze) -> bool:
    # Before its first rung, the ladder will still page them in their turn.
    if handoff.status is not Status.WAITING or handoff.rung < 0 or snoozed.until > tx.now:
        return False
    latest = latest_snoozes(tx.session, handoff).get(snoozed.person_id)
    if latest is None or latest.id != snoozed.id:
        return False
    paged_since = select(Alert.id).where(
        Alert.handoff_id == handoff.id,
        Alert.person_id == snoozed.person_id,
        Alert.at >= snoozed.until,
    )
    if tx.session.scalar(paged_since.limit(1)) is not None:
        return False
    person = tx.session.get_one(Person, snoozed.person_id)
    reasons = get_reasons(tx, handoff, [person])[person.id]
    # They chose the time themselves, so their load does not matter.
    return person.can_be_texted and not reasons & {WhyNot.AWAY, WhyNot.CONCERN, WhyNot.LEFT}


def _may_still_arrive(text: Message, sent_after: datetime) -> bool:
    if text.delivery in HOPELESS:
        return False
    return text.delivery is Delivery.DELIVERED or text.at > sent_after


def _may_be_called(tx: Transaction, handoff: Handoff, alert: Alert) -> bool:
    """In a crisis the next people are paged while the first ones are being called."""
    return handoff.urgency is not Urgency.CRISIS and is_still_trying(tx.session, alert)


def _is_second_try(session: Session, text: Message) -> bool:
    if text.delivery is Delivery.DELIVERED:
        return False
    failed = select(FailedTry.id).where(FailedTry.message_id == text.id)
    return session.scalar(failed.limit(1)) is not None


def _has_others(tx: Transaction, handoff: Handoff) -> bool:
    return bool(people_to_call(tx, handoff, 0, look_past=False)[1])


def people_to_call(
    tx: Transaction, handoff: Handoff, rung: int, *, look_past: bool = True
) -> tuple[int, list[Person]]:
    """The first rung from `rung` on with someone to page.

    With `look_past` the list is empty only if we can text no one.
    """
    steps = tx.policy.ladder_for(handoff.urgency)
    on_rungs = [people_on(tx, handoff, steps, each) for each in range(len(steps.rungs))]
    # The others are paged beside a holder.
    rungs = [[one for one in people if one.id != handoff.mentor_id] for people in on_rungs]
    people = {person.id: person for on_rung in rungs for person in on_rung}
    reasons = get_reasons(tx, handoff, people.values())
    with_reasons = [{person.id: reasons[person.id] for person in on_rung} for on_rung in rungs]
    rung, called = whom_to_call(with_reasons, rung, handoff.urgency, look_past=look_past)
    return rung, [people[one] for one in called]


def people_on(tx: Transaction, handoff: Handoff, steps: Ladder, rung: int) -> list[Person]:
    """Everyone on a rung whom we can text now, even if availability rules them out."""
    program = handoff.conversation.program
    skip_mentors = steps.outside_hours == "skip" and not is_within_hours(
        program, tx.now, get_holidays(tx.session, program)
    )
    found: dict[int, Person] = {}
    for group in steps.at(rung).page:
        if skip_mentors and group in ("own", "back_up"):
            continue
        for person in _group(tx, handoff, group):
            if person.can_be_texted:
                found.setdefault(person.id, person)
    return list(found.values())


def _group(tx: Transaction, handoff: Handoff, group: Group) -> list[Person]:
    if group == "own":
        return _matched(tx.session, handoff.conversation, MatchKind.OWN)
    if group == "back_up":
        return _matched(tx.session, handoff.conversation, MatchKind.BACK_UP)
    program = handoff.conversation.program
    if group == "duty":
        return on_duty(tx.session, program, now=tx.now)
    return managers_to_text(tx.session, program.id)


def _matched(session: Session, conversation: Conversation, kind: MatchKind) -> list[Person]:
    matched = (
        select(Person)
        .join(Match, Match.mentor_id == Person.id)
        .where(Match.mentee_id == conversation.person_id, Match.kind == kind)
        .order_by(Match.id)
    )
    return list(session.scalars(matched))


def get_own_mentor(session: Session, conversation: Conversation) -> Person | None:
    """The mentee's own mentor, unless that person has left the program."""
    own = _matched(session, conversation, MatchKind.OWN)
    return next((mentor for mentor in own if mentor.left_at is None), None)
