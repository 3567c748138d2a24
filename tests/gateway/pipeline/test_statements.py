"""What one message costs the database. A server that waits for its own database answers nobody."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bot.client import Answer
from models import Delivery
from tests.line import ASKS, MAYA, NOOR, Talk

QUESTION = "how do i sleep better"
# A statement that only locks a conversation. SQLite needs none: a writer has locked everything.
LOCK = "SELECT conversation.id FROM conversation WHERE"


@contextmanager
def counted(talk: Talk) -> Iterator[list[str]]:
    """The statements that the block sends, with BEGIN and COMMIT. Many rows at once count once."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(re.sub(r"\s+", " ", statement))

    def note_commit(_: Any) -> None:
        sent.append("COMMIT")

    engine = talk.database.engine
    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", note_commit)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "commit", note_commit)


def work_of(sent: list[str]) -> list[str]:
    """Without what begins and ends transactions, and without PostgreSQL's locks."""
    return [one for one in sent if not one.startswith(("BEGIN", "COMMIT", LOCK))]


def an_evening(talk: Talk) -> None:
    """Maya has read that this is a bot, and has written for a while."""
    talk.phones.reports = Delivery.SENT  # as Twilio answers
    talk.bot.answers[QUESTION] = Answer(words=("One.", "Two.", "Three."))
    for _ in range(3):
        talk.texts(MAYA, "hello")
        talk.passes(minutes=5)


def test_a_message_with_three_replies_is_25_statements_in_5_writing_transactions(
    talk: Talk,
) -> None:
    an_evening(talk)
    before = len(talk.phones.shown)
    with counted(talk) as sent:
        talk.texts(MAYA, QUESTION)
    assert len(talk.phones.shown) - before == 3
    assert len(work_of(sent)) <= 25, sent
    assert sum(one.startswith(LOCK) for one in sent) <= 4
    assert sent.count("BEGIN IMMEDIATE") <= 5
    assert sent.count("COMMIT") <= 6, "one of them only reads"


def test_each_further_reply_is_one_statement_more(talk: Talk) -> None:
    an_evening(talk)
    costs = []
    for replies in (2, 5):
        talk.bot.answers[QUESTION] = Answer(words=tuple(f"Part {one}." for one in range(replies)))
        with counted(talk) as sent:
            talk.texts(MAYA, QUESTION)
        costs.append(len(work_of(sent)))
        talk.passes(minutes=5)
    assert costs[1] - costs[0] <= 3


def test_the_cost_of_a_message_does_not_grow_with_the_evening(talk: Talk) -> None:
    an_evening(talk)
    costs = []
    for _ in range(12):
        with counted(talk) as sent:
            talk.texts(MAYA, QUESTION)
        costs.append(len(work_of(sent)))
        talk.passes(minutes=5)
    assert max(costs) <= 25, costs


def test_words_between_a_mentee_and_her_mentor_are_45_statements_at_most(talk: Talk) -> None:
    an_evening(talk)
    talk.texts(MAYA, ASKS)
    talk.texts(NOOR, "take {}")
    talk.passes(minutes=5)
    for number, words in ((MAYA, "are you there"), (NOOR, "yes, I am")):
        with counted(talk) as sent:
            talk.texts(number, words)
        assert len(work_of(sent)) <= 45, (number, len(work_of(sent)))
