"""The people of one program, as its managers keep them: enrolled, changed, matched, left.

What is noted of a change in the audit is which fields it touched, never their words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import away_now
from escalation.handoffs.duty import on_duty
from escalation.handoffs.transfers import answer_transfer, transfers_offered_to
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase, with_capital
from escalation.speech.i18n import known as known_language
from gateway.accounts.session_store import end_sessions
from gateway.people.import_file import (
    NOT_HERE,
    Doing,
    PeopleFile,
    Plan,
    Problem,
    Row,
    adopt_stranger,
    carry_out,
    cleaned,
    match,
    plan,
    typed_row,
)
from gateway.runtime.audit import note_about
from gateway.runtime.database import lock_program
from gateway.runtime.line import Line
from models import (
    Absence,
    Conversation,
    DutyOverride,
    DutyShift,
    Handoff,
    Match,
    MatchKind,
    Message,
    Person,
    Program,
    Role,
    Schedule,
    Speaker,
    Status,
)
from models.encryption import phone_index

PERSON_NOT_HERE = gettext_noop("There is nobody by that number in your program.")


class CannotChange(Exception):
    """A change to a person that is not made. Its text is a sentence: why, and what to do."""


@dataclass(frozen=True)
class Listed:
    """One person as the list shows them.

    `wrote_at` is their last message, `heard_at` a mentee's last from a person. `silent` says that
    a mentee has written nothing for as long as the program calls inactive.
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


# --- reading ---


def find_people(
    session: Session, program: Program, *, now: datetime, inactive_after: timedelta
) -> list[Listed]:
    """Everybody, also who left: managers, mentors and mentees, each by name."""
    people = session.scalars(select(Person).where(Person.program_id == program.id)).all()
    by_id = {person.id: person for person in people}
    its_own = Conversation.program_id == program.id
    wrote, heard = last_wrote(session, its_own), last_heard(session, its_own)
    duty = {person.id for person in on_duty(session, program, now=now)}
    away = away_now(session, by_id, now=now)
    own: dict[int, str] = {}
    back_ups: dict[int, list[str]] = {}
    mentees: dict[int, int] = {}
    for one in _matches(session, program):
        mentor = by_id.get(one.mentor_id)
        if mentor is None:
            continue
        mentees[mentor.id] = mentees.get(mentor.id, 0) + 1
        if one.kind is MatchKind.OWN:
            own[one.mentee_id] = mentor.name
        else:
            back_ups.setdefault(one.mentee_id, []).append(mentor.name)
    listed = [
        Listed(
            person=person,
            own=own.get(person.id),
            back_ups=tuple(back_ups.get(person.id, ())),
            mentees=mentees.get(person.id, 0),
            wrote_at=wrote.get(person.id),
            heard_at=heard.get(person.id) if person.role is Role.MENTEE else None,
            silent=is_silent(person, wrote.get(person.id), since=now - inactive_after),
            away=away.get(person.id),
            on_duty=person.id in duty,
            trouble=why_not_textable(person),
        )
        for person in people
    ]
    rank = {Role.MANAGER: 0, Role.MENTOR: 1, Role.MENTEE: 2}
    return sorted(
        listed, key=lambda one: (rank[one.person.role], one.person.name.casefold(), one.person.id)
    )


def is_silent(person: Person, wrote_at: datetime | None, *, since: datetime) -> bool:
    """Whether this is a mentee who has written nothing since then and was enrolled by then."""
    if person.role is not Role.MENTEE or person.left_at is not None:
        return False
    return (wrote_at or person.enrolled_at) < since


def last_wrote(session: Session, those: ColumnElement[bool]) -> dict[int, datetime]:
    """When each person of those threads last wrote."""
    return _last(session, those, Message.speaker_id == Conversation.person_id)


def last_heard(session: Session, those: ColumnElement[bool]) -> dict[int, datetime]:
    """When a mentor or manager last wrote to each person of those threads."""
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


def _matches(session: Session, program: Program) -> Sequence[Match]:
    return session.scalars(
        select(Match)
        .join(Person, Person.id == Match.mentee_id)
        .where(Person.program_id == program.id)
        .order_by(Match.id)
    ).all()


def found_by(listed: Iterable[Listed], words: str) -> list[Listed]:
    """Those whose name holds the words, or whose number holds their digits."""
    wanted = cleaned(words).casefold()
    digits = "".join(sign for sign in wanted if sign.isdigit())
    return [
        one
        for one in listed
        if wanted in one.person.name.casefold()
        or (len(digits) >= 3 and digits in (one.person.phone or ""))
    ]


def why_not_textable(person: Person) -> str | None:
    """Why no text can reach somebody, in words; None when texts can."""
    if person.phone is None:
        return gettext_noop("no number")
    if person.opted_out_at is not None:
        return gettext_noop("has opted out of texts (STOP)")
    if person.unreachable_code is not None:
        return phrase("the number cannot be reached (code {code})", code=person.unreachable_code)
    return None


def person_in(session: Session, program_id: int, number: int) -> Person | None:
    """The person by that row number, if they are of this program."""
    person = session.get(Person, number)
    return person if person is not None and person.program_id == program_id else None


def mentors_in(session: Session, program_id: int) -> list[Person]:
    """Who can be matched with a mentee, by name."""
    staff = session.scalars(
        select(Person).where(
            Person.program_id == program_id,
            Person.role != Role.MENTEE,
            Person.left_at.is_(None),
        )
    )
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
    """What a person leaves behind if they left now: handoffs they hold, or a mentee's own."""
    held = Handoff.mentor_id == person.id, Handoff.status == Status.CLAIMED
    own = (
        Conversation.person_id == person.id,
        Handoff.status.in_([Status.WAITING, Status.CLAIMED]),
    )
    which = own if person.role is Role.MENTEE else held
    return list(
        session.scalars(
            select(Handoff)
            .join(Conversation, Conversation.id == Handoff.conversation_id)
            .where(*which)
            .order_by(Handoff.id)
        )
    )


# --- enrolling ---


def add_person(
    session: Session,
    program: Program,
    *,
    role: str,
    name: str,
    phone: str,
    timezone: str,
    own: Person | None,
    by: Person,
    now: datetime,
    language: str = "",
) -> Person:
    """Enroll one person; the checks are those of a people file.

    `language` (BCP 47) is what the line writes in to a mentee; English where it is empty.

    Raises:
        CannotChange: something is missing or wrong, or the number is taken.
    """
    row = typed_row(
        role=role,
        name=name,
        phone=phone,
        timezone=timezone,
        language=language,
        otherwise=program.timezone,
    )
    if isinstance(row, Problem):
        raise CannotChange(_sentence(row.reason))
    if own is not None and row.role is not Role.MENTEE:
        raise CannotChange(gettext_noop("Only a mentee has a mentor. Leave the mentor empty."))
    # As `enroll` does, before anything is looked at: a second click waits here for the first.
    lock_program(session, program.id)
    planned = _refuse_taken(session, program, row)
    [person] = carry_out(session, program, planned, now=now)
    if own is not None:
        match(session, person, [own])
    note_about(session, person, "person added", by=by, now=now, role=row.role.value)
    return person


def _refuse_taken(session: Session, program: Program, row: Row) -> Plan:
    """What enrolling the row does, unless its number is taken."""
    planned = plan(session, program, PeopleFile(rows=[row]))
    known = session.scalar(select(Person).where(Person.phone_index == phone_index(row.phone)))
    if known is not None and known.program_id == program.id:
        has_it = phrase("{name} has that number already.", name=known.name)
        left = phrase("They have left; bring them back on their page.")
        raise CannotChange(joined((has_it, left), " ") if known.left_at else has_it)
    if planned.problems:
        raise CannotChange(_sentence(planned.problems[0].reason))
    return planned


def import_people(
    session: Session, program: Program, people: PeopleFile, *, by: Person, now: datetime
) -> Plan:
    """Do what the preview showed: enroll the good lines. Returns what was done."""
    # What is planned must be what is done, so nobody else enrolls in between.
    lock_program(session, program.id)
    planned = plan(session, program, people)
    enrolled = carry_out(session, program, planned, now=now)
    for step, person in zip(planned.steps, enrolled, strict=True):
        if step.doing is not Doing.LEAVES:
            note_about(session, person, "person imported", by=by, now=now, doing=step.doing.value)
    return planned


# --- changing ---


def change_person(
    session: Session,
    person: Person,
    *,
    role: str,
    name: str,
    phone: str,
    timezone: str,
    by: Person,
    now: datetime,
    language: str = "",
) -> list[str]:
    """Bring a person's particulars up to date; returns which fields are different now.

    An empty `language` leaves it as it is.

    A new number counts as reachable until a text says otherwise. An opt-out stays: it is the
    person's own, and only they take it back, with START.

    Raises:
        CannotChange: something is wrong, or the number is taken.
    """
    row = typed_row(
        role=role,
        name=name,
        phone=phone,
        timezone=timezone,
        language=language,
        otherwise=person.timezone,
    )
    if isinstance(row, Problem):
        raise CannotChange(_sentence(row.reason))
    lock_program(session, person.program_id)
    session.refresh(person)
    changed = []
    if row.phone != person.phone:
        _give_number(session, person, row.phone)
        changed.append("phone")
    if row.role is not person.role:
        _give_role(session, person, row.role, by=by)
        changed.append("role")
    said = {"name": row.name, "timezone": row.timezone}
    if row.language and row.language != known_language(person.language):
        said["language"] = row.language
    for field, value in said.items():
        if getattr(person, field) != value:
            setattr(person, field, value)
            changed.append(field)
    session.flush()
    if changed:
        note_about(session, person, "person changed", by=by, now=now, fields=changed)
    return changed


def _give_number(session: Session, person: Person, phone: str) -> None:
    index = phone_index(phone)
    known = session.scalar(select(Person).where(Person.phone_index == index))
    if known is not None and known.program_id == person.program_id:
        raise CannotChange(phrase("{name} has that number already.", name=known.name))
    lines = session.scalar(select(Program.id).where(Program.phone == phone))
    if known is not None or lines is not None:
        raise CannotChange(_sentence(NOT_HERE))
    person.phone, person.phone_index, person.unreachable_code = phone, index, None
    session.flush()
    has_thread = session.scalar(select(Conversation.id).where(Conversation.person_id == person.id))
    if has_thread is None:
        adopt_stranger(session, person)


def _give_role(session: Session, person: Person, role: Role, *, by: Person) -> None:
    if Role.MENTEE in (person.role, role):
        raise CannotChange(
            gettext_noop(
                "A mentee does not become a mentor, nor the other way round: what they wrote stays "
                "theirs. Mark them as left, and enroll them with another number."
            )
        )
    if role is not Role.MANAGER:
        _keep_a_manager(session, person, by=by)
    person.role = role


def match_with(
    session: Session,
    mentee: Person,
    own: Person | None,
    back_ups: Sequence[Person],
    *,
    by: Person,
    now: datetime,
) -> None:
    """Set who mentors a mentee.

    Raises:
        CannotChange: this is no mentee, they left, or back-ups are given without an own mentor.
    """
    if mentee.role is not Role.MENTEE:
        raise CannotChange(
            phrase("{name} is no mentee; only mentees have mentors.", name=mentee.name)
        )
    if mentee.left_at is not None:
        raise CannotChange(phrase("{name} has left. Bring them back first.", name=mentee.name))
    others = [one for one in back_ups if own is None or one.id != own.id]
    if own is None and others:
        raise CannotChange(
            gettext_noop("Choose a mentor of their own first; back-ups stand in for that one.")
        )
    before = list_mentors(session, mentee)
    if before == (own, others):
        return
    match(session, mentee, [own, *others] if own else [])
    note_about(
        session,
        mentee,
        "person matched",
        by=by,
        now=now,
        own=own.id if own else None,
        back_ups=[one.id for one in others],
    )


# --- leaving ---


def leave(session: Session, line: Line, person: Person, *, by: Person, now: datetime) -> None:
    """Mark a person as left: not called, not signed in, not matched, not asked how they are.

    Raises:
        CannotChange: open handoffs would be left behind, or the program would have no manager.
    """
    if person.left_at is not None:
        return
    left_behind = list_open_handoffs(session, person)
    if left_behind:
        raise CannotChange(_what_is_left_behind(person, left_behind))
    if person.role is Role.MANAGER:
        _keep_a_manager(session, person, by=by)
    for transfer in transfers_offered_to(session, person):
        answer_transfer(
            session,
            transfer,
            by=person,
            accept=False,
            now=now,
            rules=line.rules,
            later=line.later,
        )
    person.left_at, person.on_duty = now, False
    matched = or_(Match.mentee_id == person.id, Match.mentor_id == person.id)
    session.execute(delete(Match).where(matched))
    session.execute(delete(DutyShift).where(DutyShift.person_id == person.id))
    session.execute(
        delete(DutyOverride).where(DutyOverride.person_id == person.id, DutyOverride.ends_at > now)
    )
    end_sessions(session, person)
    for schedule in session.scalars(select(Schedule).where(Schedule.person_id == person.id)):
        schedule.paused = True
    session.flush()
    note_about(session, person, "person left", by=by, now=now)


def come_back(session: Session, person: Person, *, by: Person, now: datetime) -> None:
    """Take a person back. Matches, duty and check-ins are agreed on anew.

    Raises:
        CannotChange: their data was erased.
    """
    if person.left_at is None:
        return
    if person.phone is None:
        raise CannotChange(
            gettext_noop("What was kept of this person is erased. Enroll them anew.")
        )
    person.left_at = None
    note_about(session, person, "person came back", by=by, now=now)


def _what_is_left_behind(person: Person, handoffs: Sequence[Handoff]) -> str:
    codes = reduce(
        lambda before, last: phrase("{before} and {last}", before=before, last=last),
        (f"#{handoff.id}" for handoff in handoffs),
    )
    if person.role is Role.MENTEE:
        return phrase(
            "{name} still waits for a person: {codes}. Close it first, then mark this.",
            name=person.name,
            codes=codes,
        )
    one = phrase("it") if len(handoffs) == 1 else phrase("each")
    return phrase(
        "{name} still holds {codes}. Have {one} handed to a colleague, given back or "
        "closed first; nobody is left without an answer.",
        name=person.name,
        codes=codes,
        one=one,
    )


def _keep_a_manager(session: Session, person: Person, *, by: Person) -> None:
    if person.id == by.id:
        raise CannotChange(gettext_noop("Nobody takes this from themselves; ask another manager."))
    others = session.scalar(
        select(Person.id)
        .where(
            Person.program_id == person.program_id,
            Person.role == Role.MANAGER,
            Person.left_at.is_(None),
            Person.id != person.id,
        )
        .limit(1)
    )
    if person.role is Role.MANAGER and others is None:
        raise CannotChange(
            phrase("{name} is the only manager; name another one first.", name=person.name)
        )


def _sentence(reason: str) -> Phrase:
    return joined((with_capital(reason), "."), "")
