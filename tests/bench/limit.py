"""The least that a message can cost: `python -m tests.bench.limit`, `--write` to keep it.

Each part alone, one after the other: reading a message (detection), Rasa's answer with its tracker
in memory, and one commit on the disk.
"""

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bot.benchmark import SCRATCH
from bot.environment import ROOT
from bot.evidence import write_evidence
from bot.server import command
from bot.serving import free_port, run
from escalation.detect import detect
from tests.bench.figures import percentile, short, table
from tests.bench.page import PAGE, describe_run
from tests.bench.writers import WORDS

TIMES = 20


def detection_ms() -> list[float]:
    """With what the mentee wrote before, as in a conversation."""
    detect(WORDS[0], ())
    return [
        _took(lambda place=place: detect(WORDS[place], WORDS[:place]))  # type: ignore[misc]
        for _ in range(TIMES)
        for place in range(len(WORDS))
    ]


def rasa_ms(folder: Path) -> list[float]:
    in_memory = folder / "endpoints.yml"
    in_memory.write_text("")
    port = free_port()
    served = [str(in_memory) if w == "endpoints.yml" else w for w in command(ROOT, port)]
    with run(served, port, ROOT) as rasa:

        def say(person: int, words: str) -> None:
            message = {"sender": f"person-{person}", "message": words}
            rasa.http.post(f"{rasa.url}/webhooks/rest/webhook", json=message).raise_for_status()

        for words in WORDS:
            say(0, words)
        return [
            _took(lambda person=person, words=words: say(person, words))  # type: ignore[misc]
            for person in range(1, TIMES)
            for words in WORDS
        ]


def commit_ms(folder: Path) -> list[float]:
    """A row of a kilobyte, with the settings of gateway/runtime/database.py."""
    database = sqlite3.connect(folder / "limit.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE message (words BLOB)")

    def commit() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO message VALUES (?)", [os.urandom(1000)])
        database.execute("COMMIT")

    took = [_took(commit) for _ in range(TIMES * len(WORDS))]
    database.close()
    return took


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    # Not in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        parts = {
            "detection": detection_ms(),
            "Rasa, tracker in memory": rasa_ms(Path(folder)),
            "one commit": commit_ms(Path(folder)),
        }
    rows = [("ms", "p50", "p95")]
    for what, took in parts.items():
        rows.append((what, short(percentile(took, 50)), short(percentile(took, 95))))
    together = sum(percentile(took, 50) for took in parts.values())
    rows.append(("together", short(together), ""))
    found = f"{describe_run('one message after the other')}\n\n{table(rows)}"
    print(found)
    if "--write" in sys.argv:
        write_evidence("limit", found, PAGE)


if __name__ == "__main__":
    main()
