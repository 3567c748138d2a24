"""The only caller of Rasa: sends a message and reads the answer."""

import asyncio
import json
import re
import ssl
import threading
from collections import deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_args

import httpx
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError, model_validator

# Ten SMS segments of 160. The intent model reads no more than that anyway.
LONGEST_TEXT: Final = 1_600
LONGEST_BODY: Final = 256 * 1024
# Seconds. So that no read hangs forever; the caller's timeout is shorter.
LONGEST_READ: Final = 60.0

T = TypeVar("T")
SkillState = Literal["started", "resumed", "done", "left"]
GoalResult = Literal["done", "partly", "not_yet"]


class BotAway(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The bot is away: {reason}.")


@dataclass(frozen=True)
class SkillStep:
    """A change of a skill's state. Ratings are 0 to 10, or None where the mentee gave none."""

    name: str
    state: SkillState
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True)
class CheckIn:
    """A mentee's answers to a check-in: a mood's score (0 to 10) and note, or a scale's answers.

    `answers` has one entry per item, in the mentee's words: "2", "several days", "skip", or "" for
    an item that was not asked. `finished` is false if the mentee left half-way.
    """

    kind: str
    score: int | None = None
    note: str | None = None
    answers: tuple[str, ...] = ()
    finished: bool = True


@dataclass(frozen=True)
class Answer:
    """Rasa's texts in answer to one message, and what the gateway records about it.

    `goal` is a goal that the mentee just set, in their words; `goal_result` is how an earlier one
    went. `skills` has every step in order: one message may leave a skill and start another.
    """

    words: tuple[str, ...] = ()
    asked_for_person: bool = False
    not_understood: bool = False
    skills: tuple[SkillStep, ...] = ()
    check_in: CheckIn | None = None
    goal: str | None = None
    goal_result: GoalResult | None = None


class Bot:
    """Rasa behind one URL. Safe to share between threads.

    `timeout_seconds` limits a whole call, from connecting to the last byte.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 2.0, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._auth = {"token": token} if token else {}

    def answer(self, conversation_id: int, text: str) -> Answer:
        """Send `text` as the mentee of this conversation. Raises BotAway."""
        said = plain(text)
        return self._say(conversation_id, said) if said else Answer(not_understood=True)

    def begin(self, conversation_id: int, skill: str) -> Answer:
        """Start a skill or check-in without a message of the mentee. Raises BotAway."""
        intent = "ask_check_in" if skill == "mood" else f"ask_{skill}"
        return self._say(conversation_id, f"/{intent}")

    def forget(self, conversation_id: int) -> None:
        """Reset this dialogue: drop an open exercise and its answers. Raises BotAway."""
        path = f"/conversations/{_sender(conversation_id)}/tracker/events"
        self._call("POST", path, json={"event": "restart"})

    def ready(self) -> bool:
        try:
            status = self._call("GET", "/status")
        except BotAway:
            return False
        return isinstance(status, dict) and bool(status.get("model_file"))

    def _say(self, conversation_id: int, message: str) -> Answer:
        body = {"sender": _sender(conversation_id), "message": message}
        answer = read_answer(self._call("POST", "/webhooks/rest/webhook", json=body))
        if answer == Answer():
            # Every turn has a text or a payload. Rasa answers with 200 and [] when it failed.
            raise BotAway("its answer is empty, because it failed; its log says where")
        return answer

    def _call(self, method: str, path: str, **request: Any) -> object:
        call = asyncio.wait_for(
            _fetch(method, self._url + path, params=self._auth, **request), self._timeout
        )
        try:
            body = _run(call)
        except TimeoutError:
            raise BotAway(f"no answer within {self._timeout:g} s") from None
        except BotAway:
            raise
        except Exception as error:
            # Every other failure (refused, reset, unknown host, not HTTP, an invalid port) means
            # the same to the caller.
            raise BotAway(f"{type(error).__name__} at {self._url}") from error
        try:
            return json.loads(body)
        except ValueError:
            raise BotAway("its answer is not JSON") from None


def plain(text: str) -> str:
    """Shorten `text`, and remove what Rasa would take for a command.

    A leading "/" names an intent ("/restart"). "0[" makes Rasa's templates show the name of a slot
    instead of its value. Databases refuse NUL.
    """
    readable = text.replace("\0", " ").replace("0[", "0 [")
    readable = readable.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    return re.sub(r"^[\s/]+", "", readable)[:LONGEST_TEXT].rstrip()


def _as_rating(value: object) -> int | None:
    # Rasa sends a slot's value as text: "7", "skip", or "None" for an empty slot.
    text = str(value).strip()
    return int(text) if re.fullmatch(r"10|[0-9]", text) else None


def _as_text(value: object) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.casefold() in ("", "none") else text


_Rating = Annotated[int | None, BeforeValidator(_as_rating)]
_Text = Annotated[str | None, BeforeValidator(_as_text)]


class _Payload(BaseModel):
    skill: str | None = None
    state: Any = None  # of a skill step, a SkillState
    before: _Rating = None
    after: _Rating = None
    goal: _Text = None
    goal_result: GoalResult | None = None
    check_in: str | None = None
    score: _Rating = None
    note: _Text = None
    answers: tuple[_Text, ...] | None = None
    asked_for_person: Any = None
    not_understood: Any = None

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        if self.skill is not None and self.state not in get_args(SkillState):
            raise ValueError("a skill step has no known state")
        if self.check_in is not None and self.answers is None and self.score is None:
            raise ValueError("a check-in has neither answers nor a 0 to 10")
        return self


class _Message(BaseModel):
    text: str | None = None
    custom: _Payload | None = None


_MESSAGES = TypeAdapter(list[_Message])


def read_answer(body: object) -> Answer:
    """Read Rasa's list of messages. Raises BotAway when it is not one."""
    try:
        messages = _MESSAGES.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise BotAway(f"its answer is not as expected: {first['loc']} {first['msg']}") from None
    payloads = [message.custom for message in messages if message.custom]
    return Answer(
        words=tuple(message.text for message in messages if message.text),
        asked_for_person=any(one.asked_for_person is True for one in payloads),
        not_understood=any(one.not_understood is True for one in payloads),
        skills=tuple(
            SkillStep(one.skill, one.state, one.before, one.after) for one in payloads if one.skill
        ),
        check_in=_last(
            CheckIn(
                one.check_in,
                one.score,
                one.note,
                tuple(answer or "" for answer in one.answers or ()),
                finished=one.state != "left",
            )
            for one in payloads
            if one.check_in
        ),
        goal=_last(one.goal for one in payloads if one.goal),
        goal_result=_last(one.goal_result for one in payloads if one.goal_result),
    )


def _last(items: Iterable[T]) -> T | None:
    return next(iter(deque(items, maxlen=1)), None)


def _sender(conversation_id: int) -> str:
    return f"conversation-{conversation_id}"


async def _fetch(method: str, url: str, **request: Any) -> bytes:
    # A new connection per call: one that Rasa is just closing would look like an outage.
    async with (
        httpx.AsyncClient(timeout=LONGEST_READ, trust_env=False, verify=_tls()) as client,
        client.stream(method, url, **request) as response,
    ):
        response.raise_for_status()
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LONGEST_BODY:
                raise BotAway(f"its answer is longer than {LONGEST_BODY} bytes")
        return body


def _run(call: Coroutine[Any, Any, T]) -> T:
    # On a loop of our own: httpx's timeouts are per read and asyncio's are for the whole call, and
    # the caller may or may not be inside a loop.
    return asyncio.run_coroutine_threadsafe(call, _loop()).result()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # slow to make


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="bot-client", daemon=True).start()
    return loop
