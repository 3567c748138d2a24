"""Twilio's webhooks: unsigned requests are refused, and no text makes them fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.app import create_app
from gateway.runtime.settings import load_settings
from models import Delivery, Message
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN
from tests.line import MAYA, Talk
from tests.processes import KEY

PUBLIC = "https://warmline.example"
SMS = "/twilio/sms"


@pytest.fixture
def web(talk: Talk, tmp_path: Path) -> Iterator[TestClient]:
    given_settings = load_settings(
        warmline_key=KEY,
        database_url=f"sqlite:///{tmp_path / 'unused.db'}",
        sms="twilio",
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=TOKEN,
        twilio_from=NUMBER,
        public_url=PUBLIC,
    )
    app = create_app(talk.line, given_settings, start=lambda: None, stop=lambda: None)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def signed(
    form: dict[str, str], *, path: str = SMS, token: str = TOKEN, public_url: str = PUBLIC
) -> dict[str, str]:
    signature = RequestValidator(token).compute_signature(f"{public_url}{path}", form)
    return {"X-Twilio-Signature": signature}


def post(web: TestClient, form: dict[str, str], *, path: str = SMS) -> int:
    return web.post(path, data=form, headers=signed(form, path=path)).status_code


def text(words: str = "hello", sid: str = "SM1", number: str = MAYA) -> dict[str, str]:
    return {"From": number, "To": NUMBER, "Body": words, "MessageSid": sid, "NumMedia": "0"}


def stored(talk: Talk) -> int:
    return sum(not message.outgoing for message in talk.rows(Message))


def test_a_signed_text_is_recorded_and_answered_with_empty_twiml(
    talk: Talk, web: TestClient
) -> None:
    # The signature is over the public address, whatever name a proxy called.
    headers = signed(text()) | {"Host": "10.0.0.7:8000"}
    answer = web.post(SMS, data=text(), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text.endswith("<Response></Response>")
    assert stored(talk) == 1
    assert "Warmline bot: You wrote: hello" in talk.read_by(MAYA)


def test_an_unsigned_text_is_refused_and_not_stored(talk: Talk, web: TestClient) -> None:
    for headers in (
        {},
        signed(text(), token="another"),
        signed(text(), public_url="http://127.0.0.1:8000"),
        signed(text("another text")),
    ):
        assert web.post(SMS, data=text(), headers=headers).status_code == 403
    assert stored(talk) == 0


def test_the_same_text_twice_is_one_message(talk: Talk, web: TestClient) -> None:
    assert [post(web, text()) for _ in range(3)] == [200, 200, 200]
    assert stored(talk) == 1
    assert talk.bot.heard == ["hello"]


def test_a_text_without_sender_or_id_is_refused(web: TestClient) -> None:
    assert post(web, {"Body": "hi"}) == 400


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(words=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_no_words_make_the_webhook_fail(talk: Talk, web: TestClient, words: str) -> None:
    assert post(web, text(words, sid=f"SM{hash(words)}")) == 200


def test_broken_utf_8_is_recorded(talk: Talk, web: TestClient) -> None:
    body = b"From=%2B12025550101&To=%2B12025550100&Body=caf%E9+%FF&MessageSid=SM9&NumMedia=0"
    form = text("caf\ufffd \ufffd", sid="SM9")
    headers = signed(form) | {"Content-Type": "application/x-www-form-urlencoded"}
    answer = web.post(SMS, content=body, headers=headers)
    assert answer.status_code == 200
    assert talk.thread(MAYA)[0].words == "caf\ufffd \ufffd"


def test_only_a_signed_and_newer_status_changes_a_text(talk: Talk, web: TestClient) -> None:
    talk.phones.reports = Delivery.SENT
    post(web, text())
    message = talk.thread(MAYA)[-1]
    path = f"/twilio/status/{message.id}"
    assert web.post(path, data={"MessageStatus": "failed"}).status_code == 403
    assert talk.thread(MAYA)[-1].delivery is Delivery.SENT
    for word in ("delivered", "sent", "queued", "made-up"):
        form = {"MessageSid": message.provider_id or "", "MessageStatus": word}
        assert post(web, form, path=path) == 204, word
    assert talk.thread(MAYA)[-1].delivery is Delivery.DELIVERED
