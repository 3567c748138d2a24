"""Runs the conversation tests: `python -m bot.conversation_tests`.

Validates the data, trains the bot if its sources changed, and then lets a real Rasa go through the
dialogues in bot/tests. Exit status 1 and the failed steps when one goes another way.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.environment import ROOT, BotProblem, environment, python_of, rasa
from bot.training import complaint, train_if_changed

# Only for the tracker store that Rasa opens while it tests; nothing written with it is kept.
THROWAWAY_KEY = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="


def run(root: Path = ROOT) -> None:
    """Raises BotProblem with the steps that went another way than the story says."""
    model = train_if_changed(root=root)
    with tempfile.TemporaryDirectory() as scratch:
        testing = [*rasa(python_of(root)), "test", "core", "--stories", "tests"]
        testing += [
            "--model",
            str(model),
            "--out",
            scratch,
            "--no-plot",
            "--fail-on-prediction-errors",
        ]
        own = {"RASA_TRACKER_DB": f"{scratch}/tracker.db", "WARMLINE_KEY": THROWAWAY_KEY}
        tested = subprocess.run(
            testing,
            cwd=root,
            env=environment(os.environ) | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        failed = Path(scratch) / "failed_test_stories.yml"
        wrong = failed.read_text() if failed.exists() else ""
    if tested.returncode != 0:
        said = complaint(tested.stdout.splitlines())
        raise BotProblem(failures(wrong) or f"The conversation tests could not be run.{said}")


def failures(failed_stories: str) -> str:
    """From Rasa's file of failed stories, each story's name and the steps that went wrong."""
    told = [
        line.strip()
        for line in failed_stories.splitlines()
        if re.match(r"\s*- story:", line) or "predicted" in line
    ]
    return "These conversations went another way:\n  " + "\n  ".join(told) if told else ""


def main() -> None:
    try:
        run()
    except BotProblem as problem:
        sys.exit(str(problem))
    print("The bot's conversations go as written.")


if __name__ == "__main__":
    main()
