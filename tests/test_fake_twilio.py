"""The fake Twilio itself: what it refuses, forgets nothing of, and lets go wrong when asked to.

Everything here goes through Twilio's own SDK and through a real socket. Maya is a mentee, Sam her
mentor; the gateway is a listener that keeps what is posted to it.
"""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from requests.exceptions import ConnectionError as NobodyAnswered
from requests.exceptions import ReadTimeout
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from gateway.messaging.sms import BaseUrlHttpClient
from tests.fake_twilio import (
    ACCOUNT_SID,
    NUMBER,
    TOKEN,
    AnyFakeTwilio,
    Callbacks,
    FakeTwilio,
    FakeTwilioProcess,
    Signing,
    segments,
)
from tests.twilio_spec import spec

MAYA = "+12025550101"
SAM = "+12025550102"
PUBLIC_URL = "https://warmline.example"
STATUS_URL = f"{PUBLIC_URL}/twilio/status/7"
INBOUND_URL = f"{PUBLIC_URL}/twilio/sms"


class Gateway:
    """Keeps every webhook it is sent, as (path, form, signature)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], str | None]] = []
        heard = self.heard

        class Listener(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(parse_qsl(body, keep_blank_values=True, errors="replace"))
                heard.append((self.path, form, self.headers["X-Twilio-Signature"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            request_queue_size = 256  # the default of 5 loses connections to fifty at once

        self._server = Server(("127.0.0.1", 0), Listener)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def statuses(self) -> list[str]:
        return [form["MessageStatus"] for _, form, _ in self.heard]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.stop()


@pytest.fixture
def twilio(gateway: Gateway) -> Iterator[FakeTwilio]:
    with FakeTwilio(callbacks=Callbacks(base=gateway.url, delay_seconds=0.01)) as twilio:
        yield twilio


@pytest.fixture
def clients() -> Iterator[Callable[..., Client]]:
    """Twilio's SDK for a fake. Its sockets are closed at the end: the SDK itself never does."""
    opened = []

    def client(
        twilio: AnyFakeTwilio, *, account: str = ACCOUNT_SID, token: str = TOKEN, timeout: float = 5
    ) -> Client:
        http = BaseUrlHttpClient(twilio.url, timeout=timeout)
        opened.append(http)
        return Client(account, token, http_client=http)

    yield client
    for http in opened:
        http.session.close()


@pytest.fixture
def client(clients: Callable[..., Client], twilio: FakeTwilio) -> Client:
    return clients(twilio)


def post(twilio: AnyFakeTwilio, path: str | None = None, **content: object) -> httpx.Response:
    """A request past the SDK, which would not let some mistakes through."""
    path = path or f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    with httpx.Client(trust_env=False, auth=(ACCOUNT_SID, TOKEN)) as http:
        return http.request("POST", twilio.url + path, **content)  # type: ignore[arg-type]


# What it asks of a request


def test_a_text_is_accepted_and_remembered(twilio: FakeTwilio, client: Client) -> None:
    text = client.messages.create(to=MAYA, from_=NUMBER, body="Hello Maya")

    assert (text.status, text.to, text.from_, text.body) == ("queued", MAYA, NUMBER, "Hello Maya")
    [sent] = twilio.sent_to(MAYA)
    assert (sent.sid, sent.body, sent.status_callback) == (text.sid, "Hello Maya", None)
    assert twilio.sent_to(SAM) == []
    assert twilio.violations == []


def test_a_messaging_service_accepts_and_queues_later(
    twilio: FakeTwilio, client: Client, gateway: Gateway
) -> None:
    text = client.messages.create(
        to=MAYA, messaging_service_sid="MG" + "0" * 32, body="Hello", status_callback=STATUS_URL
    )
    twilio.wait_until_quiet()

    assert (text.status, text.from_) == ("accepted", None)
    assert gateway.statuses() == ["queued", "sending", "sent", "delivered"]


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"From": NUMBER, "Body": "Hello"}, "'To' is a required property"),
        ({"To": MAYA, "Body": "Hello"}, "one of From, MessagingServiceSid is needed"),
        ({"To": MAYA, "From": NUMBER}, "one of Body, MediaUrl, ContentSid is needed"),
        ({"To": "Maya", "From": NUMBER, "Body": "Hello"}, "'Maya' is not a 'phone-number'"),
        (
            {"To": MAYA, "From": NUMBER, "Body": "Hello", "StatusCallback": "/twilio/status/7"},
            "'/twilio/status/7' is not a 'uri'",
        ),
        ({"To": MAYA, "From": NUMBER, "Body": "Hello", "ValidityPeriod": "soon"}, "'soon'"),
        ({"To": MAYA, "From": NUMBER, "Body": "Hello", "Boddy": "Hello"}, "Boddy is not a field"),
        ({"To": MAYA, "From": NUMBER, "Body": "a" * 1601}, "more than 1600 characters"),
    ],
)
def test_a_wrong_text_is_refused_and_held_against_us(
    twilio: FakeTwilio, form: dict[str, str], complaint: str
) -> None:
    answer = post(twilio, data=form)

    assert answer.status_code == 400
    assert complaint in answer.json()["message"]
    [violation] = twilio.violations
    assert complaint in violation
    assert twilio.sent == []


def test_json_is_not_how_texts_are_sent(twilio: FakeTwilio) -> None:
    answer = post(twilio, json={"To": MAYA, "From": NUMBER, "Body": "Hello"})

    assert answer.status_code == 400
    assert "application/json" in twilio.violations[0]


def test_a_body_that_is_not_utf_8_is_refused(twilio: FakeTwilio) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = post(twilio, content=b"Body=\xff\xfe", headers=form)

    assert answer.status_code == 400
    assert "not UTF-8" in twilio.violations[0]


@pytest.mark.parametrize("account", ["AC" + "1" * 32, "AC123", "XX" + "0" * 32])
def test_a_path_with_another_account_is_refused(twilio: FakeTwilio, account: str) -> None:
    answer = post(
        twilio,
        f"/2010-04-01/Accounts/{account}/Messages.json",
        data={"To": MAYA, "From": NUMBER, "Body": "Hello"},
    )

    assert answer.status_code == 400
    assert len(twilio.violations) == 1


@pytest.mark.parametrize(
    ("account", "token"), [("AC" + "1" * 32, TOKEN), (ACCOUNT_SID, "a wrong token")]
)
def test_a_wrong_account_or_token_is_not_let_in(
    twilio: FakeTwilio, clients: Callable[..., Client], account: str, token: str
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        clients(twilio, account=account, token=token).messages.create(
            to=MAYA, from_=NUMBER, body="Hello"
        )

    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert twilio.sent == []
    assert [request.status for request in twilio.requests] == [401]


def test_an_address_twilio_does_not_have_is_refused(twilio: FakeTwilio) -> None:
    assert post(twilio, "/2010-04-01/Mesages.json", data={"To": MAYA}).status_code == 400
    assert "Twilio has no POST /2010-04-01/Mesages.json" in twilio.violations[0]


def test_the_document_speaks_of_messages_only_and_is_there_at_once() -> None:
    spec()
    began = time.perf_counter()
    paths = spec()["paths"]

    assert time.perf_counter() - began < 0.5
    assert {(path.rpartition("/")[2], *sorted(paths[path])) for path in paths} == {
        ("Messages.json", "get", "post"),
        ("{Sid}.json", "get"),
    }


# Reading back


def test_texts_to_one_number_are_listed_newest_first(twilio: FakeTwilio, client: Client) -> None:
    for number, words in [(MAYA, "one"), (SAM, "two"), (MAYA, "three")]:
        client.messages.create(to=number, from_=NUMBER, body=words)

    assert [text.body for text in client.messages.list(to=MAYA)] == ["three", "one"]
    assert client.messages.list(to="+12025550199") == []
    assert twilio.violations == []


def test_a_long_list_comes_in_pages_also_while_it_grows(twilio: FakeTwilio, client: Client) -> None:
    for i in range(5):
        client.messages.create(to=MAYA, from_=NUMBER, body=str(i))

    pages = client.messages.stream(to=MAYA, page_size=2)
    read = [next(pages).body]
    client.messages.create(to=MAYA, from_=NUMBER, body="5")
    read += [text.body for text in pages]

    assert read == ["4", "3", "2", "1", "0"]
    assert twilio.violations == []


def test_texts_are_found_by_the_time_they_were_sent(twilio: FakeTwilio, client: Client) -> None:
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello")
    twilio.wait_until_quiet()
    now = datetime.now(UTC)
    ago, ahead = now - timedelta(minutes=1), now + timedelta(minutes=1)

    assert len(client.messages.list(to=MAYA, date_sent_after=ago)) == 1
    assert len(client.messages.list(to=MAYA, date_sent_after=ahead)) == 0
    assert len(client.messages.list(date_sent_before=ahead, date_sent_after=ago)) == 1
    assert len(client.messages.list(to=MAYA, date_sent_before=ago)) == 0
    assert twilio.violations == []


def test_a_text_that_is_still_queued_has_no_date_to_be_found_by(
    twilio: FakeTwilio, client: Client
) -> None:
    twilio.callbacks = Callbacks(delay_seconds=60)
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello")
    ago = datetime.now(UTC) - timedelta(minutes=1)

    assert client.messages.list(to=MAYA, date_sent_after=ago) == []
    assert [text.date_sent for text in client.messages.list(to=MAYA)] == [None]


def test_one_text_is_fetched_by_its_sid(twilio: FakeTwilio, client: Client) -> None:
    sid = client.messages.create(to=MAYA, from_=NUMBER, body="Hello").sid
    twilio.wait_until_quiet()

    assert client.messages(sid).fetch().status == "delivered"
    with pytest.raises(TwilioRestException) as refused:
        client.messages("SM" + "0" * 32).fetch()
    assert refused.value.status == 404
    assert twilio.violations == []


# Status callbacks


def test_every_step_is_told_and_signed_over_the_public_address(
    twilio: FakeTwilio, client: Client, gateway: Gateway
) -> None:
    url = f"{STATUS_URL}?part=1"
    sid = client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=url).sid
    twilio.wait_until_quiet()

    assert gateway.statuses() == ["sending", "sent", "delivered"]
    for path, form, signature in gateway.heard:
        assert path == "/twilio/status/7?part=1"
        assert (form["MessageSid"], form["To"], form["From"]) == (sid, MAYA, NUMBER)
        assert RequestValidator(TOKEN).validate(url, form, signature)
        assert not RequestValidator("another token").validate(url, form, signature)
    assert [posted.answer for posted in twilio.posted] == [204, 204, 204]


def test_steps_can_be_told_out_of_order_and_twice(
    twilio: FakeTwilio, client: Client, gateway: Gateway
) -> None:
    twilio.callbacks = Callbacks(base=gateway.url, delay_seconds=0.01, out_of_order=True, repeat=2)
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
    twilio.wait_until_quiet()

    assert gateway.statuses() == ["delivered"] * 2 + ["sent"] * 2 + ["sending"] * 2
    assert twilio.sent[0].status == "delivered"


@pytest.mark.parametrize("code", [30003, 30005, 30007])
def test_a_text_can_be_accepted_and_never_arrive(
    twilio: FakeTwilio, client: Client, gateway: Gateway, code: int
) -> None:
    twilio.fault("undelivered", MAYA, code=code)
    text = client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
    twilio.wait_until_quiet()

    assert text.status == "queued"
    assert gateway.statuses() == ["sending", "sent", "undelivered"]
    assert gateway.heard[-1][1]["ErrorCode"] == str(code)
    assert "ErrorCode" not in gateway.heard[0][1]
    assert client.messages(text.sid).fetch().error_code == code
    assert twilio.violations == []


def test_a_text_can_be_accepted_and_fail(
    twilio: FakeTwilio, client: Client, gateway: Gateway
) -> None:
    twilio.fault("failed", code=30034)
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
    twilio.wait_until_quiet()

    [(_, form, _)] = gateway.heard
    assert (form["MessageStatus"], form["ErrorCode"]) == ("failed", "30034")
    assert twilio.sent[0].sent_at is None


def test_a_gateway_that_is_away_misses_its_callbacks(twilio: FakeTwilio, client: Client) -> None:
    twilio.callbacks = Callbacks(base="http://127.0.0.1:9", delay_seconds=0)
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
    twilio.wait_until_quiet()

    assert [posted.answer for posted in twilio.posted] == [None, None, None]
    assert twilio.sent[0].status == "delivered"
    assert twilio.violations == []


def test_a_status_can_be_told_by_hand(twilio: FakeTwilio, client: Client, gateway: Gateway) -> None:
    twilio.callbacks = Callbacks(on=False, base=gateway.url)
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
    twilio.wait_until_quiet()
    assert gateway.heard == []

    twilio.post_status(twilio.sent[0], "undelivered", error_code=30003)

    [(_, form, signature)] = gateway.heard
    assert form["ErrorCode"] == "30003"
    assert RequestValidator(TOKEN).validate(STATUS_URL, form, signature)


# Faults


def refused_code(client: Client, number: str) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=number, from_=NUMBER, body="Hello")
    return refused.value.status, refused.value.code


def test_too_many_requests_says_when_to_come_back(twilio: FakeTwilio, client: Client) -> None:
    twilio.fault("too_many", MAYA, seconds=2)

    assert refused_code(client, MAYA) == (429, 20429)
    answer = post(twilio, data={"To": MAYA, "From": NUMBER, "Body": "Hello"})
    assert answer.headers["Retry-After"] == "2"
    assert client.messages.create(to=SAM, from_=NUMBER, body="Hello").status == "queued"
    assert [text.to for text in twilio.sent] == [SAM]


def test_a_fault_may_end_after_some_times(twilio: FakeTwilio, client: Client) -> None:
    twilio.fault("server_error", times=2)

    assert refused_code(client, MAYA) == (500, 20500)
    assert refused_code(client, SAM) == (500, 20500)
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello")
    assert [request.status for request in twilio.requests] == [500, 500, 201]


def test_a_fault_of_one_number_comes_before_that_of_all(twilio: FakeTwilio, client: Client) -> None:
    twilio.fault("server_error")
    twilio.fault("refuse", MAYA, code=21211)

    assert refused_code(client, MAYA) == (400, 21211)
    assert refused_code(client, SAM) == (500, 20500)
    twilio.clear_faults()
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello")
    assert twilio.violations == []


def test_twilio_can_let_us_wait(twilio: FakeTwilio, clients: Callable[..., Client]) -> None:
    twilio.fault("hang", seconds=0.5, times=1)
    with pytest.raises(ReadTimeout):
        clients(twilio, timeout=0.1).messages.create(to=MAYA, from_=NUMBER, body="Hello")
    assert twilio.sent == []

    # The text goes out all the same, when Twilio wakes up.
    assert [text.body for text in twilio.wait_for(MAYA)] == ["Hello"]
    assert twilio.violations == []


def test_stopping_does_not_wait_for_what_hangs(clients: Callable[..., Client]) -> None:
    twilio = FakeTwilio()
    twilio.fault("hang", seconds=60)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(clients(twilio).messages.create, to=MAYA, from_=NUMBER, body="Hello")
        time.sleep(0.1)
        began = time.perf_counter()
        twilio.stop()
        answer.exception()
    assert time.perf_counter() - began < 2


def test_a_text_can_be_accepted_while_the_answer_is_lost(
    twilio: FakeTwilio, client: Client, gateway: Gateway
) -> None:
    twilio.fault("drop", MAYA, times=1)
    with pytest.raises(NobodyAnswered):
        client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
    twilio.wait_until_quiet()

    assert [text.body for text in client.messages.list(to=MAYA)] == ["Hello"]
    assert gateway.statuses()[-1] == "delivered"
    assert [request.status for request in twilio.requests] == [None, 200]
    assert twilio.violations == []


def test_asking_can_fail_like_sending(twilio: FakeTwilio, client: Client) -> None:
    twilio.fault("server_error", MAYA)
    assert client.messages.list(to=MAYA) == []

    # The SDK tells a failed list apart from every other failure.
    twilio.fault("server_error", MAYA, reads_too=True)
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        client.messages.list(to=MAYA)


# What people text


def test_a_persons_text_is_posted_as_twilio_would(twilio: FakeTwilio, gateway: Gateway) -> None:
    answer = twilio.post_inbound(INBOUND_URL, MAYA, "Hi 🙂", media=1, ProfileName="Maya")

    assert answer.status_code == 204
    [(path, form, signature)] = gateway.heard
    assert path == "/twilio/sms"
    assert (form["From"], form["To"], form["Body"]) == (MAYA, NUMBER, "Hi 🙂")
    assert (form["AccountSid"], form["NumMedia"], form["ProfileName"]) == (
        ACCOUNT_SID,
        "1",
        "Maya",
    )
    assert form["MessageSid"] == form["SmsSid"]
    assert form["MessageSid"].startswith("MM")
    assert form["MediaUrl0"].startswith("https://")
    assert RequestValidator(TOKEN).validate(INBOUND_URL, form, signature)


def test_the_same_text_can_come_twice(twilio: FakeTwilio, gateway: Gateway) -> None:
    for _ in range(2):
        twilio.post_inbound(INBOUND_URL, MAYA, "Hi", message_sid="SM" + "5" * 32)

    assert [form["MessageSid"] for _, form, _ in gateway.heard] == ["SM" + "5" * 32] * 2


@pytest.mark.parametrize("words", ["", "\0", "a" * 10_000, b"\xff\xfe broken", "one\r\ntwo + & ="])
def test_odd_words_are_signed_as_the_gateway_will_read_them(
    twilio: FakeTwilio, gateway: Gateway, words: str | bytes
) -> None:
    twilio.post_inbound(INBOUND_URL, MAYA, words)

    [(_, form, signature)] = gateway.heard
    assert form["Body"] == (words if isinstance(words, str) else words.decode(errors="replace"))
    assert RequestValidator(TOKEN).validate(INBOUND_URL, form, signature)


@pytest.mark.parametrize("signed", ["wrong_token", "other_url", "tampered", "garbled", "missing"])
def test_a_webhook_can_be_forged(twilio: FakeTwilio, gateway: Gateway, signed: Signing) -> None:
    twilio.post_inbound(INBOUND_URL, MAYA, "Hi", signed=signed)

    [(_, form, signature)] = gateway.heard
    assert (signature is None) == (signed == "missing")
    assert not RequestValidator(TOKEN).validate(INBOUND_URL, form, signature or "")


def test_stop_is_obeyed_by_twilio_itself_until_start(twilio: FakeTwilio, client: Client) -> None:
    twilio.post_inbound(INBOUND_URL, MAYA, " Stop\n")
    assert refused_code(client, MAYA) == (400, 21610)
    client.messages.create(to=SAM, from_=NUMBER, body="Hello")

    twilio.post_inbound(INBOUND_URL, MAYA, "START")
    client.messages.create(to=MAYA, from_=NUMBER, body="Welcome back")
    assert [text.to for text in twilio.sent] == [SAM, MAYA]


def test_a_forged_stop_stops_nothing(twilio: FakeTwilio, client: Client) -> None:
    twilio.post_inbound(INBOUND_URL, MAYA, "STOP", signed="wrong_token")
    client.messages.create(to=MAYA, from_=NUMBER, body="Hello")

    assert len(twilio.sent_to(MAYA)) == 1


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("\u2019" * 70, 1),
        ("\u2019" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
    ],
)
def test_a_long_text_has_parts(body: str, parts: int) -> None:
    assert segments(body) == parts


# Many at once, and alone


def test_fifty_clients_at_once_lose_nothing(
    twilio: FakeTwilio, clients: Callable[..., Client], gateway: Gateway
) -> None:
    def send(i: int) -> str:
        client = clients(twilio, timeout=30)
        texts = [
            client.messages.create(
                to=f"+1202555{100 + i:04}",
                from_=NUMBER,
                body=f"{i}.{k}",
                status_callback=f"{PUBLIC_URL}/twilio/status/{i}",
            )
            for k in range(3)
        ]
        return ",".join(str(text.body) for text in texts)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(50)))
    twilio.wait_until_quiet(seconds=30)

    assert answers == [f"{i}.0,{i}.1,{i}.2" for i in range(50)]
    assert len({text.sid for text in twilio.sent}) == 150
    assert len(gateway.heard) == 450
    assert [posted for posted in twilio.posted if posted.answer != 204] == []
    assert twilio.violations == []


def test_alone_in_its_own_process_it_does_the_same(
    clients: Callable[..., Client], gateway: Gateway
) -> None:
    callbacks = Callbacks(base=gateway.url, delay_seconds=0)
    with FakeTwilioProcess(callbacks=callbacks) as twilio:
        client = clients(twilio)
        client.messages.create(to=MAYA, from_=NUMBER, body="Hello", status_callback=STATUS_URL)
        [sent] = twilio.wait_for(MAYA)
        twilio.wait_until_quiet()
        assert (sent.body, sent.at.tzinfo) == ("Hello", UTC)
        assert [posted.message_status for posted in twilio.posted] == gateway.statuses()

        twilio.fault("refuse", SAM, code=21211, times=1)
        assert refused_code(client, SAM) == (400, 21211)
        twilio.post_inbound(INBOUND_URL, MAYA, "STOP")
        assert refused_code(client, MAYA) == (400, 21610)
        post(twilio, data={"From": NUMBER})
        assert [request.status for request in twilio.requests] == [201, 400, 400, 400]
        assert len(twilio.violations) == 1

        twilio.forget()
        twilio.clear_faults()
        assert (twilio.sent, twilio.requests, twilio.posted, twilio.violations) == ([], [], [], [])


def test_a_wrong_order_at_the_control_page_is_explained(twilio: FakeTwilio) -> None:
    for order in ({"do": "vanish"}, {"do": "fault", "with": {"sort": "hang"}}, {}):
        answer = post(twilio, "/_control", content=json.dumps(order))
        assert answer.status_code == 400
        assert "What can be done: fault" in answer.json()["error"]
    assert twilio.requests == []


def test_a_client_that_dies_in_mid_request_has_asked_for_nothing() -> None:
    with FakeTwilio() as twilio:
        address = urlsplit(twilio.url)
        pair = base64.b64encode(f"{ACCOUNT_SID}:{TOKEN}".encode()).decode()
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(
                f"POST /2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json HTTP/1.1\r\n"
                f"Host: twilio\r\nAuthorization: Basic {pair}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                "Content-Length: 60\r\n\r\nTo=%2B1".encode()
            )
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b"", "the line is closed without an answer"
        assert twilio.requests == []
        assert twilio.violations == []
