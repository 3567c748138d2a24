"""Twilio's Messages API on 127.0.0.1, with a memory, faults on demand and signed webhooks.

Every request is held against Twilio's own OpenAPI document, and every answer too. A wrong request
is answered 400 and kept in `violations`, which a test asserts to be empty at its end.

    with FakeTwilio() as twilio:
        Client(ACCOUNT_SID, TOKEN, http_client=BaseUrlHttpClient(twilio.url)).messages.create(...)
        twilio.sent_to("+12025550101")

`python -m tests.fake_twilio --port 4010` runs it alone; `FakeTwilioProcess` does so from a test and
reads and steers it through `/_control` under the same names.
"""

import abc
import argparse
import base64
import contextlib
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Literal, Self, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from twilio.request_validator import RequestValidator

from tests.twilio_spec import contract

ACCOUNT_SID = "AC" + "0" * 32
TOKEN = "the-fake-twilio-token"
NUMBER = "+12025550100"
"""The programme's own number in tests."""

API = "/2010-04-01/Accounts"
CONTROL = "/_control"
LONGEST_BODY = 1600
# Twilio stops and starts texting a number on these words alone, before the webhook is asked:
# https://help.twilio.com/articles/223134027
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"}
START_WORDS = {"START", "YES", "UNSTOP"}
# https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_AS_TWO = set("^{}\\[~]|€\f")

FaultKind = Literal["too_many", "server_error", "hang", "refuse", "drop", "undelivered", "failed"]
Signing = Literal["right", "wrong_token", "other_url", "tampered", "garbled", "missing"]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a text.

    too_many      429, code 20429, with Retry-After `seconds`
    server_error  500
    hang          answered as usual, but `seconds` late
    refuse        400 with `code`: 21610 opted out, 21211 no such number, ...
    drop          accepted, and the connection closed before the answer
    undelivered   accepted, sent, then undelivered with `code`: 30003, 30005, 30007, ...
    failed        accepted, then failed with `code`
    """

    kind: FaultKind
    code: int | None = None
    seconds: float = 0
    times: int | None = None
    """How many requests it meets; None until it is cleared."""
    reads_too: bool = False
    """Whether asking for messages meets it as well, not only sending them."""


@dataclass(frozen=True)
class Callbacks:
    """How the status of an accepted text is told to its StatusCallback."""

    on: bool = True
    base: str | None = None
    """Where to post, when the public address in the URL leads nowhere here. Signed is the URL."""
    delay_seconds: float = 0.05
    out_of_order: bool = False
    """The last status first."""
    repeat: int = 1


@dataclass
class Text:
    """A text that Twilio has accepted."""

    sid: str
    to: str
    from_: str
    body: str
    status: str
    status_callback: str | None
    messaging_service_sid: str | None
    at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    error_code: int | None = None


@dataclass(frozen=True)
class Request:
    """A request as it came, and the status it was answered with: None when it never was."""

    method: str
    path: str
    params: dict[str, str]
    status: int | None
    at: datetime


@dataclass(frozen=True)
class Posted:
    """A status callback, and the status it was answered with: None when nobody answered."""

    sid: str
    message_status: str
    url: str
    answer: int | None
    at: datetime


@dataclass(frozen=True)
class Reply:
    status: int
    payload: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    dropped: bool = False


class Webhooks:
    """Posts to the gateway what Twilio would post, signed as Twilio signs."""

    def __init__(self, account_sid: str, token: str) -> None:
        self._account_sid = account_sid
        self._token = token
        # A connection of its own for each post, so that a gateway killed between two of them
        # is not met through a stale one. The time-out is Twilio's.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx.Client(timeout=15, limits=limits, trust_env=False, verify=False)

    def post(
        self, url: str, form: Mapping[str, str | bytes], base: str | None, signed: Signing
    ) -> httpx.Response:
        """Raises httpx.TransportError when nobody answers."""
        # Twilio and the gateway both sign the text, in which broken UTF-8 has become U+FFFD.
        text = {name: _text(value) for name, value in form.items()}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        }
        if (signature := self._signature(url, text, signed)) is not None:
            headers["X-Twilio-Signature"] = signature
        if signed == "tampered":
            form = {**form, "Body": "Words that were not signed"}
        content = urlencode(form).encode()
        return self._client.post(_transport(url, base), content=content, headers=headers)

    def inbound(
        self, from_: str, body: str | bytes, *, to: str, message_sid: str | None, media: int
    ) -> dict[str, str | bytes]:
        sid = message_sid or f"{'MM' if media else 'SM'}{uuid.uuid4().hex}"
        form: dict[str, str | bytes] = {
            **self._named(sid, from_, to),
            "SmsMessageSid": sid,
            "SmsStatus": "received",
            "FromCountry": "US",
            "ToCountry": "US",
            "Body": body,
            "NumMedia": str(media),
            "NumSegments": str(segments(_text(body))),
        }
        pictures = f"https://api.twilio.com{API}/{self._account_sid}/Messages/{sid}/Media"
        for i in range(media):
            form[f"MediaContentType{i}"] = "image/jpeg"
            form[f"MediaUrl{i}"] = f"{pictures}/ME{uuid.uuid4().hex}"
        return form

    def status(self, text: Text, status: str, error_code: int | None) -> dict[str, str]:
        form = {
            **self._named(text.sid, text.from_, text.to),
            "MessageStatus": status,
            "SmsStatus": status,
        }
        if error_code is not None:
            form["ErrorCode"] = str(error_code)
        if text.messaging_service_sid:
            form["MessagingServiceSid"] = text.messaging_service_sid
        return form

    def _named(self, sid: str, from_: str, to: str) -> dict[str, str]:
        return {
            "MessageSid": sid,
            "SmsSid": sid,
            "AccountSid": self._account_sid,
            "From": from_,
            "To": to,
            "ApiVersion": "2010-04-01",
        }

    def close(self) -> None:
        self._client.close()

    def _signature(self, url: str, form: Mapping[str, str], signed: Signing) -> str | None:
        if signed == "missing":
            return None
        if signed == "garbled":
            return "this is no signature"
        token = "another token" if signed == "wrong_token" else self._token
        if signed == "other_url":
            url = "https://elsewhere.example" + urlsplit(url).path
        return str(RequestValidator(token).compute_signature(url, dict(form)))


class AnyFakeTwilio(abc.ABC):
    """What the fake in this process and the one in a process of its own have in common."""

    url: str

    def __init__(self, account_sid: str, token: str) -> None:
        self.account_sid = account_sid
        self._token = token
        self._webhooks = Webhooks(account_sid, token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abc.abstractmethod
    def stop(self) -> None: ...

    @property
    @abc.abstractmethod
    def sent(self) -> list[Text]:
        """Every text accepted so far, the oldest first."""

    @property
    @abc.abstractmethod
    def requests(self) -> list[Request]: ...

    @property
    @abc.abstractmethod
    def posted(self) -> list[Posted]:
        """Every status callback so far."""

    @property
    @abc.abstractmethod
    def violations(self) -> list[str]:
        """What was wrong with requests, one line each. A test asserts that there is none."""

    @property
    @abc.abstractmethod
    def under_way(self) -> int:
        """How many texts still have a status to be told."""

    @property
    @abc.abstractmethod
    def callbacks(self) -> Callbacks: ...

    @callbacks.setter
    @abc.abstractmethod
    def callbacks(self, how: Callbacks) -> None: ...

    @abc.abstractmethod
    def set_fault(self, number: str | None, fault: Fault) -> None: ...

    @abc.abstractmethod
    def clear_faults(self) -> None: ...

    @abc.abstractmethod
    def opt(self, number: str, *, out: bool) -> None: ...

    @abc.abstractmethod
    def forget(self) -> None:
        """As new: no texts, requests, faults or opt-outs."""

    def fault(
        self,
        kind: FaultKind,
        number: str | None = None,
        *,
        code: int | None = None,
        seconds: float = 0,
        times: int | None = None,
        reads_too: bool = False,
    ) -> None:
        """Lets this go wrong for one number, or for all; a number's own fault comes first."""
        self.set_fault(number, Fault(kind, code, seconds, times, reads_too))

    def sent_to(self, number: str) -> list[Text]:
        return [text for text in self.sent if text.to == number]

    def wait_for(self, number: str, count: int = 1, *, seconds: float = 5) -> list[Text]:
        """The texts to this number, once there are `count`. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while len(texts := self.sent_to(number)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(texts)} of {count} texts to {number} in {seconds} s")
            time.sleep(0.01)
        return texts

    def wait_until_quiet(self, *, seconds: float = 5) -> None:
        """Until every status of every accepted text has been told. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while under_way := self.under_way:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{under_way} texts are still under way after {seconds} s")
            time.sleep(0.01)

    def post_inbound(
        self,
        url: str,
        from_: str,
        body: str | bytes,
        *,
        to: str = NUMBER,
        message_sid: str | None = None,
        media: int = 0,
        signed: Signing = "right",
        **extra: str,
    ) -> httpx.Response:
        """A person's text, posted to the webhook at the public address `url`.

        STOP and START have their effect on later texts to that number, as they do at Twilio.
        Raises httpx.TransportError when nobody answers.
        """
        word = _text(body).strip().upper()
        if signed == "right" and word in STOP_WORDS | START_WORDS:
            self.opt(from_, out=word in STOP_WORDS)
        form = self._webhooks.inbound(from_, body, to=to, message_sid=message_sid, media=media)
        return self._webhooks.post(url, {**form, **extra}, self.callbacks.base, signed)

    def post_status(
        self,
        text: Text,
        status: str,
        *,
        error_code: int | None = None,
        signed: Signing = "right",
    ) -> httpx.Response:
        """One status callback by hand. Raises httpx.TransportError when nobody answers."""
        if text.status_callback is None:
            raise ValueError(f"{text.sid} was sent without a StatusCallback")
        form = self._webhooks.status(text, status, error_code)
        return self._webhooks.post(text.status_callback, form, self.callbacks.base, signed)


class FakeTwilio(AnyFakeTwilio):
    """The fake in this process, on a port of its own."""

    def __init__(
        self,
        *,
        account_sid: str = ACCOUNT_SID,
        token: str = TOKEN,
        port: int = 0,
        callbacks: Callbacks | None = None,
    ) -> None:
        super().__init__(account_sid, token)
        self._callbacks = callbacks or Callbacks()
        self._violations: list[str] = []
        self._requests: list[Request] = []
        self._posted: list[Posted] = []
        self._texts: dict[str, Text] = {}
        self._opted_out: set[str] = set()
        self._faults: dict[str | None, Fault] = {}
        self._contract = contract()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._under_way = 0
        self._carriers = ThreadPoolExecutor(32, thread_name_prefix="carrier")
        self._server = _Server(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Ends at once, also what hangs; harmless when called twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()
        self._carriers.shutdown(cancel_futures=True)
        self._webhooks.close()

    # What a test reads and steers

    @property
    def sent(self) -> list[Text]:
        with self._lock:
            return [replace(text) for text in self._texts.values()]

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._requests)

    @property
    def posted(self) -> list[Posted]:
        with self._lock:
            return list(self._posted)

    @property
    def violations(self) -> list[str]:
        with self._lock:
            return list(self._violations)

    @property
    def under_way(self) -> int:
        return self._under_way

    @property
    def callbacks(self) -> Callbacks:
        return self._callbacks

    @callbacks.setter
    def callbacks(self, how: Callbacks) -> None:
        self._callbacks = how

    def set_fault(self, number: str | None, fault: Fault) -> None:
        with self._lock:
            self._faults[number] = fault

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def opt(self, number: str, *, out: bool) -> None:
        with self._lock:
            (self._opted_out.add if out else self._opted_out.discard)(number)

    def forget(self) -> None:
        with self._lock:
            for record in (self._violations, self._requests, self._posted):
                record.clear()
            self._texts.clear()
            self._faults.clear()
            self._opted_out.clear()

    # What a client of the API meets

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        # The control page is no part of Twilio: it is neither recorded nor validated.
        if urlsplit(target).path == CONTROL:
            return self._control(method, body)
        reply = self._checked(method, target, headers, body)
        query = body.decode(errors="replace") if method == "POST" else urlsplit(target).query
        params = dict(parse_qsl(query, keep_blank_values=True))
        status = None if reply.dropped else reply.status
        with self._lock:
            self._requests.append(Request(method, urlsplit(target).path, params, status, _now()))
        return reply

    def broke(self, error: str) -> None:
        """A fault of the fake itself must not pass for one of Twilio's."""
        with self._lock:
            self._violations.append(f"The fake itself failed: {error}")

    def _checked(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if not self._is_known(headers):
            return _refusal(401, 20003, "The account and its token do not fit")
        wrong = self._contract.faults_of_request(method, target, headers, body)
        path = urlsplit(target).path
        if not wrong and not path.startswith(f"{API}/{self.account_sid}/"):
            wrong = [f"the path is not that of account {self.account_sid}"]
        form = dict(parse_qsl(body.decode(errors="replace")))
        if len(form.get("Body", "")) > LONGEST_BODY:
            wrong.append(f"the body has more than {LONGEST_BODY} characters")
        if wrong:
            with self._lock:
                self._violations.append(f"{method} {path}: {'; '.join(wrong)}")
            return _refusal(400, 20001, "; ".join(wrong))
        reply = self._create(form) if method == "POST" else self._read(target)
        return self._honest(reply, method, target, headers)

    def _is_known(self, headers: Mapping[str, str]) -> bool:
        pair = base64.b64encode(f"{self.account_sid}:{self._token}".encode()).decode()
        return headers.get("Authorization") == f"Basic {pair}"

    def _honest(self, reply: Reply, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        if reply.status >= 400:
            return reply
        answer = json.dumps(reply.payload).encode()
        wrong = self._contract.faults_of_answer(method, target, headers, reply.status, answer)
        if wrong:
            self.broke(f"its answer to {method} {target}: {'; '.join(wrong)}")
        return reply

    def _create(self, form: Mapping[str, str]) -> Reply:
        to = form["To"]
        fault = self._meet(to, reading=False)
        if fault and (refusal := self._before_accepting(fault)):
            return refusal
        if to in self._opted_out:
            return _refusal(400, 21610, f"{to} has opted out")
        text = self._accept(form)
        payload = self._resource(text)
        self._carry(text, fault)
        return Reply(201, payload, dropped=fault is not None and fault.kind == "drop")

    def _meet(self, number: str | None, *, reading: bool) -> Fault | None:
        with self._lock:
            key = number if number in self._faults else None
            fault = self._faults.get(key)
            if fault is None or (reading and not fault.reads_too):
                return None
            if fault.times is not None:
                if fault.times <= 1:
                    del self._faults[key]
                else:
                    self._faults[key] = replace(fault, times=fault.times - 1)
            return fault

    def _before_accepting(self, fault: Fault) -> Reply | None:
        match fault.kind:
            case "too_many":
                refusal = _refusal(429, 20429, "Too many requests")
                return replace(refusal, headers={"Retry-After": f"{max(1, round(fault.seconds))}"})
            case "server_error":
                return _refusal(500, 20500, "Internal server error")
            case "refuse":
                return _refusal(400, fault.code or 21211, "The text was refused")
            case "hang":
                self._stopping.wait(fault.seconds)
        return None

    def _accept(self, form: Mapping[str, str]) -> Text:
        now = _now()
        service = form.get("MessagingServiceSid")
        text = Text(
            sid=f"{'MM' if 'MediaUrl' in form else 'SM'}{uuid.uuid4().hex}",
            to=form["To"],
            from_=form.get("From", NUMBER),
            body=form.get("Body", ""),
            # https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
            status="accepted" if service else "queued",
            status_callback=form.get("StatusCallback"),
            messaging_service_sid=service,
            at=now,
            updated_at=now,
        )
        with self._lock:
            self._texts[text.sid] = text
        return text

    # On its way to the phone

    def _carry(self, text: Text, fault: Fault | None) -> None:
        if self._stopping.is_set():
            return
        with self._lock:
            self._under_way += 1
        self._carriers.submit(self._move_and_tell, text, fault)

    def _move_and_tell(self, text: Text, fault: Fault | None) -> None:
        how = self.callbacks
        statuses = _statuses(text, fault)
        try:
            for told in reversed(statuses) if how.out_of_order else statuses:
                if self._stopping.wait(how.delay_seconds):
                    return
                # Told out of order or not, the text itself has moved on before anything is told.
                self._move(text, statuses[-1] if how.out_of_order else told, fault)
                if how.on and text.status_callback:
                    for _ in range(how.repeat):
                        self._tell(text, told, fault)
        except Exception as error:
            self.broke(repr(error))
        finally:
            with self._lock:
                self._under_way -= 1

    def _move(self, text: Text, status: str, fault: Fault | None) -> None:
        with self._lock:
            text.status = status
            text.updated_at = _now()
            if status not in {"accepted", "queued", "sending", "failed"}:
                text.sent_at = text.sent_at or text.updated_at
            text.error_code = _error_code(status, fault)

    def _tell(self, text: Text, status: str, fault: Fault | None) -> None:
        answer = None
        try:
            code = _error_code(status, fault)
            answer = self.post_status(text, status, error_code=code).status_code
        except httpx.TransportError:
            pass  # Twilio does not try again either.
        with self._lock:
            posted = Posted(text.sid, status, text.status_callback or "", answer, _now())
            self._posted.append(posted)

    # Reading back

    def _read(self, target: str) -> Reply:
        url = urlsplit(target)
        params = dict(parse_qsl(url.query))
        fault = self._meet(params.get("To"), reading=True)
        if fault and (refusal := self._before_accepting(fault)):
            return refusal
        if url.path == f"{API}/{self.account_sid}/Messages.json":
            return Reply(200, self._page(target, params))
        sid = url.path.rpartition("/")[2].removesuffix(".json")
        with self._lock:
            text = self._texts.get(sid)
            if text is None:
                return _refusal(404, 20404, f"There is no message {sid}")
            return Reply(200, self._resource(text))

    def _page(self, target: str, params: dict[str, str]) -> dict[str, Any]:
        """One page of the list, the newest first."""
        with self._lock:
            found = [t for t in reversed(self._texts.values()) if _matches(t, params)]
            size = int(params.get("PageSize", 50))
            page = int(params.get("Page", 0))
            start = page * size
            # The token holds the place, also when new texts have come in front of it.
            if last := params.get("PageToken", "").removeprefix("PA"):
                start = next((i + 1 for i, text in enumerate(found) if text.sid == last), start)
            shown = found[start : start + size]
            messages = [self._resource(text) for text in shown]
        more = start + len(shown) < len(found)
        token = {"PageToken": f"PA{shown[-1].sid}"} if shown else {}
        filters = {k: v for k, v in params.items() if k not in {"Page", "PageSize", "PageToken"}}

        def address(page: int, **token: str) -> str:
            query = {**filters, "PageSize": size, "Page": page, **token}
            return f"{urlsplit(target).path}?{urlencode(query)}"

        return {
            "messages": messages,
            "page": page,
            "page_size": size,
            "start": start,
            "end": start + max(len(shown) - 1, 0),
            "uri": target,
            "first_page_uri": address(0),
            "next_page_uri": address(page + 1, **token) if more else None,
            "previous_page_uri": address(page - 1) if page else None,
        }

    def _resource(self, text: Text) -> dict[str, Any]:
        own = f"{API}/{self.account_sid}/Messages/{text.sid}"
        # A Messaging Service picks the sender only when it sends.
        unsent_by_service = text.messaging_service_sid and text.sent_at is None
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": format_datetime(text.at),
            "date_sent": format_datetime(text.sent_at) if text.sent_at else None,
            "date_updated": format_datetime(text.updated_at),
            "direction": "outbound-api",
            "error_code": text.error_code,
            "error_message": "The text did not arrive" if text.error_code else None,
            "from": None if unsent_by_service else text.from_,
            "messaging_service_sid": text.messaging_service_sid,
            "num_media": "0",
            "num_segments": str(segments(text.body)),
            "price": None,
            "price_unit": "USD",
            "sid": text.sid,
            "status": text.status,
            "subresource_uris": {"media": f"{own}/Media.json"},
            "to": text.to,
            "uri": f"{own}.json",
        }

    # From another process

    def _control(self, method: str, body: bytes) -> Reply:
        """GET tells what happened. POST {"do": one of these, "with": {its arguments}}."""
        if method == "GET":
            return Reply(200, self._told())
        deeds: dict[str, Callable[..., None]] = {
            "fault": self.fault,
            "clear_faults": self.clear_faults,
            "callbacks": self._tell_so,
            "opt": self.opt,
            "forget": self.forget,
        }
        try:
            asked = json.loads(body)
            deeds[asked["do"]](**asked.get("with", {}))
        except (ValueError, KeyError, TypeError) as error:
            return Reply(400, {"error": f"{error!r}. What can be done: {', '.join(deeds)}"})
        return Reply(200, {})

    def _tell_so(self, **how: Any) -> None:
        self.callbacks = Callbacks(**how)

    def _told(self) -> dict[str, Any]:
        with self._lock:
            return {
                "sent": [asdict(text) for text in self._texts.values()],
                "requests": [asdict(request) for request in self._requests],
                "posted": [asdict(posted) for posted in self._posted],
                "violations": list(self._violations),
                "under_way": self._under_way,
            }


class FakeTwilioProcess(AnyFakeTwilio):
    """The same fake in a process of its own, which outlives and does not slow down a test's."""

    def __init__(
        self,
        *,
        account_sid: str = ACCOUNT_SID,
        token: str = TOKEN,
        port: int = 0,
        callbacks: Callbacks | None = None,
    ) -> None:
        super().__init__(account_sid, token)
        given = ["--account", account_sid, "--token", token, "--port", str(port)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake_twilio", *given],
            cwd=Path(__file__).resolve().parents[1],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip().rpartition(" ")[2]
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        if not self.url:
            self.stop()
            raise RuntimeError("The fake Twilio did not start: its own words are on stderr")
        self.callbacks = callbacks or Callbacks()

    def stop(self) -> None:
        self._webhooks.close()
        self._client.close()
        self._process.terminate()
        self._process.communicate()

    @property
    def sent(self) -> list[Text]:
        return self._records(Text, "sent")

    @property
    def requests(self) -> list[Request]:
        return self._records(Request, "requests")

    @property
    def posted(self) -> list[Posted]:
        return self._records(Posted, "posted")

    @property
    def violations(self) -> list[str]:
        return list(self._told()["violations"])

    @property
    def under_way(self) -> int:
        return int(self._told()["under_way"])

    @property
    def callbacks(self) -> Callbacks:
        return self._callbacks

    @callbacks.setter
    def callbacks(self, how: Callbacks) -> None:
        self._callbacks = how
        self._do("callbacks", **asdict(how))

    def set_fault(self, number: str | None, fault: Fault) -> None:
        self._do("fault", number=number, **asdict(fault))

    def clear_faults(self) -> None:
        self._do("clear_faults")

    def opt(self, number: str, *, out: bool) -> None:
        self._do("opt", number=number, out=out)

    def forget(self) -> None:
        self._do("forget")

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = self._client.get(CONTROL).raise_for_status().json()
        return told

    def _do(self, deed: str, **given: Any) -> None:
        self._client.post(CONTROL, json={"do": deed, "with": given}).raise_for_status()

    def _records(self, kind: type["_Record"], name: str) -> list["_Record"]:
        return [kind(**_with_times(row)) for row in self._told()[name]]


_Record = TypeVar("_Record", Text, Request, Posted)


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    times = {name for name in ("at", "updated_at", "sent_at") if row.get(name)}
    return {**row, **{name: datetime.fromisoformat(row[name]) for name in times}}


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], twilio: FakeTwilio) -> None:
        self.twilio = twilio
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own would ask the DNS for this machine's name, which may take long.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Clients keep connections open, each with a thread of ours reading from it."""
        for connection in list(self._connections):
            # Its own thread may have closed it in the meantime.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client that gave up, as after a hang, is no fault of the fake.
        if not isinstance(error, ConnectionError | TimeoutError):
            self.twilio.broke(repr(error))


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            # The client died in mid-request. That is no request, and no server answers it.
            self.close_connection = True
            return
        headers = {name.title(): value for name, value in self.headers.items()}
        reply = self.server.twilio.answer(self.command, self.path, headers, body)
        if reply.dropped:
            self.close_connection = True
            return
        content = json.dumps(reply.payload, default=datetime.isoformat).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def segments(body: str) -> int:
    """How many parts an SMS of these words has.

    A part holds 160 septets of GSM-7 or 70 units of UTF-16; 153 or 67 when there are several.
    """
    if set(body) <= GSM_7 | GSM_7_AS_TWO:
        length = sum(2 if character in GSM_7_AS_TWO else 1 for character in body)
        alone, in_parts = 160, 153
    else:
        length, alone, in_parts = len(body.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if length <= alone else -(-length // in_parts)


def _statuses(text: Text, fault: Fault | None) -> list[str]:
    """What follows the first status, which Twilio tells in its answer and not by callback."""
    queued = ["queued"] if text.messaging_service_sid else []
    if fault and fault.kind == "failed":
        return [*queued, "failed"]
    arrived = "undelivered" if fault and fault.kind == "undelivered" else "delivered"
    return [*queued, "sending", "sent", arrived]


def _error_code(status: str, fault: Fault | None) -> int | None:
    return (fault.code if fault else None) or 30008 if status in {"undelivered", "failed"} else None


def _matches(text: Text, params: Mapping[str, str]) -> bool:
    if params.get("To", text.to) != text.to or params.get("From", text.from_) != text.from_:
        return False
    dates = ("DateSent", "DateSent<", "DateSent>")
    when = {name: datetime.fromisoformat(params[name]) for name in dates if name in params}
    if not when:
        return True
    if text.sent_at is None:  # not sent yet, so it has no date to be found by
        return False
    sent = text.sent_at.replace(microsecond=0)
    return (
        ("DateSent" not in when or sent.date() == when["DateSent"].date())
        and ("DateSent<" not in when or sent <= when["DateSent<"])
        and ("DateSent>" not in when or sent >= when["DateSent>"])
    )


def _refusal(status: int, code: int, message: str) -> Reply:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Reply(status, {"code": code, "message": message, "more_info": more, "status": status})


def _transport(url: str, base: str | None) -> str:
    if base is None:
        return url
    asked = urlsplit(url)
    return base.rstrip("/") + asked.path + (f"?{asked.query}" if asked.query else "")


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake of Twilio's Messages API on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--account", default=ACCOUNT_SID)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--callbacks", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--callback-base", help="post the status callbacks to this address")
    given = parser.parse_args()
    callbacks = Callbacks(on=given.callbacks, base=given.callback_base)
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: ended.put(received))
    try:
        twilio = FakeTwilio(
            account_sid=given.account, token=given.token, port=given.port, callbacks=callbacks
        )
    except OSError as error:
        parser.error(f"port {given.port} cannot be used: {error.strerror}")
    with twilio:
        print(f"Fake Twilio at {twilio.url}", flush=True)
        ended.get()


if __name__ == "__main__":
    main()
