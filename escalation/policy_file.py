"""Reading policy.toml: a Policy, or each mistake with its line."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from escalation.policy import Policy

POLICY_FILE = Path(__file__).with_name("policy.toml")

TABLE = re.compile(r"\s*\[([^\[\]]+)\]")
PAIR = re.compile(r"\s*([\w-]+)\s*=")
AT_LINE = re.compile(r"at line (\d+)")
IN_OUR_WORDS = {"missing": "is missing", "extra_forbidden": "there is no such key here"}


class BadPolicy(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


@dataclass(frozen=True)
class PolicyProblem:
    """One mistake in a policy. `line` is None if unknown."""

    key: str
    problem: str
    line: int | None

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}" if self.key else self.problem


class UnreadablePolicy(Exception):
    """A text that is not a valid policy. `problems` has at least one."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


def load_policy(file: Path = POLICY_FILE) -> Policy:
    """Raises BadPolicy, naming the key and the problem."""
    try:
        return read_policy(file.read_text("utf-8"))
    except UnreadablePolicy as unreadable:
        raise BadPolicy(file, str(unreadable.problems[0])) from unreadable


def read_policy(text: str) -> Policy:
    """Raises UnreadablePolicy with every problem."""
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        where = AT_LINE.search(str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        raise UnreadablePolicy([PolicyProblem("", str(error), line)]) from error
    except RecursionError as error:
        raise UnreadablePolicy([PolicyProblem("", "it is nested too deeply", None)]) from error
    except ValidationError as error:
        raise UnreadablePolicy([_problem(text, one) for one in error.errors()]) from error


def find_line(text: str, key: Sequence[int | str]) -> int | None:
    """The line of a key, or of the nearest table that holds it."""
    here: tuple[str, ...] = ()
    best, at = 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if table := TABLE.match(line):
            here = tuple(table[1].replace(" ", "").split("."))
            names = here
        elif pair := PAIR.match(line):
            names = (*here, pair[1])
        else:
            continue
        if best < len(names) and names == tuple(key[: len(names)]):
            best, at = len(names), number
    return at


def _problem(text: str, error: ErrorDetails) -> PolicyProblem:
    key = ".".join(str(part) for part in error["loc"])
    said = IN_OUR_WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    # A rule about two keys names them itself.
    return PolicyProblem(
        "" if said.startswith(f"{key}.") else key, said, find_line(text, error["loc"])
    )
