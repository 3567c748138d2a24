"""Measure detection and write the table in docs/evidence.md: `make evidence EVAL=FOLDER`.

FOLDER has an evaluation set from outside the project: `score.py` and the texts in `dev/`. It takes
fifteen minutes; run nothing else meanwhile, or the times are too long.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.environment import ROOT
from bot.evidence import write_evidence
from escalation.assess import assess_lines
from escalation.detect.detector import detect
from escalation.detect.training import cross_validation, robustness
from escalation.detect.training.edits import Group
from escalation.intervals import Rate
from escalation.policy_file import load_policy

# Lines in one batch of a process.
BATCH = 500
# How many messages are timed, drawn evenly from all.
TIMED = 4_000
# How many of our own messages are edited in every way.
EDITED = 300
# The kind of conversation, by a word in its id.
KINDS = {"esconv": "support", "dailydialog": "ordinary"}


@dataclass(frozen=True)
class Figure:
    """A figure and its target: at least `asked`, or at most if `at_most`."""

    name: str
    value: float
    asked: float
    at_most: bool = False
    interval: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        return self.value <= self.asked if self.at_most else self.value >= self.asked

    def __str__(self) -> str:
        low_high = f"[{self.interval[0]:.3f}-{self.interval[1]:.3f}]" if self.interval else ""
        asked = f"{'at most' if self.at_most else 'at least'} {self.asked:g}"
        missed = "" if self.holds else "  NOT met"
        return f"{self.name:58}{self.value:8.4g} {low_high:15} {asked:14}{missed}"


TARGETS: dict[str, dict[str, float]] = tomllib.loads(
    Path(__file__).with_name("targets.toml").read_text("utf-8")
)


def assessed(lines: Sequence[str]) -> list[str]:
    """The answers to all lines, computed on every core; messages are independent."""
    batches = [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        return [answer for batch in processes.map(_assess, batches) for answer in batch]


def _assess(lines: Sequence[str]) -> list[str]:
    return list(assess_lines(lines, load_policy()))


def outside_figures(report: Mapping[str, Mapping[str, Any]]) -> Iterator[Figure]:
    for kind in ("at_least", "at_most"):
        for name, asked in TARGETS[kind].items():
            row = report[name]
            known = row.get("low") is not None
            interval = (row["low"], row["high"]) if known else None
            yield Figure(name, row["value"], asked, kind == "at_most", interval)


def first_brought(asked: Iterable[str], answers: Iterable[str]) -> dict[str, dict[str, int]]:
    """Each conversation's first message with a handoff or an offer; 0 if there is none."""
    firsts: dict[str, dict[str, int]] = {"support": {}, "ordinary": {}}
    answer_to = {row["id"]: row for row in map(json.loads, answers)}
    for row in map(json.loads, asked):
        conversation, _, message = row["id"].rpartition("/")
        lowered = conversation.lower()
        kind = next((KINDS[name] for name in KINDS if name in lowered), None)
        if kind is None or not message.isdigit():
            continue
        answer = answer_to[row["id"]]
        comes = answer["urgency"] != "none" or answer["offers_person"]
        known = firsts[kind].setdefault(conversation, 0)
        if comes and not known:
            firsts[kind][conversation] = int(message)
    return firsts


def brought_figures(firsts: Mapping[str, Mapping[str, int]]) -> Iterator[Figure]:
    support, ordinary = (list(firsts[kind].values()) for kind in ("support", "ordinary"))
    for message, asked in TARGETS["brought_by_message"].items():
        rate = Rate(sum(0 < first <= int(message) for first in support), len(support))
        name = f"support conversations, brought or offered by message {message}"
        yield Figure(name, rate.share, asked, interval=rate.interval)
    rate = Rate(sum(first > 0 for first in ordinary), len(ordinary))
    name = "ordinary conversations, brought or offered ever"
    yield Figure(name, rate.share, 0.02, at_most=True, interval=rate.interval)


def speed_figures(lines: Sequence[str]) -> Iterator[Figure]:
    """Times and memory, in a new process on one core."""
    drawn = lines[:: max(1, len(lines) // TIMED)]
    command = [sys.executable, "-m", "escalation.detect.training.speed"]
    told = subprocess.run(command, input="\n".join(drawn), text=True, capture_output=True)
    if told.returncode:
        raise SystemExit(told.stderr)
    figures = json.loads(told.stdout)
    yield Figure("a message of up to 70 words, median, ms", figures["median_ms"], 8, at_most=True)
    yield Figure("a message of up to 70 words, p99, ms", figures["p99_ms"], 20, at_most=True)
    yield Figure("memory added, MB", figures["memory_mb"], 250, at_most=True)


def flip_figures(rates: Mapping[Group, robustness.FlipRate]) -> Iterator[Figure]:
    whole = robustness.overall(rates).rate
    yield Figure("flips of the route, all but a laugh", whole.share, 0.03, True, whole.interval)
    for group, flips in rates.items():
        if group is not Group.LAUGH:
            name = f"flips of the route, {group}"
            yield Figure(name, flips.rate.share, 0.05, True, flips.rate.interval)


def commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(asked, cwd=ROOT.parent, text=True, capture_output=True)
    return told.stdout.strip() or "unknown"


def measure(folder: Path) -> Iterator[str]:
    score = [sys.executable, str(folder / "score.py")]
    dev = str(folder / "dev")
    asked = subprocess.run([*score, "inputs", dev], text=True, capture_output=True, check=True)
    lines = asked.stdout.splitlines()
    yield f"commit {commit()}, {detect('hello').version}, {len(lines)} texts of others"

    # Times first, while nothing else runs.
    times = list(speed_figures(lines))
    began = time.perf_counter()
    answers = assessed(lines)
    each_second = len(lines) / (time.perf_counter() - began)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as kept:
        kept.write("\n".join(answers))
        kept.flush()
        told = subprocess.run(
            [*score, "report", dev, kept.name, "--json"], text=True, capture_output=True, check=True
        )
    figures = [*outside_figures(json.loads(told.stdout))]
    figures += brought_figures(first_brought(lines, answers))
    yield "\non messages of others, at the shipped policy"
    yield from map(str, figures)

    ours, sentiment = cross_validation.cross_validate()
    own = [
        Figure(f"{axis} calibration error, own", ours.error(axis), 0.05, at_most=True)
        for axis in cross_validation.AXES
    ]
    yield "\non our own, cross-validated"
    yield from map(str, own)
    yield from cross_validation.table(ours, sentiment)

    yield "\ntime, one message after the other on one core"
    yield from map(str, times)
    yield f"{os.cpu_count()} processes: {each_second:.0f} messages a second"

    flips = list(flip_figures(robustness.measured(EDITED, seed=1)))
    yield f"\nedits that change no meaning, of {EDITED} of our own"
    yield from map(str, flips)

    missed = [figure.name for figure in [*figures, *own, *times, *flips] if not figure.holds]
    yield f"\n{len(missed)} of {len(figures + own + times + flips)} not met"


def main() -> None:
    cli = argparse.ArgumentParser(description="Measure detection; write docs/evidence.md.")
    cli.add_argument("folder", type=Path, help="the evaluation set: score.py and dev/")
    folder = cli.parse_args().folder
    if not (folder / "score.py").is_file():
        raise SystemExit(f"{folder} has no score.py. Name the evaluation set: EVAL=FOLDER.")
    table = []
    for line in measure(folder):
        print(line, flush=True)
        table.append(line)
    write_evidence("detection", "\n".join(table))


if __name__ == "__main__":
    main()
