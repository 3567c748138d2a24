"""The managers' page on their program: hours, holidays, who is on duty, the week ahead."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from escalation.speech.i18n import gettext_noop
from gateway.accounts.sessions import Manager
from gateway.people import rota
from gateway.people.directory import mentors_in, person_in
from gateway.people.rota_exports import ROTA_TABLES
from gateway.people.zones import common_zones
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.lookup import row_number
from gateway.web.rendering import Number, PageRefused, env, get_line, go_to, page
from models import Person, Program

router = APIRouter(prefix="/program")

env.globals.update(weekdays=rota.WEEKDAYS)

GONE = gettext_noop("There is no such entry in your program, or it was taken out already.")
Text = Annotated[str, Form()]
Texts = Annotated[list[str] | None, Form()]
Done = Annotated[Literal["", "saved", "removed"], Query()]
# What a change is given: the session, the program, the manager who makes it, and the time.
Change = Callable[[Session, Program, Person, datetime], None]


class Removal(Protocol):
    """Takes one entry out of a program; False when it is not there."""

    def __call__(
        self, session: Session, program: Program, number: int, *, by: Person, now: datetime
    ) -> bool: ...


@router.get("")
def program(request: Request, manager: Manager, done: Done = "") -> Response:
    return _page(request, manager, done=done)


@router.get("/tables/{name}.{form}")
def one_table(request: Request, manager: Manager, name: str, form: str) -> Response:
    """Any table of the rota, to take away."""
    written = read_format(form)
    if name not in ROTA_TABLES:
        raise PageRefused(404, NO_SUCH_TABLE)
    line = get_line(request)
    with line.database.reading() as session:
        program = session.get_one(Program, manager.program_id)
        table = ROTA_TABLES[name](session, program, line.clock())
    return download(request, manager, table, written, about=f"rota:{name}", file=f"rota-{name}")


@router.post("/hours")
def set_hours(
    request: Request, manager: Manager, opens: Text = "", closes: Text = "", timezone: Text = ""
) -> Response:
    def change(session: Session, program: Program, by: Person, now: datetime) -> None:
        rota.set_hours(
            session, program, opens=opens, closes=closes, timezone=timezone, by=by, now=now
        )

    given = {"opens": opens, "closes": closes, "timezone": timezone}
    return _set(request, manager, "hours", change, given)


@router.post("/holidays")
def add_holiday(request: Request, manager: Manager, day: Text = "", name: Text = "") -> Response:
    def change(session: Session, program: Program, by: Person, now: datetime) -> None:
        rota.add_holiday(session, program, day=day, name=name, by=by, now=now)

    return _set(request, manager, "holidays", change, {"day": day, "name": name})


@router.post("/shifts")
def add_shifts(
    request: Request,
    manager: Manager,
    person: Text = "",
    weekday: Texts = None,
    begins: Text = "",
    ends: Text = "",
) -> Response:
    days = weekday or []

    def change(session: Session, program: Program, by: Person, now: datetime) -> None:
        whom = person_in(session, program.id, row_number(person))
        rota.add_shifts(
            session, program, whom, weekdays=days, begins=begins, ends=ends, by=by, now=now
        )

    given = {"person": person, "weekdays": "".join(days), "begins": begins, "ends": ends}
    return _set(request, manager, "shifts", change, given)


@router.post("/overrides")
def add_override(
    request: Request,
    manager: Manager,
    person: Text = "",
    duty: Text = "on",
    begins: Text = "",
    ends: Text = "",
) -> Response:
    def change(session: Session, program: Program, by: Person, now: datetime) -> None:
        whom = person_in(session, program.id, row_number(person))
        rota.add_override(
            session,
            program,
            whom,
            on_duty=duty != "off",
            begins=begins,
            ends=ends,
            by=by,
            now=now,
        )

    given = {"person": person, "duty": duty, "begins": begins, "ends": ends}
    return _set(request, manager, "overrides", change, given)


@router.post("/duty/{number}")
def switch_duty(request: Request, number: Number, manager: Manager, duty: Text = "off") -> Response:
    """The plain switch of `warmline duty`."""

    def change(session: Session, program: Program, by: Person, now: datetime) -> None:
        whom = person_in(session, program.id, number)
        if whom is None:
            raise PageRefused(404, GONE)
        rota.switch_duty(session, program, whom, on=duty == "on", by=by, now=now)

    return _set(request, manager, "shifts", change, {})


@router.post("/holidays/{number}/remove")
def remove_holiday(request: Request, number: Number, manager: Manager) -> Response:
    return _remove(request, manager, number, rota.remove_holiday)


@router.post("/shifts/{number}/remove")
def remove_shift(request: Request, number: Number, manager: Manager) -> Response:
    return _remove(request, manager, number, rota.remove_shift)


@router.post("/overrides/{number}/remove")
def remove_override(request: Request, number: Number, manager: Manager) -> Response:
    return _remove(request, manager, number, rota.remove_override)


def _set(
    request: Request, manager: Person, form: str, change: Change, given: dict[str, str]
) -> Response:
    """Make one change; when it cannot be made, the page comes back with what was typed."""
    line = get_line(request)
    try:
        with line.database.writing() as session:
            program = session.get_one(Program, manager.program_id)
            change(session, program, session.get_one(Person, manager.id), line.clock())
    except rota.CannotSet as refused:
        return _page(request, manager, form=form, given=given, sentence=str(refused), status=422)
    return go_to(request, "/program?done=saved")


def _remove(request: Request, manager: Person, number: int, remove: Removal) -> Response:
    line = get_line(request)
    with line.database.writing() as session:
        program = session.get_one(Program, manager.program_id)
        by = session.get_one(Person, manager.id)
        if not remove(session, program, number, by=by, now=line.clock()):
            raise PageRefused(404, GONE)
    return go_to(request, "/program?done=removed")


def _page(
    request: Request,
    manager: Person,
    *,
    done: str = "",
    form: str = "",
    given: dict[str, str] | None = None,
    sentence: str = "",
    status: int = 200,
) -> Response:
    line = get_line(request)
    now = line.clock()
    with line.database.reading() as session:
        program = session.get_one(Program, manager.program_id)
        its_rota = get_rota(session, program)
        week = rota.week_ahead(session, program, now=now)
        shown = {
            "staff": mentors_in(session, program.id),
            "shifts": [one for one in its_rota.shifts if one.person_id in its_rota.people],
            "overrides": rota.overrides_ahead(session, program, now=now),
            "absences": rota.absences_ahead(session, program, now=now),
            "holidays": rota.holidays_in(session, program, since=week[0].day),
        }
    typed = given or {}
    return page(
        request,
        "people/program.html",
        viewer=manager,
        status=status,
        program=program,
        week=week,
        gaps=sum(one.is_gap for day in week for one in day.stretches),
        form=form,
        typed=lambda of, field, otherwise="": (
            typed.get(field, otherwise) if of == form else otherwise
        ),
        sentence=sentence,
        done=done,
        zones=common_zones(),
        zone=program.timezone,
        **shown,
    )
