"""Who is in a program: the list as managers see it, and look-ups of one person."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Case, ColumnElement, Select, case, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from escalation.handoffs.availability import away_now
from escalation.handoffs.duty import list_staff, on_duty
from escalation.speech.i18n import gettext_noop, phrase
from escalation.speech.names import fold_name
from gateway.people.details.row import cleaned
from models import (
    WRONG_NUMBER,
    Absence,
    Conversation,
    Handoff,
    Match,
    MatchKind,
    Message,
    Person,
    Program,
    Role,
    Speaker,
    Status,
)

# A larger program comes a page at a time.
A_PAGE = 100
PERSON_NOT_HERE = gettext_noop("There is no such person in your program.")


@dataclass(frozen=True)
class Listed:
    """One person in the list.

    `wrote_at` is their last message; `heard_at` is when a mentor or manager last wrote to a
    mentee. `silent` marks a mentee who is inactive by the program's policy.
    """

    person: Person
    own: str | None
    back_ups: tuple[str, ...]
    mentees: int
    wrote_at: datetime | None
    heard_at: datetime | None
    silent: bool
    away: Absence | None
    on_duty: bool
    trouble: str | None


@dataclass(frozen=True)
class Page:
    """Some people. `following` is the last of them, if there are more."""

    people: list[Listed]
    counts: dict[Role, int]
    following: int | None


def find_people(
    session: Session,
    program: Program,
    *,
    now: datetime,
    inactive_after: timedelta,
    only: Sequence[int] | None = None,
) -> list[Listed]:
    """Everyone, or `only` these, including people who left: managers, mentors, mentees, each by
    name.
    """
    theirs = Person.program_id == program.id
    if only is not None:
        theirs = theirs & Person.id.in_(only)
    people = session.scalars(select(Person).where(theirs)).all()
    by_id = {person.id: person for person in people}
    its_own = Conversation.program_id == program.id
    if only is not None:
        its_own = Conversation.person_id.in_(only)
    mentee_ids = [person.id for person in people if person.role is Role.MENTEE]
    of_mentees = its_own if only is None else Conversation.person_id.in_(mentee_ids)
    wrote, heard = last_wrote(session, its_own), last_heard(session, of_mentees)
    duty = {person.id for person in on_duty(session, program, now=now)}
    away = away_now(session, by_id, now=now)
    own: dict[int, str] = {}
    back_ups: dict[int, list[str]] = defaultdict(list)
    mentees: dict[int, int] = defaultdict(int)
    counted = select(Match.mentor_id, func.count("*").label("many")).group_by(Match.mentor_id)
    for row in session.execute(counted.where(Match.mentor_id.in_(by_id))):
        mentees[row.mentor_id] = row.many
    for mentee, kind, name in _mentors_of(session, program, only):
        if kind is MatchKind.OWN:
            own[mentee] = name
        else:
            back_ups[mentee].append(name)
    listed = [
        Listed(
            person=person,
            own=own.get(person.id),
            back_ups=tuple(back_ups[person.id]),
            mentees=mentees[person.id],
            wrote_at=wrote.get(person.id),
            heard_at=heard.get(person.id) if person.role is Role.MENTEE else None,
            silent=is_silent(person, wrote.get(person.id), since=now - inactive_after),
            away=away.get(person.id),
            on_duty=person.id in duty,
            trouble=why_not_textable(person),
        )
        for person in people
    ]
    roles = list(reversed(Role))
    by_name = sorted(listed, key=lambda one: (one.person.name.casefold(), one.person.id))
    return sorted(by_name, key=lambda one: roles.index(one.person.role))


def _mentors_of(
    session: Session, program: Program, only: Sequence[int] | None
) -> Iterator[tuple[int, MatchKind, str]]:
    """The mentee, the kind, and the mentor's name."""
    of_program = select(Match.mentee_id, Match.mentor_id, Match.kind).order_by(Match.id)
    if only is None:
        here = of_program.join(Person, Person.id == Match.mentee_id)
        rows = session.execute(here.where(Person.program_id == program.id)).all()
    else:
        rows = session.execute(of_program.where(Match.mentee_id.in_(only))).all()
    mentors = {mentor for _, mentor, _ in rows}
    # Each name is decrypted once, however many mentees they have.
    named = select(Person.id, Person.name).where(Person.id.in_(mentors))
    names = {one.id: one.name for one in session.execute(named)}
    for mentee, mentor, kind in rows:
        if mentor in names:
            yield mentee, kind, names[mentor]


def find_page(
    session: Session,
    program: Program,
    show: str,
    words: str = "",
    *,
    after: int | None = None,
    now: datetime,
    inactive_after: timedelta,
) -> Page:
    """The people to show, after one of them. A search also finds people who left."""
    if words:
        found, counts = search(session, program.id, words), {}
    else:
        found = _next_ids(session, program.id, show, after=after)
        counts = _count_by_role(session, program.id, show)
    only, more = found[:A_PAGE], len(found) > A_PAGE
    listed = find_people(session, program, now=now, inactive_after=inactive_after, only=only)
    return Page(listed, counts, only[-1] if more else None)


def find_shown(
    session: Session, program: Program, show: str, *, now: datetime, inactive_after: timedelta
) -> list[Listed]:
    """All of them, for a download."""
    shown = set(session.scalars(_shown(program.id, show)))
    everyone = find_people(session, program, now=now, inactive_after=inactive_after)
    return [one for one in everyone if one.person.id in shown]


def _next_ids(session: Session, program_id: int, show: str, *, after: int | None) -> list[int]:
    """By role and then as they were enrolled, and one more than a page has."""
    place = _place(Person)
    shown = _shown(program_id, show).order_by(place, Person.id)
    if after is not None:
        last = aliased(Person)
        there = select(_place(last)).where(last.id == after).scalar_subquery()
        shown = shown.where(tuple_(place, Person.id) > tuple_(there, after))
    return list(session.scalars(shown.limit(A_PAGE + 1)))


def _place(person: type[Person]) -> Case[int]:
    """Managers, mentors, mentees."""
    return case({Role.MANAGER: 0, Role.MENTOR: 1}, value=person.role, else_=2)


def _count_by_role(session: Session, program_id: int, show: str) -> dict[Role, int]:
    counted = _shown(program_id, show).with_only_columns(Person.role, func.count("*").label("many"))
    return {row.role: row.many for row in session.execute(counted.group_by(Person.role))}


def _shown(program_id: int, show: str) -> Select[int]:
    people = select(Person.id).where(Person.program_id == program_id)
    if show == "left":
        return people.where(Person.left_at.is_not(None))
    people = people.where(Person.left_at.is_(None))
    return people if show == "all" else people.where(Person.role == Role(show))


def is_silent(person: Person, wrote_at: datetime | None, *, since: datetime) -> bool:
    """Whether this is an active mentee who was enrolled by `since` and has not written since."""
    if person.role is not Role.MENTEE or person.left_at is not None:
        return False
    return (wrote_at or person.enrolled_at) < since


def last_wrote(session: Session, those: ColumnElement[bool]) -> dict[int, datetime]:
    """When each person last wrote in those conversations."""
    return _last(session, those, Message.speaker_id == Conversation.person_id)


def last_heard(session: Session, those: ColumnElement[bool]) -> dict[int, datetime]:
    """When a mentor or manager last wrote to each person in those conversations."""
    from_staff = Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER])
    return _last(session, those, Message.outgoing & from_staff)


def _last(
    session: Session, those: ColumnElement[bool], which: ColumnElement[bool]
) -> dict[int, datetime]:
    # From the newest message of each thread backward, until one is theirs.
    last = (
        select(Message.at)
        .where(Message.conversation_id == Conversation.id, which)
        .order_by(Message.at.desc())
        .limit(1)
        .correlate(Conversation)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Conversation.person_id, last).where(those, Conversation.person_id.is_not(None))
    )
    return {person: at for person, at in rows if person is not None and at is not None}


def search(session: Session, program_id: int, words: str) -> list[int]:
    """The ids of people whose name contains the words, or whose number at least 3 digits of them.

    Names and numbers are encrypted, so all are read here.
    """
    wanted = fold_name(cleaned(words))
    digits = "".join(c for c in wanted if c.isdigit())
    here = Person.program_id == program_id
    named = session.execute(select(Person.id, Person.name).where(here))
    found = {one.id for one in named if wanted in fold_name(one.name)}
    if len(digits) >= 3:
        phones = session.execute(select(Person.id, Person.phone).where(here))
        found |= {one.id for one in phones if digits in (one.phone or "")}
    return sorted(found)


def phone_in_use(person: Person) -> str | None:
    """A person's number, or the number of the phone that they share."""
    shared = person.shares_phone_with
    return person.phone or (shared.phone if shared else None)


def why_not_textable(person: Person) -> str | None:
    """Why this person cannot be texted; None when they can."""
    if person.shares_phone_with_id is not None:
        return gettext_noop("they use another mentee's phone; write in the web chat")
    if person.phone is None:
        return gettext_noop("no number")
    if person.opted_out_at is not None:
        return gettext_noop("opted out of texts (STOP)")
    if person.unreachable_code == WRONG_NUMBER:
        return phrase("someone wrote from this number that it is the wrong one")
    if person.unreachable_code is not None:
        return phrase("texts to this number fail (code {code})", code=person.unreachable_code)
    return None


def person_in(session: Session, program_id: int, number: int) -> Person | None:
    person = session.get(Person, number)
    return person if person is not None and person.program_id == program_id else None


def mentors_in(session: Session, program_id: int) -> list[Person]:
    """Mentors and managers, by name: those who can be matched with a mentee."""
    staff = list_staff(session, program_id)
    return sorted(staff, key=lambda person: (person.name.casefold(), person.id))


def list_mentors(session: Session, mentee: Person) -> tuple[Person | None, list[Person]]:
    """A mentee's own mentor, if there is one, and the back-ups."""
    rows = session.execute(
        select(Match.kind, Person)
        .join(Person, Person.id == Match.mentor_id)
        .where(Match.mentee_id == mentee.id)
        .order_by(Match.id)
    ).all()
    own = next((person for kind, person in rows if kind is MatchKind.OWN), None)
    return own, [person for kind, person in rows if kind is MatchKind.BACK_UP]


def list_mentees(session: Session, mentor: Person) -> list[Person]:
    mentees = session.scalars(
        select(Person)
        .join(Match, Match.mentee_id == Person.id)
        .where(Match.mentor_id == mentor.id)
        .order_by(Match.id)
    )
    return list(mentees)


def list_open_handoffs(session: Session, person: Person) -> list[Handoff]:
    """The open handoffs that a mentor holds, or that a mentee is waiting for or has."""
    handoffs = select(Handoff).join(Conversation, Conversation.id == Handoff.conversation_id)
    if person.role is Role.MENTEE:
        is_open = Handoff.status.in_([Status.WAITING, Status.CLAIMED])
        handoffs = handoffs.where(Conversation.person_id == person.id, is_open)
    else:
        handoffs = handoffs.where(Handoff.mentor_id == person.id, Handoff.status == Status.CLAIMED)
    return list(session.scalars(handoffs.order_by(Handoff.id)))
