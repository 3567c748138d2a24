"""A mentee's texts a few seconds apart are read together."""

import json
from datetime import timedelta

from sqlalchemy import select

from gateway.policy.backtest import read_history, replay
from models import DecisionRecord, Need, Program, Urgency
from tests.line import JO, MAYA, Talk


def types(talk: Talk, *texts: str, seconds: float = 4, number: str = MAYA) -> None:
    for words in texts:
        talk.texts(number, words)
        talk.passes(seconds=seconds)


def test_maya_writes_her_crisis_in_three_texts(talk: Talk) -> None:
    types(talk, "hey", "i wanna", "kill", "myself")
    handoff = talk.handoff()
    assert (handoff.need, handoff.urgency) == (Need.CRISIS, Urgency.CRISIS)
    assert "noor" in talk.paged()
    record = talk.rows(DecisionRecord)[-1]
    spans = [span for span in json.loads(record.evidence) if span["axis"] == "crisis"]
    assert any(span["quote"] == "myself" for span in spans), "the record quotes the last text"


def test_numbered_parts_are_read_in_their_order_even_minutes_apart(talk: Talk) -> None:
    types(talk, "(2/2) ll myself, sorry", "(1/2) tonight i am going to ki", seconds=90)
    assert talk.handoff().urgency is Urgency.CRISIS


def test_texts_of_another_hour_or_of_somebody_else_are_not_joined(talk: Talk) -> None:
    types(talk, "i want to kill", seconds=3600)
    types(talk, "myself")
    types(talk, "i want to kill", seconds=1)
    types(talk, "myself", number=JO)
    assert talk.handoffs() == []


def test_a_first_text_that_is_a_crisis_does_not_wait_for_the_next(talk: Talk) -> None:
    talk.texts(MAYA, "i want to kill myself")
    assert talk.handoff().urgency is Urgency.CRISIS


def test_the_bot_answers_texts_that_came_together_once(talk: Talk) -> None:
    for words in ("hey", "so i have this thing", "how do i ask for help with math"):
        conversation = talk.arrives(MAYA, words)
        talk.clock.now = talk.clock.now.replace(second=talk.clock.now.second + 2)
    assert conversation is not None
    talk.line.soon(talk.line.take_turns, conversation)
    assert talk.bot.heard == ["hey so i have this thing how do i ask for help with math"]
    decisions = [record.decision for record in talk.rows(DecisionRecord)]
    assert decisions == ["read_on", "read_on", "reply"]


def test_a_text_read_with_the_next_one_does_not_end_a_row_of_failures(talk: Talk) -> None:
    talk.bot.away = True
    types(talk, "hm", "hello", seconds=60)
    for words in ("so", "how do i ask for help with math"):
        conversation = talk.arrives(MAYA, words)
    assert conversation is not None
    talk.line.soon(talk.line.take_turns, conversation)
    assert [one.decision for one in talk.rows(DecisionRecord)][-2:] == ["read_on", "hand_off"]
    assert talk.handoff().need is Need.STUCK


def test_a_crisis_first_of_several_is_acted_on_and_a_keyword_is_not_swallowed(talk: Talk) -> None:
    for words in ("i want to kill myself", "so yeah"):
        conversation = talk.arrives(MAYA, words)
    assert conversation is not None
    talk.line.soon(talk.line.take_turns, conversation)
    assert [record.decision for record in talk.rows(DecisionRecord)] == ["hand_off", "stand_back"]
    for words in ("hi", "MENU"):
        conversation = talk.arrives(JO, words)
    assert conversation is not None
    talk.line.soon(talk.line.take_turns, conversation)
    assert talk.bot.heard == ["hi", "MENU"]


def test_a_replay_of_these_decisions_gives_the_same(talk: Talk) -> None:
    for words in ("hey", "how do i ask for help with math"):
        conversation = talk.arrives(JO, words)
    assert conversation is not None
    talk.line.soon(talk.line.take_turns, conversation)
    types(talk, "i wanna", "kill", "myself")
    since = talk.clock() - timedelta(days=1)
    with talk.database.reading() as session:
        program = session.scalars(select(Program)).one()
        history = read_history(session, program, since=since, now=talk.clock())
    again = replay(history, talk.line.rules.policy).decisions
    assert {step.message: step.taken for step in history.steps} == {
        message: decision.do for message, decision in again.items()
    }
