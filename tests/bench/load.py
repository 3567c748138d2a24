"""Messages at a given rate, whether they are answered or not, and some of them in a crisis.

    python -m tests.bench.load
    python -m tests.bench.load --rates 20x30 50x30 300x10 --without-rasa --postgres

Each webhook is posted at its time, however late the others are. docs/performance.md explains what
is measured. Linux only.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from bot.benchmark import SCRATCH
from bot.environment import BotProblem
from bot.evidence import write_evidence
from tests.bench.figures import table
from tests.bench.page import PAGE, describe_run
from tests.bench.provider import Provider
from tests.bench.rates import Load, Rate, Result
from tests.bench.record import Reader
from tests.bench.warmline import Post, Warmline
from tests.bench.writers import WORDS
from tests.postgres import PostgresServer

CRISIS = "i am going to kill myself tonight"
# Twilio waits so long for the answer to a webhook.
TWILIO_WAITS_SECONDS = 15
# Twilio opens connections as it needs them, but not thousands to one server.
CONNECTIONS = 400


async def measure(
    folder: Path,
    rates: Sequence[Rate],
    *,
    mentees: int,
    with_bot: bool,
    callbacks: bool = False,
    database_url: str | None = None,
    patience_seconds: float = 900,
) -> list[Result]:
    """One rate after the other, on the same Warmline. Each waits until the backlog is drained."""
    everybody = mentees + sum(rate.crises for rate in rates)
    connections = TCPConnector(limit=CONNECTIONS, keepalive_timeout=3)
    timeout = ClientTimeout(TWILIO_WAITS_SECONDS)
    async with ClientSession(connector=connections, timeout=timeout) as session:
        provider = Provider(callbacks=session if callbacks else None)
        async with provider.serving():
            line = Warmline(
                folder,
                provider.url,
                mentees=everybody,
                with_bot=with_bot,
                database_url=database_url,
            )
            with line:
                loads = prepare(line, rates, mentees=mentees)
                await _warm_up(line, session)
                return [
                    await _measure_one(line, provider, session, load, patience_seconds)
                    for load in loads
                ]


def prepare(line: Warmline, rates: Sequence[Rate], *, mentees: int) -> list[Load]:
    """Every post, signed. Mentees take turns; who is in a crisis writes only that one text."""
    loads, number, in_crisis = [], 1, mentees
    for rate in rates:
        posts: list[Post] = []
        crises: set[str] = set()
        every = rate.count // rate.crises
        for place in range(rate.count):
            # In the middle of each hundred.
            if place % every == every // 2 and len(crises) < rate.crises:
                posts.append(line.post(in_crisis, CRISIS, number=number))
                crises.add(posts[-1].sid)
                in_crisis += 1
            else:
                words = WORDS[place // mentees % len(WORDS)]
                posts.append(line.post(place % mentees, words, number=number))
            number += 1
        loads.append(Load(rate, posts, frozenset(crises)))
    return loads


async def _warm_up(line: Warmline, session: ClientSession) -> None:
    """The first message of a process compiles its statements and connects."""
    for place, words in enumerate(WORDS[:4]):
        await line.post(0, words, number=10**9 + place).send(session)
    await _drained(line, 60)


async def _drained(line: Warmline, patience_seconds: float) -> int:
    reader = Reader(line.database_url)
    try:
        return await asyncio.to_thread(reader.wait_until_drained, patience_seconds)
    finally:
        reader.close()


async def _measure_one(
    line: Warmline,
    provider: Provider,
    session: ClientSession,
    load: Load,
    patience_seconds: float,
) -> Result:
    texts_before = len(provider.texts)
    await load.run(session)
    backlog = await _drained(line, patience_seconds)
    drained = time.monotonic() - max(load.due.values())
    reader = Reader(line.database_url)
    record = reader.read(load.taken, sorted(load.crises))
    reader.close()
    times = provider.times
    reply_ms = _took(load, {sid: _first(times, [one.reply]) for sid, one in record.crises.items()})
    alert_ms = _took(load, {sid: _first(times, one.alerts) for sid, one in record.crises.items()})
    return Result(
        rate=load.rate,
        answered_ms=load.answered_ms,
        refused=load.refused,
        reply_ms=reply_ms,
        alert_ms=alert_ms,
        unanswered_crises=2 * len(load.crises) - len(reply_ms) - len(alert_ms),
        drained_seconds=drained,
        backlog=backlog,
        record=record,
        texts=len(provider.texts) - texts_before,
        sent_twice=sum(len(at) - 1 for at in times.values()),
    )


def _first(times: Mapping[int, Sequence[float]], texts: Sequence[int | None]) -> float | None:
    taken = [times[one][0] for one in texts if one is not None and one in times]
    return min(taken, default=None)


def _took(load: Load, at: Mapping[str, float | None]) -> list[float]:
    return [(when - load.due[sid]) * 1000 for sid, when in at.items() if when is not None]


def report(results: Sequence[Result]) -> str:
    columns = [dict(result.rows()) for result in results]
    return table([(name, *(column[name] for column in columns)) for name in columns[0]])


def main() -> None:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    rates = [Rate.read(one) for one in ("20x30", "50x30", "300x10")]
    ask.add_argument(
        "--rates", type=Rate.read, nargs="+", default=rates, help="messages a second x seconds"
    )
    ask.add_argument("--mentees", type=int, default=400, help="who take turns")
    ask.add_argument("--without-rasa", action="store_true", help="nobody answers at its address")
    ask.add_argument("--callbacks", action="store_true", help="status callbacks for each text")
    ask.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    ask.add_argument("--write", action="store_true", help=f"the figures into {PAGE.name}, too")
    asked = ask.parse_args()
    # So that what was started ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kind = "without Rasa" if asked.without_rasa else "with Rasa"
    run = describe_run(f"{kind}, {'PostgreSQL' if asked.postgres else 'SQLite'}")
    server = PostgresServer() if asked.postgres else None
    try:
        results = asyncio.run(
            measure(
                SCRATCH / "load",
                asked.rates,
                mentees=asked.mentees,
                with_bot=not asked.without_rasa,
                callbacks=asked.callbacks,
                database_url=server.new_database() if server else None,
            )
        )
    except BotProblem as problem:
        sys.exit(str(problem))
    finally:
        if server:
            server.stop()
    found = f"{run}\n\n{report(results)}"
    print(found)
    if asked.write:
        write_evidence(f"load {kind}", found, PAGE)
    if not all(result.nothing_is_lost for result in results):
        sys.exit("Something was lost, sent twice, or left. The table says what.")


if __name__ == "__main__":
    main()
