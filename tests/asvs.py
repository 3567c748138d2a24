"""The table of OWASP ASVS 5.0.0: `python -m tests.asvs` writes docs/asvs.md from docs/asvs.toml.

It ends with 1, and one line per problem, when a requirement of level 1 or 2 is missing, an answer
is not clear, a test or heading that it names does not exist, or too few are answered yes. With
--check it writes nothing, and an outdated table is a problem too.
"""

import os
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LEVELS = Path(__file__).with_name("asvs_levels.toml")
ANSWERS = ("yes", "no", "does_not_apply")
SHOWN = {"yes": "yes", "no": "**no**", "does_not_apply": "does not apply"}
MOST_WORDS = 12


class Row(NamedTuple):
    number: str
    level: int
    chapter: str
    asks: str
    answer: str
    by: tuple[str, ...]
    """Tests and headings of a yes; the reason of another answer."""
    note: str


class Problem(Exception):
    pass


def read(root: Path = ROOT) -> dict[str, Any]:
    """Raises Problem."""
    try:
        return tomllib.loads((root / "docs" / "asvs.toml").read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Problem(
            f"docs/asvs.toml cannot be read, or has a requirement twice: {error}. Correct it."
        ) from error


def levels() -> dict[str, int]:
    listed = tomllib.loads(LEVELS.read_text("utf-8"))
    return {number: level for level in (1, 2) for number in listed[f"level_{level}"].split()}


def rows(table: dict[str, Any]) -> Iterator[Row]:
    """In the order of the standard. Raises nothing: `problems` says what is wrong."""
    reasons = table["does_not_apply"]
    for number, level in levels().items():
        chapter = number.split(".")[0]
        answers = table.get(f"V{chapter}", {})
        given = answers.get(number)
        if given is None:
            continue
        if chapter in reasons:
            given = {**given, "does_not_apply": reasons[chapter]}
        answered = [answer for answer in ANSWERS if answer in given]
        answer = answered[0] if len(answered) == 1 else ""
        by = given.get(answer, ())
        title = f"V{chapter} {answers['title']}"
        yield Row(
            number,
            level,
            title,
            given.get("asks", ""),
            answer,
            (by,) if isinstance(by, str) else tuple(by),
            given.get("note", ""),
        )


def problems(table: dict[str, Any], root: Path = ROOT) -> Iterator[str]:
    every, answered = levels(), list(rows(table))
    given = {number for name, chapter in table.items() if name[0] == "V" for number in chapter}
    for number in sorted(every.keys() - given):
        yield f"{number} (level {every[number]}) is missing. Add it to docs/asvs.toml."
    for number in sorted(given - every.keys() - {"title"}):
        yield f"{number} is not a requirement of level 1 or 2. Remove it from docs/asvs.toml."
    for row in answered:
        if not row.answer:
            yield f"{row.number} needs one answer: {', '.join(ANSWERS)}."
        if not row.asks or len(row.asks.split()) > MOST_WORDS:
            yield f"{row.number}: say what is asked in at most {MOST_WORDS} words."
        if row.answer == "yes":
            if not row.by:
                yield f"{row.number} names no test. Name one, or a heading of the docs."
            yield from (said for each in row.by for said in _missing(row.number, each, root))
    for level in (1, 2):
        share, goal = _share(answered, level), table["goal"][f"level_{level}"]
        if share < goal:
            yield f"Level {level}: {share:.1f} % are answered yes; the goal is {goal} %."


def _missing(number: str, named: str, root: Path) -> Iterator[str]:
    file, _, test = named.partition("::")
    if test:
        if test not in _tests(root / file):
            yield f"{number}: the test {named} does not exist. Name the one that shows it now."
    else:
        file, _, heading = named.partition("#")
        if heading not in _headings(root / file):
            yield f"{number}: {file} has no heading {heading!r}. Write it, or name another."


@cache
def _tests(file: Path) -> frozenset[str]:
    text = file.read_text("utf-8") if file.exists() else ""
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


@cache
def _headings(file: Path) -> frozenset[str]:
    text = file.read_text("utf-8") if file.exists() else ""
    return frozenset(re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE))


def _share(answered: list[Row], level: int) -> float:
    applicable = [row for row in answered if row.level == level and row.answer in ("yes", "no")]
    return 100 * sum(row.answer == "yes" for row in applicable) / max(1, len(applicable))


# --- the page ---

HEAD = """# ASVS

What Warmline answers to each requirement of level 1 and 2 of OWASP's Application Security
Verification Standard 5.0.0. The ids are OWASP's
([the standard](https://owasp.org/www-project-application-security-verification-standard/), CC BY-SA
4.0); the words are ours. `python -m tests.asvs` writes this page from `docs/asvs.toml`, and `make
check` fails when a test that it names does not exist. We answered by reading our code; nobody else
has verified it.
"""


def page(table: dict[str, Any]) -> str:
    answered = list(rows(table))
    parts = [HEAD, _summary(answered)]
    noes = [row for row in answered if row.answer == "no"]
    parts += ["## What is missing\n"]
    parts += [
        "\n".join(f"* **{row.number}** {row.asks}. {' '.join(row.by)}" for row in noes) + "\n"
    ]
    chapters = dict.fromkeys(row.chapter for row in sorted(answered, key=_order))
    for chapter in chapters:
        parts += [
            f"## {chapter}\n",
            "| id | level | asks | answer | shown by |",
            "|---|---|---|---|---|",
        ]
        own = sorted((row for row in answered if row.chapter == chapter), key=_order)
        parts += [_line(row) for row in own]
        parts += [""]
    return "\n".join(parts).rstrip() + "\n"


def _order(row: Row) -> list[int]:
    return [int(part) for part in row.number.split(".")]


def _summary(answered: list[Row]) -> str:
    lines = [
        "| level | yes | no | does not apply | yes of the applicable |",
        "|---|---|---|---|---|",
    ]
    for level in (1, 2):
        own = [row.answer for row in answered if row.level == level]
        counts = " | ".join(str(own.count(answer)) for answer in ANSWERS)
        lines.append(f"| {level} | {counts} | {_share(answered, level):.1f} % |")
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    shown = "; ".join(_place(each) for each in row.by) if row.answer == "yes" else " ".join(row.by)
    said = f"{shown}. {row.note}" if row.note else shown
    cells = (row.number, str(row.level), row.asks, SHOWN[row.answer], said)
    return f"| {' | '.join(cells)} |"


def _place(named: str) -> str:
    file, _, test = named.partition("::")
    if test:
        return f"`{test}`"
    file, _, heading = named.partition("#")
    return f"[{heading}]({os.path.relpath(file, 'docs')})"


def main(*given: str, root: Path = ROOT) -> int:
    file = root / "docs" / "asvs.md"
    try:
        table = read(root)
    except Problem as problem:
        print(problem)
        return 1
    found = list(problems(table, root))
    if not found:
        text = page(table)
        if "--check" not in given:
            file.write_text(text, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != text:
            found.append("docs/asvs.md is out of date. Run `python -m tests.asvs`.")
    print("\n".join(found) or _summary(list(rows(table))))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
