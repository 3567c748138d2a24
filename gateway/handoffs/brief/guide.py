"""What escalation/brief.toml advises a mentor for each need and each quadrant."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from escalation.decide import Quadrant
from models import Need

BRIEF_FILE = Path(__file__).resolve().parents[3] / "escalation" / "brief.toml"


class BadBrief(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


@dataclass(frozen=True)
class Advice:
    text: str
    source: str


@dataclass(frozen=True)
class Guidance:
    do: tuple[Advice, ...]
    do_not: tuple[Advice, ...]
    first_line: Advice


@dataclass(frozen=True)
class Guide:
    needs: Mapping[Need, Guidance]
    quadrants: Mapping[Quadrant, Guidance]


@cache
def load_guide(file: Path = BRIEF_FILE) -> Guide:
    """Raises BadBrief, naming what is missing."""
    try:
        read = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadBrief(file, str(error)) from error
    return Guide(
        {need: _guidance(file, read, "need", need.value) for need in Need},
        {quadrant: _guidance(file, read, "quadrant", quadrant.value) for quadrant in Quadrant},
    )


def _guidance(file: Path, read: Mapping[str, object], table: str, key: str) -> Guidance:
    tables = read.get(table)
    entry = tables.get(key) if isinstance(tables, dict) else None
    where = f"[{table}.{key}]"
    if not isinstance(entry, dict):
        raise BadBrief(file, f"there is no {where}")
    return Guidance(
        _advice(file, where, entry.get("do"), "do"),
        _advice(file, where, entry.get("do_not"), "do_not"),
        _advice(file, where, [entry.get("first_line")], "first_line")[0],
    )


def _advice(file: Path, where: str, lines: object, part: str) -> tuple[Advice, ...]:
    if not isinstance(lines, list) or not lines:
        raise BadBrief(file, f"{where} has no {part}")
    for line in lines:
        complete = isinstance(line, dict) and all(
            str(line.get(key, "")).strip() for key in ("text", "source")
        )
        if not complete:
            raise BadBrief(file, f"a line of {part} in {where} has no text or no source")
    return tuple(Advice(line["text"], line["source"]) for line in lines)
