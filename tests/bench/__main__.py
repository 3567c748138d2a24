"""The whole line beside the Rasa that `rasa init` makes: `make bench`.

    python -m tests.bench --rounds 5

Twilio's signed webhooks go in, and texts come out at a stand-in for Twilio. Stock Rasa gets the
same messages at its REST channel and answers in the response. Both run on this machine, in
alternating rounds; one is frozen while the other is measured. docs/performance.md explains it.
Linux only.
"""

import argparse
import asyncio
import itertools
import signal
import sys
import time
from collections.abc import Sequence

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from bot.benchmark import SCRATCH
from bot.environment import BotProblem
from bot.evidence import write_evidence
from tests.bench.page import PAGE, describe_run
from tests.bench.provider import Provider
from tests.bench.rounds import Round, report
from tests.bench.stock import NotInstalled, Stock
from tests.bench.usage import frozen
from tests.bench.warmline import Warmline
from tests.bench.writers import WORDS, ByRest, BySms, System, play

TO_WARM_UP, SETTLES_SECONDS = 4, 2.0
# Both servers close a connection that was quiet for so long, maybe as we send on it.
SERVERS_KEEP_SECONDS = 5


async def bench(rounds: int, *, writers: int, alone: int, evening: int) -> str:
    run = describe_run(
        f"{writers} people writing {evening} messages at once, {alone} one at a time"
    )
    words = tuple(itertools.islice(itertools.cycle(WORDS), evening))
    people = 1 + TO_WARM_UP + rounds * (writers + alone)
    limits = TCPConnector(limit=0, keepalive_timeout=SERVERS_KEEP_SECONDS - 2)
    async with ClientSession(connector=limits, timeout=ClientTimeout(60)) as session:
        provider = Provider()
        async with provider.serving():
            line = Warmline(SCRATCH / "whole-line", provider.url, mentees=people)
            with line, Stock() as stock:
                ours, theirs = BySms(line, provider, session, words), ByRest(stock, session, words)
                ours.sign(range(people))
                with frozen(stock.pid):
                    await ours.learn(0)
                for system in (ours, theirs):
                    await _measured(system, ours, theirs, range(1, TO_WARM_UP), [TO_WARM_UP])
                played: dict[str, list[Round]] = {ours.name: [], theirs.name: []}
                for number in range(rounds):
                    first = 1 + TO_WARM_UP + number * (writers + alone)
                    those = range(first, first + writers)
                    others = range(first + writers, first + writers + alone)
                    for system in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                        one = await _measured(system, ours, theirs, those, others)
                        played[system.name].append(one)
                        print(f"round {number + 1}, {system.name}: {one}", flush=True)
    return "\n".join(
        [
            run,
            "",
            report(played[ours.name], played[theirs.name]),
            f"Warmline's texts for each message: {', '.join(map(str, ours.texts))}; "
            f"{ours.other_than_first} messages got another number. "
            f"rasa init left {theirs.without_reply} messages without a reply.",
        ]
    )


async def _measured(
    system: System,
    ours: System,
    theirs: System,
    together: Sequence[int],
    alone: Sequence[int],
) -> Round:
    other = theirs if system is ours else ours
    with frozen(other.pid):
        await asyncio.sleep(SETTLES_SECONDS)
        return await play(system, together, alone)


def main() -> None:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--writers", type=int, default=16, help="who write at the same time")
    ask.add_argument("--alone", type=int, default=3, help="who write after that, one by one")
    ask.add_argument("--evening", type=int, default=12, help="messages of each person")
    ask.add_argument("--write", action="store_true", help=f"the figures into {PAGE.name}, too")
    asked = ask.parse_args()
    # So that what was started ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    try:
        found = asyncio.run(
            bench(
                asked.rounds,
                writers=asked.writers,
                alone=asked.alone,
                evening=asked.evening,
            )
        )
    except (NotInstalled, BotProblem) as problem:
        sys.exit(str(problem))
    print(f"\n{found}\n\n{time.monotonic() - began:.0f} seconds")
    if asked.write:
        write_evidence("bench", found, PAGE)


if __name__ == "__main__":
    main()
