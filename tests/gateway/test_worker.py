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
    CheckClaim,
    Climb,
    Deliver,
    LapseTransfer,
    Recall,
    TakeTurns,
    TextUnseen,
    Work,
)
from escalation.handoffs.transfers import offer_transfer
from gateway.check_ins.schedules import AskCheckIn, BeginCheckIn, CloseCheckIn, agree_on
from gateway.integrations.webhook_outbox import SendWebhook, add_webhook
from gateway.privacy.data_requests import Erase
from gateway.runtime.line import TextFailed
from gateway.safeguarding.records import NotifyOverdue
from gateway.worker import GRACE, KINDS, CleanUp, find_due
from models import Channel, Handoff, HandoffEvent, Move, Person
from tests.line import MAYA, NOOR, RUTH, SAM, Talk

ASKS = "can i talk to a person please"
# For each kind: what leads to such a job, and how long after that it is due.
Span = dict[str, float]
SCENES: dict[type[Work], Callable[[Talk], Span]] = {}


def leads_to(kind: type[Work]) -> Callable[[Callable[[Talk], Span]], Callable[[Talk], Span]]:
    def note(scene: Callable[[Talk], Span]) -> Callable[[Talk], Span]:
        SCENES[kind] = scene
        return scene

    return note


def person(talk: Talk, session: object, number: str) -> Person:
    return session.get_one(Person, talk.person(number).id)  # type: ignore[attr-defined, no-any-return]


@leads_to(TakeTurns)
def recorded(talk: Talk) -> Span:
    talk.arrives(MAYA, "hi")
    return {"minutes": 1}


@leads_to(Deliver)
def not_accepted(talk: Talk) -> Span:
    talk.phones.refuse[MAYA] = TextFailed("busy", final=False)
    talk.texts(MAYA, "hi")
    talk.phones.refuse.clear()
    return {"minutes": 1}


@leads_to(Climb)
def waits(talk: Talk) -> Span:
    talk.texts(MAYA, ASKS)
    return {"minutes": 6}


@leads_to(CheckClaim)
def claimed(talk: Talk) -> Span:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "take")
    return {"minutes": 16}


@leads_to(Recall)
def put_off(talk: Talk) -> Span:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, f"LATER {talk.handoff().id} 30")
    return {"minutes": 31}


@leads_to(LapseTransfer)
def offered(talk: Talk) -> Span:
    claimed(talk)
    talk.texts(SAM, "Hi Maya")
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        sam, noor = person(talk, session, SAM), person(talk, session, NOOR)
        offer_transfer(talk.line.at(session), handoff, by=sam, to=noor, note=None)
    return {"minutes": 31}


@leads_to(SendWebhook)
def moved(talk: Talk) -> Span:
    with talk.database.writing() as session:
        ruth = person(talk, session, RUTH)
        add_webhook(session, ruth.program, "https://localhost:9/", by=ruth, now=talk.clock())
    talk.texts(MAYA, ASKS)
    return {"seconds": 2}


@leads_to(BeginCheckIn)
def agreed(talk: Talk) -> Span:
    with talk.database.writing() as session:
        maya = person(talk, session, MAYA)
        agree_on(session, maya, "who5", days=read_days("tue"), at=time(18), now=talk.clock())
    return {"hours": 9}


@leads_to(AskCheckIn)
def bot_was_away(talk: Talk) -> Span:
    agreed(talk)
    talk.bot.away = True
    talk.passes(hours=8, minutes=1)
    talk.bot.away = False
    return {"minutes": 2}


@leads_to(CloseCheckIn)
def asked(talk: Talk) -> Span:
    agreed(talk)
    talk.passes(hours=8, minutes=1)
    return {"days": 2}


@leads_to(AskFollowUp)
def ended(talk: Talk) -> Span:
    claimed(talk)
    talk.texts(SAM, "Hi Maya")
    talk.texts(SAM, "done talked")
    return {"minutes": 30}


@leads_to(TextUnseen)
def left_the_page(talk: Talk) -> Span:
    talk.texts(MAYA, ASKS, channel=Channel.WEB)
    talk.texts(SAM, "take")
    talk.texts(SAM, "Hi Maya")
    return {"minutes": 10}


@leads_to(NotifyOverdue)
def concerned(talk: Talk) -> Span:
    talk.texts(MAYA, "CONCERN he shouts at me")
    return {"hours": 25}


@leads_to(Erase)
def asked_for_deletion(talk: Talk) -> Span:
    talk.texts(MAYA, "delete my data")
    talk.texts(MAYA, "DELETE ALL")
    return {"days": 8}


def test_every_kind_that_rows_show_has_a_scene() -> None:
    shown = {kind.job for kind in KINDS if kind.find_due is not None}
    assert shown == {*SCENES, CleanUp}


@pytest.mark.parametrize("job", SCENES)
def test_a_job_whose_workflow_was_lost_comes_back(talk: Talk, job: type[Work]) -> None:
    talk.kept.ignored = ()
    wait = SCENES[job](talk)
    if job is not SendWebhook:  # only the watchdog finds moves
        assert job in {type(work) for _, work in talk.kept.work} or job is TakeTurns
    talk.kept.work.clear()
    talk.passes(**wait)
    kinds = [kind for kind in KINDS if kind.job is job]
    assert {type(work) for work in due(talk)} >= {job}, "nothing else looked at the row"
    talk.sweeps()
    assert find_due(talk.line, kinds, before=talk.clock() - GRACE) == []


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
        assert [work.id for work in watchdog.look()] == ["climb:1:1:1", "clean_up"]
        give_up_at = real_time.monotonic() + 30
        while pages() < 2 and real_time.monotonic() < give_up_at:
            real_time.sleep(0.1)
        assert pages() == 2
        assert watchdog.look() == []
