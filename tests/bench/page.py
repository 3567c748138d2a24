"""docs/performance.md, where the figures of a run are, and what is said of every run."""

import os
import subprocess
from datetime import UTC, datetime

from tests.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"


def describe_run(size: str) -> str:
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
    commit = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[1]
    day = datetime.now(UTC).strftime("%-d %B %Y")
    return f"{day}, commit {commit}, {cores} cores, load {load:.1f} of the last 5 minutes; {size}."
