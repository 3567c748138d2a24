"""After a crisis: how it was for the mentor who ended it, in their own words or on the phone.

The prompt goes out with the move that closes the handoff (`escalation.handoffs.resolve`). The
words are kept encrypted, for whoever wrote them; managers see that a debrief is open, and are
told when somebody asks to be called.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs import ask_for_debrief
from escalation.rules import Rules
from escalation.voice import say, thread_of
from models import Debrief, Person, Role

__all__ = ["answer_debrief", "answerable_debriefs_of", "ask_for_debrief", "open_debriefs_of"]


def open_debriefs_of(session: Session, person: Person) -> list[Debrief]:
    """What `person` was asked after a crisis and has not answered, the latest first."""
    return list(
        session.scalars(
            select(Debrief)
            .where(Debrief.person_id == person.id, Debrief.answered_at.is_(None))
            .order_by(Debrief.id.desc())
        )
    )


def answerable_debriefs_of(
    session: Session, person: Person, *, now: datetime, rules: Rules
) -> list[Debrief]:
    """Those to which a text may still be the answer, or may add to it; the latest first."""
    since = now - timedelta(days=rules.policy.mentors.debrief_open_days)
    return list(
        session.scalars(
            select(Debrief)
            .where(Debrief.person_id == person.id, Debrief.asked_at > since)
            .order_by(Debrief.id.desc())
        )
    )


def answer_debrief(
    session: Session,
    debrief: Debrief,
    *,
    words: str | None = None,
    wants_to_talk: bool = False,
    now: datetime,
    rules: Rules,
) -> list[Person]:
    """Keep what somebody says of it; words are added to earlier ones.

    Whoever wants to talk is named to the managers, once, without any content. Returns the
    managers who were told.
    """
    words = (words or "").replace("\x00", "\ufffd").strip()
    if words:
        debrief.words = f"{debrief.words}\n{words}" if debrief.words else words
    asks_now = wants_to_talk and not debrief.wants_to_talk
    debrief.wants_to_talk = bool(wants_to_talk or debrief.wants_to_talk)
    debrief.answered_at = debrief.answered_at or now
    session.flush()
    person = session.get_one(Person, debrief.person_id)
    managers = managers_for(session, person)
    if asks_now:
        for manager in managers:
            thread = thread_of(session, rules, manager)
            key, code = "talk_wanted", debrief.handoff_id
            say(session, rules, thread, key, now=now, who=person.name, code=code)
    return managers if wants_to_talk else []


def managers_for(session: Session, person: Person) -> list[Person]:
    """The other managers of the programme who can be texted."""
    managers = session.scalars(
        select(Person)
        .where(
            Person.programme_id == person.programme_id,
            Person.role == Role.MANAGER,
            Person.left_at.is_(None),
            Person.id != person.id,
        )
        .order_by(Person.id)
    )
    return [manager for manager in managers if manager.can_be_texted]
