"""Break everything under Warmline while people write, and read from the record what became of it.

python -m tests.faults --faults 500 --messages 20000 --mentees 500
python -m tests.faults --faults 500 --messages 20000 --mentees 500 --postgres --gateways 2
"""

import argparse
import pickle
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.injector import CRASHES, FAULTS
from tests.faults.invariants import resume_times, sent_twice
from tests.faults.run import Outcome, Size, run

SHOWN = 5


def report(outcome: Outcome) -> str:
    history, lines = outcome.history, []
    kinds = Counter(fault.kind for fault in history.faults)
    taken = sum(one.sid is not None for one in history.attempts)
    figures = {
        "seed": outcome.size.seed,
        "texts of mentees": outcome.written,
        "texts of staff": len(history.posted) - outcome.written,
        "posts of webhooks": outcome.posts,
        "faults": sum(kinds.values()),
        "handoffs": len({one.handoff for one in history.moved}),
        "alerts": len(history.paged),
        "requests to send": len(history.attempts),
        "texts that Twilio took": taken,
        "texts sent twice": len(sent_twice(history)),
        "seconds until at rest": f"{outcome.drained_after_seconds:.1f}",
        "seconds": f"{outcome.seconds:.0f}",
    }
    lines += [f"{name:<40}{figure}" for name, figure in figures.items()]
    lines += ["", *(f"  {count:4}  {kind}" for kind, count in sorted(kinds.items()))]
    if times := [seconds for _, seconds in resume_times(history)]:
        lines += ["", f"{'resumed after a kill, longest':<40}{max(times):.1f} s of {len(times)}"]
    lines += [""]
    for name, wrong in outcome.wrong.items():
        lines += [f"{name.replace('_', ' '):<40}{len(wrong)} wrong"]
        lines += [f"    {one[:600]}" for one in wrong[:SHOWN]]
    lines += ["", "holds" if outcome.holds else "DOES NOT HOLD"]
    return "\n".join(lines)


def main() -> None:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--faults", type=int, default=500)
    ask.add_argument("--messages", type=int, default=20_000)
    ask.add_argument("--mentees", type=int, default=500)
    ask.add_argument("--seed", type=int, default=2024)
    ask.add_argument("--at-once", type=int, default=16, help="mentees who write at any moment")
    ask.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    ask.add_argument("--gateways", type=int, default=1, help="more than one needs PostgreSQL")
    names = f"kinds of faults, with commas: {', '.join(FAULTS)}"
    ask.add_argument("--only", default="", help=names)
    ask.add_argument("--without", default="", help="the same; `crashes`: all that kill or freeze")
    ask.add_argument("--keep", type=Path, help="a file for the history, to look at it with pickle")
    given = ask.parse_args()
    without = frozenset(filter(None, given.without.split(",")))
    if "crashes" in without:
        without |= CRASHES
    size = Size(given.messages, given.mentees, given.faults, given.seed, given.at_once)
    with tempfile.TemporaryDirectory(prefix="warmline-faults-") as folder:
        outcome = run(
            Path(folder),
            size,
            on_postgres=given.postgres,
            gateways=given.gateways,
            without=without,
            only=frozenset(filter(None, given.only.split(","))),
            tell=lambda progress: print(progress, file=sys.stderr, end="\r", flush=True),
        )
        print(report(outcome))
        if given.keep:
            given.keep.write_bytes(pickle.dumps(outcome.history))
    sys.exit(not outcome.holds)


if __name__ == "__main__":
    main()
