"""One row for each message, however often it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messaging.inbox import Incoming, NoProgram, record
from gateway.pipeline.turns import take_turns
from gateway.runtime.database import Database
from gateway.runtime.user_input import as_e164
from models import Channel, Conversation, DecisionRecord, Message, keys
from tests.line import MAYA, MORNING, SAM, STRANGER, Talk


def test_fifty_copies_at_once_are_one_message_and_one_reply(talk: Talk) -> None:
    with ThreadPoolExecutor(50) as pool:
        recorded = pool.map(lambda _: talk.arrives(MAYA, "hello", provider_id="SM1"), range(50))
        [conversation_id] = [one for one in recorded if one is not None]
    take_turns(talk.line, conversation_id)
    assert talk.bot.heard == ["hello"]
    assert len(talk.rows(DecisionRecord)) == 1


def test_simultaneous_first_texts_of_an_unknown_number_make_one_thread(talk: Talk) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: talk.arrives(STRANGER, "hi", provider_id=f"SM{n}"), range(8)))
    assert [one.person_id for one in talk.rows(Conversation)] == [None]
    assert len(talk.rows(Message)) == 8


def test_many_workers_keep_a_threads_order(talk: Talk) -> None:
    for n in range(20):
        conversation_id = talk.arrives(MAYA, f"message {n}")
    assert conversation_id is not None
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(take_turns, talk.line, conversation_id) for _ in range(8)]:
            done.result()
    assert " ".join(talk.bot.heard) == " ".join(f"message {n}" for n in range(20))


def test_a_dead_workers_lease_expires(talk: Talk) -> None:
    conversation_id = talk.arrives(MAYA, "hello")
    with talk.database.writing() as session:
        conversation = session.get_one(Conversation, conversation_id)
        conversation.held_by, conversation.held_until = "dead", talk.clock() + timedelta(seconds=20)
    talk.clock.now += timedelta(seconds=10)
    talk.runs_watchdog()
    assert talk.bot.heard == [], "its hold has not run out yet"
    talk.clock.now += timedelta(seconds=11)
    talk.runs_watchdog()
    assert talk.bot.heard == ["hello"]


def test_odd_texts_are_recorded_and_answered(talk: Talk) -> None:
    emoji, long, right_to_left = "🙂" * 500, "x" * 10_000, "\u202eabc"
    odd = ("", "   ", "\x00", "a\x00b", "\ud800 broken", emoji, long, right_to_left, "/restart")
    for words in odd:
        talk.clock.now += timedelta(hours=2)
        read = len(talk.read_by(MAYA))
        talk.texts(MAYA, words)
        received = [said for said in talk.thread(MAYA) if not said.outgoing][-1]
        assert received.words == words.replace("\x00", "\ufffd")
        assert received.handled_at is not None, words
        assert len(talk.read_by(MAYA)) > read, words


def test_the_answer_to_a_picture_says_that_it_was_not_opened(talk: Talk) -> None:
    talk.texts(MAYA, "", media=1)
    assert "I can't open pictures" in talk.read_by(MAYA)[-1]
    assert talk.bot.heard == []
    talk.texts(SAM, "words with pictures", media=2)
    assert talk.thread(SAM)[0].media == 2


def test_a_long_text_is_recorded_whole_and_read_in_part(talk: Talk) -> None:
    talk.texts(MAYA, "homework " * 1200)
    assert any("only read the first part" in words for words in talk.read_by(MAYA))
    assert talk.thread(MAYA)[0].words == "homework " * 1200


@pytest.mark.parametrize("number", [MAYA, SAM, STRANGER])
def test_a_text_of_somebody_whose_key_is_gone_is_recorded_and_answered(
    talk: Talk, number: str
) -> None:
    """An older copy of the database was put back, with somebody who was erased since."""
    talk.texts(number, "hello")
    [thread] = {one.conversation_id for one in talk.rows(Message) if one.words == "hello"}
    [former] = [one.key_id for one in talk.rows(Conversation) if one.id == thread]
    keys().destroy(former)
    before = len(talk.read_by(number))
    talk.texts(number, "i am in trouble")
    assert "i am in trouble" in [one.words for one in talk.rows(Message)]
    assert len(talk.read_by(number)) > before


def test_without_a_program_recording_fails(database: Database) -> None:
    with pytest.raises(NoProgram, match="enroll"):
        record(database, Incoming("hi", "SM1", Channel.SMS), phone=MAYA, now=MORNING)


def test_one_number_written_in_many_ways_is_one_person() -> None:
    ways = ["+12025550101", "2025550101", "(202) 555-0101", "1-202-555-0101", " +1 202 5550101 "]
    assert {as_e164(written) for written in ways} == {MAYA}


@given(st.text(max_size=40))
def test_no_number_is_too_strange_to_read(written: str) -> None:
    number = as_e164(written)
    assert number is None or number.startswith("+")
