"""Managers move what somebody else holds; mentors only what they were asked to take over."""

from collections.abc import Callable

import pytest

from escalation.handoffs.handoffs import AlreadyTaken, lock_conversation, release, resolve
from escalation.handoffs.moves import NeedsReason, NotHolder
from escalation.handoffs.oversight import lower, raise_by_hand, reassign, take, take_over
from models import Handoff, Outcome, Person, Status, Urgency
from tests.line import CRISIS, MAYA, NOOR, RUTH, SAM, Talk


@pytest.fixture
def held(talk: Talk) -> Talk:
    talk.claims()
    talk.passes(minutes=2)
    return talk


def moves(talk: Talk, verb: Callable[..., object], **given: object) -> Handoff:
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        lock_conversation(session, handoff.conversation_id)
        people = {
            key: session.get_one(Person, one.id) if isinstance(one, Person) else one
            for key, one in given.items()
        }
        verb(talk.line.at(session), handoff, **people)
        return handoff


def test_a_manager_takes_over_at_any_time_and_a_mentor_only_when_asked(held: Talk) -> None:
    with pytest.raises(AlreadyTaken):
        moves(held, take_over, by=held.person(NOOR))
    with pytest.raises(AlreadyTaken):
        moves(held, take, by=held.person(RUTH))
    moves(held, take_over, by=held.person(RUTH))
    assert held.handoff().mentor_id == held.person(RUTH).id
    assert "Ruth is here now in place of Sam" in held.thread(MAYA)[-1].words


def test_a_manager_releases_and_closes_what_a_mentor_holds_with_a_reason(held: Talk) -> None:
    ruth = held.person(RUTH)
    with pytest.raises(NotHolder):
        moves(held, release, by=held.person(NOOR))
    with pytest.raises(NeedsReason):
        moves(held, resolve, outcome=Outcome.TALKED, by=ruth, note=" ")
    moves(held, release, by=ruth)
    assert held.handoff().status is Status.WAITING
    moves(held, resolve, outcome=Outcome.NOTNEEDED, by=ruth, note="twice asked")
    assert held.handoff().status is Status.RESOLVED


def test_a_manager_gives_it_to_a_colleague_who_must_write_in_time(held: Talk) -> None:
    with pytest.raises(NotHolder):
        moves(held, reassign, to=held.person(NOOR), by=held.person(SAM))
    moves(held, reassign, to=held.person(NOOR), by=held.person(RUTH), reason="Sam is ill")
    assert held.handoff().mentor_id == held.person(NOOR).id
    assert held.thread(MAYA)[-1].words.startswith("I asked Noor to write to you here")
    held.passes(minutes=15)
    assert held.handoff().status is Status.WAITING


def test_only_a_person_lowers_an_urgency_and_with_a_reason(held: Talk) -> None:
    ruth = held.person(RUTH)
    moves(held, raise_by_hand, urgency=Urgency.CRISIS, by=ruth)
    assert held.handoff().urgency is Urgency.CRISIS
    with pytest.raises(NeedsReason):
        moves(held, lower, urgency=Urgency.SOON, by=ruth, reason="")
    moves(held, lower, urgency=Urgency.ROUTINE, by=ruth, reason="a song, not a plan")
    assert held.handoff().urgency is Urgency.ROUTINE
    held.passes(minutes=30)
    assert held.handoff().status is Status.CLAIMED, "the times of routine count now"


def test_a_mentee_whose_crisis_was_lowered_reads_whom_we_asked(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    moves(talk, lower, urgency=Urgency.ROUTINE, by=talk.person(RUTH), reason="a song, not a plan")
    talk.bot.away = True
    assert "I asked Noor and Ruth at 10:00. No one has answered yet." in talk.says(MAYA, "hello")
