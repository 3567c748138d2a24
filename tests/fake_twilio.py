"""A fake of Twilio's Messages and Calls APIs on 127.0.0.1.

It checks each request and each of its own answers against Twilio's OpenAPI document. It answers a
wrong request with 400 and records it in `violations`. Tests assert that this list is empty.

A call rings, is answered or not, asks Warmline what to say, and presses keys, as `on_calls` says.

    with FakeTwilio() as twilio:
        Twilio(ACCOUNT_SID, TOKEN, base_url=twilio.url, ...).send("+12025550101", "Hello", ...)
        twilio.sent_to("+12025550101")
"""

import base64
import contextlib
import json
import sys
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import httpx
from twilio.request_validator import RequestValidator

from tests.twilio_spec import FORM, load_document, problems_in_answer, problems_in_request

ACCOUNT_SID = "AC" + "0" * 32
TOKEN = "the-fake-twilio-token"
NUMBER = "+12025550100"
"""The program's phone number in tests."""

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
AUTHORIZATION = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{TOKEN}".encode()).decode()
CALLBACK_DELAY_SECONDS = 0.05

Answer = tuple[int, dict[str, Any]]
"""An HTTP status and a JSON payload."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a text.

    too_many      429 with code 20429
    server_error  500
    no_texts      500 for texts; calls work
    refuse        400 with `code`, for example 21610 (opted out) or 21211 (invalid number)
    hang          `seconds` pass before Twilio accepts the text and answers
    drop          Twilio accepts the text, and the connection closes before the answer
    cut           the connection closes, and Twilio knows nothing of the text
    undelivered   Twilio accepts the text, but its last status is undelivered, with `code`
    duplicate     Twilio accepts the text and posts each status callback twice
    """

    kind: Literal[
        "too_many",
        "server_error",
        "no_texts",
        "refuse",
        "hang",
        "drop",
        "cut",
        "undelivered",
        "duplicate",
    ]
    code: int = 0
    seconds: float = 0
    times: int | None = None
    """How many texts it affects; None for all."""


@dataclass
class Text:
    to: str
    from_: str
    body: str
    status_callback: str | None
    valid_for_seconds: int | None = None
    status: str = "queued"
    sid: str = field(default_factory=lambda: f"SM{uuid.uuid4().hex}")
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Attempt:
    """One request to send a text. `sid` is the text that Twilio accepted, or None."""

    to: str
    body: str
    status_callback: str | None
    at: datetime
    sid: str | None


@dataclass(frozen=True)
class Answers:
    """What happens when a number is called: a person or a machine answers, or nobody does.

    `presses` are the keys of a person, one for each time Warmline asks; they hang up after them.
    """

    by: Literal["person", "machine", "busy", "no-answer", "failed"] = "person"
    presses: str = ""


@dataclass
class Call:
    """`state`: queued, ringing, in-progress, and how it ended. `heard` is what was said."""

    to: str
    from_: str
    url: str
    status_callback: str
    machine_callback: str | None
    state: str = "queued"
    heard: list[str] = field(default_factory=list)
    languages: set[str] = field(default_factory=set)
    sid: str = field(default_factory=lambda: f"CA{uuid.uuid4().hex}")


class FakeTwilio:
    def __init__(self, *, callbacks: bool = True) -> None:
        # Load it now: the first request must not be slow, and a failure must reach the test.
        load_document()
        self.violations: list[str] = []
        """One line for each wrong request, and for each bug of the fake itself."""
        self.sent: list[Text] = []
        """Every accepted text, oldest first, without the deleted ones."""
        self.attempts: list[Attempt] = []
        """Every request to send a text, in the order of the answers."""
        self.everywhere: Fault | None = None
        """What goes wrong with texts and calls to all numbers that have no fault of their own."""
        self.calls: list[Call] = []
        self.on_calls: dict[str, Answers] = {}
        """How a number answers; nobody answers the others."""
        self.received: set[str] = set()
        self._callbacks = callbacks
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        # A new connection for each webhook, because an old one may lead to a killed gateway.
        # The timeout is Twilio's.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=15, limits=limits, trust_env=False, verify=False)
        self._carriers = ThreadPoolExecutor(32)
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._carriers.shutdown(cancel_futures=True)
        self._client.close()

    def sent_to(self, number: str) -> list[Text]:
        return [text for text in self.sent if text.to == number]

    def set_fault(self, number: str, fault: Fault) -> None:
        self._faults[number] = fault

    def post_inbound(
        self, url: str, from_: str, body: str, *, message_sid: str | None = None
    ) -> httpx.Response:
        sid = message_sid or f"SM{uuid.uuid4().hex}"
        self.received.add(sid)
        form = {"MessageSid": sid, "SmsStatus": "received", "Body": body, "NumMedia": "0"}
        return self._post(url, {**form, "From": from_, "To": NUMBER})

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """Return None to close the connection without an answer."""
        if headers.get("Authorization") != AUTHORIZATION:
            return _error(401, 20003, "The account SID or the token is wrong")
        query = dict(parse_qsl(urlsplit(target).query))
        problems = problems_in_request(method, target, headers, body)
        if not target.startswith(f"{ACCOUNT}/"):
            problems.append(f"the account is not {ACCOUNT_SID}")
        problems += [
            f"the fake cannot filter by {name}" for name in query.keys() - {"To", "PageSize"}
        ]
        if problems:
            self.violations.append(f"{method} {target}: {'; '.join(problems)}")
            return _error(400, 20001, "; ".join(problems))
        if urlsplit(target).path.endswith("/Calls.json"):
            return self._checked(method, target, self._call(dict(parse_qsl(body.decode()))))
        if method == "DELETE":
            return self._delete(target)
        if method == "GET":
            return self._checked(method, target, self._list(query))
        return self._checked(method, target, self._send(dict(parse_qsl(body.decode()))))

    def _checked(self, method: str, target: str, answer: Answer | None) -> Answer | None:
        if answer and answer[0] < 400:
            content = json.dumps(answer[1]).encode()
            for problem in problems_in_answer(method, target, answer[0], content):
                self.violations.append(f"the fake's answer to {method} {target}: {problem}")
        return answer

    def _call(self, form: Mapping[str, str]) -> Answer | None:
        fault = self._next_fault(form["To"])
        if fault is not None and fault.kind in ("too_many", "server_error"):
            return _error(500, 20500, "Internal server error")
        if fault is not None and fault.kind == "refuse":
            return _error(400, fault.code, "Twilio refused the call")
        if fault is not None and fault.kind == "cut":
            return None
        call = Call(
            form["To"],
            form["From"],
            form["Url"],
            form["StatusCallback"],
            form.get("AsyncAmdStatusCallback"),
        )
        self.calls.append(call)
        if self._callbacks:
            self._carriers.submit(self.ring, call)
        return 201, {
            "account_sid": ACCOUNT_SID,
            "sid": call.sid,
            "status": "queued",
            "to": call.to,
            "from": call.from_,
            "direction": "outbound-api",
            "uri": f"{ACCOUNT}/Calls/{call.sid}.json",
        }

    def ring(self, call: Call) -> None:
        """Let a queued call ring, and play it to its end."""
        answers = self.on_calls.get(call.to, Answers("no-answer"))
        call.state = "ringing"
        if answers.by not in ("person", "machine"):
            call.state = answers.by
            self._tell(call, call.status_callback)
            return
        call.state = "in-progress"
        asked = self._listen(call, self._tell(call, call.url))
        if answers.by == "machine" and call.machine_callback:
            self._tell(call, call.machine_callback, AnsweredBy="machine_start")
        for key in answers.presses if answers.by == "person" else "":
            if asked is None:
                break
            asked = self._listen(call, self._tell(call, asked, Digits=key))
        call.state = "completed"
        self._tell(call, call.status_callback)

    def _tell(self, call: Call, url: str, **fields: str) -> httpx.Response:
        form = {"CallSid": call.sid, "CallStatus": call.state, "From": call.from_, "To": call.to}
        return self._post(url, {**form, **fields})

    def _listen(self, call: Call, answer: httpx.Response) -> str | None:
        """Hear what Warmline says. Returns where to post the next key, if it waits for one."""
        if answer.status_code != 200:
            self.violations.append(f"{answer.request.url} answered {answer.status_code}")
            return None
        twiml = ElementTree.fromstring(answer.text)
        for said in twiml.iter("Say"):
            call.heard.append(said.text or "")
            call.languages.add(said.get("language", ""))
        gather = twiml.find("Gather")
        return None if gather is None else gather.get("action")

    def _list(self, query: Mapping[str, str]) -> Answer | None:
        fault = self.everywhere
        if fault is not None and (fault.kind == "cut" or _refusal(fault) is not None):
            return _refusal(fault)
        size = int(query.get("PageSize", 50))
        found = [text for text in reversed(self.sent) if query.get("To", text.to) == text.to]
        uri = f"{ACCOUNT}/Messages.json"
        page = {"uri": uri, "first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
        numbers = {"page": 0, "page_size": size, "start": 0, "end": len(found[:size])}
        return 200, {"messages": [_resource(text) for text in found[:size]], **page, **numbers}

    def _delete(self, target: str) -> Answer:
        sid = target.rpartition("/")[2].removesuffix(".json")
        if self._next_fault(sid) is not None:
            return _error(500, 20500, "Internal server error")
        found = [text for text in self.sent if text.sid == sid]
        if not found and sid not in self.received:
            return _error(404, 20404, "The text was not found")
        self.sent = [text for text in self.sent if text.sid != sid]
        self.received.discard(sid)
        return 204, {}

    def _send(self, form: Mapping[str, str]) -> Answer | None:
        at = datetime.now(UTC)
        fault = self._next_fault(form["To"])
        refusal = _refusal(fault)
        if fault and fault.kind == "hang":
            self._stopping.wait(fault.seconds)
        callback = form.get("StatusCallback")
        text = Text(form["To"], form.get("From", NUMBER), form.get("Body", ""), callback)
        accepted = refusal is None and not (fault and fault.kind == "cut")
        sid = text.sid if accepted else None
        self.attempts.append(Attempt(text.to, text.body, callback, at, sid))
        if not accepted:
            return refusal
        if "ValidityPeriod" in form:
            text.valid_for_seconds = int(form["ValidityPeriod"])
        answer = 201, _resource(text)
        self.sent.append(text)
        if self._callbacks and text.status_callback:
            self._carriers.submit(self._post_statuses, text, text.status_callback, fault)
        return None if fault and fault.kind == "drop" else answer

    def _next_fault(self, number: str) -> Fault | None:
        with self._lock:
            fault = self._faults.get(number, self.everywhere)
            if fault is None or fault.times is None:
                return fault
            self._faults[number] = replace(fault, times=fault.times - 1)
            return fault if fault.times > 0 else None

    def _post_statuses(self, text: Text, url: str, fault: Fault | None) -> None:
        form = {"MessageSid": text.sid, "From": text.from_, "To": text.to}
        kind = fault.kind if fault else None
        for status in ("sending", "sent", "undelivered" if kind == "undelivered" else "delivered"):
            if self._stopping.wait(CALLBACK_DELAY_SECONDS):
                return
            text.status = form["MessageStatus"] = form["SmsStatus"] = status
            if fault and status == "undelivered":
                form["ErrorCode"] = str(fault.code)
            for _ in range(2 if kind == "duplicate" else 1):
                # Twilio does not try a failed callback again either.
                with contextlib.suppress(httpx.TransportError):
                    self._post(url, form)

    def _post(self, url: str, form: Mapping[str, str]) -> httpx.Response:
        form = {**form, "AccountSid": ACCOUNT_SID}
        if "MessageSid" in form:
            form["SmsSid"] = form["MessageSid"]
        signature = RequestValidator(TOKEN).compute_signature(url, form)
        headers = {"Content-Type": f"{FORM}; charset=UTF-8", "X-Twilio-Signature": signature}
        return self._client.post(url, data=form, headers=headers)


class _Server(ThreadingTCPServer):
    """A TCP server, because an HTTP server would look up the host name, which may take long."""

    request_queue_size = 256

    def __init__(self, twilio: FakeTwilio) -> None:
        self.twilio = twilio
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client that timed out or was killed is not a bug of the fake.
        if not isinstance(error, ConnectionError):
            self.twilio.violations.append(f"the fake failed: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.0: each connection ends with its answer, so none is open at the end."""

    server: _Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_DELETE(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        # A gateway that was killed may leave half a request. It gets no answer.
        if len(body) == length:
            self._answer(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        answer = self.server.twilio.answer(self.command, self.path, dict(self.headers), body)
        if answer is None:
            return
        status, payload = answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if status != 204:
            self.wfile.write(json.dumps(payload).encode())


def _resource(text: Text) -> dict[str, Any]:
    return {
        "account_sid": ACCOUNT_SID,
        "body": text.body,
        "date_created": format_datetime(text.at),
        "date_sent": None,
        "direction": "outbound-api",
        "error_code": None,
        "from": text.from_,
        "sid": text.sid,
        "status": text.status,
        "to": text.to,
        "uri": f"{ACCOUNT}/Messages/{text.sid}.json",
    }


def _refusal(fault: Fault | None) -> Answer | None:
    match fault:
        case Fault("too_many"):
            return _error(429, 20429, "Too many requests")
        case Fault("server_error") | Fault("no_texts"):
            return _error(500, 20500, "Internal server error")
        case Fault("refuse", code):
            return _error(400, code, "Twilio refused the text")
    return None


def _error(status: int, code: int, message: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": message, "more_info": more, "status": status}
