"""The only caller of Rasa: sends a message and reads the answer."""

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeVar, cast, get_args

import httpx

# Ten SMS segments of 160. The intent model reads no more than that anyway.
LONGEST_TEXT: Final = 1_600
LONGEST_BODY: Final = 256 * 1024
# So that no read hangs forever. The caller's timeout is shorter.
LONGEST_READ: Final = 60.0

T = TypeVar("T")
SkillState = Literal["started", "resumed", "done", "left"]
SKILL_STATES: Final = get_args(SkillState)
GoalResult = Literal["done", "partly", "not_yet"]


class BotAway(Exception):
    """Rasa cannot be reached, is too slow, or sends an answer that we cannot read."""

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

    @property
    def skill(self) -> SkillStep | None:
        """The last step, if there was one."""
        return self.skills[-1] if self.skills else None


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
        self._call("POST", path, params=self._auth, json={"event": "restart"})

    def ready(self) -> bool:
        """Whether Rasa answers and has its model loaded."""
        try:
            status = self._call("GET", "/status", params=self._auth)
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
        call = asyncio.wait_for(_fetch(method, self._url + path, **request), self._timeout)
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


def read_answer(body: object) -> Answer:
    """Read Rasa's list of messages. Raises BotAway when it is not one.

    Each message has `text`, or `custom` with one or more of: `skill` and `state` (`before`,
    `after`, `goal`), `check_in` (`score` and `note`, or `answers`; `state`), `goal_result`,
    `asked_for_person`, `not_understood`. Other keys are ignored.
    """
    if not isinstance(body, list) or not all(isinstance(message, dict) for message in body):
        raise BotAway("its answer is not a list of messages")
    words = [message["text"] for message in body if message.get("text")]
    if not all(isinstance(line, str) for line in words):
        raise BotAway("a text in its answer is not a string")
    payloads = list(_payloads(body))
    return Answer(
        words=tuple(words),
        asked_for_person=any(payload.get("asked_for_person") is True for payload in payloads),
        not_understood=any(payload.get("not_understood") is True for payload in payloads),
        skills=tuple(_skill_step(payload) for payload in payloads if "skill" in payload),
        check_in=_last(_check_in(payload) for payload in payloads if "check_in" in payload),
        goal=_last(_text(payload["goal"]) for payload in payloads if "goal" in payload),
        goal_result=_last(
            _goal_result(payload) for payload in payloads if "goal_result" in payload
        ),
    )


def _payloads(body: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in body:
        payload = message.get("custom")
        if payload is None:
            continue
        if not isinstance(payload, dict):
            raise BotAway("a custom payload in its answer is not an object")
        yield payload


def _skill_step(payload: dict[str, Any]) -> SkillStep:
    name, state = payload["skill"], payload.get("state")
    if not isinstance(name, str) or state not in SKILL_STATES:
        raise BotAway("a skill step in its answer has no name or no known state")
    return SkillStep(
        name,
        cast(SkillState, state),
        before=_rating(payload.get("before")),
        after=_rating(payload.get("after")),
    )


def _check_in(payload: dict[str, Any]) -> CheckIn:
    kind, answers = payload["check_in"], payload.get("answers")
    score = _rating(payload.get("score"))
    if not isinstance(kind, str) or (answers is None and score is None):
        raise BotAway("a check-in in its answer has no kind, or neither answers nor a 0 to 10")
    if answers is not None and not isinstance(answers, list):
        raise BotAway("a check-in's answers in its answer are not a list")
    return CheckIn(
        kind,
        score,
        note=_text(payload.get("note")),
        answers=tuple(_text(answer) or "" for answer in answers or ()),
        finished=payload.get("state") != "left",
    )


def _goal_result(payload: dict[str, Any]) -> GoalResult:
    result = payload["goal_result"]
    if result not in get_args(GoalResult):
        raise BotAway("a goal's result in its answer is none of done, partly, not_yet")
    return cast(GoalResult, result)


def _rating(value: object) -> int | None:
    """Rasa sends a slot's value as text: "7", "skip", or "None" for an empty slot."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"10|[0-9]", text) else None


def _text(value: object) -> str | None:
    """A slot's text. Rasa sends "None" for an empty slot."""
    text = "" if value is None else str(value).strip()
    return None if text.casefold() in ("", "none") else text


def _last(items: Iterator[T]) -> T | None:
    found = list(items)
    return found[-1] if found else None


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
