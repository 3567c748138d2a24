"""Runs the conversation tests: `python -m bot.conversation_tests`.

Trains the bot if its sources changed, then plays the example conversations in bot/tests with a real
Rasa. Prints the steps that failed, and exits with 1 if there are any.
"""

import re
import sys
import tempfile
from pathlib import Path

from bot.environment import ROOT, BotProblem, find_python, rasa, run_to_end
from bot.training import complaint, train_if_changed

# Rasa opens a tracker store while it tests. It is deleted afterwards.
THROWAWAY_KEY = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="


def run(root: Path = ROOT) -> None:
    model = train_if_changed(root=root)
    with tempfile.TemporaryDirectory() as scratch:
        testing = [*rasa(find_python(root)), "test", "core", "--stories", "tests", "--no-plot"]
        testing += ["--model", str(model), "--out", scratch, "--fail-on-prediction-errors"]
        own = {"RASA_TRACKER_DB": f"{scratch}/tracker.db", "WARMLINE_KEY": THROWAWAY_KEY}
        tested = run_to_end(testing, cwd=root, own=own)
        failed = Path(scratch) / "failed_test_stories.yml"
        wrong = failed.read_text() if failed.exists() else ""
    if tested.returncode != 0:
        said = complaint(tested.stdout.splitlines())
        raise BotProblem(failures(wrong) or f"Rasa could not run the conversation tests.{said}")


def failures(failed_stories: str) -> str:
    told = [
        line.strip()
        for line in failed_stories.splitlines()
        if re.match(r"\s*- story:", line) or "predicted" in line
    ]
    return "These example conversations failed:\n  " + "\n  ".join(told) if told else ""


def main() -> None:
    try:
        run()
    except BotProblem as problem:
        sys.exit(str(problem))
    print("All example conversations pass.")


if __name__ == "__main__":
    main()
