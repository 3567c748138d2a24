"""Read the example files: messages with labels, and conversations labeled turn by turn.

examples/README.md says how to write them.
"""

import csv
import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from escalation.detect.lexicon import Kind

EXAMPLES = Path(__file__).with_name("examples")
COLUMNS = ["connection", "tools", "crisis", "text"]
TURN_COLUMNS = ["mentee", "connection", "tools", "crisis", "person", "text"]

# The target for crisis, if it is not 1. Passive thoughts, past crises and those of others are not a
# crisis by themselves, and not nothing.
CRISIS_SHARE = {Kind.PASSIVE: 0.4, Kind.OTHER: 0.4, Kind.PAST: 0.15}


class BadExample(Exception):
    def __init__(self, file: Path, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}. Correct it and train again.")


class Bring(StrEnum):
    NO = "-"
    ASK = "ask"
    YES = "bring"


@dataclass(frozen=True)
class Example:
    """`connection` and `tools` are 0 (no), 1 (some) or 2 (strong); `kind` is None for no crisis."""

    connection: int
    tools: int
    kind: Kind | None
    text: str

    @property
    def crisis(self) -> float:
        """0 to 1."""
        return 0.0 if self.kind is None else CRISIS_SHARE.get(self.kind, 1.0)


@dataclass(frozen=True)
class Turn(Example):
    person: Bring


@dataclass(frozen=True)
class Conversation:
    """The mentee's turns. The bot's are in the file only for its readers."""

    title: str
    turns: tuple[Turn, ...]


def read_examples(folder: Path = EXAMPLES, leaving_out: Collection[str] = ()) -> list[Example]:
    """From every file but those in `leaving_out`. Raises BadExample."""
    examples = []
    for file in sorted(folder.glob("*.tsv")):
        if file.stem in leaving_out:
            continue
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            next(rows, None)
            for line, cells in enumerate(rows, start=2):
                _check_columns(file, line, cells, COLUMNS)
                examples.append(_example(file, line, cells))
    return examples


def read_conversations(folder: Path = EXAMPLES) -> list[Conversation]:
    """Raises BadExample."""
    files = sorted(folder.glob("*.txt"))
    return [conversation for file in files for conversation in _conversations_in(file)]


def fingerprint(folder: Path = EXAMPLES) -> str:
    files = sorted([*folder.glob("*.tsv"), *folder.glob("*.txt")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _conversations_in(file: Path) -> Iterator[Conversation]:
    title, turns = "", list[Turn]()
    for line, words in enumerate(file.read_text("utf-8").splitlines(), start=1):
        cells = words.split("\t")
        if words.startswith("#"):
            if turns:
                yield Conversation(title, tuple(turns))
            title, turns = words.removeprefix("#").strip(), []
        elif cells[0] == "mentee":
            _check_columns(file, line, cells, TURN_COLUMNS)
            if cells[4] not in set(Bring):
                raise BadExample(file, line, f"person is -, ask or bring, not {cells[4]!r}")
            example = _example(file, line, [*cells[1:4], cells[5]])
            turns.append(Turn(**vars(example), person=Bring(cells[4])))
        elif words.strip() and cells[0] != "bot":
            raise BadExample(file, line, "a line begins with #, mentee or bot")
    if turns:
        yield Conversation(title, tuple(turns))


def _check_columns(file: Path, line: int, cells: Sequence[str], columns: Sequence[str]) -> None:
    if len(cells) != len(columns):
        raise BadExample(file, line, f"{len(cells)} columns instead of {len(columns)}")


def _example(file: Path, line: int, cells: Sequence[str]) -> Example:
    connection, tools, kind, text = cells
    if connection not in {"0", "1", "2"} or tools not in {"0", "1", "2"}:
        raise BadExample(file, line, "connection and tools are 0, 1 or 2")
    if kind != "-" and kind not in set(Kind):
        raise BadExample(file, line, f"there is no kind of crisis {kind!r}; write - for none")
    return Example(int(connection), int(tools), None if kind == "-" else Kind(kind), text)
