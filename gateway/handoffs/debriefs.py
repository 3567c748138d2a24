"""Debriefs: after a crisis, the mentor who closed it can write down how it was, or ask for a call.

`resolve` sends the prompt together with the closing move. The words are encrypted and only the
mentor who wrote them can read them. Managers see that a debrief is open, and get a text when a
mentor asks for a call.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import managers_to_text
from escalation.transaction import Transaction
from gateway.runtime.user_input import kept_words
from models import Debrief, Handoff, Person


def find_debrief(session: Session, handoff: Handoff, person: Person) -> Debrief | None:
    asked = Debrief.handoff_id == handoff.id, Debrief.person_id == person.id
    return session.scalar(select(Debrief).where(*asked))


def list_open_debriefs(session: Session, person: Person) -> Sequence[Debrief]:
    own = select(Debrief).where(Debrief.person_id == person.id, Debrief.answered_at.is_(None))
    return session.scalars(own.order_by(Debrief.id.desc())).all()


def find_answerable_debrief(tx: Transaction, person: Person) -> Debrief | None:
    """The latest debrief that a text from `person` may still answer or add to."""
    since = tx.now - timedelta(days=tx.policy.mentors.debrief_open_days)
    own = select(Debrief).where(Debrief.person_id == person.id, Debrief.asked_at > since)
    return tx.session.scalar(own.order_by(Debrief.id.desc()).limit(1))


def answer_debrief(
    tx: Transaction, debrief: Debrief, *, words: str = "", wants_to_talk: bool = False
) -> list[Person]:
    """Save an answer, after any earlier words.

    If the mentor wants to talk, the managers get one text with the mentor's name and no content.
    Returns those managers.
    """
    words = kept_words(words).strip()
    if words:
        debrief.words = f"{debrief.words}\n{words}" if debrief.words else words
    debrief.answered_at = debrief.answered_at or tx.now
    asked_before = bool(debrief.wants_to_talk)
    debrief.wants_to_talk = wants_to_talk or asked_before
    tx.session.flush()
    if not wants_to_talk:
        return []
    person = tx.session.get_one(Person, debrief.person_id)
    managers = managers_to_text(tx.session, person.program_id, but=person.id)
    if not asked_before:
        handoff = tx.session.get_one(Handoff, debrief.handoff_id)
        for manager in managers:
            tx.tell_about(handoff, manager, "talk_wanted", who=person.name)
    return managers
