"""Debriefs: after a crisis, the mentor who closed it can write down how it was, or ask for a call.

`resolve` sends the prompt together with the closing move. The words are encrypted and only the
mentor who wrote them can read them. Managers see that a debrief is open, and get a text when a
mentor asks for a call.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import managers_to_text
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread, say
from gateway.runtime.user_input import kept_words
from models import Debrief, Person


def list_open_debriefs(session: Session, person: Person) -> list[Debrief]:
    return list(
        session.scalars(
            select(Debrief)
            .where(Debrief.person_id == person.id, Debrief.answered_at.is_(None))
            .order_by(Debrief.id.desc())
        )
    )


def list_answerable_debriefs(
    session: Session, person: Person, *, now: datetime, rules: Rules
) -> list[Debrief]:
    """The debriefs that a text from `person` may still answer or add to, latest first."""
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
    """Save an answer, after any earlier words.

    If the mentor wants to talk, the managers get one text with the mentor's name and no content.
    Returns those managers.
    """
    words = kept_words(words or "").strip()
    if words:
        debrief.words = f"{debrief.words}\n{words}" if debrief.words else words
    asks_now = wants_to_talk and not debrief.wants_to_talk
    debrief.wants_to_talk = bool(wants_to_talk or debrief.wants_to_talk)
    debrief.answered_at = debrief.answered_at or now
    session.flush()
    person = session.get_one(Person, debrief.person_id)
    managers = managers_to_text(session, person.program_id, but=person.id)
    if asks_now:
        for manager in managers:
            thread = get_thread(session, rules, manager)
            key, code = "talk_wanted", debrief.handoff_id
            say(session, rules, thread, key, now=now, who=person.name, code=code)
    return managers if wants_to_talk else []
