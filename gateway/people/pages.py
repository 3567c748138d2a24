"""The managers' pages about people: the list, and one person."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal, Protocol
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, known, phrase
from gateway.accounts.notices import tell_of_change, tell_of_new_sign_in
from gateway.accounts.sessions import Manager, require_recent
from gateway.messaging.outbox import acting
from gateway.people.changes import SIGN_IN_FIELDS, change_person, come_back, leave, match_with
from gateway.people.details.refusals import CannotChange
from gateway.people.details.row import Details, cleaned
from gateway.people.details.time_zones import common_zones
from gateway.people.directory import (
    PERSON_NOT_HERE,
    find_page,
    find_shown,
    list_mentees,
    list_mentors,
    list_open_handoffs,
    mentors_in,
    person_in,
    phone_in_use,
    why_not_textable,
)
from gateway.people.enrollment import Asks, add_person
from gateway.people.exports import people_table
from gateway.people.people_file.reading import MOST_LINES
from gateway.people.questions import Answer
from gateway.people.rota import read_day
from gateway.privacy.legal_hold import HoldRefused, begin_hold, end_hold, find_hold
from gateway.privacy.terms import (
    BANDS,
    ConsentRefused,
    get_consent,
    given_by,
    needs_guardian,
    record_guardian,
)
from gateway.privacy.terms_by_text import tell_that_a_guardian_agreed
from gateway.runtime import audit
from gateway.runtime.line import Line
from gateway.web.downloads import download, read_format
from gateway.web.lookup import row_number
from gateway.web.rendering import Number, PageRefused, get_line, go_to, page
from models import Person, Program, Role

router = APIRouter(prefix="/people")

Text = Annotated[str, Form()]
Show = Annotated[Literal["all", "mentee", "mentor", "manager", "left"], Query()]
Done = Annotated[
    str, Query(pattern=r"^(imported|added|changed|matched|guardian|left|back|held|released)?$")
]
Count = Annotated[int, Query(ge=0, le=MOST_LINES)]


class Change(Protocol):
    """Raises CannotChange, ConsentRefused, or HoldRefused."""

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
    after: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> Response:
    sentence = ""
    if done == "imported" and (added or changed):
        sentence = phrase(
            "Imported: {added} added, {changed} changed.", added=added, changed=changed
        )
    elif done == "imported":
        sentence = gettext_noop("Everyone in the file was already enrolled. Nothing changed.")
    return _list(request, manager, show, after=after, sentence=sentence)


@router.get(".{form}")
def export(request: Request, manager: Manager, form: str, show: Show = "all") -> Response:
    """The list as shown. A search has no export, because a URL must not contain names."""
    written = read_format(form)
    with get_line(request).database.reading() as session:
        listed = find_shown(session, manager.program, show, **_when(get_line(request)))
    table = people_table(listed, manager.program.timezone)
    return download(request, manager, table, written, about="people", file="people")


@router.post("/search")
def search(request: Request, manager: Manager, words: Text = "") -> Response:
    """By name or number. A POST, because URLs end up in logs and browser histories."""
    return _list(request, manager, "all", words=words.strip()[:100])


@router.get("/new")
def new_person(request: Request, manager: Manager) -> Response:
    return _new(request, manager)


@router.post("")
def add(
    request: Request,
    manager: Manager,
    details: TypedDetails,
    own: Text = "",
    who: Literal["", "new", "shares"] = Form(""),
) -> Response:
    line = get_line(request)
    try:
        with acting(line) as session:
            program = session.get_one(Program, manager.program_id)
            person = add_person(
                session,
                program,
                details,
                own=_mentor(session, manager, own) if own else None,
                by=session.get_one(Person, manager.id),
                now=line.clock(),
                answer=Answer(who) if who else None,
            )
            if person.role is not Role.MENTEE:
                require_recent(request)
                tell_of_new_sign_in(line.at(session), [person])
    except CannotChange as refused:
        return _new(request, manager, {**asdict(details), "own": own}, refused)
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
    line = get_line(request)

    def make(session: Session, person: Person, *, by: Person, now: datetime) -> None:
        phone = person.phone
        changed = change_person(session, person, details, by=by, now=now)
        if SIGN_IN_FIELDS.isdisjoint(changed):
            return
        require_recent(request)
        old_phone = phone if "phone" in changed else None
        tell_of_change(line.at(session), person, old_phone=old_phone)

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
        record_guardian(session, person, cleaned(name), on=read_day(day), by=by, now=now)
        if waits:
            tell_that_a_guardian_agreed(line.at(session), person)

    typed = {"name": name, "day": day}
    return _make(request, manager, number, make, Notice("guardian", guardian=typed))


@router.post("/{number}/leave")
def mark_as_left(request: Request, number: Number, manager: Manager) -> Response:
    make = partial(leave, line=get_line(request))
    return _make(request, manager, number, make, Notice("left", status=409))


@router.post("/{number}/back")
def mark_as_back(request: Request, number: Number, manager: Manager) -> Response:
    line = get_line(request)

    def make(session: Session, person: Person, *, by: Person, now: datetime) -> None:
        had_left = person.left_at is not None
        come_back(session, person, by=by, now=now)
        if had_left and person.role is not Role.MENTEE:
            require_recent(request)
            tell_of_new_sign_in(line.at(session), [person])

    return _make(request, manager, number, make, Notice("back", status=409))


@router.post("/{number}/hold")
def hold(request: Request, number: Number, manager: Manager, reason: Text = "") -> Response:
    """Keep everything about a person for a legal case."""
    make = partial(begin_hold, reason=reason)
    return _make(request, manager, number, make, Notice("held"))


@router.post("/{number}/hold/end")
def end(request: Request, number: Number, manager: Manager) -> Response:
    return _make(request, manager, number, end_hold, Notice("released", status=409))


def _make(request: Request, manager: Person, number: int, make: Change, notice: Notice) -> Response:
    """Make one change to a person; a refusal shows their page again with the reason."""
    line = get_line(request)
    try:
        with acting(line) as session:
            person = _person(session, manager, number)
            by = session.get_one(Person, manager.id)
            make(session, person, by=by, now=line.clock())
    except (CannotChange, ConsentRefused, HoldRefused) as refused:
        status = 422 if notice.status == 200 else notice.status
        refusal = replace(notice, done="", refusal=str(refused), status=status)
        return _one(request, manager, number, refusal)
    return go_to(request, f"/people/{number}?done={notice.done}")


# --- showing ---


def _list(
    request: Request,
    manager: Person,
    show: str,
    *,
    after: int | None = None,
    words: str = "",
    sentence: str = "",
) -> Response:
    when = _when(get_line(request))
    with get_line(request).database.reading() as session:
        found = find_page(session, manager.program, show, words, after=after, **when)
    headings = {
        Role.MANAGER: gettext_noop("Managers"),
        Role.MENTOR: gettext_noop("Mentors"),
        Role.MENTEE: gettext_noop("Mentees"),
    }
    return page(
        request,
        "people/people.html",
        viewer=manager,
        groups=[
            (heading, [one for one in found.people if one.person.role is role], role)
            for role, heading in headings.items()
        ],
        found=found,
        show=show,
        words=words,
        first=after is None,
        sentence=sentence,
        inactive_after=when["inactive_after"].days,
        zone=manager.program.timezone,
    )


def _when(line: Line) -> dict[str, Any]:
    days = line.rules.policy.targets.inactive_after_days
    return {"now": line.clock(), "inactive_after": timedelta(days=days)}


def _one(request: Request, manager: Person, number: int, notice: Notice) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        person = _person(session, manager, number)
        phone = phone_in_use(person) or ""
        terms = _terms(session, person, line) if person.role is Role.MENTEE else None
        today = line.clock().astimezone(ZoneInfo(person.program.timezone)).date()
        own, back_ups = list_mentors(session, person)
        mentors = mentors_in(session, manager.program_id)
        mentees = list_mentees(session, person)
        handoffs = list_open_handoffs(session, person)
        hold = find_hold(session, person)
        entries = audit.list_entries(session, manager.program_id, about=f"person:{number}")
    return page(
        request,
        "people/people_one.html",
        viewer=manager,
        status=notice.status,
        person=person,
        given=notice.details
        or Details(person.role, person.name, phone, person.timezone, known(person.language)),
        terms=terms,
        guardian=notice.guardian or {"name": "", "day": today.isoformat()},
        today=today,
        own=own,
        back_ups={one.id for one in back_ups},
        mentors=mentors,
        mentees=mentees,
        handoffs=handoffs,
        hold=hold,
        trouble=why_not_textable(person),
        changes=[entry for entry in entries if entry.action != "read"][:20],
        done=notice.done,
        sentence=notice.refusal,
        zones=common_zones(),
        zone=manager.program.timezone,
    )


def _terms(session: Session, mentee: Person, line: Line) -> dict[str, Any]:
    """The mentee's consent to the current terms; `given` is None until they agree themselves."""
    given = given_by(session, mentee)
    if given is None:
        return {"given": None}
    recorded_by = session.get(Person, given.guardian_recorded_by_id or 0)
    return {
        "given": given,
        "band": BANDS[given.age_band],
        "guardian_needed": needs_guardian(given.age_band, line.rules.policy.consent),
        "recorded_by": recorded_by.name if recorded_by else None,
    }


def _new(
    request: Request,
    manager: Person,
    given: dict[str, str] | None = None,
    refused: CannotChange | None = None,
) -> Response:
    with get_line(request).database.reading() as session:
        mentors = mentors_in(session, manager.program_id)
    empty = {"role": "mentee", "name": "", "phone": "", "language": DEFAULT_LANGUAGE, "own": ""}
    return page(
        request,
        "people/people_new.html",
        viewer=manager,
        status=422 if refused else 200,
        given=given or {**empty, "timezone": manager.program.timezone},
        mentors=mentors,
        sentence=str(refused or ""),
        question=refused.question if isinstance(refused, Asks) else None,
        zones=common_zones(),
    )


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
