"""The moves of a handoff: what may happen twice, at once, or not at all."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from escalation.handoffs.handoffs import (
    AlreadyTaken,
    OnlyAPersonCloses,
    claim,
    lock_conversation,
    open_handoff,
    release,
    resolve,
    withdraw,
)
from escalation.handoffs.moves import Closed, NeedsReason, NotHolder
from models import (
    Conversation,
    Handoff,
    HandoffEvent,
    Move,
    Need,
    Outcome,
    Person,
    Status,
    Urgency,
)
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk, at_once


def waiting_handoff(talk: Talk, number: str = MAYA) -> int:
    talk.texts(number, "can i talk to a real person please")
    return talk.handoff().id


def move(talk: Talk, handoff_id: int, verb: Callable[..., object], **given: object) -> Handoff:
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, handoff_id)
        lock_conversation(session, handoff.conversation_id)
        session.refresh(handoff)
        verb(talk.line.at(session), handoff, **given)
        return handoff


def test_of_two_mentors_who_claim_at_the_same_instant_one_gets_it(talk: Talk) -> None:
    """Fifty times on each database. The other reads who has it."""
    handoff_id = waiting_handoff(talk)
    sam, noor = talk.person(SAM), talk.person(NOOR)

    def take(mentor: Person) -> str:
        try:
            move(talk, handoff_id, claim, mentor=mentor)
        except AlreadyTaken as refusal:
            return f"taken by {refusal.holder}"
        return "got it"

    for turn in range(50):
        results = at_once(partial(take, sam), partial(take, noor))
        holder = talk.handoff().mentor
        assert holder is not None
        expected = (
            ["got it", "taken by Sam"] if holder.id == sam.id else ["taken by Noor", "got it"]
        )
        assert results == expected, turn
        move(talk, handoff_id, release, by=holder)


def test_the_database_allows_one_open_handoff_for_each_conversation(talk: Talk) -> None:
    waiting_handoff(talk)
    with pytest.raises(IntegrityError), talk.database.writing() as session:
        conversation = session.get_one(Conversation, talk.handoff().conversation_id)
        tx = talk.line.at(session)
        open_handoff(tx, conversation, Need.REQUEST, Urgency.SOON, message=None)
    assert len(talk.handoffs()) == 1


def test_the_log_cannot_be_rewritten(talk: Talk) -> None:
    waiting_handoff(talk)
    with pytest.raises(Exception, match="append-only"), talk.database.writing() as session:
        event = session.scalars(select(HandoffEvent).limit(1)).one()
        event.move = Move.RESOLVE
    with pytest.raises(Exception, match="append-only"), talk.database.writing() as session:
        session.delete(session.scalars(select(HandoffEvent).limit(1)).one())


def test_only_the_holder_closes_it(talk: Talk) -> None:
    handoff_id = waiting_handoff(talk)
    sam, noor = talk.person(SAM), talk.person(NOOR)
    move(talk, handoff_id, claim, mentor=sam)
    with pytest.raises(NotHolder):
        move(talk, handoff_id, resolve, outcome=Outcome.TALKED, by=noor, note=None)
    assert talk.handoff().status is Status.CLAIMED


def test_a_manager_can_close_a_waiting_handoff(talk: Talk) -> None:
    handoff_id = waiting_handoff(talk)
    ruth = talk.person(RUTH)
    move(talk, handoff_id, resolve, outcome=Outcome.NOTNEEDED, by=ruth, note="a test call")
    assert talk.handoff().status is Status.RESOLVED
    assert talk.thread(MAYA)[-1].words.startswith("Ruth closed your request. ")


def test_a_crisis_needs_a_reason_to_be_closed_and_the_mentee_cannot_withdraw_it(talk: Talk) -> None:
    talk.texts(MAYA, "i want to kill myself")
    noor = talk.person(NOOR)
    handoff_id = talk.handoff().id
    with pytest.raises(OnlyAPersonCloses):
        move(talk, handoff_id, withdraw)
    move(talk, handoff_id, claim, mentor=noor)
    with pytest.raises(NeedsReason):
        move(talk, handoff_id, resolve, outcome=Outcome.REFERRED, by=noor, note="  ")
    assert talk.handoff().status is Status.CLAIMED
    move(talk, handoff_id, resolve, outcome=Outcome.REFERRED, by=noor, note="with her aunt tonight")
    closed = talk.handoff()
    assert (closed.status, closed.outcome) == (Status.RESOLVED, Outcome.REFERRED)


def test_a_closed_handoff_stays_closed_and_a_new_request_opens_another(talk: Talk) -> None:
    handoff_id = waiting_handoff(talk)
    talk.texts(MAYA, "never mind")
    with pytest.raises(Closed):
        move(talk, handoff_id, claim, mentor=talk.person(SAM))
    assert waiting_handoff(talk) != handoff_id


def test_no_timer_ever_closes_a_handoff(talk: Talk) -> None:
    """In three days, with rungs of an hour."""
    soon = talk.line.rules.policy.ladder.soon
    rungs = tuple(rung.model_copy(update={"wait_minutes": 60}) for rung in soon.rungs)
    talk.adopts("ladder", soon=soon.model_copy(update={"rungs": rungs}))
    waiting_handoff(talk)
    talk.passes(hours=72)
    assert talk.handoff().status is Status.WAITING
    assert len(talk.read_by(RUTH)) > 60, "Ruth is called again and again"


def test_a_claim_is_not_released_after_the_mentor_wrote(talk: Talk) -> None:
    waiting_handoff(talk)
    talk.texts(SAM, "take {}")
    talk.passes(minutes=10)
    talk.texts(SAM, "Hi Maya, I'm here")
    talk.passes(hours=5)
    assert talk.handoff().status is Status.CLAIMED


def test_a_crisis_in_a_claimed_handoff_pages_the_holder_and_others(
    talk: Talk,
) -> None:
    waiting_handoff(talk)
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "Hi Maya")
    talk.passes(minutes=20)
    talk.new_texts()
    talk.texts(MAYA, "i am going to kill myself")
    told = talk.new_texts()
    assert {name for name, words in told if "URGENT" in words} == {"sam", "noor", "ruth"}
    assert any("988" in words for name, words in told if name == "maya")
    assert talk.handoff().status is Status.CLAIMED
    assert talk.handoff().urgency is Urgency.CRISIS
    talk.passes(minutes=6)
    assert talk.handoff().status is Status.WAITING, "Sam did not write, so others must"


def test_each_handoff_has_its_own_ladder(talk: Talk) -> None:
    waiting_handoff(talk, MAYA)
    waiting_handoff(talk, JO)
    talk.texts(SAM, "take {1}")
    talk.new_texts()
    talk.passes(minutes=5)
    assert all("#{2}" in words for _, words in talk.new_texts())


def test_each_move_is_logged_with_its_person_and_time(talk: Talk) -> None:
    waiting_handoff(talk)
    talk.passes(minutes=2)
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "hello")
    talk.passes(minutes=2)
    talk.texts(SAM, "done {}")
    events = talk.rows(HandoffEvent)
    sam = talk.person(SAM).id
    assert [(event.move, event.by_id) for event in events] == [
        (Move.OPEN, None),
        (Move.PAGE, None),
        (Move.CLAIM, sam),
        (Move.RESOLVE, sam),
    ]
    assert events[2].at - events[0].at == timedelta(minutes=2)
