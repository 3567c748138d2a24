"""Commands that name a mentee: RECORD MAYA …, OPEN MAYA …, WRITE MAYA ….

They are also English words, so a text is a command only if the word is in capitals, or a mentee's
name or a code follows it. Otherwise it is words for a mentee.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from escalation.speech.names import fold_name
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.reading.read import split_code
from models import Person, Role

BETWEEN = " \t\r\n:.,;-"


@dataclass(frozen=True)
class Named:
    """A command's word in lower case, then a code or the mentees of that name, then the rest.

    `begins` is where the rest begins in the text.
    """

    word: str
    code: str | None
    people: Sequence[Person]
    rest: str
    begins: int = 0


def names_mentee(*verbs: str) -> Callable[[Turn], Named | None]:
    pattern = "|".join(verbs)

    def match(turn: Turn) -> Named | None:
        # Without the verb, the program's mentees need not be read.
        if not re.match(rf"\s*(?:{pattern})\b", turn.words, re.IGNORECASE):
            return None
        return read_named(pattern, turn.words, list_program_mentees(turn))

    return match


def read_named(verbs: str, words: str, mentees: Sequence[Person]) -> Named | None:
    found = re.fullmatch(
        rf"\s*(?P<word>{verbs})\b[\s:.,-]*(?P<tail>.*)", words, re.IGNORECASE | re.DOTALL
    )
    if found is None:
        return None
    people: Sequence[Person] = ()
    code, rest = split_code(found["tail"])
    if code is None:
        people, rest = split_name(found["tail"], mentees)
    if code is None and not people and not found["word"].isupper():
        return None
    begins = len(words) - len(rest.lstrip(BETWEEN))
    return Named(found["word"].lower(), code, people, rest.strip(BETWEEN), begins)


def list_program_mentees(turn: Turn) -> Sequence[Person]:
    return turn.session.scalars(
        select(Person).where(
            Person.program_id == turn.mentor.program_id,
            Person.role == Role.MENTEE,
            Person.left_at.is_(None),
        )
    ).all()


def split_name(words: str, people: Sequence[Person]) -> tuple[list[Person], str]:
    """The people whose name the words begin with, and what follows it.

    A whole name counts before a first name. Case, accents, and apostrophes do not matter.
    """
    parts = list(re.finditer(r"\S+", words))
    longest = max((len(fold_name(one.name).split()) for one in people), default=0)
    for count in range(min(longest, len(parts)), 0, -1):
        end = parts[count - 1].end()
        said = _bare(words[:end])
        named = [one for one in people if _bare(one.name) == said]
        if count == 1:
            named = named or [one for one in people if _bare(one.name).split()[:1] == [said]]
        if named:
            return named, words[end:]
    return [], words


def _bare(name: str) -> str:
    return re.sub(r"'s$", "", fold_name(name).strip(BETWEEN + "!?"))
