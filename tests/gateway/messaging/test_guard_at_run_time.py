"""A faulty bot says "I love you" wherever it can, and no one ever reads it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time

import pytest
from structlog.testing import capture_logs

from bot.client import Answer, CheckIn
from escalation.check_ins.schedules import read_days
from escalation.ruleset import Rules, load_rules
from escalation.speech.message_writer import say
from escalation.speech.script import Script, load_script
from gateway.check_ins.schedules import agree_on
from gateway.runtime.database import Database
from gateway.web.metrics import COUNTED
from models import Channel, Conversation, Delivery, Message, Person, Speaker
from tests.line import JO, MAYA, SAM, Talk

WORDS = "I love you, and I will always be here for you."
NEUTRAL = load_script().line("guard_neutral")


class Lovesick:
    """A bot with one answer to everything."""

    def __init__(
        self, meanwhile: Callable[[], None] = lambda: None, check_in: CheckIn | None = None
    ) -> None:
        self.answered = Answer(words=(WORDS, "Breathe in for 4."), check_in=check_in)
        self.meanwhile = meanwhile

    def answer(self, conversation_id: int, text: str) -> Answer:
        self.meanwhile()
        return self.answered

    def begin(self, conversation_id: int, skill: str) -> Answer:
        return Answer(words=(WORDS, "The first question."))

    def forget(self, conversation_id: int) -> None:
        pass

    def ready(self) -> bool:
        return True


def falls_in_love(talk: Talk, bot: Lovesick | None = None) -> None:
    talk.line.bot = bot or Lovesick()  # type: ignore[assignment]


def written_by_bot(talk: Talk, number: str = MAYA) -> list[str]:
    return [message.words for message in talk.thread(number) if message.speaker is Speaker.BOT]


def counted(kind: str = "feeling") -> float:
    value = COUNTED.get_sample_value("warmline_guard_replaced_total", {"kind": kind})
    assert value is not None
    return value


def test_an_answer(talk: Talk) -> None:
    falls_in_love(talk)
    before = counted()

    with capture_logs() as logs:
        talk.texts(MAYA, "i slept badly, what helps")

    read = talk.read_by(MAYA)
    assert f"Warmline bot: {NEUTRAL}" in read
    assert "Warmline bot: Breathe in for 4." in read
    assert not any("love" in words for words in read)
    assert WORDS not in written_by_bot(talk)
    assert counted() == before + 1
    [noted] = [entry for entry in logs if entry["event"] == "the guard replaced a text"]
    assert (noted["kind"], noted["script"]) == ("feeling", None)
    assert {"feeling.verb", "watching.is_here"} <= set(noted["rules"])
    assert "love" not in str(noted)


def test_an_answer_that_goes_with_a_handoff(talk: Talk) -> None:
    falls_in_love(talk)

    talk.texts(
        MAYA, "i feel so lonely, i cry every night and nobody gets me. what can i do to calm down?"
    )

    assert talk.handoff()
    assert NEUTRAL in written_by_bot(talk)
    assert WORDS not in written_by_bot(talk)


def test_a_late_answer_that_is_recorded_but_not_sent(talk: Talk) -> None:
    """Sam takes the conversation while the bot is asked for the exercise that Maya wants."""
    talk.texts(MAYA, "can i talk to a person please")
    falls_in_love(talk, Lovesick(meanwhile=lambda: _takes(talk)))

    talk.texts(MAYA, "let's do the breathing exercise meanwhile")

    kept = {message.words: message.delivery for message in talk.thread(MAYA)}
    assert kept[NEUTRAL] is Delivery.DROPPED
    assert WORDS not in kept


def _takes(talk: Talk) -> None:
    talk.texts(SAM, f"TAKE {talk.handoff().id}")


def test_a_scheduled_check_in(talk: Talk) -> None:
    talk.kept.ignored = ()
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        agree_on(session, maya, "mood", days=read_days("tue"), at=time(18), now=talk.clock())
    falls_in_love(talk)

    talk.passes(hours=8, minutes=1)

    assert "The first question." in written_by_bot(talk)
    assert NEUTRAL in written_by_bot(talk)
    assert WORDS not in written_by_bot(talk)


def test_the_long_scale_that_follows_a_short_one(talk: Talk) -> None:
    falls_in_love(talk, Lovesick(check_in=CheckIn("phq2", answers=("3", "3"))))

    talk.texts(MAYA, "nearly every day")

    assert "The first question." in written_by_bot(talk)
    assert written_by_bot(talk).count(NEUTRAL) == 2
    assert WORDS not in written_by_bot(talk)


def test_a_spoiled_line_of_the_script(database: Database) -> None:
    script = load_script()
    rules = load_rules("https://warmline.example", Channel.SMS)
    spoilt = Script({**script.lines, "only_media": WORDS})
    talk = Talk(database, rules=replace(rules, script=spoilt))

    talk.texts(MAYA, "", media=1)

    assert NEUTRAL in written_by_bot(talk)
    assert WORDS not in written_by_bot(talk)


@pytest.mark.parametrize("name", ["Love", "I love you", "Hugs <3"])
def test_a_name_in_a_line_is_not_the_bots_claim(talk: Talk, name: str) -> None:
    said = _line_said(talk, talk.line.rules, "claimed", mentor=name)
    assert said.startswith(f"{name} is here now")


def test_the_mentees_words_in_a_line_for_her_mentor_are_not_the_bots_claim(talk: Talk) -> None:
    said = _line_said(talk, talk.line.rules, "mentee_words", code=7, words=WORDS)
    assert said == f"#7 writes: {WORDS}"


def _line_said(talk: Talk, rules: Rules, key: str, **blanks: object) -> str:
    talk.texts(JO, "hello")
    with talk.database.writing() as session:
        conversation = session.get_one(Conversation, talk.thread(JO)[0].conversation_id)
        return say(session, rules, conversation, key, now=talk.clock(), **blanks).words


def test_the_guard_leaves_a_mentors_words_alone(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person please")
    _takes(talk)
    talk.texts(SAM, "I care about you, Maya, and I was worried.")

    assert talk.read_by(MAYA)[-1].endswith(": I care about you, Maya, and I was worried.")


def test_a_message_that_was_not_committed_is_not_counted(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    before = counted()

    class Undone(Exception):
        pass

    def writes_and_fails() -> None:
        with talk.database.writing() as session:
            conversation = session.get_one(Conversation, talk.thread(MAYA)[0].conversation_id)
            spoilt = Script({"spoilt": WORDS})
            rules = replace(talk.line.rules, script=spoilt)
            message: Message = say(session, rules, conversation, "spoilt", now=talk.clock())
            assert message.delivery is Delivery.QUEUED
            raise Undone

    with pytest.raises(Undone):
        writes_and_fails()
    assert counted() == before
