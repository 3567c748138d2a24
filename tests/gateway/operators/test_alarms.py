"""Operators learn of trouble by webhook and e-mail, whether or not the gateway runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway.operators.alarms import Operators
from gateway.operators.heartbeat import beat
from gateway.operators.mail import SmtpMail
from gateway.operators.trouble import raise_alarms
from gateway.runtime.jobs import Engine
from gateway.runtime.line import TextFailed
from gateway.worker import Watchdog
from models import OperatorAlarm
from tests.line import ASKS, CRISIS, MAYA, NOOR, RUTH, SAM, Talk
from tests.receivers import MailServer, WebServer
from tests.web_client import Web

OPERATOR = "ops@warmline.example"


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def ops(talk: Talk, mails: MailServer, hook: WebServer) -> Talk:
    mail = SmtpMail(mails.url, sender="alerts@warmline.example")
    talk.line.operators = Operators(hook.url, OPERATOR, mail)
    return talk


def looks(talk: Talk) -> dict[str, str]:
    with talk.database.writing() as session:
        found = raise_alarms(talk.line, session, now=talk.clock())
    talk.passes(seconds=0)
    return found


def test_a_code_that_only_an_operator_can_mend_reaches_both(
    ops: Talk, mails: MailServer, hook: WebServer
) -> None:
    ops.kept.ignored = ()
    ops.phones.refuse[SAM] = TextFailed("30034", final=True)
    ops.texts(MAYA, ASKS)
    ops.passes(seconds=1)
    [posted] = hook.got
    assert "not registered for 10DLC" in posted["text"]
    [(recipients, mail)] = mails.got
    assert recipients == [OPERATOR]
    assert "Register the brand" in str(mail.get_payload())
    assert "Maya" not in str(posted)
    ops.texts(MAYA, "never mind")
    ops.texts(MAYA, ASKS)
    ops.passes(seconds=1)
    assert len(hook.got) == 1, "the same trouble is not told again within the hour"
    [alarm] = ops.rows(OperatorAlarm)
    assert alarm.sent_at is not None


def test_an_alarm_goes_on_while_both_ways_fail(
    ops: Talk, mails: MailServer, hook: WebServer
) -> None:
    hook.status, mails.answers_recipients = 500, "451 later"
    for number in (NOOR, RUTH, SAM):
        ops.phones.refuse[number] = TextFailed("30007", final=True)
    ops.texts(MAYA, CRISIS)
    ops.passes(seconds=1)
    assert ops.rows(OperatorAlarm)[0].sent_at is None
    hook.status = 200
    ops.passes(minutes=2)
    assert ops.rows(OperatorAlarm)[0].sent_at is not None


def test_a_crisis_that_reached_nobody_alarms(ops: Talk, hook: WebServer) -> None:
    for number in (NOOR, RUTH, SAM):
        ops.phones.refuse[number] = TextFailed("503", final=False)
    ops.texts(MAYA, CRISIS)
    ops.clock.now += timedelta(minutes=2)
    assert "crisis 1" in looks(ops)
    assert any("no alert has reached anyone" in posted["text"] for posted in hook.got)
    ops.phones.refuse.clear()
    ops.passes(minutes=5)
    assert "crisis 1" not in looks(ops)


def test_too_few_staff_alarms_once_a_day(ops: Talk, hook: WebServer) -> None:
    for number in (SAM, NOOR):
        ops.texts(number, "STOP")
    for _ in range(3):
        looks(ops)
        ops.passes(hours=2)
    told = [posted["text"] for posted in hook.got if "mentors and managers" in posted["text"]]
    assert len(told) == 1
    assert "1 of 3" in told[0]


def test_readiness_reports_a_rung_that_nobody_paged_and_a_text_that_nobody_sent(
    talk: Talk,
) -> None:
    web = Web(talk)
    talk.phones.refuse[MAYA] = TextFailed("503", final=False)
    talk.texts(MAYA, ASKS)
    assert web.gets("/readyz").status_code == 200
    talk.clock.now += timedelta(minutes=7)  # and no worker runs
    ready = web.gets("/readyz")
    assert ready.status_code == 503
    state = ready.json()
    assert (state["rungs_overdue"], state["texts_stuck"]) == (1, 2)


def test_watch_alarms_although_no_gateway_runs(
    local: Talk, hook: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway died after Maya asked. The command reads the database by itself."""
    local.texts(MAYA, ASKS)
    environment = {**os.environ, "OPERATOR_WEBHOOK": hook.url, "SMS": "phones"}
    command = [sys.executable, "-m", "gateway", "watch"]
    watched = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert watched.returncode == 1, watched.stderr
    assert "1 rungs not paged" in watched.stdout
    assert any("1 rungs not paged" in posted["text"] for posted in hook.got)


def test_the_heartbeat_says_that_we_live(hook: WebServer) -> None:
    beat(hook.url)
    hook.status = 500
    beat(hook.url)
    assert hook.got == [None, None]


def test_the_watchdogs_round_sends_a_heartbeat_once_a_minute(
    talk: Talk, hook: WebServer, database_url: str
) -> None:
    engine = Engine(talk.database, database_url, [])
    watchdog = Watchdog(talk.line, engine, heartbeat_url=hook.url)
    for seconds, beats in ((0, 1), (30, 1), (30, 2)):
        talk.clock.now += timedelta(seconds=seconds)
        watchdog.watch_over()
        assert len(hook.got) == beats


def test_settings_are_refused_that_would_lose_an_alarm() -> None:
    from gateway.runtime.settings import BadSettings, load_settings
    from tests.processes import KEY

    for given, sentence in (
        ({"smtp_url": "smtp://127.0.0.1"}, "ALERT_FROM"),
        ({"operator_email": OPERATOR}, "SMTP_URL"),
        ({"smtp_url": "http://x", "alert_from": OPERATOR}, "smtp://"),
        ({"operator_webhook": "http://hooks.example/x"}, "https://"),
    ):
        with pytest.raises(BadSettings, match=sentence):
            load_settings(warmline_key=KEY, **given)
