"""An alert that waited is looked at again before it is sent."""

from gateway.runtime.line import TextFailed
from models import Delivery, Message
from tests.line import ASKS, CRISIS, MAYA, NOOR, RUTH, SAM, Talk


def alert_to(talk: Talk, number: str) -> Message:
    return [one for one in talk.thread(number) if (one.script or "").startswith("alert")][-1]


def twilio_is_away_for(talk: Talk, number: str) -> None:
    talk.phones.refuse[number] = TextFailed("503", final=False)


def test_an_alert_about_a_handoff_that_ended_meanwhile_is_not_sent(talk: Talk) -> None:
    """It left half an hour late and called Sam to a conversation that was over."""
    twilio_is_away_for(talk, SAM)
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=1)
    talk.texts(MAYA, "never mind")
    del talk.phones.refuse[SAM]
    talk.passes(minutes=30)
    alert = alert_to(talk, SAM)
    assert (alert.delivery, alert.error_code) == (Delivery.DROPPED, "handoff_ended")
    assert talk.read_by(SAM) == []


def test_an_alert_about_a_handoff_that_noor_claimed_meanwhile_is_not_sent(talk: Talk) -> None:
    twilio_is_away_for(talk, SAM)
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=2)
    talk.texts(NOOR, "TAKE {}")
    del talk.phones.refuse[SAM]
    talk.passes(minutes=4)
    assert alert_to(talk, SAM).error_code == "handoff_claimed"


def test_an_alert_about_a_released_handoff_is_sent(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE {}")
    talk.passes(minutes=15)  # Sam writes nothing
    assert "TAKE" in talk.read_by(SAM)[-1] or "TAKE" in talk.read_by(SAM)[-2]


def test_who_is_paged_when_a_held_handoff_becomes_a_crisis_gets_the_text(talk: Talk) -> None:
    talk.claims()
    talk.clock.now = talk.clock.now.replace(minute=30)
    talk.texts(MAYA, CRISIS)
    for number in (SAM, NOOR, RUTH):
        assert any("URGENT" in words for words in talk.read_by(number)), number


def sam_does_not_answer_and_twilio_fails_for_noor(talk: Talk) -> None:
    talk.claims(asks=CRISIS)
    talk.texts(SAM, "I am here")
    twilio_is_away_for(talk, NOOR)
    talk.texts(MAYA, "are you there")
    while alert_to(talk, NOOR).script != "alert_unanswered_crisis":
        talk.passes(minutes=1)


def test_a_late_text_about_a_silent_holder_is_not_sent_after_a_takeover(talk: Talk) -> None:
    sam_does_not_answer_and_twilio_fails_for_noor(talk)
    talk.passes(seconds=5)
    talk.texts(RUTH, "TAKEOVER {}")
    del talk.phones.refuse[NOOR]
    talk.passes(minutes=2)
    assert alert_to(talk, NOOR).error_code == "handoff_claimed"


def test_a_late_text_about_a_silent_holder_is_not_sent_after_the_answer(talk: Talk) -> None:
    sam_does_not_answer_and_twilio_fails_for_noor(talk)
    talk.texts(SAM, "Yes, I am here")
    del talk.phones.refuse[NOOR]
    talk.passes(minutes=2)
    assert alert_to(talk, NOOR).error_code == "holder_answered"
