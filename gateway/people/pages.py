"""The managers' pages on people: the list, one person, and a file of many."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile
from sqlalchemy.orm import Session

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, known, phrase
from gateway.accounts.sessions import Manager
from gateway.messaging.outbox import acting
from gateway.people.directory import (
    PERSON_NOT_HERE,
    CannotChange,
    Listed,
    add_person,
    change_person,
    come_back,
    find_people,
    found_by,
    import_people,
    leave,
    list_mentees,
    list_mentors,
    list_open_handoffs,
    match_with,
    mentors_in,
    person_in,
    why_not_textable,
)
from gateway.people.guardians import get_terms, local_today, note_guardian
from gateway.people.import_file import COLUMNS, MOST_LINES, Plan, Problem, Step, plan, read_people
from gateway.people.people_exports import people_table
from gateway.people.zones import common_zones
from gateway.privacy.terms import get_consent
from gateway.privacy.terms_by_text import tell_that_a_guardian_agreed
from gateway.runtime import audit
from gateway.runtime.line import Line
from gateway.web.downloads import download, read_format
from gateway.web.lookup import row_number
from gateway.web.rendering import Number, PageRefused, get_line, go_to, page
from models import Person, Program, Role

router = APIRouter(prefix="/people")

LARGEST_FILE = 2_000_000
TOO_LARGE = phrase(
    "The file is larger than 2 MB. A people file has {most:,} lines at most; split it.",
    most=MOST_LINES,
)
NO_FILE = gettext_noop("No file was chosen. Choose a CSV file first.")
HELD_NO_FILE = gettext_noop("The file that was previewed did not arrive whole. Choose it again.")
CHANGED_MEANWHILE = gettext_noop(
    "Somebody changed people since you looked, so nothing was imported yet. This is how it stands "
    "now; look once more."
)
Text = Annotated[str, Form()]
Show = Annotated[Literal["all", "mentee", "mentor", "manager", "left"], Query()]
Done = Annotated[
    Literal["", "imported", "added", "changed", "matched", "guardian", "left", "back"], Query()
]
Count = Annotated[int, Query(ge=0, le=MOST_LINES)]
# What a change is given: the session, the person, the manager who makes it, and the time.
Change = Callable[[Session, Person, Person, datetime], None]


def particulars(
    role: Text = "",
    name: Text = "",
    phone: Text = "",
    timezone: Text = "",
    language: Text = "",
) -> dict[str, str]:
    """What the form says of a person, as it was typed. The line writes to staff in English."""
    said = {"role": role, "name": name, "phone": phone, "timezone": timezone}
    return {**said, "language": language if role == Role.MENTEE else ""}


Particulars = Annotated[dict[str, str], Depends(particulars)]


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
def to_take_away(request: Request, manager: Manager, form: str, show: Show = "all") -> Response:
    """The list as it is shown. Not what was searched for: an address keeps no names."""
    written = read_format(form)
    line = get_line(request)
    chosen = [one for one in _listed(line, manager) if _is_shown(one, show, "")]
    table = people_table(chosen, manager.program.timezone)
    return download(request, manager, table, written, about="people", file="people")


@router.post("/search")
def search(request: Request, manager: Manager, words: Text = "") -> Response:
    """By name or number. Not in the address: an address is kept in logs and histories."""
    return _list(request, manager, "all", words.strip()[:100], "")


@router.get("/template.csv")
def template(manager: Manager) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="people.csv"'}
    content = (",".join(COLUMNS) + "\r\n").encode("utf-8-sig")
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/import")
def import_page(request: Request, manager: Manager) -> Response:
    return _import(request, manager)


@router.post("/import/preview")
def preview(request: Request, manager: Manager, file: UploadFile | None = None) -> Response:
    """What a file would do, line by line. Nothing is written."""
    if file is None or not file.filename:
        return _import(request, manager, sentence=NO_FILE, status=422)
    if (file.size or 0) > LARGEST_FILE:
        return _import(request, manager, sentence=TOO_LARGE, status=413)
    return _preview(request, manager, file.file.read(LARGEST_FILE + 1))


@router.post("/import")
def import_file(
    request: Request, manager: Manager, content: Text = "", seen: Text = ""
) -> Response:
    """Enroll what was previewed: the good lines of the same file, read again.

    A second click finds everybody enrolled as the file says, and changes nothing.
    """
    line = get_line(request)
    read = read_people(_unpacked(content), timezone=manager.program.timezone)
    with line.database.writing() as session:
        program = session.get_one(Program, manager.program_id)
        planned = plan(session, program, read)
        if planned.to_do and _row_mark(planned) != seen:
            done = None
        else:
            by = session.get_one(Person, manager.id)
            done = import_people(session, program, read, by=by, now=line.clock())
    if done is None:
        return _preview(request, manager, _unpacked(content), CHANGED_MEANWHILE, status=409)
    new = sum(step.person is None for step in done.to_do)
    return go_to(request, f"/people?done=imported&added={new}&changed={len(done.to_do) - new}")


@router.get("/new")
def new_person(request: Request, manager: Manager) -> Response:
    return _new(request, manager)


@router.post("")
def add(
    request: Request,
    manager: Manager,
    given: Particulars,
    own: Text = "",
) -> Response:
    line = get_line(request)
    try:
        with line.database.writing() as session:
            program = session.get_one(Program, manager.program_id)
            person = add_person(
                session,
                program,
                **given,
                own=_mentor(session, manager, own) if own else None,
                by=session.get_one(Person, manager.id),
                now=line.clock(),
            )
    except CannotChange as refused:
        return _new(request, manager, {**given, "own": own}, str(refused), status=422)
    return go_to(request, f"/people/{person.id}?done=added")


@router.get("/{number}")
def one_person(request: Request, number: Number, manager: Manager, done: Done = "") -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        _person(session, manager, number)
    audit.read(line, manager, f"person:{number}")
    return _one(request, manager, number, done=done)


@router.post("/{number}")
def change(request: Request, number: Number, manager: Manager, given: Particulars) -> Response:
    def make(session: Session, person: Person, by: Person, now: datetime) -> None:
        change_person(session, person, **given, by=by, now=now)

    return _make(request, manager, number, make, done="changed", given=given)


@router.post("/{number}/mentors")
def set_mentors(
    request: Request,
    number: Number,
    manager: Manager,
    own: Text = "",
    back_up: Annotated[list[str] | None, Form()] = None,
) -> Response:
    def make(session: Session, person: Person, by: Person, now: datetime) -> None:
        its_own = _mentor(session, manager, own) if own else None
        others = [_mentor(session, manager, one) for one in dict.fromkeys(back_up or [])]
        match_with(session, person, its_own, others, by=by, now=now)

    return _make(request, manager, number, make, done="matched")


@router.post("/{number}/guardian")
def set_guardian(
    request: Request, number: Number, manager: Manager, name: Text = "", day: Text = ""
) -> Response:
    """That a parent or guardian has agreed, as the manager saw it."""
    line = get_line(request)

    def make(session: Session, person: Person, by: Person, now: datetime) -> None:
        waits = get_consent(session, person, line.rules.policy.consent) is None
        note_guardian(session, person, name=name, day=day, by=by, now=now)
        if waits:
            tell_that_a_guardian_agreed(session, line, person, now=now)

    typed = {"name": name, "day": day}
    return _make(request, manager, number, make, done="guardian", guardian=typed)


@router.post("/{number}/leave")
def mark_as_left(request: Request, number: Number, manager: Manager) -> Response:
    line = get_line(request)

    def make(session: Session, person: Person, by: Person, now: datetime) -> None:
        leave(session, line, person, by=by, now=now)

    return _make(request, manager, number, make, done="left", refused_with=409)


@router.post("/{number}/back")
def mark_as_back(request: Request, number: Number, manager: Manager) -> Response:
    def make(session: Session, person: Person, by: Person, now: datetime) -> None:
        come_back(session, person, by=by, now=now)

    return _make(request, manager, number, make, done="back", refused_with=409)


def _make(
    request: Request,
    manager: Person,
    number: int,
    make: Change,
    *,
    done: str,
    given: dict[str, str] | None = None,
    guardian: dict[str, str] | None = None,
    refused_with: int = 422,
) -> Response:
    """Make one change to a person; when it cannot be made, their page comes back and says why."""
    line = get_line(request)
    try:
        with acting(line) as session:
            person = _person(session, manager, number)
            make(session, person, session.get_one(Person, manager.id), line.clock())
    except CannotChange as refused:
        return _one(
            request,
            manager,
            number,
            given=given,
            guardian=guardian,
            sentence=str(refused),
            status=refused_with,
        )
    return go_to(request, f"/people/{number}?done={done}")


# --- showing ---


def _list(request: Request, manager: Person, show: str, words: str, sentence: str) -> Response:
    line = get_line(request)
    listed = _listed(line, manager)
    chosen = [one for one in listed if _is_shown(one, show, words)]
    if words:
        chosen = found_by(chosen, words)
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
        everybody=len(listed),
        show=show,
        words=words,
        sentence=sentence,
        inactive_after=line.rules.policy.targets.inactive_after_days,
        zone=manager.program.timezone,
    )


def _listed(line: Line, manager: Person) -> list[Listed]:
    with line.database.reading() as session:
        return find_people(
            session,
            manager.program,
            now=line.clock(),
            inactive_after=timedelta(days=line.rules.policy.targets.inactive_after_days),
        )


def _is_shown(one: Listed, show: str, words: str) -> bool:
    """A search looks among those who left, too."""
    if show == "left":
        return one.person.left_at is not None
    if one.person.left_at is not None:
        return bool(words)
    return show in ("all", one.person.role.value)


def _one(
    request: Request,
    manager: Person,
    number: int,
    *,
    given: dict[str, str] | None = None,
    guardian: dict[str, str] | None = None,
    done: str = "",
    sentence: str = "",
    status: int = 200,
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        person = _person(session, manager, number)
        terms = get_terms(session, person, line.rules.policy.consent)
        today = local_today(person, now=line.clock())
        own, back_ups = list_mentors(session, person)
        mentors = mentors_in(session, manager.program_id)
        mentees = list_mentees(session, person)
        handoffs = list_open_handoffs(session, person)
        entries = audit.entries_about(session, manager.program_id, f"person:{number}")
    return page(
        request,
        "people/people_one.html",
        viewer=manager,
        status=status,
        person=person,
        given=given
        or {
            "role": person.role.value,
            "name": person.name,
            "phone": person.phone or "",
            "timezone": person.timezone,
            "language": known(person.language),
        },
        terms=terms,
        guardian=guardian or {"name": "", "day": today.isoformat()},
        today=today,
        own=own,
        back_ups={one.id for one in back_ups},
        mentors=mentors,
        mentees=mentees,
        handoffs=handoffs,
        trouble=why_not_textable(person),
        changes=[entry for entry in entries if entry.action != "read"][:20],
        done=done,
        sentence=sentence,
        zones=common_zones(),
        zone=manager.program.timezone,
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


def _import(
    request: Request, manager: Person, *, sentence: str = "", status: int = 200
) -> Response:
    return page(
        request, "people/people_import.html", viewer=manager, status=status, sentence=sentence
    )


def _preview(
    request: Request, manager: Person, content: bytes, sentence: str = "", status: int = 200
) -> Response:
    read = read_people(content, timezone=manager.program.timezone)
    with get_line(request).database.reading() as session:
        planned = plan(session, session.get_one(Program, manager.program_id), read)
    lines: list[tuple[int, Step | None, Problem | None]] = [
        *((step.row.line, step, None) for step in planned.steps),
        *((problem.line, None, problem) for problem in planned.problems),
    ]
    return page(
        request,
        "people/people_preview.html",
        viewer=manager,
        status=status,
        lines=sorted(lines, key=lambda one: one[0]),
        planned=planned,
        read_as=read.read_as,
        content=base64.b64encode(content).decode("ascii"),
        seen=_row_mark(planned),
        sentence=sentence,
    )


def _imported(added: int, changed: int) -> str:
    if not added and not changed:
        return gettext_noop("Everybody in the file is enrolled as it says; nothing was left to do.")
    return phrase("Imported: {added} added, {changed} changed.", added=added, changed=changed)


# --- finding ---


def _person(session: Session, manager: Person, number: int) -> Person:
    person = person_in(session, manager.program_id, number)
    if person is None:
        raise PageRefused(404, PERSON_NOT_HERE)
    return person


def _mentor(session: Session, manager: Person, chosen: str) -> Person:
    person = person_in(session, manager.program_id, row_number(chosen))
    if person is None or person.role is Role.MENTEE or person.left_at is not None:
        raise CannotChange(
            gettext_noop("That mentor is not in your program any more. Choose another.")
        )
    return person


def _row_mark(planned: Plan) -> str:
    """What a preview showed, as one mark, to see whether it still holds."""
    shown = [
        (step.row.line, step.doing.value, step.changes, [one.name for one in step.mentors])
        for step in planned.to_do
    ]
    return hashlib.sha256(repr(shown).encode("utf-8", "replace")).hexdigest()


def _unpacked(content: str) -> bytes:
    try:
        unpacked = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        unpacked = b""
    if not unpacked or len(unpacked) > LARGEST_FILE:
        raise PageRefused(422, HELD_NO_FILE)
    return unpacked
