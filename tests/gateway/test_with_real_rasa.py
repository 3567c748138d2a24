"""Warmline with the real Rasa: stopped, slow, and overtaken by a mentor."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import select

from bot.client import Bot
from models import DecisionRecord, Delivery, Message, Status, Urgency
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.rasa_server import RasaServer
from tests.slow_way import SlowWay


@pytest.fixture(scope="module")
def stopped_rasa(tmp_path_factory: pytest.TempPathFactory) -> RasaServer:
    """A real Rasa that was up and answered, and then was killed."""
    server = RasaServer(tmp_path_factory.mktemp("stopped-rasa")).start()
    assert Bot(server.url, token=server.token, timeout_seconds=10).answer(1, "hi").words
    server.kill()
    return server


@pytest.fixture
def way(rasa: RasaServer) -> Iterator[SlowWay]:
    way = SlowWay(rasa.url)
    yield way
    way.close()


@pytest.fixture
def talk(talk: Talk, rasa: RasaServer, way: SlowWay) -> Talk:
    talk.line.bot = Bot(way.url, token=rasa.token, timeout_seconds=2)
    return talk


def test_rasa_asks_for_its_token_on_every_route_and_ps_does_not_show_it(rasa: RasaServer) -> None:
    asked = {"sender": "c1", "message": "hi"}
    assert httpx.get(f"{rasa.url}/status").status_code == 401
    assert httpx.post(f"{rasa.url}/webhooks/rest/webhook", json=asked).status_code == 401
    wrong = httpx.post(f"{rasa.url}/webhooks/rest/webhook?token=wrong", json=asked)
    assert wrong.status_code == 401
    with_token = f"{rasa.url}/webhooks/rest/webhook?token={rasa.token}"
    assert httpx.post(with_token, json=asked, timeout=30).status_code == 200
    assert rasa.token not in rasa.command_line()


def test_maya_asks_how_to_sleep_and_reads_about_sleep(talk: Talk) -> None:
    talk.texts(MAYA, "how can i sleep better")
    words = " ".join(talk.read_by(MAYA)).casefold()
    assert "sleep" in words.split("stop ends texts.")[1]


def test_a_crisis_is_handed_over_in_the_same_message_with_rasa_stopped(
    talk: Talk, stopped_rasa: RasaServer
) -> None:
    talk.line.bot = Bot(stopped_rasa.url, token=stopped_rasa.token)
    began = time.monotonic()
    talk.texts(MAYA, "i want to kill myself tonight")
    assert time.monotonic() - began < 2
    assert "988" in talk.read_by(MAYA)[-1]
    assert "URGENT" in talk.read_by(NOOR)[-1]
    assert "URGENT" in talk.read_by(RUTH)[-1]
    assert talk.handoff().urgency is Urgency.CRISIS


def test_with_rasa_stopped_a_request_for_a_person_still_reaches_one(
    talk: Talk, stopped_rasa: RasaServer
) -> None:
    talk.line.bot = Bot(stopped_rasa.url, token=stopped_rasa.token)
    talk.texts(MAYA, "can i talk to a real person please")
    assert "I asked Sam" in talk.read_by(MAYA)[-1]
    assert "TAKE" in talk.read_by(SAM)[-1]


@pytest.mark.parametrize("how", ["stopped", "slow"])
def test_with_rasa_away_maya_reads_an_honest_line_within_five_seconds_and_the_log_says_why(
    talk: Talk, stopped_rasa: RasaServer, way: SlowWay, how: str
) -> None:
    way.seconds = 8
    if how == "stopped":
        talk.line.bot = Bot(stopped_rasa.url, token=stopped_rasa.token)
    began = time.monotonic()
    talk.texts(MAYA, "how can i sleep better")
    assert time.monotonic() - began < 5
    assert "I'm having technical trouble" in talk.read_by(MAYA)[-1]
    with talk.database.reading() as session:
        assert session.scalars(select(DecisionRecord)).one().bot == "away"


def test_the_bots_answer_under_way_when_a_mentor_claims_is_never_delivered(
    talk: Talk, rasa: RasaServer, way: SlowWay
) -> None:
    """Rasa takes three seconds; in the first of them Sam takes the conversation."""
    talk.line.bot = Bot(way.url, token=rasa.token, timeout_seconds=8)
    talk.texts(MAYA, "can i talk to a real person please")
    way.seconds = 3
    asking = threading.Thread(target=talk.texts, args=(MAYA, "can we do the breathing thing"))
    asking.start()
    time.sleep(1)
    assert asking.is_alive(), "the bot is still composing"
    talk.texts(SAM, "take {}")
    assert talk.handoff().status is Status.CLAIMED
    asking.join()
    with talk.database.reading() as session:
        dropped = session.scalars(select(Message).where(Message.delivery == Delivery.DROPPED)).all()
        record = session.scalars(select(DecisionRecord).order_by(DecisionRecord.id.desc())).first()
    assert dropped, "the words are kept in the log"
    assert {message.error_code for message in dropped} == {"yielded_to_person"}
    shown = talk.read_by(MAYA)
    assert not any(message.words in line for message in dropped for line in shown)
    assert record is not None
    assert record.dropped == len(dropped)
    assert shown[-1].startswith("Warmline bot: Sam is here now")


def test_after_a_person_the_bot_starts_afresh(talk: Talk) -> None:
    talk.texts(MAYA, "can we do the breathing thing")
    talk.texts(MAYA, "can i talk to a real person please")
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "Hi Maya")
    talk.texts(SAM, "done {}")
    talk.new_texts()
    talk.texts(MAYA, "how can i sleep better")
    assert "sleep" in " ".join(words for _, words in talk.new_texts()).casefold()
