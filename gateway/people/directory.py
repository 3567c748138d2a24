"""Who is in a program: the list as managers see it, and look-ups of one person."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

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


def find_people(
    session: Session, program: Program, *, now: datetime, inactive_after: timedelta
) -> list[Listed]:
    """Everyone, including people who left: managers, mentors, mentees, each by name."""
    people = session.scalars(select(Person).where(Person.program_id == program.id)).all()
    by_id = {person.id: person for person in people}
    its_own = Conversation.program_id == program.id
    wrote, heard = last_wrote(session, its_own), last_heard(session, its_own)
    duty = {person.id for person in on_duty(session, program, now=now)}
    away = away_now(session, by_id, now=now)
    own: dict[int, str] = {}
    back_ups: dict[int, list[str]] = defaultdict(list)
    mentees: dict[int, int] = defaultdict(int)
    matches = select(Match).join(Person, Person.id == Match.mentee_id)
    for one in session.scalars(matches.where(Person.program_id == program.id).order_by(Match.id)):
        mentor = by_id.get(one.mentor_id)
        if mentor is None:  # enrolled since we read the people
            continue
        mentees[mentor.id] += 1
        if one.kind is MatchKind.OWN:
            own[one.mentee_id] = mentor.name
        else:
            back_ups[one.mentee_id].append(mentor.name)
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
    rows = session.execute(
        select(Conversation.person_id, func.max(Message.at))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(those, Conversation.person_id.is_not(None), which)
        .group_by(Conversation.person_id)
    )
    return {person: at for person, at in rows if person is not None}


def search(listed: Iterable[Listed], words: str) -> list[Listed]:
    """People whose name contains the words, or whose number contains at least 3 digits of them."""
    wanted = fold_name(cleaned(words))
    digits = "".join(c for c in wanted if c.isdigit())
    return [
        one
        for one in listed
        if wanted in fold_name(one.person.name)
        or (len(digits) >= 3 and digits in (one.person.phone or ""))
    ]


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
