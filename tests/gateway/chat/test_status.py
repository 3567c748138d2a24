"""How long a mentee is likely to wait, from recent handoffs."""

from datetime import timedelta

from sqlalchemy import select

from gateway.conversations.wait_estimate import WaitEstimate, estimate_wait
from models import Conversation, Handoff, HandoffEvent, Move, Need, Outcome, Person, Status, Urgency
from tests.chat_browser import Browser
from tests.line import JO, MAYA, Talk


def jo_waited(talk: Talk, urgency: Urgency, waits: list[float | None]) -> None:
    """Recent handoffs of Jo's, each claimed after so many minutes, or never."""
    talk.texts(JO, "hi")
    with talk.database.writing() as session:
        of_jo = Conversation.person_id == talk.person(JO).id
        conversation_id = session.scalars(select(Conversation.id).where(of_jo)).one()
        for day, minutes in enumerate(waits):
            opened_at = talk.clock() - timedelta(days=1 + day % 20)
            handoff = Handoff(
                conversation_id=conversation_id,
                need=Need.REQUEST,
                urgency=urgency,
                status=Status.RESOLVED,
                outcome=Outcome.NOTNEEDED,
                opened_at=opened_at,
            )
            session.add(handoff)
            session.flush()
            if minutes is not None:
                at = opened_at + timedelta(minutes=minutes)
                session.add(HandoffEvent(handoff_id=handoff.id, at=at, move=Move.CLAIM, detail={}))


def wait_for(talk: Talk, number: str) -> WaitEstimate:
    with talk.database.reading() as session:
        program = session.get_one(Person, talk.person(number).id).program
        return estimate_wait(session, program, Urgency.SOON, now=talk.clock(), but=None)


def test_the_wait_estimate_comes_from_recent_handoffs(talk: Talk, maya: Browser) -> None:
    jo_waited(talk, Urgency.SOON, [float(n) for n in range(1, 21)] + [None, None])
    jo_waited(talk, Urgency.ROUTINE, [600.0] * 12)
    half, ninetieth = timedelta(minutes=10, seconds=30), timedelta(minutes=18)
    assert wait_for(talk, MAYA) == WaitEstimate(22, 20, half, ninetieth)
    maya.writes("PERSON")
    page = " ".join(maya.opens().split())
    assert "a mentor came for 20 of 22 requests like this" in page
    assert "half of the time within 10 min, nine times out of ten within 18 min" in page
    assert "Mentors are available at any hour." in page


def test_there_is_no_estimate_with_too_few_claims(talk: Talk, maya: Browser) -> None:
    jo_waited(talk, Urgency.SOON, [5.0] * 9 + [None])
    assert wait_for(talk, MAYA) == WaitEstimate(10, 9, None, None)
    maya.writes("PERSON")
    page = maya.opens()
    assert "We can't estimate the wait yet" in page
    assert "half of the time" not in page


def test_old_waits_and_other_programs_do_not_count(talk: Talk, maya: Browser) -> None:
    jo_waited(talk, Urgency.SOON, [5.0] * 12)
    talk.clock.now += timedelta(days=40)
    assert wait_for(talk, MAYA) == WaitEstimate(0, 0, None, None)
    talk.clock.now -= timedelta(days=40)
    assert wait_for(talk, talk.a_manager_elsewhere()) == WaitEstimate(0, 0, None, None)
