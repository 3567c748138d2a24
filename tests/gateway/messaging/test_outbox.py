"""Texts go through the real Twilio SDK to a fake Twilio, which checks every request."""

from datetime import timedelta

import pytest

from bot.client import Answer
from escalation.speech.message_writer import get_thread, speak_as_bot
from gateway.messaging.marking import Outgoing
from gateway.messaging.outbox import _send_once, deliver, note_delivery
from gateway.runtime.line import Sent
from models import Channel, Conversation, Delivery, Message, Status
from tests.fake_twilio import NUMBER, FakeTwilio, Fault
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Handsets, Talk


def last_to(talk: Talk, number: str) -> Message:
    return [message for message in talk.thread(number) if message.outgoing][-1]


def test_a_reply_names_its_speaker_and_its_status_callback(talk: Talk, twilio: FakeTwilio) -> None:
    talk.texts(MAYA, "hello")
    text = twilio.sent_to(MAYA)[-1]
    message = last_to(talk, MAYA)
    assert text.body == "Warmline bot: You wrote: hello"
    assert text.from_ == NUMBER
    assert text.status_callback == f"https://warmline.example/twilio/status/{message.id}"
    assert (message.delivery, message.provider_id) == (Delivery.SENT, text.sid)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("too_many", times=2),
        Fault("server_error", times=2),
        Fault("hang", seconds=2, times=1),
        Fault("drop", times=1),
    ],
    ids=["429", "500", "no answer", "accepted but not confirmed"],
)
def test_a_failed_text_is_tried_again_and_sent_once(
    talk: Talk, twilio: FakeTwilio, fault: Fault
) -> None:
    twilio.set_fault(MAYA, fault)
    talk.texts(MAYA, "hello")
    first = next(message for message in talk.thread(MAYA) if message.outgoing)
    assert first.delivery is Delivery.QUEUED
    assert first.error_code, "the failure is visible"
    talk.passes(minutes=1)
    sent = [text.body for text in twilio.sent_to(MAYA)]
    assert len(sent) == len(set(sent)) == 2, "the welcome and the answer, each once"
    assert all(m.delivery is Delivery.SENT for m in talk.thread(MAYA) if m.outgoing)


def test_waits_grow_between_tries_until_the_text_is_marked_failed(
    talk: Talk, twilio: FakeTwilio
) -> None:
    twilio.set_fault(MAYA, Fault("server_error"))
    talk.texts(MAYA, "hello")
    talk.passes(minutes=10)
    assert 5 <= next(m for m in talk.thread(MAYA) if m.outgoing).tries <= 10
    talk.passes(hours=2)
    assert [m.delivery for m in talk.thread(MAYA) if m.outgoing] == [Delivery.FAILED] * 2


def test_an_opted_out_mentor_is_recorded_and_the_next_is_paged(
    talk: Talk, twilio: FakeTwilio
) -> None:
    twilio.set_fault(SAM, Fault("refuse", code=21610))
    talk.texts(MAYA, ASKS)
    assert talk.person(SAM).opted_out_at == talk.clock()
    assert last_to(talk, SAM).error_code == "21610"
    assert len(twilio.sent_to(NOOR)) == 1


@pytest.mark.parametrize("code", [30004, 30005, 30007])
def test_an_undelivered_page_pages_the_next_mentor(
    talk: Talk, twilio: FakeTwilio, code: int
) -> None:
    talk.texts(MAYA, ASKS)
    alert = last_to(talk, SAM)
    report = {"provider_id": alert.provider_id, "error_code": str(code)}
    note_delivery(talk.line, alert.id, Delivery.UNDELIVERED, **report)
    assert len(twilio.sent_to(NOOR)) == 1
    assert last_to(talk, SAM).error_code == str(code)
    assert (talk.person(SAM).unreachable_code == "30005") == (code == 30005)


def test_statuses_only_move_forward(talk: Talk, twilio: FakeTwilio) -> None:
    talk.texts(MAYA, "hello")
    message = last_to(talk, MAYA)
    note = [Delivery.DELIVERED, Delivery.SENT, Delivery.SENDING, Delivery.FAILED]
    moved = [
        note_delivery(talk.line, message.id, status, provider_id=message.provider_id)
        for status in note
    ]
    assert moved == [True, False, False, False]
    assert last_to(talk, MAYA).delivery is Delivery.DELIVERED


def test_a_status_of_another_text_moves_nothing(talk: Talk, twilio: FakeTwilio) -> None:
    talk.texts(MAYA, "hello")
    for message_id in (last_to(talk, MAYA).id, 999_999, talk.thread(MAYA)[0].id):
        assert not note_delivery(talk.line, message_id, Delivery.FAILED, provider_id="SMother")


def test_after_a_crash_during_sending_a_text_is_not_sent_twice(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """Twilio accepted the text, and we died before we recorded that."""
    talk.texts(MAYA, "hello")
    with talk.database.writing() as session:
        message = session.get_one(Message, last_to(talk, MAYA).id)
        message.delivery, message.provider_id, message.sent_at = Delivery.SENDING, None, None
        sid = twilio.sent_to(MAYA)[-1].sid
    talk.clock.now += timedelta(seconds=30)
    talk.runs_watchdog()
    assert last_to(talk, MAYA).provider_id == sid
    assert len(twilio.sent_to(MAYA)) == 2


def test_after_a_crash_before_sending_a_text_is_sent(talk: Talk, twilio: FakeTwilio) -> None:
    talk.texts(MAYA, "hello")
    with talk.database.writing() as session:
        mayas = session.get_one(Conversation, talk.conversation(MAYA).id)
        message = speak_as_bot(session, mayas, "one more thing", now=talk.clock(), dropped=False)
        message.delivery, message.sending_at, message.tries = Delivery.SENDING, talk.clock(), 1
    talk.clock.now += timedelta(seconds=30)
    talk.runs_watchdog()
    assert twilio.sent_to(MAYA)[-1].body == "Warmline bot: one more thing"


def test_a_text_that_a_crash_left_waits_while_twilio_takes_no_more(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """Delivery went around it without end, with SQLite's only lock in its hand."""
    twilio.set_fault(JO, Fault("too_many", times=1))
    talk.texts(MAYA, "hello")
    with talk.database.writing() as session:
        message = session.get_one(Message, last_to(talk, MAYA).id)
        message.delivery, message.sending_at = Delivery.SENDING, talk.clock()
        message.provider_id = message.sent_at = None
        sid = twilio.sent_to(MAYA)[-1].sid
    talk.clock.now += timedelta(seconds=30)
    talk.texts(JO, "hello")
    talk.runs_watchdog()
    talk.passes(minutes=1)
    assert last_to(talk, MAYA).provider_id == sid
    assert len(twilio.sent_to(MAYA)) == 2


def left_by_a_crash(talk: Talk, words: str) -> int:
    """The bot's words to Maya, marked as being sent by a process that died."""
    with talk.database.writing() as session:
        mayas = session.get_one(Conversation, talk.conversation(MAYA).id)
        message = speak_as_bot(session, mayas, words, now=talk.clock(), dropped=False)
        message.delivery, message.sending_at, message.tries = Delivery.SENDING, talk.clock(), 1
        session.flush()
        return message.id


@pytest.mark.parametrize(
    ("who", "words", "reason", "last"),
    [
        (SAM, "take {}", "yielded_to_person", "Sam is here now"),
        (MAYA, "STOP", "opted_out", "I asked Sam"),
    ],
    ids=["a mentor came", "Maya stopped texts"],
)
def test_the_bots_words_that_a_crash_left_are_dropped_after_what_came_meanwhile(
    talk: Talk, twilio: FakeTwilio, who: str, words: str, reason: str, last: str
) -> None:
    talk.texts(MAYA, ASKS)
    left = left_by_a_crash(talk, "Try to breathe")
    talk.texts(who, words)
    talk.passes(seconds=30)
    talk.runs_watchdog()
    assert not any("Try to breathe" in text.body for text in twilio.sent_to(MAYA))
    dropped = next(one for one in talk.rows(Message) if one.id == left)
    assert (dropped.delivery, dropped.error_code) == (Delivery.DROPPED, reason)
    assert last in twilio.sent_to(MAYA)[-1].body


def test_words_that_twilio_took_before_the_crash_count_as_sent_all_the_same(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.texts(MAYA, "hello")
    with talk.database.writing() as session:
        message = session.get_one(Message, last_to(talk, MAYA).id)
        message.delivery, message.sending_at = Delivery.SENDING, talk.clock()
        message.provider_id = message.sent_at = None
    talk.texts(MAYA, "STOP")
    talk.passes(seconds=30)
    talk.runs_watchdog()
    assert next(one for one in talk.rows(Message) if one.id == message.id).sent_at is not None


def test_words_that_twilio_took_without_an_answer_count_as_sent_if_a_mentor_came_meanwhile(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """They read "dropped", and Maya had read them."""
    talk.texts(MAYA, ASKS)
    twilio.set_fault(MAYA, Fault("drop", times=1))
    with talk.database.writing() as session:
        mayas = session.get_one(Conversation, talk.handoff().conversation_id)
        message = speak_as_bot(session, mayas, "Try to breathe", now=talk.clock(), dropped=False)
        session.flush()
        text = message.id
    deliver(talk.line, mayas.id)
    talk.texts(SAM, "take {}")
    talk.passes(minutes=1)
    assert sum("Try to breathe" in text.body for text in twilio.sent_to(MAYA)) == 1
    assert next(one for one in talk.rows(Message) if one.id == text).sent_at is not None


def test_a_text_is_not_sent_again_if_the_report_of_its_first_try_comes_just_before(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """The report comes after the second try was marked, before Twilio is asked for the first."""
    talk.texts(MAYA, "hello")
    text = last_to(talk, MAYA)
    outgoing = Outgoing(text.id, MAYA, f"Warmline bot: {text.words}", text.at, None, None)
    assert _send_once(talk.line, outgoing).provider_id == text.provider_id
    assert len(twilio.sent_to(MAYA)) == 2


def test_what_was_sent_is_noted_though_the_next_text_makes_delivery_fail(talk: Talk) -> None:
    class FallsOver(Handsets):
        falls = True

        def send(
            self, to: str, words: str, *, message_id: int, valid_for: timedelta | None = None
        ) -> Sent:
            if "Two." in words and self.falls:
                raise RuntimeError
            return super().send(to, words, message_id=message_id, valid_for=valid_for)

    talk.line.texts = phones = FallsOver(reports=Delivery.SENT)
    talk.bot.answers["hello"] = Answer(words=("One.", "Two.", "Three."))
    talk.texts(MAYA, "hello")
    sent = {text.words: text.delivery for text in talk.thread(MAYA) if text.outgoing}
    assert sent["One."] is Delivery.SENT
    assert sent["Two."] is Delivery.SENDING, "it may have arrived"
    phones.falls = False
    talk.clock.now += timedelta(seconds=30)
    talk.runs_watchdog()
    shown = [words.removeprefix("Warmline bot: ") for _, words in phones.shown]
    assert shown[-3:] == ["One.", "Two.", "Three."]


def test_the_bots_words_are_dropped_if_a_mentor_came_while_they_were_queued(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.texts(MAYA, ASKS)
    with talk.database.writing() as session:
        conversation = session.get_one(Conversation, talk.handoff().conversation_id)
        speak_as_bot(session, conversation, "Try to breathe", now=talk.clock(), dropped=False)
    talk.texts(SAM, "take {}")
    deliver(talk.line, talk.handoff().conversation_id)
    assert talk.handoff().status is Status.CLAIMED
    assert not any("Try to breathe" in text.body for text in twilio.sent_to(MAYA))
    [dropped] = [one for one in talk.rows(Message) if one.delivery is Delivery.DROPPED]
    assert dropped.error_code == "yielded_to_person"


def test_a_mentor_gets_a_text_when_their_words_did_not_arrive(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "take {}")
    twilio.set_fault(MAYA, Fault("refuse", code=21610))
    talk.texts(SAM, "Hey Maya")
    assert "was not delivered (21610)" in twilio.sent_to(SAM)[-1].body


def test_texts_to_one_person_are_sent_in_order(talk: Talk, twilio: FakeTwilio) -> None:
    twilio.set_fault(RUTH, Fault("server_error", times=1))
    with talk.database.writing() as session:
        thread = get_thread(session, talk.line.rules, talk.person(RUTH))
        for words in ("one", "two", "three"):
            speak_as_bot(session, thread, words, now=talk.clock(), dropped=False)
        thread_id = thread.id
    deliver(talk.line, thread_id)
    talk.passes(minutes=1)
    assert [text.body[-5:].split()[-1] for text in twilio.sent_to(RUTH)] == ["one", "two", "three"]


def test_who_writes_on_whatsapp_is_answered_there(talk: Talk, twilio: FakeTwilio) -> None:
    """A day later WhatsApp takes no free text, so a text goes to the same number."""
    talk.texts(MAYA, "hello", channel=Channel.WHATSAPP)
    on_whatsapp = twilio.sent_to(f"whatsapp:{MAYA}")
    assert on_whatsapp[-1].body == "Warmline bot: You wrote: hello"
    assert on_whatsapp[-1].from_ == f"whatsapp:{NUMBER}"
    assert twilio.sent_to(MAYA) == []
    talk.passes(hours=24)
    with talk.database.writing() as session:
        thread = session.get_one(Conversation, talk.conversation(MAYA).id)
        speak_as_bot(session, thread, "Good morning", now=talk.clock(), dropped=False)
    deliver(talk.line, thread.id)
    assert twilio.sent_to(MAYA)[-1].body == "Warmline bot: Good morning"


def test_twilio_may_try_an_alert_only_as_long_as_it_is_of_use(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """By default Twilio tries for ten hours."""
    talk.texts(MAYA, ASKS)
    assert twilio.sent_to(SAM)[-1].valid_for_seconds == 30 * 60
    assert twilio.sent_to(MAYA)[-1].valid_for_seconds is None
    talk.texts(MAYA, CRISIS)
    assert twilio.sent_to(RUTH)[-1].valid_for_seconds == 15 * 60
