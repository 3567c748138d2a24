"""The watchdog brings back each kind of job whose workflow was lost. Nothing else looks at rows."""

import time as real_time
from collections.abc import Callable
from datetime import time, timedelta

import pytest
from dbos import DBOS
from sqlalchemy import func, select

from escalation.check_ins.schedules import read_days
from escalation.handoffs.jobs import (
    AskFollowUp,
    CheckReply,
    Climb,
    Deliver,
    LapseTransfer,
    Recall,
    TakeStep,
    TakeTurns,
    TextUnseen,
    Work,
)
from gateway.check_ins.schedules import AskCheckIn, BeginCheckIn, CloseCheckIn, agree_on
from gateway.handoffs.first_messages import WriteFirst
from gateway.integrations.webhook_outbox import SendWebhook, add_webhook
from gateway.operators.alarms import SendAlarm
from gateway.privacy.erasure import Erase
from gateway.privacy.jobs import DeleteCopies, DeleteOldData, DestroyKeys, ForgetInBot
from gateway.runtime.line import TextFailed
from gateway.safeguarding.records import NotifyOverdue
from gateway.worker import GRACE, KINDS, CleanUp, find_due
from models import Channel, Conversation, HandoffEvent, KeyToDestroy, Move, Person, ProviderCopy
from models.encryption.words import keys
from tests.line import CRISIS, MAYA, RUTH, SAM, Talk

ASKS = "can i talk to a person please"
Span = dict[str, float]
TAKEN = [(MAYA, ASKS), (SAM, "take {}")]
ANSWERED = [*TAKEN, (SAM, "Hi Maya")]
# For each kind of job: the texts that lead to one, and how long after them it is due.
TEXTS: dict[type[Work], tuple[list[tuple[str, str]], Span]] = {
    Climb: ([(MAYA, ASKS)], {"minutes": 6}),
    TakeStep: ([(MAYA, CRISIS)], {"minutes": 2}),
    CheckReply: (TAKEN, {"minutes": 16}),
    Recall: ([(MAYA, ASKS), (SAM, "LATER {1} 30")], {"minutes": 31}),
    LapseTransfer: ([*ANSWERED, (SAM, "give {1} to Noor")], {"minutes": 31}),
    AskFollowUp: ([*ANSWERED, (SAM, "done {} talked")], {"minutes": 30}),
    NotifyOverdue: ([(MAYA, "CONCERN he shouts at me")], {"hours": 25}),
    Erase: ([(MAYA, "delete my data"), (MAYA, "DELETE ALL")], {"days": 8}),
}


def recorded(talk: Talk) -> Span:
    talk.arrives(MAYA, "hi")
    return {"minutes": 1}


def held_by_text(talk: Talk) -> Span:
    talk.passes(hours=13)
    talk.texts(SAM, "WRITE MAYA how was the exam?")
    talk.texts(SAM, "write {WRITE}")
    assert "It is night for Maya" in talk.read_by(SAM)[-1]
    return {"hours": 11}


def not_accepted(talk: Talk) -> Span:
    talk.phones.refuse[MAYA] = TextFailed("busy", final=False)
    talk.texts(MAYA, "hi")
    talk.phones.refuse.clear()
    return {"minutes": 1}


def moved(talk: Talk) -> Span:
    with talk.database.writing() as session:
        ruth = session.get_one(Person, talk.person(RUTH).id)
        add_webhook(session, "https://localhost:9/", by=ruth, now=talk.clock())
    talk.texts(MAYA, ASKS)
    return {"seconds": 2}


def agreed(talk: Talk) -> Span:
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        agree_on(session, maya, "who5", days=read_days("tue"), at=time(18), now=talk.clock())
    return {"hours": 9}


def bot_was_away(talk: Talk) -> Span:
    agreed(talk)
    talk.bot.away = True
    talk.passes(hours=8, minutes=1)
    talk.bot.away = False
    return {"minutes": 2}


def asked(talk: Talk) -> Span:
    agreed(talk)
    talk.passes(hours=8, minutes=1)
    return {"days": 2}


def left_the_page(talk: Talk) -> Span:
    talk.texts(MAYA, ASKS, channel=Channel.WEB)
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "Hi Maya")
    return {"minutes": 10}


def not_forgotten_by_the_bot(talk: Talk) -> Span:
    """Maya was erased while the bot was away."""
    talk.texts(MAYA, "hi")
    with talk.database.writing() as session:
        conversation = session.get_one(Conversation, talk.conversation(MAYA).id)
        conversation.forget_due_at = talk.clock()
    return {"minutes": 5}


def not_destroyed(talk: Talk) -> Span:
    """The process died right after an erasure."""
    with talk.database.writing() as session:
        session.add(KeyToDestroy(key_id=keys().create(), at=talk.clock()))
    return {"minutes": 5}


def not_deleted_at_the_provider(talk: Talk) -> Span:
    with talk.database.writing() as session:
        now = talk.clock()
        session.add(ProviderCopy(provider_id="SM" + "1" * 32, at=now, next_try_at=now))
    return {"minutes": 5}


def alarmed(talk: Talk) -> Span:
    talk.phones.refuse[SAM] = TextFailed("30034", final=True)
    talk.texts(MAYA, ASKS)
    return {"minutes": 1}


SCENES: dict[type[Work], Callable[[Talk], Span]] = {
    TakeTurns: recorded,
    Deliver: not_accepted,
    WriteFirst: held_by_text,
    SendAlarm: alarmed,
    SendWebhook: moved,
    BeginCheckIn: agreed,
    AskCheckIn: bot_was_away,
    CloseCheckIn: asked,
    TextUnseen: left_the_page,
    ForgetInBot: not_forgotten_by_the_bot,
    DestroyKeys: not_destroyed,
    DeleteCopies: not_deleted_at_the_provider,
}
# Only the watchdog finds these rows.
FOUND_BY_WATCHDOG = {TakeTurns, SendWebhook, ForgetInBot, DestroyKeys, DeleteCopies}
# Enqueued again and again, whatever the rows say.
REGULAR = {CleanUp, DeleteOldData}


def happens(talk: Talk, job: type[Work]) -> Span:
    if job in SCENES:
        return SCENES[job](talk)
    texts, wait = TEXTS[job]
    for number, words in texts:
        talk.texts(number, words)
    return wait


def test_every_kind_that_rows_show_has_a_scene() -> None:
    shown = {kind.job for kind in KINDS if kind.find_due is not None}
    assert shown == {*SCENES, *TEXTS} | REGULAR


@pytest.mark.parametrize("job", [*SCENES, *TEXTS])
def test_a_job_whose_workflow_was_lost_comes_back(talk: Talk, job: type[Work]) -> None:
    talk.kept.ignored = ()
    wait = happens(talk, job)
    if job not in FOUND_BY_WATCHDOG:
        assert job in {type(work) for _, work in talk.kept.work}
    talk.kept.work.clear()
    talk.passes(**wait)
    kinds = [kind for kind in KINDS if kind.job is job]
    assert {type(work) for work in due(talk)} >= {job}, "nothing else looked at the row"
    talk.runs_watchdog()
    assert find_due(talk.line, kinds, before=talk.clock() - GRACE) == []


def test_the_words_that_come_back_are_those_for_the_mentee_and_go_out_once(talk: Talk) -> None:
    wait = held_by_text(talk)
    talk.kept.work.clear()
    talk.passes(**wait)
    talk.runs_watchdog()
    assert talk.read_by(MAYA)[-1] == "Sam: how was the exam?"
    talk.passes(minutes=5)
    talk.runs_watchdog()
    assert [words for words in talk.read_by(MAYA) if "exam" in words] == ["Sam: how was the exam?"]


def due(talk: Talk) -> list[Work]:
    return find_due(talk.line, KINDS, before=talk.clock() - GRACE)


def test_when_all_rows_of_the_engine_are_lost_the_watchdog_enqueues_each_job_once(
    talk: Talk, database_url: str
) -> None:
    def pages() -> int:
        with talk.database.reading() as session:
            paged = select(func.count()).where(HandoffEvent.move == Move.PAGE)
            return session.scalar(paged) or 0

    with talk.running(database_url) as watchdog:
        talk.texts(MAYA, ASKS)
        lost = [flow.workflow_id for flow in DBOS.list_workflows()]
        assert any(one.startswith("climb:1:1:1@") for one in lost)
        DBOS.delete_workflows(lost)
        talk.clock.now += timedelta(minutes=6)
        real_time.sleep(1)
        assert pages() == 1, "without the watchdog nothing happens"
        assert [work.id for work in watchdog.look()] == [
            "climb:1:1:1",
            "delete_old_data",
            "clean_up",
        ]
        give_up_at = real_time.monotonic() + 30
        while pages() < 2 and real_time.monotonic() < give_up_at:
            real_time.sleep(0.1)
        assert pages() == 2
        assert watchdog.look() == []
