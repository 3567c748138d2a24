"""Programs that are told: every move once, signed, whatever the receiver or a crash does."""

import base64
import contextlib
import hashlib
import hmac
import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from escalation.ruleset import load_rules
from gateway.integrations import webhook_client
from gateway.integrations.jobs import send_webhook
from gateway.integrations.webhook_client import (
    NotAllowed,
    is_public,
    post,
    post_to,
    read_url,
    signed,
)
from gateway.integrations.webhook_outbox import (
    WAITS,
    SendWebhook,
    add_webhook,
    forget_old_deliveries,
    note_moves,
    remove_webhook,
    take_next,
)
from gateway.runtime.database import Database
from models import (
    AuditEntry,
    Channel,
    Conversation,
    DeliveryFailure,
    Handoff,
    HandoffEvent,
    Move,
    Need,
    Person,
    Status,
    Urgency,
    Webhook,
    WebhookDelivery,
)
from tests.line import MAYA, RUTH, SAM, Talk
from tests.web_client import HERE, Web

ASKS = "can i talk to a person please"


class Receiver:
    """A program on this machine. It answers with the next of `answers`, and 200 afterwards."""

    def __init__(self, *answers: int, trusted: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.secret = ""
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self.ids: list[str] = []
        self.hosts: list[str] = []
        # While this is not set, nothing is answered.
        self.may_answer = threading.Event()
        self.may_answer.set()
        # While this is not set, an answer is begun and goes on and on.
        self.may_end = threading.Event()
        self.may_end.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._hear(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if trusted is not None:
            self.server.socket = trusted.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/told"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def _hear(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        status = self.answers.pop(0) if self.answers else 200
        self.hosts.append(request.headers["Host"])
        self.ids.append(request.headers["webhook-id"])
        if self.secret:
            assert self._is_ours(dict(request.headers), body), "the signature is not right"
        if 200 <= status < 300:
            self.heard.put(json.loads(body))
        self.may_answer.wait(40)
        request.send_response(status)
        request.flush_headers()
        for _ in range(100):
            if self.may_end.wait(0.02):
                break
            with contextlib.suppress(OSError):
                request.wfile.write(b"x: y\r\n")
        request.send_header("Location", f"{self.url}/elsewhere")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _is_ours(self, headers: dict[str, str], body: bytes) -> bool:
        """As a receiver without our code or a library checks it."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signs = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        made = base64.b64encode(hmac.digest(key, signs, hashlib.sha256)).decode()
        return headers["webhook-signature"] == f"v1,{made}"

    def next_told(self) -> dict[str, Any]:
        return self.heard.get(timeout=30)

    def told(self) -> list[dict[str, Any]]:
        """All that it was told since this was last asked."""
        return [self.heard.get_nowait() for _ in range(self.heard.qsize())]

    def stop(self) -> None:
        self.may_answer.set()
        self.may_end.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def talk(database: Database) -> Talk:
    """The demo's line, for only there a program on this machine is told."""
    return Talk(database, rules=load_rules(HERE, Channel.PHONES))


@pytest.fixture
def receives() -> Iterator[Callable[..., Receiver]]:
    started: list[Receiver] = []

    def receiver(*answers: int, **more: Any) -> Receiver:
        started.append(Receiver(*answers, **more))
        return started[-1]

    yield receiver
    for one in started:
        one.stop()


def is_told(talk: Talk, receiver: Receiver, *, by: str = RUTH, url: str = "") -> int:
    """A manager adds the receiver's address; the answer is the webhook's number."""
    with talk.database.writing() as session:
        manager = session.get_one(Person, talk.person(by).id)
        webhook = add_webhook(session, url or receiver.url, by=manager, now=talk.clock())
        receiver.secret = webhook.secret
        return webhook.id


def goes_round(talk: Talk) -> None:
    """The watchdog looks, and what is due is sent."""
    talk.sweeps()


def deliveries(talk: Talk) -> list[WebhookDelivery]:
    with talk.database.reading() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


# --- every move, once ---


def test_each_move_is_told_in_order_by_number_and_without_a_word(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    talk.texts(MAYA, "hi")
    receiver = receives()
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    goes_round(talk)
    talk.passes(seconds=30)
    talk.texts(MAYA, "i want to kill myself")
    talk.texts(SAM, "TAKE 1")
    goes_round(talk)
    goes_round(talk)
    told = receiver.told()
    assert told[0] == {
        "type": "handoff.opened",
        "timestamp": "2026-11-10T15:00:00Z",
        "data": {
            "event_id": 1,
            "handoff_id": 1,
            "need": "request",
            "urgency": "soon",
            "opened_at": "2026-11-10T15:00:00Z",
        },
    }
    assert [(one["type"], one["data"]["urgency"]) for one in told] == [
        ("handoff.opened", "soon"),
        ("handoff.paged", "soon"),
        ("handoff.raised", "crisis"),
        ("handoff.paged", "crisis"),
        ("handoff.claimed", "crisis"),
    ]
    assert receiver.ids == [f"event_{one['data']['event_id']}" for one in told]


def test_what_was_before_and_what_is_of_another_program_is_not_told(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=1)
    here, elsewhere = receives(), receives()
    is_told(talk, here)
    is_told(talk, elsewhere, by=talk.a_manager_elsewhere())
    talk.texts(SAM, "TAKE 1")
    goes_round(talk)
    assert [one["type"] for one in here.told()] == ["handoff.claimed"]
    assert elsewhere.told() == []


def test_two_that_look_at_once_write_each_delivery_once(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives()
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    with ThreadPoolExecutor(4) as four:
        for one in [four.submit(note_moves, talk.database, 1, now=talk.clock()) for _ in range(4)]:
            one.result()
    with ThreadPoolExecutor(4) as four:
        for told in [four.submit(send_webhook, talk.line, SendWebhook(1)) for _ in range(4)]:
            told.result()
    goes_round(talk)
    assert sorted(receiver.ids) == ["event_1", "event_2", "event_3"]


def test_a_move_that_is_committed_late_is_told_all_the_same(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives()
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    # Two transactions take numbers; the later number is committed and told first.
    for number, move in ((12, Move.RELEASE), (11, Move.CLAIM)):
        with talk.database.writing() as session:
            session.add(
                HandoffEvent(id=number, handoff_id=1, at=talk.clock(), move=move, detail={})
            )
        goes_round(talk)
    assert [one["data"]["event_id"] for one in receiver.told()] == [1, 2, 12, 11]


def test_a_kill_before_or_after_the_post_loses_nothing_and_the_receiver_can_tell_a_repeat(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives()
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    # Killed once what is to be told was written, before anything was sent.
    note_moves(talk.database, 1, now=talk.clock())
    # Killed once it was sent, before that was noted.
    with talk.database.writing() as session:
        taken = take_next(session, 1, now=talk.clock())
    assert taken is not None
    headers = signed(taken.secret, taken.number, taken.body, now=talk.clock())
    assert post(taken.url, taken.body, headers, demo=True).arrived
    # The watchdog has the rest sent, and that one after a minute, under its own number.
    talk.passes(seconds=6)
    goes_round(talk)
    assert receiver.ids == ["event_1", "event_2"]
    talk.passes(minutes=1, seconds=6)
    goes_round(talk)
    goes_round(talk)
    assert receiver.ids == ["event_1", "event_2", "event_1"]
    assert all(one.delivered_at for one in deliveries(talk))


# --- receivers that do not take it ---


def test_what_does_not_arrive_is_tried_ever_later_given_up_and_sent_again_by_ruth(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives(*([500] * 7))
    is_told(talk, receiver)
    with talk.database.writing() as session:
        session.add(Handoff(**_a_handoff(session)))
        session.flush()
        session.add(_opening(talk.clock()))
    began = talk.clock()
    goes_round(talk)
    for pause in (*WAITS, None):
        [told] = deliveries(talk)
        assert (told.status, told.next_try_at) == (500, pause and talk.clock() + pause)
        tries = len(receiver.ids)
        if pause is not None:
            talk.passes(seconds=pause.total_seconds() - 1)
            assert len(receiver.ids) == tries
            talk.passes(seconds=1)
    assert receiver.ids == ["event_1"] * 7
    assert timedelta(hours=20) < talk.clock() - began < timedelta(hours=21)

    web = Web(talk)
    web.is_now(RUTH)
    page = web.gets("/program/integrations").text
    assert "failed</span> HTTP status 500" in page
    assert web.posts("/program/integrations/deliveries/1/again").status_code == 303
    # Twice: it is about to be sent already.
    assert web.posts("/program/integrations/deliveries/1/again").status_code == 404
    goes_round(talk)
    assert [one["type"] for one in receiver.told()] == ["handoff.opened"]
    assert "failed</span>" not in web.gets("/program/integrations").text
    with talk.database.reading() as session:
        noted = session.scalars(select(AuditEntry).where(AuditEntry.action == "sent again")).one()
        assert noted.about == "webhook:1"


def _a_handoff(session: Any) -> dict[str, Any]:
    """A handoff that nobody is called to, so that there is one move and no more."""
    maya = next(one for one in session.scalars(select(Person)) if one.name == "Maya")
    thread = Conversation(program_id=maya.program_id, person_id=maya.id, channel=Channel.PHONES)
    session.add(thread)
    session.flush()
    return {
        "conversation_id": thread.id,
        "need": Need.REQUEST,
        "urgency": Urgency.SOON,
        "status": Status.WAITING,
        "opened_at": datetime(2026, 11, 10, 15, tzinfo=UTC),
    }


def _opening(at: datetime) -> HandoffEvent:
    detail = {"need": "request", "urgency": "soon"}
    return HandoffEvent(handoff_id=1, at=at, move=Move.OPEN, detail=detail)


def test_a_receiver_that_is_gone_is_told_no_more(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives(410)
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    goes_round(talk)
    goes_round(talk)
    assert receiver.ids == ["event_1"]
    with talk.database.reading() as session:
        assert session.get_one(Webhook, 1).removed_at == talk.clock()
        noted = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "webhook removed")
        ).one()
        assert (noted.by_id, noted.detail) == (None, {"status": 410})


def test_one_that_hangs_holds_up_nobody_else_and_is_tried_again(
    talk: Talk,
    receives: Callable[..., Receiver],
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
) -> None:
    slow, quick = receives(), receives()
    slow.may_answer.clear()
    is_told(talk, slow)
    is_told(talk, quick)
    talk.texts(MAYA, ASKS)
    with talk.running(database_url) as watchdog:
        watchdog.look()
        assert slow.next_told()["type"] == "handoff.opened"
        # It is still silent while the other is told of all, and of what comes after.
        assert [quick.next_told()["type"] for _ in range(2)] == ["handoff.opened", "handoff.paged"]
        talk.texts(SAM, "TAKE 1")
        watchdog.look()
        assert quick.next_told()["type"] == "handoff.claimed"
        assert len(slow.ids) == 1, "one at a time, in order"
        slow.may_answer.set()
        assert [slow.next_told()["type"] for _ in range(2)] == ["handoff.paged", "handoff.claimed"]

    # Nobody is waited for longer than the limit, not even one that has begun to answer.
    monkeypatch.setattr(webhook_client, "TIMEOUT_SECONDS", 0.2)
    slow.may_answer.clear()
    quick.may_end.clear()
    talk.texts(SAM, "DONE 1 talked")
    goes_round(talk)
    for last in deliveries(talk)[-2:]:
        assert (last.status, last.delivered_at) == (None, None)
        assert last.failure is DeliveryFailure.TOO_SLOW
        assert last.next_try_at == talk.clock() + WAITS[0]


def test_the_gateway_ends_after_the_delivery_under_way_and_the_next_start_sends_the_rest(
    talk: Talk, receives: Callable[..., Receiver], database_url: str
) -> None:
    slow = receives()
    slow.may_answer.clear()
    is_told(talk, slow)
    talk.texts(MAYA, ASKS)
    with talk.running(database_url) as watchdog:
        watchdog.look()
        slow.next_told()
        threading.Timer(0.5, slow.may_answer.set).start()
    assert slow.ids == ["event_1"]
    assert deliveries(talk)[0].delivered_at
    with talk.running(database_url):
        slow.next_told()
    assert slow.ids == ["event_1", "event_2"]


def test_a_redirect_is_not_followed(talk: Talk, receives: Callable[..., Receiver]) -> None:
    receiver = receives(302)
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    goes_round(talk)
    assert receiver.ids == ["event_1"]
    first = deliveries(talk)[0]
    assert (first.status, first.tries) == (302, 1)


# --- where nothing is posted to ---


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:a00:1::",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_of_the_internet_is_known(address: str) -> None:
    assert not is_public(address)


def test_an_address_of_the_internet_is_known() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "program.example",
        "http://program.example/told",
        "ftp://program.example",
        "https://",
        "https://user:password@program.example",
        "https://program.example/#part",
        "https://program.example:port",
        "https://program.example:99999",
        "https://program.example:0",
        "https://program.example/" + "x" * 500,
        "http://127.0.0.1.program.example",
        "http://localhost:9000",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_may_not_be_is_refused_as_it_is_typed(url: str) -> None:
    with pytest.raises(NotAllowed):
        read_url(url, demo=True)


def test_only_the_demo_tells_a_program_on_the_same_machine() -> None:
    assert read_url("http://127.0.0.1:9000/told", demo=True).port == 9000
    with pytest.raises(NotAllowed):
        read_url("http://127.0.0.1:9000/told", demo=False)


def test_a_name_that_leads_inside_is_refused_when_added_and_again_when_it_is_told(
    talk: Talk,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        url = f"https://localhost:{inside.getsockname()[1]}/told"
        web = Web(talk)
        web.is_now(RUTH)
        refused = web.posts("/program/integrations/webhooks", url=url)
        assert (refused.status_code, "private network" in refused.text) == (422, True)
        # A name that was public when it was added.
        with talk.database.writing() as session:
            ruth = session.get_one(Person, talk.person(RUTH).id)
            add_webhook(session, url, by=ruth, now=talk.clock())
        talk.texts(MAYA, ASKS)
        goes_round(talk)
        inside.settimeout(0)
        with pytest.raises(BlockingIOError):
            inside.accept()
    assert {(one.tries, one.status) for one in deliveries(talk)} <= {(1, None), (0, None)}
    assert (
        "not sent: the address is not on the internet; next attempt"
        in web.gets("/program/integrations").text
    )


def test_a_post_goes_to_the_number_that_was_looked_up_and_trusts_the_name_only(
    receives: Callable[..., Receiver], tmp_path: Path
) -> None:
    ours, theirs = _certificate(tmp_path, "hooks.example")
    receiver = receives(trusted=theirs)
    for name, arrived in (("hooks.example", True), ("other.example", False)):
        url = httpx.URL(f"https://{name}:{receiver.port}/told")
        answer = post_to(["127.0.0.1"], url, "{}", {"webhook-id": "1"}, trusted=ours)
        assert answer.arrived is arrived, answer
        assert answer.failure == (None if arrived else DeliveryFailure.NOT_TRUSTED)
    assert receiver.hosts == [f"hooks.example:{receiver.port}"]
    # The first of its addresses cannot be reached; the second is.
    both = ["127.0.0.2", "127.0.0.1"]
    url = httpx.URL(f"https://hooks.example:{receiver.port}/told")
    assert post_to(both, url, "{}", {"webhook-id": "2"}, trusted=ours).arrived


def test_whatever_goes_wrong_with_an_address_is_no_answer_and_no_error() -> None:
    # Such a port was once taken; the error came out, and the post was made each minute for ever.
    for url in ("https://hooks.example:99999/told", "https://hooks.example:0/told"):
        answer = post_to(
            ["127.0.0.1"], httpx.URL(url), "{}", {}, trusted=ssl.create_default_context()
        )
        assert (answer.status, answer.arrived) == (None, False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/told"
    assert post(nobody, "{}", {}, demo=True).failure is DeliveryFailure.UNREACHABLE
    assert post(nobody, "{}", {}, demo=False).failure is DeliveryFailure.NOT_PUBLIC
    nowhere = "https://no-program.invalid/told"
    assert post(nowhere, "{}", {}, demo=True).failure is DeliveryFailure.NO_SUCH_NAME


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a client trusts, and what a server of that name shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        made.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return ssl.create_default_context(cafile=str(file)), server


# --- the page ---


def test_ruth_adds_an_address_copies_its_secret_once_and_removes_it(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives()
    web = Web(talk)
    web.is_now(RUTH)
    added = web.posts("/program/integrations/webhooks", url=receiver.url)
    assert added.status_code == 201
    with talk.database.reading() as session:
        secret = session.get_one(Webhook, 1).secret
    assert secret.startswith("whsec_")
    assert added.text.count(secret) == 1
    # The same form once more, as a page that is loaded again sends it.
    assert web.posts("/program/integrations/webhooks", url=receiver.url).status_code == 422
    talk.texts(MAYA, ASKS)
    goes_round(talk)
    page = web.gets("/program/integrations").text
    assert (secret in page, page.count("delivered"), "opened" in page) == (False, 2, True)
    assert web.posts("/program/integrations/webhooks/1/remove").status_code == 303
    assert web.posts("/program/integrations/webhooks/1/remove").status_code == 404
    talk.texts(SAM, "TAKE 1")
    goes_round(talk)
    assert len(receiver.told()) == 2
    with talk.database.reading() as session:
        noted = session.scalars(
            select(AuditEntry.action).where(AuditEntry.about == "webhook:1").order_by(AuditEntry.id)
        ).all()
    assert noted == ["webhook added", "webhook removed"]


def test_a_removed_one_is_not_told_what_was_on_its_way(
    talk: Talk, receives: Callable[..., Receiver]
) -> None:
    receiver = receives()
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    note_moves(talk.database, 1, now=talk.clock())
    with talk.database.writing() as session:
        ruth = session.get_one(Person, talk.person(RUTH).id)
        assert remove_webhook(session, 1, by=ruth, now=talk.clock())
    goes_round(talk)
    assert receiver.ids == []
    assert all(one.next_try_at is None for one in deliveries(talk))


def test_a_delivery_is_forgotten_after_a_month_and_its_move_is_not_told_again(
    talk: Talk, receives: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.integrations.webhook_outbox.LOOKED_BACK", 1)
    receiver = receives()
    is_told(talk, receiver)
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(MAYA, "never mind")
    goes_round(talk)
    first, *later = [one.event_id for one in deliveries(talk)]
    with talk.database.writing() as session:
        on_its_way = session.scalars(select(WebhookDelivery).filter_by(event_id=first)).one()
        on_its_way.next_try_at = talk.clock() + timedelta(days=60)

    talk.passes(days=31)
    for _ in range(2):
        with talk.database.writing() as session:
            forget_old_deliveries(session, now=talk.clock())
    assert [one.event_id for one in deliveries(talk)] == [first, later[-1]]
    told = len(receiver.ids)
    goes_round(talk)
    assert len(receiver.ids) == told


def test_the_signature_is_the_one_of_the_standard() -> None:
    """The test vector of the Standard Webhooks libraries (secret, id, time, body, signature)."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        '{"test": 2432232314}',
        now=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
