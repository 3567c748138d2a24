"""The managers' pages about people: the list, and one person."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, known, phrase
from gateway.accounts.sessions import Manager
from gateway.messaging.outbox import acting
from gateway.people import directory
from gateway.people.changes import change_person, come_back, leave, match_with
from gateway.people.directory import (
    PERSON_NOT_HERE,
    CannotChange,
    Listed,
    find_people,
    list_mentees,
    list_mentors,
    list_open_handoffs,
    mentors_in,
    person_in,
    why_not_textable,
)
from gateway.people.enrollment import add_person
from gateway.people.exports import people_table
from gateway.people.guardians import get_terms, local_today, note_guardian
from gateway.people.import_file import MOST_LINES, Details, common_zones
from gateway.privacy.terms import get_consent
from gateway.privacy.terms_by_text import tell_that_a_guardian_agreed
from gateway.runtime import audit
from gateway.runtime.line import Line
from gateway.web.downloads import download, read_format
from gateway.web.lookup import row_number
from gateway.web.rendering import (
    Number,
    PageRefused,
    get_line,
    go_to,
    page,
)
from models import Person, Program, Role

router = APIRouter(prefix="/people")

Text = Annotated[str, Form()]
Show = Annotated[Literal["all", "mentee", "mentor", "manager", "left"], Query()]
Done = Annotated[
    Literal["", "imported", "added", "changed", "matched", "guardian", "left", "back"], Query()
]
Count = Annotated[int, Query(ge=0, le=MOST_LINES)]


class Change(Protocol):
    """One change to a person by a manager; raises CannotChange."""

    def __call__(
        self, session: Session, person: Person, *, by: Person, now: datetime
    ) -> object: ...


def typed_details(
    role: Text = "", name: Text = "", phone: Text = "", timezone: Text = "", language: Text = ""
) -> Details:
    """The form's fields. We text mentors and managers in English."""
    return Details(role, name, phone, timezone, language if role == Role.MENTEE else "")


TypedDetails = Annotated[Details, Depends(typed_details)]


@dataclass(frozen=True)
class Notice:
    """What a person's page says about a change: done, or refused with what was typed."""

    done: str = ""
    refusal: str = ""
    status: int = 200
    details: Details | None = None
    guardian: dict[str, str] = field(default_factory=dict)


@router.get("")
def list_people(
    request: Request,
    manager: Manager,
    show: Show = "all",
    done: Done = "",
    added: Count = 0,
    changed: Count = 0,
) -> Response:
    sentence = _imported(added, changed) if done == "imported" else ""
    return _list(request, manager, show, "", sentence)


@router.get(".{form}")
def export(request: Request, manager: Manager, form: str, show: Show = "all") -> Response:
    """The list as shown. A search has no export, because a URL must not contain names."""
    written = read_format(form)
    line = get_line(request)
    chosen = [one for one in _find_all(line, manager) if _is_shown(one, show, "")]
    table = people_table(chosen, manager.program.timezone)
    return download(request, manager, table, written, about="people", file="people")


@router.post("/search")
def search(request: Request, manager: Manager, words: Text = "") -> Response:
    """By name or number. A POST, because URLs end up in logs and browser histories."""
    return _list(request, manager, "all", words.strip()[:100], "")


@router.get("/new")
def new_person(request: Request, manager: Manager) -> Response:
    return _new(request, manager)


@router.post("")
def add(request: Request, manager: Manager, details: TypedDetails, own: Text = "") -> Response:
    line = get_line(request)
    try:
        with line.database.writing() as session:
            program = session.get_one(Program, manager.program_id)
            person = add_person(
                session,
                program,
                details,
                own=_mentor(session, manager, own) if own else None,
                by=session.get_one(Person, manager.id),
                now=line.clock(),
            )
    except CannotChange as refused:
        return _new(request, manager, {**asdict(details), "own": own}, str(refused), status=422)
    return go_to(request, f"/people/{person.id}?done=added")


@router.get("/{number}")
def one_person(request: Request, number: Number, manager: Manager, done: Done = "") -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        _person(session, manager, number)
    audit.read(line, manager, f"person:{number}")
    return _one(request, manager, number, Notice(done=done))


@router.post("/{number}")
def change(request: Request, number: Number, manager: Manager, details: TypedDetails) -> Response:
    make = partial(change_person, details=details)
    return _make(request, manager, number, make, Notice("changed", details=details))


@router.post("/{number}/mentors")
def set_mentors(
    request: Request,
    number: Number,
    manager: Manager,
    own: Text = "",
    back_up: Annotated[list[str] | None, Form()] = None,
) -> Response:
    def make(session: Session, person: Person, *, by: Person, now: datetime) -> None:
        its_own = _mentor(session, manager, own) if own else None
        others = [_mentor(session, manager, one) for one in dict.fromkeys(back_up or [])]
        match_with(session, person, its_own, others, by=by, now=now)

    return _make(request, manager, number, make, Notice("matched"))


@router.post("/{number}/guardian")
def set_guardian(
    request: Request, number: Number, manager: Manager, name: Text = "", day: Text = ""
) -> Response:
    """Record that a parent or guardian agreed, as the manager saw it."""
    line = get_line(request)

    def make(session: Session, person: Person, *, by: Person, now: datetime) -> None:
        waits = get_consent(session, person, line.rules.policy.consent) is None
        note_guardian(session, person, name=name, day=day, by=by, now=now)
        if waits:
            tell_that_a_guardian_agreed(session, line, person, now=now)

    typed = {"name": name, "day": day}
    return _make(request, manager, number, make, Notice("guardian", guardian=typed))


@router.post("/{number}/leave")
def mark_as_left(request: Request, number: Number, manager: Manager) -> Response:
    make = partial(leave, line=get_line(request))
    return _make(request, manager, number, make, Notice("left", status=409))


@router.post("/{number}/back")
def mark_as_back(request: Request, number: Number, manager: Manager) -> Response:
    return _make(request, manager, number, come_back, Notice("back", status=409))


def _make(request: Request, manager: Person, number: int, make: Change, notice: Notice) -> Response:
    """Make one change to a person; a refusal shows their page again with the reason."""
    line = get_line(request)
    try:
        with acting(line) as session:
            person = _person(session, manager, number)
            by = session.get_one(Person, manager.id)
            make(session, person, by=by, now=line.clock())
    except CannotChange as refused:
        status = 422 if notice.status == 200 else notice.status
        refusal = replace(notice, done="", refusal=str(refused), status=status)
        return _one(request, manager, number, refusal)
    return go_to(request, f"/people/{number}?done={notice.done}")


# --- showing ---


def _list(request: Request, manager: Person, show: str, words: str, sentence: str) -> Response:
    line = get_line(request)
    listed = _find_all(line, manager)
    chosen = [one for one in listed if _is_shown(one, show, words)]
    if words:
        chosen = directory.search(chosen, words)
    return page(
        request,
        "people/people.html",
        viewer=manager,
        groups=[
            (heading, [one for one in chosen if one.person.role is role])
            for role, heading in (
                (Role.MANAGER, gettext_noop("Managers")),
                (Role.MENTOR, gettext_noop("Mentors")),
                (Role.MENTEE, gettext_noop("Mentees")),
            )
        ],
        any_shown=bool(chosen),
        any_enrolled=bool(listed),
        show=show,
        words=words,
        sentence=sentence,
        inactive_after=line.rules.policy.targets.inactive_after_days,
        zone=manager.program.timezone,
    )


def _find_all(line: Line, manager: Person) -> list[Listed]:
    with line.database.reading() as session:
        return find_people(
            session,
            manager.program,
            now=line.clock(),
            inactive_after=timedelta(days=line.rules.policy.targets.inactive_after_days),
        )


def _is_shown(one: Listed, show: str, words: str) -> bool:
    """A search includes people who left."""
    if show == "left":
        return one.person.left_at is not None
    if one.person.left_at is not None:
        return bool(words)
    return show in ("all", one.person.role.value)


def _one(request: Request, manager: Person, number: int, notice: Notice) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        person = _person(session, manager, number)
        terms = get_terms(session, person, line.rules.policy.consent)
        today = local_today(person, now=line.clock())
        own, back_ups = list_mentors(session, person)
        mentors = mentors_in(session, manager.program_id)
        mentees = list_mentees(session, person)
        handoffs = list_open_handoffs(session, person)
        entries = audit.list_entries(session, manager.program_id, about=f"person:{number}")
    return page(
        request,
        "people/people_one.html",
        viewer=manager,
        status=notice.status,
        person=person,
        given=notice.details or _current_details(person),
        terms=terms,
        guardian=notice.guardian or {"name": "", "day": today.isoformat()},
        today=today,
        own=own,
        back_ups={one.id for one in back_ups},
        mentors=mentors,
        mentees=mentees,
        handoffs=handoffs,
        trouble=why_not_textable(person),
        changes=[entry for entry in entries if entry.action != "read"][:20],
        done=notice.done,
        sentence=notice.refusal,
        zones=common_zones(),
        zone=manager.program.timezone,
    )


def _current_details(person: Person) -> Details:
    return Details(
        person.role.value, person.name, person.phone or "", person.timezone, known(person.language)
    )


def _new(
    request: Request,
    manager: Person,
    given: dict[str, str] | None = None,
    sentence: str = "",
    status: int = 200,
) -> Response:
    with get_line(request).database.reading() as session:
        mentors = mentors_in(session, manager.program_id)
    empty = {"role": "mentee", "name": "", "phone": "", "language": DEFAULT_LANGUAGE, "own": ""}
    return page(
        request,
        "people/people_new.html",
        viewer=manager,
        status=status,
        given=given or {**empty, "timezone": manager.program.timezone},
        mentors=mentors,
        sentence=sentence,
        zones=common_zones(),
    )


def _imported(added: int, changed: int) -> str:
    if not added and not changed:
        return gettext_noop("Everyone in the file was already enrolled. Nothing changed.")
    return phrase("Imported: {added} added, {changed} changed.", added=added, changed=changed)


def _person(session: Session, manager: Person, number: int) -> Person:
    person = person_in(session, manager.program_id, number)
    if person is None:
        raise PageRefused(404, PERSON_NOT_HERE)
    return person


def _mentor(session: Session, manager: Person, chosen: str) -> Person:
    person = person_in(session, manager.program_id, row_number(chosen))
    if person is None or person.role is Role.MENTEE or person.left_at is not None:
        raise CannotChange(
            gettext_noop("That mentor is no longer in your program. Choose another.")
        )
    return person
