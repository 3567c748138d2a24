"""Writes measurements of the bot into docs/evidence.md, each between a pair of marks."""

import re
from pathlib import Path

from bot.environment import ROOT

EVIDENCE = ROOT.parent / "docs" / "evidence.md"


def write_evidence(name: str, table: str, file: Path = EVIDENCE) -> None:
    """Replace what is between the marks `<!-- name -->` with `table`.

    Raises ValueError when the file has no such marks.
    """
    mark = f"<!-- {name} -->"
    text = file.read_text("utf-8")
    if text.count(mark) != 2:
        raise ValueError(f"{file} does not have the mark {mark} twice. Put it back.")
    kept = re.sub(
        f"{re.escape(mark)}.*?{re.escape(mark)}",
        lambda _: f"{mark}\n```\n{table}\n```\n{mark}",
        text,
        flags=re.DOTALL,
    )
    file.write_text(kept, "utf-8")
