"""A stand-in for Twilio that costs little: it shares two cores with what is measured.

It takes each text at once, answers as Twilio does, and notes when. It runs in the event loop of
those who write. tests/fake_twilio.py checks each request with Twilio's document, at 1 ms a text.
"""

import asyncio
import itertools
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode

from aiohttp import ClientSession, web
from twilio.request_validator import RequestValidator

from tests.fake_twilio import ACCOUNT, ACCOUNT_SID, NUMBER, TOKEN
from tests.twilio_spec import FORM

STATUSES = ("sent", "delivered")


@dataclass(frozen=True)
class Text:
    """`at` is on the clock of `time.monotonic`; `message_id` is our own number of the text."""

    to: str
    words: str
    callback: str
    sid: str
    at: float

    @property
    def message_id(self) -> int:
        return int(self.callback.rpartition("/")[2])


class Provider:
    """`phones` has a queue for each number, of the times at which texts to it were taken."""

    def __init__(self, *, callbacks: ClientSession | None = None) -> None:
        self.texts: list[Text] = []
        self.phones: defaultdict[str, asyncio.Queue[float]] = defaultdict(asyncio.Queue)
        self.url = ""
        self._callbacks = callbacks
        self._numbers = itertools.count(1)
        self._posting: set[asyncio.Task[None]] = set()

    @property
    def times(self) -> dict[int, list[float]]:
        """When each message of ours was taken: more than once if it was sent more than once."""
        found: dict[int, list[float]] = {}
        for text in self.texts:
            found.setdefault(text.message_id, []).append(text.at)
        return found

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        runner = web.ServerRunner(web.Server(self._answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        self.url = "http://{}:{}".format(*runner.addresses[0])
        try:
            yield self
        finally:
            for task in self._posting:
                task.cancel()
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        at = time.monotonic()
        if request.method == "DELETE":
            return web.Response(status=204)
        if request.method == "GET":
            to = parse_qs(request.query_string).get("To", [""])[0]
            return _json(200, {"messages": [_resource(t) for t in self._newest(to)]})
        form = dict(parse_qsl((await request.read()).decode()))
        if request.path.endswith("/Calls.json"):
            return _json(201, {"sid": f"CA{next(self._numbers):032x}", "status": "queued"})
        sid = f"SMf{next(self._numbers):031x}"  # none that a message to us has
        text = Text(form["To"], form["Body"], form["StatusCallback"], sid, at)
        self.texts.append(text)
        self.phones[text.to].put_nowait(at)
        if self._callbacks is not None:
            task = asyncio.create_task(self._post_statuses(self._callbacks, text))
            self._posting.add(task)
            task.add_done_callback(self._posting.discard)
        return _json(201, _resource(text))

    def _newest(self, to: str) -> list[Text]:
        return [text for text in reversed(self.texts) if text.to == to][:50]

    async def _post_statuses(self, session: ClientSession, text: Text) -> None:
        for status in STATUSES:
            await asyncio.sleep(0.05)
            form = {"MessageSid": text.sid, "MessageStatus": status, "From": NUMBER, "To": text.to}
            body, headers = sign(text.callback, form)
            async with session.post(text.callback, data=body, headers=headers) as answer:
                await answer.read()


def sign(url: str, form: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a webhook as Twilio posts it."""
    form = {**form, "AccountSid": ACCOUNT_SID}
    signature = RequestValidator(TOKEN).compute_signature(url, form)
    return urlencode(form).encode(), {"Content-Type": FORM, "X-Twilio-Signature": signature}


def _json(status: int, content: Mapping[str, Any]) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(content).encode(), content_type="application/json"
    )


def _resource(text: Text) -> dict[str, Any]:
    return {
        "account_sid": ACCOUNT_SID,
        "body": text.words,
        "date_created": formatdate(usegmt=True),
        "direction": "outbound-api",
        "from": NUMBER,
        "sid": text.sid,
        "status": "queued",
        "to": text.to,
        "uri": f"{ACCOUNT}/Messages/{text.sid}.json",
    }
