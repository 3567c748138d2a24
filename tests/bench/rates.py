"""One rate of messages: posting them on time, and what became of them."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession

from tests.bench.figures import percentile, short
from tests.bench.record import Record
from tests.bench.warmline import Post

CRISES_PERCENT = 1


@dataclass(frozen=True)
class Rate:
    """So many messages a second, for so many seconds: 20x30."""

    messages: float
    seconds: float

    @classmethod
    def read(cls, written: str) -> "Rate":
        messages, _, seconds = written.partition("x")
        return cls(float(messages), float(seconds))

    @property
    def count(self) -> int:
        return round(self.messages * self.seconds)

    @property
    def crises(self) -> int:
        return max(1, round(self.count * CRISES_PERCENT / 100))


@dataclass(frozen=True)
class Limits:
    """What is asked of a rate; None where nothing is."""

    webhook_p99_ms: float | None = None
    crisis_p99_ms: float | None = None
    drained_seconds: float | None = None


ASKED = {
    20.0: Limits(webhook_p99_ms=40),
    50.0: Limits(webhook_p99_ms=150, crisis_p99_ms=1000, drained_seconds=60),
    300.0: Limits(crisis_p99_ms=3000),
}


@dataclass
class Load:
    """One rate's posts in order, and what became of them. Times are of `time.monotonic`."""

    rate: Rate
    posts: Sequence[Post]
    crises: frozenset[str]
    due: dict[str, float] = field(default_factory=dict)
    answered_ms: list[float] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    refused: int = 0

    async def run(self, session: ClientSession) -> None:
        began = time.monotonic() + 0.1
        sending = []
        for place, post in enumerate(self.posts):
            due = began + place / self.rate.messages
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sending.append(asyncio.create_task(self._send(session, post, due)))
        await asyncio.gather(*sending)

    async def _send(self, session: ClientSession, post: Post, due: float) -> None:
        # From when it was due: a late post is the fault of the answers that it waited for.
        self.due[post.sid] = due
        try:
            status = await post.send(session)
        except (TimeoutError, ClientError):
            status = 0
        self.answered_ms.append((time.monotonic() - due) * 1000)
        if status == 200:
            self.taken.append(post.sid)
        else:
            self.refused += 1


@dataclass(frozen=True)
class Result:
    """Times in milliseconds, from the moment at which a webhook was due."""

    rate: Rate
    answered_ms: Sequence[float]
    refused: int
    reply_ms: Sequence[float]
    alert_ms: Sequence[float]
    unanswered_crises: int
    drained_seconds: float
    backlog: int
    record: Record
    texts: int
    sent_twice: int

    @property
    def nothing_is_lost(self) -> bool:
        record = self.record
        wrong = record.lost, record.unhandled, record.not_sent, self.sent_twice, self.backlog
        return not any(wrong) and not self.unanswered_crises

    def rows(self) -> Iterator[tuple[str, str]]:
        asked = ASKED.get(self.rate.messages, Limits())
        yield "messages a second x seconds", f"{self.rate.messages:g} x {self.rate.seconds:g}"
        yield "webhook, p50, ms", short(percentile(self.answered_ms, 50))
        yield "webhook, p99, ms", _within(percentile(self.answered_ms, 99), asked.webhook_p99_ms)
        yield "webhooks not answered 200", str(self.refused)
        yield "crises", str(self.rate.crises)
        for what, took in (("crisis to reply", self.reply_ms), ("crisis to alert", self.alert_ms)):
            yield f"{what}, p50, ms", short(percentile(took, 50)) if took else "none"
            p99 = _within(percentile(took, 99), asked.crisis_p99_ms) if took else "none"
            yield f"{what}, p99, ms", p99
            yield f"{what}, most, ms", short(max(took)) if took else "none"
        yield "crises without a reply or an alert", str(self.unanswered_crises)
        drained = _within(self.drained_seconds, asked.drained_seconds)
        yield "backlog drained after, s", f"{self.backlog} left" if self.backlog else drained
        yield "texts to the provider", str(self.texts)
        yield "messages lost", str(self.record.lost)
        yield "messages not handled", str(self.record.unhandled)
        yield "texts dropped or failed", str(self.record.not_sent)
        yield "texts sent twice", str(self.sent_twice)


def _within(figure: float, limit: float | None) -> str:
    if limit is None:
        return short(figure)
    return f"{short(figure)} (<= {limit:g}{'' if figure <= limit else ': NOT met'})"
