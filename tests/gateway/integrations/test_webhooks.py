"""Webhooks: every move arrives once, signed, whatever the receiver or a crash does."""

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
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import update

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
from tests.line import ASKS, MAYA, RUTH, SAM, Talk, at_once
from tests.web_client import HERE, Web


class Receiver:
    """A server on this machine. It answers with the next of `answers`, and 200 afterwards."""

    def __init__(self, *answers: int, trusted: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.secret = ""
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self.ids: list[str] = []
        self.hosts: list[str] = []
        # While this is not set, nothing is answered.
        self.may_answer = threading.Event()
        self.may_answer.set()
        # While this is not set, an answer begins and does not end.
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
        self.url = f"http://127.0.0.1:{self.port}/webhook"
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
        """Checked as a receiver does without our code or a library."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signs = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        made = base64.b64encode(hmac.digest(key, signs, hashlib.sha256)).decode()
        return headers["webhook-signature"] == f"v1,{made}"

    def next_type(self) -> str:
        """The type of the next event. Waits for it."""
        return str(self.heard.get(timeout=30)["type"])

    def received(self) -> list[dict[str, Any]]:
        """All events since the last call."""
        return [self.heard.get_nowait() for _ in range(self.heard.qsize())]

    def stop(self) -> None:
        self.may_answer.set()
        self.may_end.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def talk(database: Database) -> Talk:
    """The demo, because only there a webhook may go to the same machine."""
    return Talk(database, rules=load_rules(HERE, Channel.PHONES))


Receives = Callable[..., Receiver]


@pytest.fixture
def receives() -> Iterator[Receives]:
    started: list[Receiver] = []

    def receiver(*answers: int, **more: Any) -> Receiver:
        started.append(Receiver(*answers, **more))
        return started[-1]

    yield receiver
    for one in started:
        one.stop()


@pytest.fixture
def subscribed(talk: Talk, receives: Receives) -> Receives:
    """Receivers whose URL a manager has added as a webhook."""

    def receiver(*answers: int, by: str = RUTH) -> Receiver:
        new = receives(*answers)
        with talk.database.writing() as session:
            manager = session.get_one(Person, talk.person(by).id)
            new.secret = add_webhook(session, new.url, by=manager, now=talk.clock()).secret
        return new

    return receiver


@pytest.fixture
def web(talk: Talk) -> Web:
    web = Web(talk)
    web.is_now(RUTH)
    return web


PAGE = "/program/integrations"


def audited(talk: Talk) -> list[AuditEntry]:
    return [entry for entry in talk.rows(AuditEntry) if entry.about == "webhook:1"]


# --- every move, once ---


def test_each_move_arrives_in_order_with_its_number_and_without_messages(
    talk: Talk, subscribed: Receives
) -> None:
    talk.texts(MAYA, "hi")
    receiver = subscribed()
    talk.texts(MAYA, ASKS)
    talk.runs_watchdog()
    talk.passes(seconds=30)
    talk.texts(MAYA, "i want to kill myself")
    talk.texts(SAM, "TAKE {1}")
    talk.runs_watchdog()
    talk.runs_watchdog()
    events = receiver.received()
    at = "2026-11-10T15:00:00Z"
    ids = {"event_id": 1, "handoff_id": 1}
    data = ids | {"need": "request", "urgency": "soon", "opened_at": at}
    assert events[0] == {"type": "handoff.opened", "timestamp": at, "data": data}
    assert [f"{one['type']} {one['data']['urgency']}" for one in events] == [
        "handoff.opened soon",
        "handoff.paged soon",
        "handoff.raised crisis",
        "handoff.paged crisis",
        "handoff.claimed crisis",
    ]
    assert receiver.ids == [f"event_{one['data']['event_id']}" for one in events]


def test_a_webhook_gets_only_later_moves_of_its_own_program(
    talk: Talk, subscribed: Receives
) -> None:
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=1)
    here, elsewhere = subscribed(), subscribed(by=talk.a_manager_elsewhere())
    talk.texts(SAM, "TAKE {1}")
    talk.runs_watchdog()
    assert [one["type"] for one in here.received()] == ["handoff.claimed"]
    assert elsewhere.received() == []


def test_processes_that_look_at_once_write_each_delivery_once(
    talk: Talk, subscribed: Receives
) -> None:
    receiver = subscribed()
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE {1}")
    at_once(*[partial(note_moves, talk.database, 1, now=talk.clock())] * 4)
    at_once(*[partial(send_webhook, talk.line, SendWebhook(1))] * 4)
    talk.runs_watchdog()
    assert sorted(receiver.ids) == ["event_1", "event_2", "event_3"]


def test_a_move_that_is_committed_late_arrives_too(talk: Talk, subscribed: Receives) -> None:
    receiver = subscribed()
    talk.texts(MAYA, ASKS)
    # Two transactions take numbers; the later number is committed and sent first.
    for number, move in ((12, Move.RELEASE), (11, Move.CLAIM)):
        event = HandoffEvent(id=number, handoff_id=1, at=talk.clock(), move=move, detail={})
        with talk.database.writing() as session:
            session.add(event)
        talk.runs_watchdog()
    assert [one["data"]["event_id"] for one in receiver.received()] == [1, 2, 12, 11]


def test_a_crash_before_or_after_the_post_loses_nothing_and_repeats_keep_their_number(
    talk: Talk, subscribed: Receives
) -> None:
    receiver = subscribed()
    talk.texts(MAYA, ASKS)
    # Killed after the deliveries were written, before anything was sent.
    note_moves(talk.database, 1, now=talk.clock())
    # Killed after a post, before its answer was recorded.
    with talk.database.writing() as session:
        taken = take_next(session, 1, now=talk.clock())
    assert taken is not None
    headers = signed(taken.secret, taken.number, taken.body, now=talk.clock())
    assert post(taken.url, taken.body, headers, demo=True).arrived
    # The watchdog sends the rest, and after a minute that one again, with the same number.
    talk.passes(seconds=6)
    talk.runs_watchdog()
    assert receiver.ids == ["event_1", "event_2"]
    talk.passes(minutes=1, seconds=6)
    talk.runs_watchdog()
    talk.runs_watchdog()
    assert receiver.ids == ["event_1", "event_2", "event_1"]
    assert all(one.delivered_at for one in talk.rows(WebhookDelivery))


# --- receivers that fail ---


def test_a_failed_delivery_is_retried_given_up_and_sent_again_by_ruth(
    talk: Talk, web: Web, subscribed: Receives
) -> None:
    receiver = subscribed(*([500] * 7))
    open_handoff(talk)
    began = talk.clock()
    talk.runs_watchdog()
    for pause in (*WAITS, None):
        [delivery] = talk.rows(WebhookDelivery)
        assert (delivery.status, delivery.next_try_at) == (500, pause and talk.clock() + pause)
        tries = len(receiver.ids)
        if pause is not None:
            talk.passes(seconds=pause.total_seconds() - 1)
            assert len(receiver.ids) == tries
            talk.passes(seconds=1)
    assert receiver.ids == ["event_1"] * 7
    assert timedelta(hours=20) < talk.clock() - began < timedelta(hours=21)

    web.is_now(RUTH)
    page = web.gets(PAGE).text
    assert "failed</span> HTTP status 500" in page
    assert web.posts(f"{PAGE}/deliveries/1/again").status_code == 303
    assert web.posts(f"{PAGE}/deliveries/1/again").status_code == 404, "it is about to be sent"
    talk.runs_watchdog()
    assert [one["type"] for one in receiver.received()] == ["handoff.opened"]
    assert "failed</span>" not in web.gets(PAGE).text
    assert audited(talk)[-1].action == "sent again"


def open_handoff(talk: Talk) -> None:
    """A handoff to which no one is paged, so that there is only one move."""
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        handoff = Handoff(
            conversation=Conversation(program=maya.program, person=maya, channel=Channel.PHONES),
            need=Need.REQUEST,
            urgency=Urgency.SOON,
            status=Status.WAITING,
            opened_at=talk.clock(),
        )
        session.add(handoff)
        session.flush()
        detail = {"need": "request", "urgency": "soon"}
        opening = {"handoff_id": handoff.id, "at": talk.clock(), "move": Move.OPEN}
        session.add(HandoffEvent(**opening, detail=detail))


def test_a_receiver_that_answers_gone_gets_no_more_and_a_redirect_is_not_followed(
    talk: Talk, subscribed: Receives
) -> None:
    gone, moved = subscribed(410), subscribed(302)
    talk.texts(MAYA, ASKS)
    talk.runs_watchdog()
    talk.runs_watchdog()
    assert (gone.ids, moved.ids) == (["event_1"], ["event_1"])
    assert [one.removed_at for one in talk.rows(Webhook)] == [talk.clock(), None]
    removed = audited(talk)[-1]
    assert (removed.action, removed.by_id) == ("webhook removed", None)
    assert removed.detail == {"status": 410}
    assert (302, 1) in [(one.status, one.tries) for one in talk.rows(WebhookDelivery)]


def test_a_receiver_that_hangs_delays_no_other_and_is_retried(
    talk: Talk, subscribed: Receives, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    slow, quick = subscribed(), subscribed()
    slow.may_answer.clear()
    talk.texts(MAYA, ASKS)
    with talk.running(database_url) as watchdog:
        watchdog.look()
        assert slow.next_type() == "handoff.opened"
        # It is still silent while the other gets everything.
        assert [quick.next_type() for _ in range(2)] == ["handoff.opened", "handoff.paged"]
        talk.texts(SAM, "TAKE {1}")
        watchdog.look()
        assert quick.next_type() == "handoff.claimed"
        assert len(slow.ids) == 1, "one at a time, in order"
        slow.may_answer.set()
        assert [slow.next_type() for _ in range(2)] == ["handoff.paged", "handoff.claimed"]

    # We wait for no receiver longer than the limit, even if it has begun to answer.
    monkeypatch.setattr(webhook_client, "TIMEOUT_SECONDS", 0.2)
    slow.may_answer.clear()
    quick.may_end.clear()
    talk.texts(SAM, "DONE {1} talked")
    talk.runs_watchdog()
    for last in talk.rows(WebhookDelivery)[-2:]:
        assert (last.status, last.delivered_at) == (None, None)
        assert last.failure is DeliveryFailure.TOO_SLOW
        assert last.next_try_at == talk.clock() + WAITS[0]


def test_the_gateway_finishes_a_delivery_before_it_ends_and_the_next_start_sends_the_rest(
    talk: Talk, subscribed: Receives, database_url: str
) -> None:
    slow = subscribed()
    slow.may_answer.clear()
    talk.texts(MAYA, ASKS)
    with talk.running(database_url) as watchdog:
        watchdog.look()
        slow.next_type()
        threading.Timer(0.5, slow.may_answer.set).start()
    assert slow.ids == ["event_1"]
    assert talk.rows(WebhookDelivery)[0].delivered_at
    with talk.running(database_url):
        slow.next_type()
    assert slow.ids == ["event_1", "event_2"]


# --- addresses that we do not post to ---


PRIVATE = """
    127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1
    255.255.255.255 ::1 :: fe80::1%eth0 fc00::1 fec0::1 ff02::1 ::ffff:10.0.0.1 64:ff9b::a00:1
    2002:a00:1:: 2001:0:a00:1:: 2001:db8::1
"""
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]


def test_only_addresses_of_the_internet_are_public() -> None:
    assert [one for one in [*PRIVATE.split(), *PUBLIC] if is_public(one)] == PUBLIC


NOT_ALLOWED = [
    "",
    "program.example",
    "http://program.example/webhook",
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
]


def test_a_url_that_is_not_allowed_is_refused() -> None:
    same_machine = "http://127.0.0.1:9000/webhook"
    assert read_url(same_machine, demo=True).port == 9000
    for url in (same_machine, *NOT_ALLOWED):
        with pytest.raises(NotAllowed):
            read_url(url, demo=url != same_machine)
            pytest.fail(f"accepted {url}")


def test_a_host_in_a_private_network_is_refused_when_added_and_when_posted_to(
    talk: Talk, web: Web
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        url = f"https://localhost:{inside.getsockname()[1]}/webhook"
        refused = web.posts(f"{PAGE}/webhooks", url=url)
        assert (refused.status_code, "private network" in refused.text) == (422, True)
        # The name was public when Ruth added it.
        with talk.database.writing() as session:
            ruth = session.get_one(Person, talk.person(RUTH).id)
            add_webhook(session, url, by=ruth, now=talk.clock())
        talk.texts(MAYA, ASKS)
        talk.runs_watchdog()
        inside.settimeout(0)
        with pytest.raises(BlockingIOError):
            inside.accept()
    assert {(one.tries, one.status) for one in talk.rows(WebhookDelivery)} <= {(1, None), (0, None)}
    assert "not sent: the address is not on the internet; next attempt" in web.gets(PAGE).text


def test_a_post_goes_to_the_resolved_address_and_trusts_only_the_name(
    receives: Receives, tmp_path: Path
) -> None:
    ours, theirs = _certificate(tmp_path, "hooks.example")
    receiver = receives(trusted=theirs)
    for name, arrived in (("hooks.example", True), ("other.example", False)):
        url = httpx.URL(f"https://{name}:{receiver.port}/webhook")
        answer = post_to(["127.0.0.1"], url, "{}", {"webhook-id": "1"}, trusted=ours)
        assert answer.arrived is arrived, answer
        assert answer.failure == (None if arrived else DeliveryFailure.NOT_TRUSTED)
    assert receiver.hosts == [f"hooks.example:{receiver.port}"]
    # The first of its addresses cannot be reached, but the second can.
    both = ["127.0.0.2", "127.0.0.1"]
    url = httpx.URL(f"https://hooks.example:{receiver.port}/webhook")
    assert post_to(both, url, "{}", {"webhook-id": "2"}, trusted=ours).arrived


def test_every_error_of_a_post_is_an_answer_without_a_status() -> None:
    # Such a port once raised an error, and the post was repeated every minute forever.
    trusted = ssl.create_default_context()
    for port in (99999, 0):
        url = httpx.URL(f"https://hooks.example:{port}/webhook")
        answer = post_to(["127.0.0.1"], url, "{}", {}, trusted=trusted)
        assert (answer.status, answer.arrived) == (None, False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/webhook"
    assert post(nobody, "{}", {}, demo=True).failure is DeliveryFailure.UNREACHABLE
    assert post(nobody, "{}", {}, demo=False).failure is DeliveryFailure.NOT_PUBLIC
    nowhere = "https://no-program.invalid/webhook"
    assert post(nowhere, "{}", {}, demo=True).failure is DeliveryFailure.NO_SUCH_NAME


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a client trusts, and what a server with that name presents."""
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


def test_ruth_adds_a_webhook_copies_its_secret_once_and_removes_it(
    talk: Talk, web: Web, receives: Receives
) -> None:
    receiver = receives()
    added = web.posts(f"{PAGE}/webhooks", url=receiver.url)
    assert added.status_code == 201
    secret = talk.rows(Webhook)[0].secret
    assert secret.startswith("whsec_")
    assert added.text.count(secret) == 1
    assert web.posts(f"{PAGE}/webhooks", url=receiver.url).status_code == 422, "as a reload sends"
    talk.texts(MAYA, ASKS)
    talk.runs_watchdog()
    page = web.gets(PAGE).text
    assert (secret in page, page.count("delivered"), "opened" in page) == (False, 2, True)
    for status in (303, 404):
        assert web.posts(f"{PAGE}/webhooks/1/remove").status_code == status
    talk.texts(SAM, "TAKE {1}")
    talk.runs_watchdog()
    assert len(receiver.received()) == 2
    assert [entry.action for entry in audited(talk)] == ["webhook added", "webhook removed"]


def test_a_removed_webhook_gets_nothing_that_was_on_its_way(
    talk: Talk, web: Web, subscribed: Receives
) -> None:
    receiver = subscribed()
    talk.texts(MAYA, ASKS)
    note_moves(talk.database, 1, now=talk.clock())
    web.posts(f"{PAGE}/webhooks/1/remove")
    talk.runs_watchdog()
    assert receiver.ids == []
    assert all(one.next_try_at is None for one in talk.rows(WebhookDelivery))


def test_a_delivery_is_deleted_after_a_month_and_its_move_is_not_sent_again(
    talk: Talk, subscribed: Receives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.integrations.webhook_outbox.LOOKED_BACK", 1)
    receiver = subscribed()
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE {1}")
    talk.texts(MAYA, "never mind")
    talk.runs_watchdog()
    first, *later = [one.event_id for one in talk.rows(WebhookDelivery)]
    later_on = talk.clock() + timedelta(days=60)
    on_its_way = update(WebhookDelivery).where(WebhookDelivery.event_id == first)
    with talk.database.writing() as session:
        session.execute(on_its_way.values(next_try_at=later_on))

    talk.passes(days=31)
    for _ in range(2):
        with talk.database.writing() as session:
            forget_old_deliveries(session, now=talk.clock())
    assert [one.event_id for one in talk.rows(WebhookDelivery)] == [first, later[-1]]
    sent = len(receiver.ids)
    talk.runs_watchdog()
    assert len(receiver.ids) == sent


def test_the_signature_follows_the_standard() -> None:
    """The test vector of the Standard Webhooks libraries (secret, id, time, body, signature)."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        '{"test": 2432232314}',
        now=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
