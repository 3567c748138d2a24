"""Who is meant, when a line has a known number with another name, or a known name with another
number. A number alone does not say who somebody is: numbers are given to new owners, and siblings
share one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from escalation.speech.i18n import Phrase, phrase
from gateway.people.details.row import Row
from models import Person, Role


class Answer(StrEnum):
    """What a manager can say about a line."""

    SAME = "same"
    NEW = "new"
    SHARES = "shares"


NO_ANSWERS: Mapping[int, Answer] = {}


@dataclass(frozen=True)
class Question:
    """`known_id` is the person with that number or name; None if only a line of the file has it.

    `hint` says why an answer is missing that one could expect.
    """

    row: Row
    words: Phrase
    answers: Mapping[Answer, Phrase]
    known_id: int | None = None
    known_name: str = ""
    hint: str = ""
    is_about_name: bool = False


def ask_about_number(row: Row, known: Person, *, has_open_handoff: bool) -> Question:
    """The number belongs to somebody with another name."""
    name, other = row.name, known.name
    answers = {Answer.SAME: phrase("same person; {other} is now {name}", other=other, name=name)}
    hint = ""
    if known.left_at is None and known.role is not Role.MENTEE:
        hint = phrase("If {name} is new, first mark {other} as left.", name=name, other=other)
    elif has_open_handoff:
        hint = phrase("If {name} is new, first close {other}'s handoff.", name=name, other=other)
    else:
        answers[Answer.NEW] = phrase(
            "new person; {other} leaves, and {other}'s messages stay with {other}", other=other
        )
    if known.role is Role.MENTEE and known.left_at is None:
        answers[Answer.SHARES] = _sharing(name, other)
    words = phrase("this number is {other}'s; is {name} the same person?", other=other, name=name)
    return Question(row, words, answers, known.id, known.name, hint)


def ask_about_line(row: Row, first: Row) -> Question:
    """Two mentees of one file have the same number."""
    words = phrase(
        "{other} on line {line} has this number; do they share the phone?",
        other=first.name,
        line=first.line,
    )
    return Question(row, words, {Answer.SHARES: _sharing(row.name, first.name)})


def ask_about_name(row: Row, known: Person) -> Question:
    """Somebody with this name is enrolled with another number."""
    name = row.name
    answers = {
        Answer.SAME: phrase("same person with a new number"),
        Answer.NEW: phrase("another person named {name}", name=name),
    }
    words = phrase("a {role} named {name} has another number", role=phrase(row.role), name=name)
    return Question(row, words, answers, known.id, name, is_about_name=True)


def _sharing(name: str, other: str) -> Phrase:
    return phrase(
        "they share the phone; texts go to {other}, and {name} uses the web chat",
        name=name,
        other=other,
    )
