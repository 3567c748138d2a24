"""Alerts by phone, played against a fake Twilio that calls people and presses keys."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi.testclient import TestClient

from gateway.app import create_app
from gateway.messaging.sms import TwilioCalls, connect
from gateway.operators.mail import SmtpMail
from gateway.runtime.settings import Settings
from models import AlertStep, HandoffEvent, Move, Status, StepState
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN, Answers, FakeTwilio, Fault
from tests.gateway.messaging.conftest import PUBLIC
from tests.line import ASKS, CRISIS, MAYA, NOOR, RUTH, SAM, Talk
from tests.receivers import MailServer


@pytest.fixture
def twilio(talk: Talk, twilio: FakeTwilio) -> FakeTwilio:
    """Calls go through it, too."""
    client = connect(ACCOUNT_SID, TOKEN, base_url=twilio.url, timeout_seconds=0.5)
    talk.line.calls = TwilioCalls(client, public_url=PUBLIC, from_=NUMBER)
    return twilio


@pytest.fixture
def web(
    talk: Talk, twilio: FakeTwilio, twilio_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    app = create_app(talk.line, twilio_settings, start=lambda: None, stop=lambda: None)
    with TestClient(app, base_url=PUBLIC) as client:

        def forward(request: httpx.Request) -> httpx.Response:
            path, headers = request.url.raw_path.decode(), dict(request.headers)
            answer = client.post(path, content=request.content, headers=headers)
            return httpx.Response(answer.status_code, text=answer.text)

        to_app = httpx.Client(transport=httpx.MockTransport(forward))
        monkeypatch.setattr(twilio, "_client", to_app)
        yield client


@pytest.fixture
def rings(talk: Talk, twilio: FakeTwilio, web: TestClient) -> Callable[[], None]:
    """Everyone whose phone rings now answers, or does not."""

    def ring() -> None:
        for call in twilio.calls:
            if call.state == "queued":
                twilio.ring(call)

    return ring


def called(twilio: FakeTwilio) -> list[str]:
    return [call.to for call in twilio.calls]


def steps(talk: Talk) -> list[tuple[StepState, str | None]]:
    return [(step.state, step.why) for step in talk.rows(AlertStep)]


def test_texts_are_down_and_noor_answers_the_call_with_1(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    """Twilio takes no texts at all. A crisis still reaches a person within a minute."""
    for number in (MAYA, SAM, NOOR, RUTH):
        twilio.set_fault(number, Fault("no_texts"))
    twilio.on_calls = {NOOR: Answers(presses="1")}
    talk.texts(MAYA, CRISIS)
    talk.passes(seconds=1)
    assert sorted(called(twilio)) == [NOOR, RUTH]
    rings()
    noors, ruths = sorted(twilio.calls, key=lambda call: call.to)
    assert noors.heard[0] == (
        "This is Warmline. Someone in your program needs a person. Press 1 to take it. "
        "Press 2 to pass."
    )
    assert "It is yours now" in noors.heard[-1]
    assert "Maya" not in str(noors.heard)
    assert (talk.handoff().status, talk.handoff().mentor_id) == (
        Status.CLAIMED,
        talk.person(NOOR).id,
    )
    claim = [event for event in talk.rows(HandoffEvent) if event.move is Move.CLAIM]
    assert claim[0].by_id == talk.person(NOOR).id
    assert ruths.state == "no-answer"


def test_who_pressed_1_gets_a_text_with_their_code_and_link(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    twilio.on_calls = {NOOR: Answers(presses="1"), RUTH: Answers(presses="1")}
    talk.texts(MAYA, CRISIS)
    assert called(twilio) == [], "they have the text; the call follows if nobody answers it"
    talk.passes(seconds=45)
    rings()
    assert "You have #" in twilio.sent_to(NOOR)[-1].body
    assert talk.code(NOOR) in twilio.sent_to(NOOR)[-1].body
    ruths = next(call for call in twilio.calls if call.to == RUTH)
    assert ruths.heard == [
        "Nothing to do any more: someone has taken it, or it has ended. Thank you. Goodbye."
    ]


def test_who_answers_the_text_is_not_called(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    talk.texts(MAYA, CRISIS)
    talk.texts(RUTH, "PASS {}")
    talk.passes(seconds=45)
    assert called(twilio) == [NOOR]
    talk.texts(NOOR, "TAKE {}")
    talk.passes(minutes=2)
    assert called(twilio) == [NOOR]


def test_whoever_does_not_take_it_is_followed_by_the_next_channel(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    twilio.on_calls = {NOOR: Answers(presses="2"), RUTH: Answers("machine")}
    talk.texts(MAYA, CRISIS)
    talk.passes(seconds=45)
    rings()
    assert sorted(str(why) for _, why in steps(talk)) == ["machine", "voice_passed"]
    assert talk.handoff().status is Status.WAITING
    for by in ("busy", "no-answer", "failed"):
        twilio.on_calls = {number: Answers(by) for number in (SAM, NOOR, RUTH)}
        before = len(twilio.calls)
        talk.passes(minutes=3)
        assert len(twilio.calls) > before, "the next rung calls, too"
        rings()
        assert steps(talk)[-1] == (StepState.MISSED, by)


def test_who_is_called_about_a_holder_who_does_not_answer_takes_over_with_1(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    """Sam holds it and has written. Then it becomes a crisis, and he is silent."""
    twilio.on_calls = {RUTH: Answers(presses="1")}
    talk.claims()
    talk.passes(minutes=1)
    talk.texts(MAYA, CRISIS)
    talk.passes(seconds=45)
    assert sorted(called(twilio)) == [SAM, NOOR, RUTH]
    rings()
    assert talk.handoff().mentor_id == talk.person(RUTH).id


def test_an_email_follows_the_call_with_a_link_and_no_code(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    with MailServer() as mails:
        talk.line.mail = SmtpMail(mails.url, sender="alerts@warmline.example")
        talk.sets(RUTH, email="ruth@program.example")
        twilio.on_calls = {RUTH: Answers("busy")}
        talk.texts(MAYA, CRISIS)
        talk.passes(seconds=45)
        rings()
        talk.passes(seconds=1)
        [(recipients, mail)] = mails.got
    assert recipients == ["ruth@program.example"]
    words = bytes(mail.get_payload(decode=True)).decode()
    assert "https://warmline.example/console" in words
    assert talk.code(RUTH) not in words
    assert "Maya" not in words + str(mail["Subject"])


def test_a_person_chooses_their_own_channels(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    talk.sets(SAM, alert_channels="voice")
    talk.texts(MAYA, ASKS)
    talk.passes(seconds=1)
    assert called(twilio) == [SAM], "at once, beside the text"


def test_a_key_counts_though_twilio_took_the_person_for_a_machine(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    talk.texts(MAYA, CRISIS)
    talk.passes(seconds=45)
    call = next(call for call in twilio.calls if call.to == RUTH)
    twilio._tell(call, str(call.machine_callback), AnsweredBy="machine_start")
    step = call.url.rpartition("/")[2]
    twilio._tell(call, f"{PUBLIC}/twilio/voice/pressed/{step}", Digits="1")
    assert talk.handoff().mentor_id == talk.person(RUTH).id


def test_a_call_speaks_the_language_of_the_person(
    talk: Talk, twilio: FakeTwilio, rings: Callable[[], None]
) -> None:
    twilio.on_calls = {RUTH: Answers(presses="9")}
    talk.texts(MAYA, CRISIS)
    talk.passes(seconds=45)
    rings()
    call = next(call for call in twilio.calls if call.to == RUTH)
    assert call.languages == {"en-US"}
    assert len(call.heard) == 6, "another key is no answer: it asks again"


def test_an_unsigned_or_strange_request_moves_nothing(
    talk: Talk, twilio: FakeTwilio, web: TestClient
) -> None:
    talk.texts(MAYA, CRISIS)
    talk.passes(seconds=45)
    call = twilio.calls[0]
    path = call.url.removeprefix(PUBLIC)
    key = path.replace("alert", "pressed")
    form = {"CallSid": call.sid, "Digits": "1", "AccountSid": ACCOUNT_SID}
    assert web.post(key, data=form).status_code == 403
    assert web.post(key, data=form, headers={"X-Twilio-Signature": "x"}).status_code == 403
    stranger = twilio._post(f"{PUBLIC}{key}", {**form, "CallSid": "CA" + "9" * 32})
    assert stranger.status_code == 404
    assert talk.handoff().status is Status.WAITING
