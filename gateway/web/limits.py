"""Limits on the body of a request: bytes, fields, nesting, and the time in which it must arrive.

This layer reads the body before anything parses it, and never reads more than the route's limit.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from python_multipart.multipart import parse_options_header
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from escalation.speech.i18n import gettext_noop, phrase

# A browser reads our answer only after it has sent its whole form, so we throw away the rest of
# a body that is not much too large. A larger one is cut off.
THROWN_AWAY = 16_000_000
THROWING_SECONDS = 5
MOST_NESTED = 20
BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')

TOO_LATE = gettext_noop("This took too long to arrive. Check your connection and send it again.")
BAD_LENGTH = gettext_noop("The Content-Length of this request is not a number.")
INCOMPLETE = gettext_noop("This did not arrive completely. Send it again.")


@dataclass(frozen=True)
class Limit:
    """What one route accepts. `first` may refuse a request before its body is read."""

    bytes: int = 128 * 1024
    fields: int = 200
    seconds: float = 12
    first: Callable[[Request], Response | None] | None = None


Refuse = Callable[[Request, int, str], Response]


class TooMuch(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        self.sentence = sentence


class Limits:
    """An ASGI layer. `routes` are prefixes of paths; the first that matches counts."""

    def __init__(
        self, app: ASGIApp, *, routes: dict[str, Limit], otherwise: Limit, refuse: Refuse
    ) -> None:
        self._app = app
        self._routes = routes
        self._otherwise = otherwise
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limit = self._limit(scope["path"])
        if limit.first is not None:
            refused = await run_in_threadpool(limit.first, request)
            if refused is not None:
                await _end(refused, send)
                return
        try:
            _check_length(request, limit)
            async with asyncio.timeout(limit.seconds):
                body = await _read(receive, limit)
            _check_parts(request, body, limit)
        except TimeoutError:
            await _end(await self._say(request, 408, TOO_LATE), send)
        except TooMuch as much:
            rest = receive if _is_short(request) else None
            await _end(await self._say(request, much.status, much.sentence), send, rest)
        else:
            await self._app(scope, _again(body, receive), send)

    def _limit(self, path: str) -> Limit:
        found = (limit for prefix, limit in self._routes.items() if path.startswith(prefix))
        return next(found, self._otherwise)

    async def _say(self, request: Request, status: int, sentence: str) -> Response:
        return await run_in_threadpool(self._refuse, request, status, sentence)


def _has_body(scope: Scope) -> bool:
    return any(
        name in (b"content-length", b"transfer-encoding") and value != b"0"
        for name, value in scope["headers"]
    )


def _check_length(request: Request, limit: Limit) -> None:
    length = request.headers.get("Content-Length", "0")
    if not length.isdecimal():
        raise TooMuch(400, BAD_LENGTH)
    if len(length) > 12 or int(length) > limit.bytes:
        raise _too_large(limit)


def _too_large(limit: Limit) -> TooMuch:
    size = max(1, limit.bytes // 1024)
    return TooMuch(413, phrase("This is larger than {size:,} KB. Send less at once.", size=size))


async def _read(receive: Receive, limit: Limit) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TooMuch(400, INCOMPLETE)
        body += message.get("body", b"")
        if len(body) > limit.bytes:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _check_parts(request: Request, body: bytes, limit: Limit) -> None:
    # As Starlette reads it, so that no parameter hides a form from us.
    kind, options = parse_options_header(request.headers.get("Content-Type"))
    if _count_fields(kind, options, body) > limit.fields:
        many = phrase("This form has more than {most} fields.", most=limit.fields)
        raise TooMuch(413, many)
    if b"json" in kind and _nesting(body) > MOST_NESTED:
        raise TooMuch(400, phrase("This is nested more than {most} deep.", most=MOST_NESTED))


def _count_fields(kind: bytes, options: Mapping[bytes, bytes], body: bytes) -> int:
    if kind.startswith(b"multipart/"):
        boundary = options.get(b"boundary")
        return body.count(b"--" + boundary) if boundary else 0
    return 0 if b"json" in kind else body.count(b"&") + 1


def _nesting(body: bytes) -> int:
    depth = deepest = 0
    for bracket in BRACKETS.finditer(body):
        if bracket[0] in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket[0] in b"]}":
            depth -= 1
    return deepest


def _again(body: bytes, receive: Receive) -> Receive:
    """Hands the read body to the application once, and after that what else arrives."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _is_short(request: Request) -> bool:
    """Whether the rest of the body can be thrown away. A client that expects 100 sends none."""
    length = request.headers.get("Content-Length", "")
    is_known = length.isdecimal() and len(length) < 12 and "Expect" not in request.headers
    return is_known and int(length) <= THROWN_AWAY


async def _end(response: Response, send: Send, rest: Receive | None = None) -> None:
    """Answer, and end the connection, on which the rest of the body would still arrive."""
    response.headers["Connection"] = "close"
    start = {"status": response.status_code, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if rest is not None:
        await _throw_away(rest)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive) -> None:
    try:
        async with asyncio.timeout(THROWING_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return
