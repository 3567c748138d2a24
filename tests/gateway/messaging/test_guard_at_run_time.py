"""A faulty bot says "I love you" wherever it can, and no one ever reads it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time

import pytest
from structlog.testing import capture_logs

from bot.client import Answer, CheckIn
from escalation.check_ins.schedules import read_days
from escalation.speech.message_writer import say
from escalation.speech.script import Script, load_script
from gateway.check_ins.schedules import agree_on
from gateway.web.metrics import COUNTED
from models import Conversation, Delivery, Person, Speaker
from tests.line import ASKS, JO, MAYA, SAM, Talk

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


def never_reads_it(talk: Talk) -> list[str]:
    """What the bot wrote to Maya, with a neutral line in place of its love."""
    written = [said.words for said in talk.thread(MAYA) if said.speaker is Speaker.BOT]
    assert NEUTRAL in written
    assert WORDS not in written
    return written


def counted() -> float:
    value = COUNTED.get_sample_value("warmline_guard_replaced_total", {"kind": "feeling"})
    assert value is not None
    return value


def test_an_answer(talk: Talk) -> None:
    falls_in_love(talk)
    before = counted()

    with capture_logs() as logs:
        talk.texts(MAYA, "i slept badly, what helps")

    never_reads_it(talk)
    read = talk.read_by(MAYA)
    assert f"Warmline bot: {NEUTRAL}" in read
    assert "Warmline bot: Breathe in for 4." in read
    assert not any("love" in words for words in read)
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
    never_reads_it(talk)


def test_a_late_answer_that_is_recorded_but_not_sent(talk: Talk) -> None:
    """Sam takes the conversation while the bot is asked for the exercise that Maya wants."""
    talk.texts(MAYA, ASKS)
    falls_in_love(talk, Lovesick(meanwhile=lambda: talk.texts(SAM, "TAKE {1}")))
    talk.texts(MAYA, "let's do the breathing exercise meanwhile")
    never_reads_it(talk)
    [late] = [said for said in talk.thread(MAYA) if said.words == NEUTRAL]
    assert late.delivery is Delivery.DROPPED


def test_a_scheduled_check_in(talk: Talk) -> None:
    talk.kept.ignored = ()
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        agree_on(session, maya, "mood", days=read_days("tue"), at=time(18), now=talk.clock())
    falls_in_love(talk)
    talk.passes(hours=8, minutes=1)
    assert "The first question." in never_reads_it(talk)


def test_the_long_scale_that_follows_a_short_one(talk: Talk) -> None:
    falls_in_love(talk, Lovesick(check_in=CheckIn("phq2", answers=("3", "3"))))
    talk.texts(MAYA, "nearly every day")
    written = never_reads_it(talk)
    assert "The first question." in written
    assert written.count(NEUTRAL) == 2


def test_a_spoiled_line_of_the_script(talk: Talk) -> None:
    spoiled = Script({**load_script().lines, "only_media": WORDS})
    talk.line.rules = replace(talk.line.rules, script=spoiled)
    talk.texts(MAYA, "", media=1)
    never_reads_it(talk)


def test_the_words_of_people_are_not_the_bots_claims(talk: Talk) -> None:
    talk.texts(JO, "hello")

    def write(key: str, **blanks: object) -> str:
        with talk.database.writing() as session:
            jos = session.get_one(Conversation, talk.conversation(JO).id)
            return say(session, talk.line.rules, jos, key, now=talk.clock(), **blanks).words

    for name in ("Love", "I love you", "Hugs <3"):
        assert write("claimed", mentor=name).startswith(f"{name} is here now")
    assert write("mentee_words", code=7, words=WORDS) == f"#7 writes: {WORDS}"
    talk.claims()
    talk.texts(SAM, "I care about you, Maya, and I was worried.")
    assert talk.read_by(MAYA)[-1].endswith(": I care about you, Maya, and I was worried.")


def test_a_message_that_was_not_committed_is_not_counted(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    before = counted()
    rules = replace(talk.line.rules, script=Script({"spoiled": WORDS}))

    class Undone(Exception):
        pass

    def writes_and_fails() -> None:
        with talk.database.writing() as session:
            mayas = session.get_one(Conversation, talk.conversation(MAYA).id)
            message = say(session, rules, mayas, "spoiled", now=talk.clock())
            assert message.delivery is Delivery.QUEUED
            raise Undone

    with pytest.raises(Undone):
        writes_and_fails()
    assert counted() == before
