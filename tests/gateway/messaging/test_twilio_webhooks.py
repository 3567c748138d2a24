"""Twilio's webhooks: unsigned requests are refused, and no text makes them fail."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.app import create_app
from gateway.messaging.twilio_webhooks import Form, is_signed
from gateway.runtime.settings import Settings
from models import Channel, Delivery, Message, TextKind
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN
from tests.gateway.messaging.conftest import PUBLIC
from tests.line import MAYA, Talk

SMS = "/twilio/sms"


@pytest.fixture
def web(talk: Talk, twilio_settings: Settings) -> Iterator[TestClient]:
    app = create_app(talk.line, twilio_settings, start=lambda: None, stop=lambda: None)
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
    form = {"From": number, "To": NUMBER, "Body": words, "MessageSid": sid, "NumMedia": "0"}
    return form | {"AccountSid": ACCOUNT_SID}


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


def test_a_text_from_whatsapp_is_the_same_persons_on_another_channel(
    talk: Talk, web: TestClient
) -> None:
    post(web, text(number=f"whatsapp:{MAYA}") | {"To": f"whatsapp:{NUMBER}"})
    assert talk.conversation(MAYA).channel is Channel.WHATSAPP
    assert talk.thread(MAYA)[-1].channel is Channel.WHATSAPP


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
    assert post(web, {"Body": "hi", "AccountSid": ACCOUNT_SID}) == 400


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(words=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_no_words_make_the_webhook_fail(talk: Talk, web: TestClient, words: str) -> None:
    assert post(web, text(words, sid=f"SM{hash(words)}")) == 200


def test_broken_utf_8_is_recorded(talk: Talk, web: TestClient) -> None:
    body = b"From=%2B12025550101&To=%2B12025550100&Body=caf%E9+%FF&MessageSid=SM9&NumMedia=0"
    body += f"&AccountSid={ACCOUNT_SID}".encode()
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
        form["AccountSid"] = ACCOUNT_SID
        assert post(web, form, path=path) == 204, word
    assert talk.thread(MAYA)[-1].delivery is Delivery.DELIVERED


# From Twilio's documentation and its own libraries' tests: token, address, and signature.
CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("To", "+18005551212"),
]
FIRST = Form([*CALL, ("From", "+14158675310"), ("Caller", "+14158675310")])
SECOND = Form([*CALL, ("From", "+14158675309"), ("Caller", "+14158675309")])
REPEATED = Form([("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")])
BODY = '{"property": "value", "boolean": true}'
HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
MY_COMPANY = "https://mycompany.com/myapp.php?foo=1&bar=2"
VECTORS: list[tuple[str, Form | str, str]] = [
    ("https://example.com/myapp.php?foo=1&bar=2", FIRST, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
    (MY_COMPANY, SECOND, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (MY_COMPANY, REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (f"{MY_COMPANY}&bodySHA256={HASH}", BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
]


def test_twilios_published_signatures_are_accepted_and_no_others() -> None:
    for url, sent, signature in VECTORS:
        assert is_signed("12345", url, sent, signature)
        assert not is_signed("12346", url, sent, signature)
        assert not is_signed("12345", url.replace("https", "http"), sent, signature)
        assert not is_signed("12345", url, sent, signature[:-2] + "A=")
        assert not is_signed("12345", url, sent, "")
    url, _, signature = VECTORS[-1]
    assert not is_signed("12345", url, BODY.replace("true", "false"), signature)


def test_another_accounts_text_is_refused(talk: Talk, web: TestClient) -> None:
    for account in ("AC" + "9" * 32, ""):
        assert post(web, text() | {"AccountSid": account}) == 403
    assert stored(talk) == 0


def test_odd_numbers_of_files_lose_no_words(talk: Talk, web: TestClient) -> None:
    for n, (count, files) in enumerate({"3": 3, "9" * 25: 10, "-1": 0, "²": 0, "x": 0}.items()):
        assert post(web, text(f"words {n}", sid=f"SM{n}") | {"NumMedia": count}) == 200
        [kept] = [one for one in talk.rows(Message) if one.provider_id == f"SM{n}"]
        assert (kept.words, kept.media) == (f"words {n}", files)


def test_a_status_of_an_impossible_text_is_refused(web: TestClient) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": ACCOUNT_SID}
    for number in ("9" * 25, "0", "-1", "one"):
        assert post(web, form, path=f"/twilio/status/{number}") == 422
    assert post(web, form, path="/twilio/status/2147483647") == 204
    for odd in ("S" * 900, "\x00", ""):
        assert (
            post(web, form | {"MessageSid": odd, "ErrorCode": odd}, path="/twilio/status/1") == 204
        )


def test_a_sender_or_id_of_any_length_is_no_fault_of_ours(talk: Talk, web: TestClient) -> None:
    for n, odd in enumerate(("1" * 900, "\x00", "\U0001f600" * 60)):
        assert post(web, text(sid=f"SMa{n}", number=odd)) in (200, 400)
        assert post(web, text(sid=odd)) in (200, 400)
        assert post(web, text(sid=f"SMb{n}") | {"To": odd}) == 200


def test_what_twilio_takes_for_a_keyword_counts_in_any_language(
    talk: Talk, web: TestClient
) -> None:
    """Words that a program added to Twilio's list, which we do not know."""
    said = {"PARE DE SUFRIR": "STOP", "COMIENZO": "START", "AYUDAME": "HELP"}
    stopped = []
    for number, (words, keyword) in enumerate(said.items()):
        assert post(web, text(words, sid=f"SM{number}") | {"OptOutType": keyword}) == 200
        stopped.append(talk.person(MAYA).opted_out_at is not None)
    assert stopped == [True, False, False]
    assert [one.script for one in talk.thread(MAYA) if one.outgoing] == ["started", "help"]
    assert talk.bot.heard == []
    assert post(web, text("hola", sid="SM9") | {"OptOutType": "odd"}) == 200
    assert talk.thread(MAYA)[-1].outgoing


def test_a_contact_card_without_words_is_known_by_its_kind(talk: Talk, web: TestClient) -> None:
    card = {"NumMedia": "1", "MediaContentType0": "text/x-vcard"}
    assert post(web, text("", sid="SM1") | card) == 200
    assert post(web, text("my friend", sid="SM2") | card) == 200
    kinds = [one.kind for one in talk.rows(Message) if not one.outgoing]
    assert kinds == [TextKind.CONTACT_CARD, None]
