"""The fake follows Twilio's OpenAPI document and SDK, and obeys the faults that tests set."""

import queue
import socket
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from requests.exceptions import ConnectionError as NoAnswer
from requests.exceptions import ReadTimeout
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from gateway.messaging.sms import BaseUrlHttpClient
from tests.fake_twilio import ACCOUNT, ACCOUNT_SID, NUMBER, TOKEN, FakeTwilio, Fault
from tests.twilio_spec import problems_in_answer

MAYA = "+12025550101"
SAM = "+12025550102"
PATH = f"{ACCOUNT}/Messages.json"
Webhooks = queue.Queue[httpx.Request]
TEXT = {"To": MAYA, "From": NUMBER, "Body": "Hello"}


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as twilio:
        yield twilio


@pytest.fixture
def webhooks(twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch) -> Webhooks:
    received: Webhooks = queue.Queue()

    def receive(request: httpx.Request) -> httpx.Response:
        received.put(request)
        return httpx.Response(204)

    client = httpx.Client(transport=httpx.MockTransport(receive))
    monkeypatch.setattr(twilio, "_client", client)
    return received


def next_form(webhooks: Webhooks) -> dict[str, str]:
    """Check the next webhook's signature with Twilio's SDK, then return its fields."""
    request = webhooks.get(timeout=5)
    form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
    signed = str(request.url), form, request.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(*signed)
    assert not RequestValidator("another token").validate(*signed)
    return form


def sdk(twilio: FakeTwilio, *, token: str = TOKEN, timeout: float = 5) -> Client:
    return Client(ACCOUNT_SID, token, http_client=BaseUrlHttpClient(twilio.url, timeout=timeout))


def send(client: Client, to: str = MAYA, body: str = "Hello", **optional: str) -> str:
    return str(client.messages.create(to=to, from_=NUMBER, body=body, **optional).sid)


def test_accepted_texts_are_listed_newest_first(twilio: FakeTwilio) -> None:
    client = sdk(twilio)
    sids = [send(client, MAYA, "one"), send(client, SAM, "two"), send(client, MAYA, "three")]
    assert [text.sid for text in twilio.sent] == sids
    listed = [(text.sid, text.body) for text in client.messages.list(to=MAYA, limit=50)]
    assert listed == [(sids[2], "three"), (sids[0], "one")]
    assert twilio.violations == []


WRONG = [
    (PATH, {"From": NUMBER, "Body": "Hello"}, "'To' is a required property"),
    (PATH, {"To": MAYA, "Body": "Hello"}, "one of From, MessagingServiceSid is needed"),
    (PATH, {**TEXT, "To": "Maya"}, "'Maya' is not a 'phone-number'"),
    (PATH, {**TEXT, "StatusCallback": "/twilio/status/7"}, "is not a 'uri'"),
    (PATH, {**TEXT, "Boddy": "Hello"}, "Boddy is not a field"),
    (PATH, {**TEXT, "Body": "a" * 1601}, "more than 1600 characters"),
    (PATH.replace("Messages", "Mesages"), TEXT, "Path not found"),
    (PATH.replace("AC0", "AC1"), TEXT, "the account is not"),
]


def test_a_wrong_request_is_refused(twilio: FakeTwilio) -> None:
    for path, form, problem in WRONG:
        answer = httpx.post(twilio.url + path, data=form, auth=(ACCOUNT_SID, TOKEN))
        assert (answer.status_code, problem in twilio.violations[-1]) == (400, True), problem
    assert (len(twilio.violations), twilio.sent) == (len(WRONG), [])


def test_a_wrong_token_or_filter_is_refused(twilio: FakeTwilio) -> None:
    with pytest.raises(TwilioRestException, match="401"):
        send(sdk(twilio, token="another token"))
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        sdk(twilio).messages.list(from_=NUMBER)
    assert "cannot filter by From" in twilio.violations[0]
    assert twilio.sent == []


def test_an_answer_that_breaks_the_document_is_found() -> None:
    assert "'7'" in problems_in_answer("POST", PATH, 201, b'{"sid": "7"}')[0]


def test_callbacks_are_signed_and_in_order(twilio: FakeTwilio, webhooks: Webhooks) -> None:
    for fault, last, copies in (
        (Fault("hang", seconds=0), "delivered", 1),
        (Fault("undelivered", code=30005), "undelivered", 1),
        (Fault("duplicate"), "delivered", 2),
    ):
        twilio.set_fault(MAYA, fault)
        sid = send(sdk(twilio), status_callback="https://warmline.example/twilio/status/7?part=1")
        for status in ("sending", "sent", last):
            for _ in range(copies):
                form = next_form(webhooks)
                assert (form["MessageSid"], form["MessageStatus"]) == (sid, status)
        assert form.get("ErrorCode") == ("30005" if fault.code else None)


def test_inbound_texts_are_signed_and_can_come_twice(
    twilio: FakeTwilio, webhooks: Webhooks
) -> None:
    for words in ("", "Hi 🙂", "Hi 🙂", "one\r\ntwo + & ="):
        twilio.post_inbound("https://warmline.example/twilio/sms", MAYA, words, message_sid="SM1")
        form = next_form(webhooks)
        assert (form["MessageSid"], form["From"], form["Body"]) == ("SM1", MAYA, words)


def test_a_refused_text_is_not_sent(twilio: FakeTwilio) -> None:
    refusals = []
    for fault in (Fault("too_many"), Fault("server_error"), Fault("refuse", code=21610, times=1)):
        twilio.set_fault(MAYA, fault)
        with pytest.raises(TwilioRestException) as refused:
            send(sdk(twilio))
        refusals.append((refused.value.status, refused.value.code))
    assert refusals == [(429, 20429), (500, 20500), (400, 21610)]
    sids = [send(sdk(twilio), SAM), send(sdk(twilio), MAYA)]
    assert [text.sid for text in twilio.sent] == sids
    assert twilio.violations == []


def test_a_text_is_sent_though_its_answer_is_lost_or_late() -> None:
    with FakeTwilio() as twilio:
        twilio.set_fault(MAYA, Fault("drop"))
        with pytest.raises(NoAnswer):
            send(sdk(twilio))
        twilio.set_fault(SAM, Fault("hang", seconds=60))
        with pytest.raises(ReadTimeout):
            send(sdk(twilio, timeout=0.5), SAM)
        assert [text.to for text in twilio.sent] == [MAYA]
    # Stopping the fake ends the 60 seconds.
    assert [text.to for text in twilio.sent] == [MAYA, SAM]
    assert twilio.violations == []


def test_half_a_request_is_ignored(twilio: FakeTwilio) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(twilio.url).port)) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nContent-Length: 60\r\n\r\nTo=%2B1".encode())
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert twilio.violations == []
