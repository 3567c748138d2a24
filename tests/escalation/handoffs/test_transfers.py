"""Handing a conversation to a colleague: offered, held until accepted, and nothing lost between."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.moves import Closed, NotHolder
from escalation.handoffs.transfers import (
    CannotTransfer,
    NotAsked,
    TransferOver,
    answer_transfer,
    get_open_transfer,
    offer_transfer,
)
from escalation.ruleset import Rules
from gateway.messaging.outbox import acting
from models import Absence, Handoff, HandoffEvent, Move, Person, Status, Transfer
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk

ASKS = "can i talk to a real person please"


@pytest.fixture
def held(talk: Talk) -> Talk:
    """Sam holds Maya's handoff and has written to her."""
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(SAM, "Hi Maya")
    talk.new_texts()
    return talk


def offer(talk: Talk, *, by: str = SAM, to: str = NOOR, note: str | None = None) -> int:
    with acting(talk.line) as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        lock_conversation(session, handoff.conversation_id)
        giver, asked = (session.get_one(Person, talk.person(one).id) for one in (by, to))
        return offer_transfer(talk.line.at(session), handoff, by=giver, to=asked, note=note).id


def answer(talk: Talk, transfer_id: int, *, by: str = NOOR, accept: bool = True) -> None:
    with acting(talk.line) as session:
        transfer = session.get_one(Transfer, transfer_id)
        handoff = session.get_one(Handoff, transfer.handoff_id)
        lock_conversation(session, handoff.conversation_id)
        session.refresh(transfer)
        person = session.get_one(Person, talk.person(by).id)
        answer_transfer(talk.line.at(session), transfer, by=person, accept=accept)


def holder(talk: Talk) -> str | None:
    mentor = talk.handoffs()[0].mentor
    return mentor.name if mentor else None


def test_the_holder_holds_it_until_it_is_accepted(held: Talk) -> None:
    offer(held, note="she would rather write in the evening")
    assert held.new_texts() == [
        (
            "noor",
            "Warmline bot: Sam asks you to take over #1. To accept, text ACCEPT 1. To decline, "
            "text PASS 1. Read: https://warmline.example/console/1",
        )
    ]
    held.texts(SAM, "still here, Maya")
    held.texts(MAYA, "ok")
    told = held.new_texts()
    assert ("maya", "Sam: still here, Maya") in told
    assert "noor" not in [name for name, _ in told]
    assert holder(held) == "Sam"


def test_accepting_tells_the_mentee_who_is_there_and_moves_no_message(held: Talk) -> None:
    transfer = offer(held)
    held.texts(MAYA, "one more thing")
    held.new_texts()
    answer(held, transfer)
    assert holder(held) == "Noor"
    held.texts(NOOR, "Hi Maya, Noor here")
    held.texts(MAYA, "hi Noor")
    held.texts(SAM, "#1 bye")
    told = held.new_texts()
    assert ("maya", "Noor: Hi Maya, Noor here") in told
    assert any(name == "noor" and "#1 wrote to you" in words for name, words in told)
    assert any(name == "sam" and "You do not hold #1" in words for name, words in told)
    lines = [message.script for message in held.thread(MAYA)]
    assert "transferred" in lines
    assert held.thread(MAYA)[lines.index("transferred")].words.startswith(
        "Noor is here now in place of Sam"
    )


def test_an_accepted_transfer_stands_in_the_log_as_a_claim(held: Talk) -> None:
    transfer = offer(held)
    held.passes(minutes=3)
    answer(held, transfer)
    with held.database.reading() as session:
        claims = session.scalars(
            select(HandoffEvent).where(HandoffEvent.move == Move.CLAIM).order_by(HandoffEvent.id)
        ).all()
    sam, noor = held.person(SAM).id, held.person(NOOR).id
    assert [event.by_id for event in claims] == [sam, noor]
    assert claims[1].detail == {"transfer": transfer, "held_by": sam}
    assert held.handoff().claimed_at == claims[0].at, "she waited only until Sam came"


def test_whoever_accepts_must_write_like_anybody_who_claims(held: Talk) -> None:
    answer(held, offer(held))
    held.passes(minutes=15)
    assert held.handoff().status is Status.WAITING
    assert any("went back to the queue" in words for words in held.read_by(NOOR))


def test_passing_leaves_it_where_it_is_and_says_so(held: Talk) -> None:
    answer(held, offer(held), accept=False)
    held.texts(SAM, "WAITING")
    assert any("Noor can't take #1. It stays yours." in words for words in held.read_by(SAM))
    assert holder(held) == "Sam"
    assert "transferred" not in [message.script for message in held.thread(MAYA)]


def test_an_offer_is_answered_once_and_by_whom_it_was_made_to(held: Talk) -> None:
    transfer = offer(held)
    with pytest.raises(NotAsked):
        answer(held, transfer, by=RUTH)
    answer(held, transfer)
    for accept in (True, False):
        with pytest.raises(TransferOver):
            answer(held, transfer, accept=accept)
    assert holder(held) == "Noor"


def test_accepting_and_ending_at_the_same_moment_leaves_one_of_the_two(held: Talk) -> None:
    for turn in range(1, 11):
        code = held.handoff().id
        offer(held)
        start = threading.Barrier(2)

        def text(number: str, words: str, start: threading.Barrier = start) -> None:
            start.wait()
            held.texts(number, words)

        threads = [
            threading.Thread(target=text, args=(NOOR, f"ACCEPT {code}")),
            threading.Thread(target=text, args=(SAM, f"DONE {code} TALKED")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        handoff = held.handoff()
        assert handoff.mentor is not None
        ended = (handoff.status, handoff.mentor.name)
        assert ended in ((Status.CLAIMED, "Noor"), (Status.RESOLVED, "Sam")), turn
        held.texts(NOOR, f"DONE {code} NOTNEEDED")
        held.texts(MAYA, ASKS)
        held.texts(SAM, f"TAKE {code + 1}")
        held.texts(SAM, f"#{code + 1} hello")


def test_one_offer_at_a_time(held: Talk) -> None:
    offer(held)
    with pytest.raises(CannotTransfer, match="offered") as refused:
        offer(held, to=RUTH)
    assert refused.value.sentence == "You already offered it to a colleague. Wait for the answer."


def test_only_the_holder_gives_and_nothing_that_is_closed(held: Talk) -> None:
    with pytest.raises(NotHolder):
        offer(held, by=NOOR, to=RUTH)
    held.texts(SAM, "DONE 1")
    with pytest.raises(Closed):
        offer(held)


def test_who_is_away_is_not_asked_and_it_is_said_who_could(held: Talk) -> None:
    noor, now = held.person(NOOR).id, held.clock()
    with held.database.writing() as session:
        session.add(Absence(person_id=noor, begins_at=now, by_id=noor))
    with pytest.raises(CannotTransfer) as refused:
        offer(held)
    assert refused.value.sentence == "Noor is away. These can: Ruth."


def test_who_has_left_or_has_no_phone_is_not_asked(held: Talk) -> None:
    with held.database.writing() as session:
        session.get_one(Person, held.person(NOOR).id).left_at = held.clock()
        session.get_one(Person, held.person(RUTH).id).opted_out_at = held.clock()
    with pytest.raises(CannotTransfer) as refused:
        offer(held)
    assert refused.value.sentence.startswith("There is no such colleague.")
    with pytest.raises(CannotTransfer) as refused:
        offer(held, to=RUTH)
    assert refused.value.sentence == "We can't text Ruth. No one else can take it right now."


def test_a_mentee_and_somebody_of_another_program_are_not_asked(held: Talk) -> None:
    for number in (JO, held.a_manager_elsewhere()):
        with pytest.raises(CannotTransfer, match="unknown"):
            offer(held, to=number)
    with pytest.raises(CannotTransfer, match="self"):
        offer(held, to=SAM)


def test_who_has_as_much_as_one_should_carry_is_not_asked(held: Talk) -> None:
    held.line.rules = _with_most_held(held, 1)
    held.texts(JO, ASKS)
    held.texts(NOOR, "TAKE 2")
    with pytest.raises(CannotTransfer) as refused:
        offer(held)
    assert refused.value.sentence == ("Noor already has enough to carry. These can: Ruth.")


def _with_most_held(talk: Talk, most: int) -> Rules:
    rules = talk.line.rules
    mentors = rules.policy.mentors.model_copy(update={"most_held": most})
    policy = rules.policy.model_copy(update={"mentors": mentors})
    return replace(rules, policy=policy)


@pytest.mark.parametrize("words", ["DONE 1", "PASS 1"])
def test_what_is_ended_or_given_back_is_no_longer_offered(held: Talk, words: str) -> None:
    transfer = offer(held)
    held.new_texts()
    held.texts(SAM, words)
    told = held.new_texts()
    assert ("noor", "Warmline bot: #1 is no longer offered to you. There is nothing to do.") in told
    with pytest.raises(TransferOver):
        answer(held, transfer)


def test_what_the_mentee_withdraws_is_no_longer_offered(held: Talk) -> None:
    offer(held)
    held.texts(MAYA, "never mind")
    with held.database.reading() as session:
        assert get_open_transfer(session, session.get_one(Handoff, 1)) is None


def test_an_offer_that_nobody_answers_lapses(held: Talk) -> None:
    offer(held)
    held.new_texts()
    held.clock.now += timedelta(minutes=14)
    held.sweeps()
    assert held.new_texts() == []
    held.clock.now += timedelta(minutes=1)
    held.sweeps()
    held.sweeps()
    assert sorted(held.new_texts()) == [
        ("noor", "Warmline bot: #1 is no longer offered to you. There is nothing to do."),
        ("sam", "Warmline bot: Noor did not answer in time, so #1 stays yours."),
    ]
    held.texts(NOOR, "ACCEPT 1")
    assert "is not, or no longer, offered to you" in held.read_by(NOOR)[-1]
    assert holder(held) == "Sam"


# --- by SMS ---


def says(talk: Talk, number: str, words: str) -> str:
    talk.texts(number, words)
    return talk.read_by(number)[-1].removeprefix("Warmline bot: ")


def test_give_and_accept_by_text(held: Talk) -> None:
    assert says(held, SAM, "give 1 to noor: she prefers evenings") == (
        "We asked Noor to take #1. They have 15 minutes to answer. Until then it is yours."
    )
    assert not any("evenings" in words for words in held.read_by(NOOR))
    assert says(held, NOOR, "Accept").startswith("You have #1.")
    assert says(held, SAM, "WAITING")
    assert "Noor has #1 now. We told your mentee." in " ".join(held.read_by(SAM))
    with held.database.reading() as session:
        assert session.scalars(select(Transfer)).one().note == "she prefers evenings"


def test_take_on_what_one_is_offered_accepts_it(held: Talk) -> None:
    offer(held)
    assert says(held, NOOR, "TAKE 1").startswith("You have #1.")
    assert holder(held) == "Noor"


def test_pass_on_what_one_is_offered_declines_it(held: Talk) -> None:
    offer(held)
    assert "stays with Sam" in says(held, NOOR, "pass")
    assert holder(held) == "Sam"


def test_give_is_refused_with_what_can_be_done(held: Talk) -> None:
    assert "like GIVE 1 to Noor" in says(held, SAM, "GIVE 1")
    assert "like GIVE 1 to Noor" in says(held, SAM, "GIVE 1 to Maximilian")
    assert "You hold it yourself." in says(held, SAM, "GIVE 1 to Sam")
    assert "You do not hold #1" in says(held, RUTH, "GIVE 1 to Noor")
    assert "There is no #9" in says(held, SAM, "GIVE 9 to Noor")
    assert "No one has offered you a handoff" in says(held, NOOR, "ACCEPT")
    assert "already" in says(held, SAM, "ACCEPT 1")
    assert holder(held) == "Sam"


def test_two_colleagues_of_one_name_are_told_apart_in_the_console(held: Talk) -> None:
    with held.database.writing() as session:
        session.get_one(Person, held.person(RUTH).id).name = "Noor"
    assert "more than one Noor" in says(held, SAM, "GIVE 1 to Noor")
    assert holder(held) == "Sam"
