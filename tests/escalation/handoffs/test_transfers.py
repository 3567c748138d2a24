"""Transfers: the holder offers a handoff to a colleague and keeps it until they accept."""

from datetime import timedelta
from functools import partial

import pytest

from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.moves import Closed, NotHolder
from escalation.handoffs.transfers import (
    CannotTransfer,
    NotAsked,
    TransferOver,
    answer_transfer,
    offer_transfer,
)
from gateway.messaging.outbox import acting
from models import Absence, Handoff, HandoffEvent, Move, Person, Status, Transfer
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk, at_once


@pytest.fixture
def held(talk: Talk) -> Talk:
    """Sam holds Maya's handoff and has written to her."""
    talk.claims()
    return talk


def offer(talk: Talk, *, by: str = SAM, to: str = NOOR, code: int | None = None) -> int:
    with acting(talk.line) as session:
        handoff = session.get_one(Handoff, code or talk.handoff().id)
        lock_conversation(session, handoff.conversation_id)
        giver, asked = (session.get_one(Person, talk.person(one).id) for one in (by, to))
        return offer_transfer(talk.line.at(session), handoff, by=giver, to=asked, note=None).id


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


def test_the_holder_keeps_the_handoff_until_a_colleague_accepts(held: Talk) -> None:
    offer(held)
    assert held.new_texts() == [
        (
            "noor",
            "Warmline bot: Sam asks you to take over #{1}. To accept, text ACCEPT {1}. To decline, "
            "text PASS {1}. Read: https://warmline.example/console/to/{1}",
        )
    ]
    held.texts(SAM, "still here, Maya")
    held.texts(MAYA, "ok")
    told = held.new_texts()
    assert ("maya", "Sam: still here, Maya") in told
    assert "noor" not in [name for name, _ in told]
    assert holder(held) == "Sam"


def test_the_mentee_reads_who_took_over(held: Talk) -> None:
    transfer = offer(held)
    held.texts(MAYA, "one more thing")
    held.new_texts()
    answer(held, transfer)
    assert holder(held) == "Noor"
    held.texts(NOOR, "Hi Maya, Noor here")
    held.texts(MAYA, "hi Noor")
    held.texts(SAM, "#{1} bye")
    told = held.new_texts()
    assert ("maya", "Noor: Hi Maya, Noor here") in told
    assert any(name == "noor" and "#{1} wrote to you" in words for name, words in told)
    assert any(name == "sam" and "You do not hold #{1}" in words for name, words in told)
    lines = [message.script for message in held.thread(MAYA)]
    assert "transferred" in lines
    assert held.thread(MAYA)[lines.index("transferred")].words.startswith(
        "Noor is here now in place of Sam"
    )


def test_an_accepted_transfer_is_logged_as_a_claim(held: Talk) -> None:
    transfer = offer(held)
    held.passes(minutes=3)
    answer(held, transfer)
    claims = [event for event in held.rows(HandoffEvent) if event.move is Move.CLAIM]
    sam, noor = held.person(SAM).id, held.person(NOOR).id
    assert [event.by_id for event in claims] == [sam, noor]
    assert claims[1].detail == {"transfer": transfer, "held_by": sam}
    assert held.handoff().claimed_at == claims[0].at, "she waited only until Sam came"


def test_a_colleague_who_accepts_must_write_in_time_like_any_holder(held: Talk) -> None:
    answer(held, offer(held))
    held.passes(minutes=15)
    assert held.handoff().status is Status.WAITING
    assert any("went back to the queue" in words for words in held.read_by(NOOR))


def test_a_declined_transfer_stays_with_the_holder(held: Talk) -> None:
    answer(held, offer(held), accept=False)
    assert any("Noor can't take #{1}. It stays yours." in words for words in held.read_by(SAM))
    assert holder(held) == "Sam"
    assert "transferred" not in [message.script for message in held.thread(MAYA)]


def test_only_the_colleague_answers_an_offer_and_only_once(held: Talk) -> None:
    transfer = offer(held)
    with pytest.raises(NotAsked):
        answer(held, transfer, by=RUTH)
    answer(held, transfer)
    for accept in (True, False):
        with pytest.raises(TransferOver):
            answer(held, transfer, accept=accept)
    assert holder(held) == "Noor"


def test_of_accepting_and_ending_at_the_same_moment_one_succeeds(held: Talk) -> None:
    for turn in range(1, 11):
        code = held.handoff().id
        offer(held)
        at_once(
            partial(held.texts, NOOR, f"ACCEPT {{{code}}}"),
            partial(held.texts, SAM, f"DONE {{{code}}} TALKED"),
        )
        handoff = held.handoff()
        assert handoff.mentor is not None
        ended = (handoff.status, handoff.mentor.name)
        assert ended in ((Status.CLAIMED, "Noor"), (Status.RESOLVED, "Sam")), turn
        held.texts(NOOR, f"DONE {{{code}}} NOTNEEDED")
        held.claims()


def test_one_offer_at_a_time(held: Talk) -> None:
    offer(held)
    with pytest.raises(CannotTransfer, match="offered") as refused:
        offer(held, to=RUTH)
    assert refused.value.sentence == "You already offered it to a colleague. Wait for the answer."


def test_only_the_holder_offers_and_only_an_open_handoff(held: Talk) -> None:
    with pytest.raises(NotHolder):
        offer(held, by=NOOR, to=RUTH)
    held.texts(SAM, "DONE {1}")
    with pytest.raises(Closed):
        offer(held)


def test_a_refused_offer_says_why_and_who_could_take_it(held: Talk) -> None:
    def refusal(to: str) -> str:
        with pytest.raises(CannotTransfer) as refused:
            offer(held, to=to, code=1)
        return str(refused.value.sentence)

    others = " These can: Noor, Ruth."
    assert refusal(SAM) == "You hold it yourself." + others
    for number in (JO, held.a_manager_elsewhere()):
        assert refusal(number) == "There is no such colleague." + others
    held.adopts("mentors", most_held=1)
    held.claims(NOOR, JO)
    assert refusal(NOOR) == "Noor already has enough to carry. These can: Ruth."
    noor = held.person(NOOR).id
    with held.database.writing() as session:
        session.add(Absence(person_id=noor, begins_at=held.clock(), by_id=noor))
    assert refusal(NOOR) == "Noor is away. These can: Ruth."
    held.sets(RUTH, opted_out_at=held.clock())
    assert refusal(RUTH) == "We can't text Ruth. No one else can take it right now."
    held.sets(NOOR, left_at=held.clock())
    assert refusal(NOOR).startswith("There is no such colleague.")


def test_an_offer_ends_when_the_handoff_is_closed_released_or_withdrawn(held: Talk) -> None:
    for code, (number, words) in enumerate(
        [(SAM, "PASS {1}"), (SAM, "DONE {2}"), (MAYA, "never mind")], start=1
    ):
        transfer = offer(held)
        held.new_texts()
        held.texts(number, words)
        over = f"Warmline bot: #{{{code}}} is no longer offered to you. There is nothing to do."
        assert ("noor", over) in held.new_texts(), words
        with pytest.raises(TransferOver):
            answer(held, transfer)
        held.texts(MAYA, "never mind")
        held.claims()


def test_an_offer_expires_without_an_answer(held: Talk) -> None:
    offer(held)
    held.new_texts()
    held.clock.now += timedelta(minutes=14)
    held.runs_watchdog()
    assert held.new_texts() == []
    held.clock.now += timedelta(minutes=1)
    held.runs_watchdog()
    held.runs_watchdog()
    assert sorted(held.new_texts()) == [
        ("noor", "Warmline bot: #{1} is no longer offered to you. There is nothing to do."),
        ("sam", "Warmline bot: Noor did not answer in time, so #{1} stays yours."),
    ]
    held.texts(NOOR, "ACCEPT {1}")
    assert "is not, or no longer, offered to you" in held.read_by(NOOR)[-1]
    assert holder(held) == "Sam"


# --- by SMS ---


def test_give_and_accept_by_text(held: Talk) -> None:
    assert held.says(SAM, "give {1} to noor: she prefers evenings") == (
        "We asked Noor to take #{1}. They have 15 minutes to answer. Until then it is yours."
    )
    assert not any("evenings" in words for words in held.read_by(NOOR))
    assert held.says(NOOR, "Accept {1}").startswith("You have #{1}.")
    assert "Noor has #{1} now. We told your mentee." in " ".join(held.read_by(SAM))
    assert [transfer.note for transfer in held.rows(Transfer)] == ["she prefers evenings"]


def test_take_accepts_and_pass_declines_an_offer(held: Talk) -> None:
    offer(held)
    assert "stays with Sam" in held.says(NOOR, "pass {1}")
    assert holder(held) == "Sam"
    offer(held)
    assert held.says(NOOR, "TAKE {1}").startswith("You have #{1}.")
    assert holder(held) == "Noor"


def test_a_refused_give_says_what_to_do_instead(held: Talk) -> None:
    assert "like GIVE {1} to Noor" in held.says(SAM, "GIVE {1}")
    assert "like GIVE {1} to Noor" in held.says(SAM, "GIVE {1} to Maximilian")
    assert "You hold it yourself." in held.says(SAM, "GIVE {1} to Sam")
    assert "You have no #" in held.says(RUTH, f"GIVE {held.code(SAM)} to Noor")
    assert "You have no #K9K9" in held.says(SAM, "GIVE K9K9 to Noor")
    assert "No one has offered you a handoff" in held.says(NOOR, "ACCEPT")
    assert "already" in held.says(SAM, "ACCEPT {1}")
    assert holder(held) == "Sam"


def test_two_colleagues_with_one_name_need_the_console(held: Talk) -> None:
    held.sets(RUTH, name="Noor")
    assert "more than one Noor" in held.says(SAM, "GIVE {1} to Noor")
    assert holder(held) == "Sam"
