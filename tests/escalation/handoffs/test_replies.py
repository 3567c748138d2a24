"""A mentee who writes to the mentor who holds the handoff gets an answer, or another person."""

from datetime import UTC, datetime, time

import pytest
from sqlalchemy import select

from escalation.handoffs.replies import get_unanswered
from gateway.messaging.outbox import note_delivery
from models import (
    Channel,
    DecisionRecord,
    Delivery,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Program,
    Speaker,
    Status,
    Urgency,
)
from tests.line import CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk

PILLS = "i have the pills here and i am going to kill myself now"


@pytest.fixture
def held(talk: Talk) -> Talk:
    """Sam holds Maya's handoff, soon, and has written."""
    talk.claims()
    talk.passes(minutes=2)
    return talk


@pytest.fixture
def in_crisis(talk: Talk) -> Talk:
    """Noor holds Maya's crisis and has written."""
    talk.claims(NOOR, asks=CRISIS)
    talk.passes(minutes=2)
    return talk


def moves(talk: Talk) -> list[Move]:
    return [event.move for event in talk.rows(HandoffEvent)]


def told(talk: Talk, phrase: str) -> list[str]:
    """Whose phones have shown a text with these words since the last look, by name."""
    return sorted(name for name, words in talk.new_texts() if phrase in words)


def last_words(talk: Talk, number: str = MAYA) -> Message:
    people = (Speaker.MENTOR, Speaker.MANAGER)
    return [one for one in talk.thread(number) if one.speaker in people][-1]


def fails(talk: Talk, message: Message, delivery: Delivery = Delivery.UNDELIVERED) -> None:
    """The provider says that the text did not arrive, although it said otherwise before."""
    with talk.database.writing() as session:
        session.get_one(Message, message.id).delivery = Delivery.SENT
    assert note_delivery(talk.line, message.id, delivery, error_code="30004")


def test_a_holder_who_goes_silent_is_reminded_and_others_are_paged_beside_them(held: Talk) -> None:
    held.texts(MAYA, "are you still there")
    held.new_texts()
    held.passes(minutes=29)
    assert held.new_texts() == []
    held.passes(minutes=1)
    texts = held.new_texts()
    assert [name for name, words in texts if "TAKE" in words] == ["noor", "ruth"]
    assert [name for name, words in texts if "no answer from you" in words] == ["sam"]
    assert held.handoff().status is Status.CLAIMED
    assert held.handoff().mentor_id == held.person(SAM).id
    assert Move.REMIND in moves(held)


def test_a_holder_who_stays_silent_loses_the_claim_and_the_mentee_reads_why(held: Talk) -> None:
    held.texts(MAYA, "are you still there")
    held.passes(minutes=30)
    held.new_texts()
    held.passes(minutes=30)
    texts = held.new_texts()
    assert held.handoff().status is Status.WAITING
    (to_maya,) = [words for name, words in texts if name == "maya"]
    assert "Sam has not written back, so I'm asking someone else now" in to_maya
    assert [name for name, words in texts if "went back to the queue" in words] == ["sam"]
    assert [name for name, words in texts if "TAKE" in words and name != "sam"] == ["noor"]


def test_a_reminder_comes_once_for_each_time_without_an_answer(held: Talk) -> None:
    for minute in range(20):
        held.texts(MAYA, f"hello {minute}")
        held.passes(minutes=1)
    held.passes(minutes=39)
    assert moves(held).count(Move.REMIND) == 1
    held.texts(SAM, "#{} sorry, here I am")
    held.passes(hours=5)
    assert moves(held).count(Move.REMIND) == 1, "nothing is unanswered now"
    held.texts(MAYA, "ok so")
    held.passes(minutes=31)
    assert moves(held).count(Move.REMIND) == 2


def test_an_answer_in_time_stops_the_clock_and_the_oldest_open_message_starts_it(
    held: Talk,
) -> None:
    held.texts(MAYA, "one")
    held.passes(minutes=25)
    held.texts(SAM, "#{} I read you")
    held.texts(MAYA, "two")
    held.passes(minutes=20)
    held.texts(MAYA, "three")
    held.passes(minutes=9)
    assert Move.REMIND not in moves(held)
    held.passes(minutes=1)
    assert Move.REMIND in moves(held), "thirty minutes after two, not after three"


def test_what_warmline_answers_by_itself_asks_nothing_of_the_holder(held: Talk) -> None:
    held.texts(MAYA, "HELP")
    held.passes(hours=3)
    assert moves(held) == [Move.OPEN, Move.PAGE, Move.CLAIM]


def test_in_a_crisis_the_holder_has_five_minutes_also_at_night(in_crisis: Talk) -> None:
    with in_crisis.database.writing() as session:
        program = session.scalars(select(Program)).one()
        program.opens_at, program.closes_at = time(8), time(9)
    in_crisis.texts(MAYA, "ok")
    in_crisis.new_texts()
    in_crisis.passes(minutes=5)
    assert told(in_crisis, "TAKE") == ["ruth"], "the other one on the first rung"
    in_crisis.passes(minutes=5)
    assert in_crisis.handoff().status is Status.WAITING


def test_the_clock_of_a_routine_handoff_stands_still_while_the_program_is_closed(
    held: Talk,
) -> None:
    with held.database.writing() as session:
        program = session.scalars(select(Program)).one()
        program.opens_at, program.closes_at = time(8), time(21)
        session.get_one(Handoff, held.handoff().id).urgency = Urgency.ROUTINE
    # 18:00 in New York.
    held.clock.now = datetime(2026, 11, 10, 23, 0, tzinfo=UTC)
    held.texts(MAYA, "what about saturday")
    held.passes(hours=14)
    assert Move.REMIND not in moves(held), "8:00: three of four hours have passed"
    held.passes(hours=1)
    assert Move.REMIND in moves(held)


def test_a_lost_check_is_found_by_the_watchdog(held: Talk) -> None:
    held.texts(MAYA, "are you still there")
    for count in (1, 2):
        held.kept.work.clear()
        held.passes(minutes=31)
        assert moves(held).count(Move.REMIND) == count - 1
        held.runs_watchdog()
        if count == 1:
            assert moves(held).count(Move.REMIND) == 1
    assert held.handoff().status is Status.WAITING


def test_a_new_crisis_message_pages_beyond_the_holder_at_any_urgency_and_is_logged(
    in_crisis: Talk,
) -> None:
    in_crisis.new_texts()
    in_crisis.texts(MAYA, PILLS)
    texts = in_crisis.new_texts()
    assert [name for name, words in texts if "TAKE" in words] == ["ruth"]
    assert any("URGENT" in words for name, words in texts if name == "noor")
    (to_maya,) = [words for name, words in texts if name == "maya"]
    assert "988" in to_maya
    assert "Ruth" in to_maya
    record = in_crisis.rows(DecisionRecord)[-1]
    assert (record.decision, record.handoff_id) == ("page_again", in_crisis.handoff().id)
    for words in ["i am going to do it, i will kill myself"] * 10:
        in_crisis.texts(MAYA, words)
    assert told(in_crisis, "TAKE") == [], "ten crisis texts in a minute page once"
    assert in_crisis.rows(DecisionRecord)[-1].decision == "stand_back"
    in_crisis.texts(NOOR, "#{} Maya, I am here")
    in_crisis.passes(minutes=11)
    in_crisis.new_texts()
    in_crisis.texts(MAYA, PILLS)
    assert told(in_crisis, "TAKE") == ["ruth"]


def test_words_that_do_not_arrive_are_no_contact(talk: Talk) -> None:
    """They neither stop a clock nor count as the first reply."""
    talk.texts(MAYA, CRISIS)
    talk.texts(NOOR, "TAKE {}")
    talk.passes(minutes=1)
    talk.texts(NOOR, "#{} Maya, I am Noor")
    assert talk.handoff().first_reply_at is not None
    fails(talk, last_words(talk))
    assert talk.handoff().first_reply_at is None
    talk.passes(minutes=5)
    assert talk.handoff().status is Status.WAITING


def test_a_failure_that_comes_late_brings_the_clock_back(held: Talk) -> None:
    held.texts(MAYA, "are you there")
    held.passes(minutes=10)
    held.texts(SAM, "#{} yes")
    held.passes(hours=1)
    assert Move.REMIND not in moves(held)
    first = held.handoff().first_reply_at
    fails(held, last_words(held))
    assert held.handoff().first_reply_at == first, "the words before did arrive"
    held.runs_watchdog()
    held.passes(minutes=1)
    assert Move.REMIND in moves(held)


def test_words_to_a_mentee_who_stopped_texts_are_no_contact_and_the_mentor_reads_so(
    held: Talk,
) -> None:
    held.texts(MAYA, "i dont know")
    held.texts(MAYA, "STOP")
    held.new_texts()
    held.texts(SAM, "#{} I'll call your school")
    assert told(held, "stopped texts") == ["sam"]
    held.passes(minutes=31)
    assert Move.REMIND in moves(held)


def test_words_in_the_web_chat_count_when_they_are_written(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a real person", channel=Channel.WEB)
    talk.texts(SAM, "TAKE {}")
    talk.texts(SAM, "#{} hi")
    assert last_words(talk).delivery is Delivery.SENT
    talk.passes(hours=3)
    assert talk.handoff().status is Status.CLAIMED


def test_a_sent_text_without_a_report_counts_for_now(held: Talk) -> None:
    held.phones.reports = Delivery.SENT
    held.texts(MAYA, "are you there")
    held.texts(SAM, "#{} yes")
    with held.database.reading() as session:
        assert get_unanswered(session, held.handoff(), held.line.rules) is None


def test_two_mentees_have_clocks_of_their_own(held: Talk) -> None:
    held.claims(NOOR, JO)
    held.texts(MAYA, "hello")
    held.passes(minutes=10)
    held.texts(JO, "hello")
    held.passes(minutes=21)
    reminded = [one.handoff_id for one in held.rows(HandoffEvent) if one.move is Move.REMIND]
    assert reminded == [1]


def test_when_everybody_opted_out_a_mentee_in_crisis_reads_that_nobody_was_reached(
    held: Talk,
) -> None:
    for number in (SAM, NOOR, RUTH):
        held.texts(number, "STOP")
    for _ in range(2):  # raised, and then a crisis already
        held.new_texts()
        held.texts(MAYA, PILLS)
        held.passes(minutes=11)
        to_maya = [words for name, words in held.new_texts() if name == "maya"]
        assert "I couldn't reach anyone" in to_maya[0]
        assert "988" in to_maya[0]
        assert not any("I told" in words for words in to_maya)
