"""What enrolling a people file would do, line by line. Nothing is written here.

The command line and the managers' page show the same plan, and enrollment.py carries it out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, language_name, phrase
from escalation.speech.i18n import known as known_language
from escalation.speech.names import fold_name, with_name
from gateway.people.details.refusals import BadDetails
from gateway.people.details.row import Row, check_name
from gateway.people.details.time_zones import region_of
from gateway.people.directory import phone_in_use
from gateway.people.people_file.reading import PeopleFile, Problem
from gateway.people.questions import (
    NO_ANSWERS,
    Answer,
    Question,
    ask_about_line,
    ask_about_name,
    ask_about_number,
)
from gateway.runtime.user_input import as_e164
from models import (
    Conversation,
    Handoff,
    Match,
    MatchKind,
    Person,
    Program,
    Role,
    Status,
    phone_index,
)

# The same sentence for every number that is in use where the reader may not look.
PHONE_IN_USE = gettext_noop("this phone number cannot be used here; check it, or ask your operator")


class Effect(StrEnum):
    """What enrolling a line would do."""

    ADDS = "adds"
    CHANGES = "changes"
    BRINGS_BACK = "brings back"
    LEAVES = "leaves as they are"


VERBS = {
    Effect.ADDS: "add",
    Effect.CHANGES: "change",
    Effect.BRINGS_BACK: "bring back",
    Effect.LEAVES: "no change for",
}


@dataclass(frozen=True)
class Mentor:
    """A mentor to match a mentee with: already enrolled, or on another line of the file."""

    name: str
    phone: str | None
    person: Person | None


@dataclass(frozen=True)
class Step:
    """A valid line and its effect. `changes` are phrases such as "name was Maja".

    `former` has the number until now, and leaves. With `shares` the person is enrolled without a
    number: they use the phone of `shares_with`, or of the person on an earlier line. With
    `moves` somebody who is enrolled gets the number; `old_phone` is the one that it replaces, if
    they had their own.
    """

    row: Row
    effect: Effect
    person: Person | None
    mentors: tuple[Mentor, ...] = ()
    changes: tuple[str, ...] = ()
    former: Person | None = None
    shares: bool = False
    shares_with: Person | None = None
    moves: bool = False
    old_phone: str | None = None


@dataclass(frozen=True)
class Plan:
    """`questions` are the lines that nobody answered; they are left out."""

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    questions: tuple[Question, ...] = ()

    @property
    def to_do(self) -> list[Step]:
        return [step for step in self.steps if step.effect is not Effect.LEAVES]

    def count(self, effect: Effect) -> int:
        return sum(step.effect == effect for step in self.steps)


@dataclass(frozen=True)
class _Known:
    """What the database has about the people of one file.

    `sharing` are the mentees who use another person's phone, by that person. `namesakes` are those
    who have no line of their own in the file, by folded name. `lines` are the lines so far, by
    number, without those of mentees who use another person's phone.
    """

    people: dict[str, Person]
    taken_elsewhere: frozenset[str]
    matches: dict[int, list[int]]
    mentors: list[Mentor]
    sharing: dict[int, list[Person]]
    namesakes: dict[str, list[Person]]
    in_handoff: frozenset[int]
    lines: dict[str, Row] = field(default_factory=dict)


def plan(
    session: Session,
    program: Program,
    people: PeopleFile,
    answers: Mapping[int, Answer] = NO_ANSWERS,
) -> Plan:
    known = _known(session, program, people.rows)
    problems, questions = list(people.problems), list[Question]()
    steps = []
    # Mentors first, so that a mentee can be matched with one from the same file.
    for row in sorted(people.rows, key=lambda row: row.role is Role.MENTEE):
        try:
            check_name(row.name, program.name)
            step = _step(row, known, answers.get(row.line))
        except BadDetails as bad:
            problems.append(Problem(row.line, bad.reason, row.name))
            continue
        if isinstance(step, Question):
            questions.append(step)
            continue
        if not _is_on_anothers_phone(step):
            known.lines[row.phone] = row
        steps.append(step)
        if row.role is not Role.MENTEE:
            known.mentors[:] = [one for one in known.mentors if not _is_of(one, step)]
            known.mentors.append(Mentor(row.name, row.phone, step.person))
    return Plan(
        tuple(steps),
        tuple(sorted(problems, key=lambda problem: problem.line)),
        tuple(sorted(questions, key=lambda question: question.row.line)),
    )


def _is_on_anothers_phone(step: Step) -> bool:
    known = step.person
    return step.shares or (
        not step.moves and known is not None and bool(known.shares_phone_with_id)
    )


def _is_of(mentor: Mentor, step: Step) -> bool:
    same = mentor.person is not None and mentor.person is step.person
    return same or mentor.phone == step.row.phone


def _known(session: Session, program: Program, rows: list[Row]) -> _Known:
    # Names are encrypted in the database, so they are compared here.
    here = session.scalars(select(Person).where(Person.program_id == program.id)).all()
    wanted = {phone_index(row.phone): row.phone for row in rows}
    elsewhere = session.scalars(
        select(Person.phone_index).where(
            Person.program_id != program.id, Person.phone_index.in_(wanted)
        )
    )
    taken = {wanted[index] for index in elsewhere if index is not None}
    lines = session.scalars(select(Program.phone).where(Program.phone.is_not(None)))
    sharing: dict[int, list[Person]] = {}
    namesakes: dict[str, list[Person]] = {}
    in_file = set(wanted.values())
    named = {(row.phone, fold_name(row.name)) for row in rows}
    for person in here:
        has_line = person.phone in in_file
        if person.shares_phone_with_id is not None:
            sharing.setdefault(person.shares_phone_with_id, []).append(person)
            has_line = (phone_in_use(person), fold_name(person.name)) in named
        if person.left_at is None and not has_line:
            namesakes.setdefault(fold_name(person.name), []).append(person)
    return _Known(
        {person.phone: person for person in here if person.phone},
        frozenset(taken | {phone for phone in lines if phone}),
        _matches(session, program),
        [
            Mentor(person.name, person.phone, person)
            for person in here
            if person.role is not Role.MENTEE and person.left_at is None
        ],
        sharing,
        namesakes,
        frozenset(_in_open_handoffs(session, program)),
    )


def _matches(session: Session, program: Program) -> dict[int, list[int]]:
    matches: dict[int, list[int]] = {}
    for match in session.scalars(
        select(Match)
        .join(Person, Person.id == Match.mentee_id)
        .where(Person.program_id == program.id)
        .order_by(Match.kind != MatchKind.OWN, Match.id)
    ):
        matches.setdefault(match.mentee_id, []).append(match.mentor_id)
    return matches


def _in_open_handoffs(session: Session, program: Program) -> Iterable[int]:
    is_open = Handoff.status.in_([Status.WAITING, Status.CLAIMED])
    found = session.scalars(
        select(Conversation.person_id)
        .join(Handoff, Handoff.conversation_id == Conversation.id)
        .where(Conversation.program_id == program.id, is_open)
    )
    return (person_id for person_id in found if person_id is not None)


def _step(row: Row, known: _Known, answer: Answer | None) -> Step | Question:
    """Raises BadDetails."""
    if row.phone in known.taken_elsewhere:
        raise BadDetails(PHONE_IN_USE)
    # Each mentor once, in the order of the file.
    mentors = dict.fromkeys(_find_mentor(named, row, known.mentors) for named in row.mentors)
    step = _who(row, known, answer)
    if isinstance(step, Question):
        return step
    step = replace(step, mentors=tuple(mentors))
    if step.person is None:
        return step
    changes = _changes(step, step.person, known)
    if step.person.left_at is not None:
        effect = Effect.BRINGS_BACK
    else:
        effect = Effect.CHANGES if changes else Effect.LEAVES
    return replace(step, effect=effect, changes=changes)


def _who(row: Row, known: _Known, answer: Answer | None) -> Step | Question:
    """Which person a line is about."""
    person = known.people.get(row.phone)
    if row.phone in known.lines:
        return _second_on_a_phone(row, known, person, answer)
    if person is None:
        return _with_unknown_number(row, known, answer)
    if person.role is not row.role:
        raise BadDetails(
            phrase(
                "this phone number is enrolled as a {role}, not a {given}",
                role=phrase(person.role.value),
                given=phrase(row.role.value),
            )
        )
    users = [person, *known.sharing.get(person.id, ())]
    if same := with_name(row.name, users):
        return Step(row, Effect.LEAVES, same[0])
    question = ask_about_number(row, person, has_open_handoff=person.id in known.in_handoff)
    if answer not in question.answers:
        return question
    if answer is Answer.SHARES:
        return Step(row, Effect.ADDS, None, shares=True, shares_with=person)
    if answer is Answer.NEW:
        return Step(row, Effect.ADDS, None, former=person)
    return Step(row, Effect.CHANGES, person)


def _second_on_a_phone(
    row: Row, known: _Known, person: Person | None, answer: Answer | None
) -> Step | Question:
    """Another mentee of the file has the number of an earlier line."""
    sharing = known.sharing.get(person.id, []) if person else []
    if same := with_name(row.name, sharing):
        return Step(row, Effect.LEAVES, same[0])
    question = ask_about_line(row, known.lines[row.phone])
    if answer is not Answer.SHARES:
        return question
    return Step(row, Effect.ADDS, None, shares=True)


def _with_unknown_number(row: Row, known: _Known, answer: Answer | None) -> Step | Question:
    namesakes = [
        one
        for one in known.namesakes.get(fold_name(row.name), ())
        if (one.role is Role.MENTEE) == (row.role is Role.MENTEE)
    ]
    if len(namesakes) != 1 or answer is Answer.NEW:
        return Step(row, Effect.ADDS, None)
    [namesake] = namesakes
    if answer is not Answer.SAME:
        return ask_about_name(row, namesake)
    return Step(row, Effect.CHANGES, namesake, moves=True, old_phone=namesake.phone)


def _find_mentor(named: str, row: Row, mentors: list[Mentor]) -> Mentor:
    numbers = {as_e164(named), as_e164(named, region_of(row.timezone))}
    found = [one for one in mentors if one.phone in numbers - {None}]
    found = found or with_name(named, mentors)
    if not found:
        raise BadDetails(
            phrase("no mentor is named {named!r}; enroll them first or in this file", named=named)
        )
    if len(found) > 1:
        raise BadDetails(
            phrase("several mentors are named {named!r}; use the phone number", named=named)
        )
    return found[0]


def _changes(step: Step, person: Person, known: _Known) -> tuple[str, ...]:
    row, mentors = step.row, step.mentors
    changes: list[str] = []
    if step.old_phone is not None:
        changes.append(phrase("number was {number}", number=step.old_phone))
    elif step.moves:
        changes.append(gettext_noop("used another mentee's phone"))
    if person.name != row.name:
        changes.append(phrase("name was {name}", name=person.name))
    if row.says_timezone and person.timezone != row.timezone:
        changes.append(phrase("time zone was {zone}", zone=person.timezone))
    if row.language and known_language(person.language) != row.language:
        changes.append(phrase("language was {language}", language=language_name(person.language)))
    matched = known.matches.get(person.id, [])
    if mentors and [one.person.id if one.person else None for one in mentors] != matched:
        changes.append(gettext_noop("mentors change"))
    return tuple(changes)


def step_in_words(step: Step) -> str:
    """A line of the plan for the command line, such as "change mentee Maya: name was Maja"."""
    row, verb = step.row, VERBS[step.effect]
    words = f"{verb} {row.role.value} {row.name} {row.phone}, {row.timezone}"
    if step.mentors:
        words += f", with {' / '.join(mentor.name for mentor in step.mentors)}"
    if step.former is not None:
        words += f"; {step.former.name} leaves"
    if step.shares:
        words += ", who shares that phone and uses the web chat"
    return f"{words} ({'; '.join(map(str, step.changes))})" if step.changes else words
