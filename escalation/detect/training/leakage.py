"""Whether an example is too close to a text that the detector is measured on.

    python -m escalation.detect.training.leakage FOLDER

FOLDER holds evaluation texts as JSON lines. An example is too close if it shares a run of words
with one of them, or says nearly the same by its sentence features. Texts of under five words do not
count: two people who write "hello" did not copy. Also finds duplicates among the examples. Takes
some minutes, and exits with 1 if it finds anything.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from escalation.detect.training.example_files import read_conversations, read_examples
from escalation.detect.training.train import features
from escalation.detect.wording import in_plain_words

FEWEST_WORDS = 5
# Two people do not write so many words in a row by chance.
RUN = 10
# Cosine of the sentence features from which texts say the same thing in nearly the same words.
TOO_LIKE = 0.90
# Examples compared at a time.
BLOCK = 256

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(frozen=True)
class Close:
    """`measure`: words in a row, or a cosine."""

    ours: str
    theirs: str
    why: str
    measure: float


def evaluation_texts(folder: Path) -> list[str]:
    """Every `text` and `title` in the folder's .jsonl files, and every turn of a conversation."""
    texts: set[str] = set()
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            texts.update(_texts_in(json.loads(line)))
    return sorted(texts)


def _texts_in(row: dict[str, object]) -> Iterator[str]:
    for key in ("text", "title"):
        if isinstance(words := row.get(key), str):
            yield words
    turns = row.get("turns")
    for turn in turns if isinstance(turns, list) else ():
        words = turn.get("text") if isinstance(turn, dict) else turn
        if isinstance(words, str):
            yield words


def list_words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def sharing_a_run(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Close]:
    seen: dict[tuple[str, ...], str] = {}
    for text in theirs:
        for run in _runs(text):
            seen.setdefault(run, text)
    for text in ours:
        shared = next((run for run in _runs(text) if run in seen), None)
        if shared is not None:
            yield Close(text, seen[shared], " ".join(shared), RUN)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = list_words(text)
    for start in range(len(words) - RUN + 1):
        yield tuple(words[start : start + RUN])


def saying_the_same(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Close]:
    mine, others = (
        features(in_plain_words(text).text for text in texts) for texts in (ours, theirs)
    )
    for start in range(0, len(ours), BLOCK):
        likeness = mine[start : start + BLOCK] @ others.T
        for row, best in enumerate(likeness.argmax(axis=1)):
            if likeness[row, best] >= TOO_LIKE:
                measure = float(likeness[row, best])
                yield Close(ours[start + row], theirs[best], "says the same", measure)


def find_duplicates(texts: Sequence[str]) -> Iterator[str]:
    seen = set()
    for text in texts:
        words = tuple(list_words(text)) or (text,)
        if words in seen:
            yield text
        seen.add(words)


def main() -> int:
    cli = argparse.ArgumentParser(description="Whether an example is close to an evaluation text")
    cli.add_argument("folder", type=Path)
    folder = cli.parse_args().folder
    written = [example.text for example in read_examples()]
    turns = [turn.text for one in read_conversations() for turn in one.turns]
    ours = [text for text in {*written, *turns} if len(list_words(text)) >= FEWEST_WORDS]
    theirs = [text for text in evaluation_texts(folder) if len(list_words(text)) >= FEWEST_WORDS]
    found = [*sharing_a_run(sorted(ours), theirs), *saying_the_same(sorted(ours), theirs)]
    for close in found:
        print(f"{close.why} ({close.measure:.2f}): {close.ours!r}")
    twice = list(find_duplicates(written))
    for text in twice:
        print(f"twice among the examples: {text!r}")
    print(
        f"{len(ours)} of our texts against {len(theirs)} of theirs: {len(found)} too close, "
        f"{len(twice)} duplicates."
    )
    return 1 if found or twice else 0


if __name__ == "__main__":
    sys.exit(main())
