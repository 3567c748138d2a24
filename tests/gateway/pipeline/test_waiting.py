"""A mentee who waits for a person always gets an honest answer."""

from itertools import pairwise

from bot.client import Answer, SkillStep
from models import DecisionRecord, Status, Urgency
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk

NOT_UNDERSTOOD = Answer(words=("?",), not_understood=True)


def waits(talk: Talk, number: str = MAYA, asks: str = ASKS) -> None:
    talk.texts(number, "hi")
    talk.texts(number, asks)
    talk.new_texts()


def answers(talk: Talk, words: str, number: str = MAYA) -> list[str]:
    talk.passes(minutes=1)
    before = len(talk.read_by(number))
    talk.texts(number, words)
    return talk.read_by(number)[before:]


def test_every_text_is_answered_and_never_twice_in_the_same_words(talk: Talk) -> None:
    talk.bot.answers = dict.fromkeys(("im scared", "?", "hello??", "ok", "yo"), NOT_UNDERSTOOD)
    waits(talk)
    said = [answers(talk, words) for words in ("im scared", "?", "hello??", "ok", "yo")]
    assert all(len(one) == 1 for one in said), said
    assert all(a != b for a, b in pairwise(said))
    assert len({one[0] for one in said}) >= 4
    assert all("I asked Sam" in one[0] and "NEVER MIND" in one[0] for one in said)


def test_the_bot_answers_what_it_understands_and_says_who_was_asked_now_and_then(
    talk: Talk,
) -> None:
    waits(talk)
    assert answers(talk, "MENU") == ["Warmline bot: You wrote: MENU"]
    talk.passes(minutes=31)
    menu, waiting = answers(talk, "STRESS")
    assert "You wrote: STRESS" in menu
    assert "No one has answered yet" in waiting
    assert len(answers(talk, "SLEEP")) == 1, "not with every answer"


def test_she_cancels_in_any_words_below_a_crisis(talk: Talk) -> None:
    for words in (
        "nvm",
        "forget it",
        "never mind pls",
        "i dont want a person",
        "no person",
        "olvidalo",
    ):
        waits(talk)
        (answer,) = answers(talk, words)
        assert talk.handoff().status is Status.WITHDRAWN, words
        assert "canceled" in answer


def test_words_that_only_look_like_it_cancel_nothing(talk: Talk) -> None:
    waits(talk)
    for words in (
        "i cant forget it",
        "nobody likes me",
        "i dont want to go home",
        "never mind the rain, hi",
    ):
        answers(talk, words)
        assert talk.handoff().status is Status.WAITING, words


def test_a_text_about_danger_cancels_nothing_although_it_wants_no_person(talk: Talk) -> None:
    waits(talk)
    (answer,) = answers(talk, "my friend cuts herself. please dont call anyone")
    assert talk.handoff().status is Status.WAITING
    assert "911" in answer


def test_a_crisis_cannot_be_canceled_and_every_answer_has_the_numbers(talk: Talk) -> None:
    waits(talk, asks=CRISIS)
    (first,), (second,) = (answers(talk, words) for words in ("nvm", "i dont want a person"))
    assert "You don't have to answer" in first
    assert first != second
    (third,) = answers(talk, "hi")
    assert "988" in second
    assert "988" in third
    assert talk.handoff().status is Status.WAITING
    assert talk.bot.heard == ["hi"], "the bot does not chat in a crisis"


def test_in_a_crisis_the_bot_helps_to_breathe_and_nothing_else(talk: Talk) -> None:
    talk.bot.answers["BREATHE"] = Answer(
        words=("Breathe in.",), skills=(SkillStep("breathing", "started"),)
    )
    waits(talk, asks=CRISIS)
    assert "You wrote" not in " ".join(answers(talk, "my dad grounded me"))
    talk.bot.answers["breathe pls"] = Answer(words=("Stress is ...",))
    assert "Stress" not in " ".join(answers(talk, "breathe pls")), "an answer about something else"
    assert "Breathe in." in " ".join(answers(talk, "BREATHE"))


def test_no_person_before_any_handoff_brings_none(talk: Talk) -> None:
    for words in (
        "i dont want a person",
        "no person",
        "dont call anyone pls",
        "no quiero una persona",
    ):
        (answer,) = answers(talk, words, JO)[-1:]
        assert "All right" in answer, words
    assert talk.handoffs() == []
    assert {one.asked_for_person for one in talk.rows(DecisionRecord)} == {False}


def test_while_a_mentor_holds_it_the_bot_is_silent(talk: Talk) -> None:
    talk.claims(SAM)
    assert answers(talk, "forget it") == []
    assert talk.handoff().status is Status.CLAIMED


def test_when_nobody_can_be_reached_she_reads_when_and_where_else(talk: Talk) -> None:
    for number in (SAM, NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.bot.answers["nobody there?"] = NOT_UNDERSTOOD
    talk.texts(MAYA, "hi")
    (answer,) = answers(talk, ASKS)
    assert "couldn't reach anyone" in answer
    assert "I try again at 10:" in answer
    assert "an adult you trust" in answer
    (later,) = answers(talk, "nobody there?")[-1:]
    assert "couldn't reach anyone" in later
    assert talk.handoff().urgency is Urgency.SOON
