"""Fuzzing: random requests to every form and address, as every kind of person, and to the API.

    python -m tests.fuzz --minutes 20 --seed 1

Hypothesis fills every form that a page shows, every address with a number in it, and Twilio's
webhooks, with and without a valid signature. Schemathesis calls the API. The application is the
real one, on SQLite; the bot answers from a table. A 5xx or an exception ends the run, and
Hypothesis prints the smallest request that causes it.
"""

import argparse
import itertools
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.core.result import Err

from gateway.integrations.api.app import MOUNTED_AT
from tests.fuzz.forms import find_forms
from tests.fuzz.inputs import form_requests, webhook_requests
from tests.fuzz.world import NOBODY, Sent, World
from tests.memory import roomy

# A round begins with the same database: what one deletes or ends is there again in the next.
ROUND = 250
REPORT_EVERY_SECONDS = 60
# Each request comes this much later, so that limits of requests a minute are not all that is seen.
LATER = timedelta(seconds=20)
GENERATE_ONLY = (Phase.generate, Phase.shrink)


@dataclass
class Progress:
    minutes: float
    began: float = field(default_factory=time.monotonic)
    sent: Counter[str] = field(default_factory=Counter)
    memory_mb: list[float] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.began > self.minutes * 60

    def reports(self) -> None:
        """The first minute is left out of the memory: much is loaded on first use."""
        if time.monotonic() - self.began < REPORT_EVERY_SECONDS * (len(self.memory_mb) + 1):
            return
        self.memory_mb.append(resident_mb())
        minute, megabytes = len(self.memory_mb), self.memory_mb[-1]
        print(f"{minute:4} min  {self.sent.total():9,} inputs  {megabytes:6.0f} MB", flush=True)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


Part = Callable[[int], None]


def hypothesis_part(
    world: World, progress: Progress, name: str, sent: st.SearchStrategy[Sent]
) -> Part:
    def send_a_round(number: int) -> None:
        @seed(number)
        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=GENERATE_ONLY,
            suppress_health_check=list(HealthCheck),
        )
        @given(sent)
        def send(one: Sent) -> None:
            world.talk.clock.now += LATER
            progress.sent[name] += 1
            world.answers_to(one)

        send()

    return send_a_round


def api_parts(world: World, progress: Progress) -> Iterator[Part]:
    """One part for each operation that the API describes."""
    described = schemathesis.openapi.from_dict(world.api.openapi())
    for result in described.get_all_operations():
        if isinstance(result, Err):
            raise result.err()
        requests = result.ok().as_strategy().map(lambda case: _as_sent(world, case))
        yield hypothesis_part(world, progress, "API", requests)


def _as_sent(world: World, case: Any) -> Sent:
    query = urlencode(case.query or {}, doseq=True, errors="surrogatepass")
    is_json = not isinstance(case.body, (bytes, NotSet))
    body = json.dumps(case.body).encode() if is_json else b""
    headers = {"Accept": "application/json", "Authorization": f"Bearer {world.token}"}
    if is_json:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    headers |= {
        name: str(given)
        for name, given in (case.headers or {}).items()
        if name.title() not in headers
    }
    address = f"{MOUNTED_AT}{quote(case.formatted_path, safe='/%')}?{query}"
    return Sent(NOBODY, case.method.upper(), address, body, tuple(headers.items()))


def run(world: World, progress: Progress, first_seed: int) -> None:
    forms = find_forms(world)
    world.restart()
    actions = {(form.method, form.action) for form in forms}
    print(f"{len(forms)} forms and links with {len(actions)} addresses")
    people = sorted(world.cookies)
    posted = [form for form in forms if form.method != "GET"]
    parts: list[Part] = [
        hypothesis_part(world, progress, "forms", form_requests(posted, people)),
        hypothesis_part(world, progress, "forms", form_requests(posted, people)),
        hypothesis_part(world, progress, "addresses", form_requests(forms, people)),
        hypothesis_part(world, progress, "webhooks", webhook_requests()),
        *api_parts(world, progress),
    ]
    for number, part in zip(itertools.count(first_seed), itertools.cycle(parts), strict=False):
        if progress.is_over:
            return
        world.restart()
        part(number)
        progress.reports()


def main() -> None:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--minutes", type=float, default=20)
    ask.add_argument("--seed", type=int, default=1)
    options = ask.parse_args()
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    with tempfile.TemporaryDirectory(prefix="warmline-fuzz-", dir=roomy()) as folder:
        world = World(Path(folder))
        progress = Progress(options.minutes)
        run(world, progress, options.seed)
    for name, count in progress.sent.items():
        print(f"{name:<12}{count:10,}")
    for status, count in sorted(world.answers.items()):
        print(f"{status:<12}{count:10,}")
    print(f"seed {options.seed}, {progress.sent.total():,} inputs, no 5xx")


if __name__ == "__main__":
    main()
