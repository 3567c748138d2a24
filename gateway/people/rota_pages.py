"""The managers' page about their program: hours, holidays, duty, the week ahead."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from escalation.speech.i18n import gettext_noop
from gateway.accounts.sessions import Manager
from gateway.people import rota
from gateway.people.directory import mentors_in, person_in
from gateway.people.exports import ROTA_TABLES
from gateway.people.import_file import common_zones
from gateway.people.rota import Edit
from gateway.people.week_ahead import absences_ahead, week_ahead
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.lookup import row_number
from gateway.web.rendering import (
    Number,
    PageRefused,
    env,
    get_line,
    go_to,
    page,
)
from models import Person, Program

router = APIRouter(prefix="/program")

env.globals.update(weekdays=rota.WEEKDAYS)

GONE = gettext_noop("There is no such entry in your program. It may be removed already.")
Text = Annotated[str, Form()]
Texts = Annotated[list[str] | None, Form()]
Done = Annotated[Literal["", "saved", "removed"], Query()]
Change = Callable[[Edit], None]


@dataclass(frozen=True)
class Refused:
    """A refused form: its name, what was typed, and why it was refused."""

    form: str
    given: dict[str, str]
    sentence: str


@router.get("")
def program(request: Request, manager: Manager, done: Done = "") -> Response:
    return _page(request, manager, done=done)


@router.get("/tables/{name}.{form}")
def one_table(request: Request, manager: Manager, name: str, form: str) -> Response:
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
    given = {"opens": opens, "closes": closes, "timezone": timezone}
    change = partial(rota.set_hours, opens=opens, closes=closes, timezone=timezone)
    return _set(request, manager, "hours", change, given)


@router.post("/holidays")
def add_holiday(request: Request, manager: Manager, day: Text = "", name: Text = "") -> Response:
    given = {"day": day, "name": name}
    return _set(request, manager, "holidays", partial(rota.add_holiday, day=day, name=name), given)


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

    def change(edit: Edit) -> None:
        rota.add_shifts(edit, _find(edit, person), weekdays=days, begins=begins, ends=ends)

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
    def change(edit: Edit) -> None:
        whom = _find(edit, person)
        rota.add_override(edit, whom, on_duty=duty != "off", begins=begins, ends=ends)

    given = {"person": person, "duty": duty, "begins": begins, "ends": ends}
    return _set(request, manager, "overrides", change, given)


@router.post("/duty/{number}")
def switch_duty(request: Request, number: Number, manager: Manager, duty: Text = "off") -> Response:
    """The same switch as `warmline duty`."""

    def change(edit: Edit) -> None:
        whom = _find(edit, str(number))
        if whom is None:
            raise PageRefused(404, GONE)
        rota.switch_duty(edit, whom, on=duty == "on")

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


def _find(edit: Edit, number: str) -> Person | None:
    return person_in(edit.session, edit.program.id, row_number(number))


def _edit(request: Request, session: Session, manager: Person) -> Edit:
    program = session.get_one(Program, manager.program_id)
    return Edit(session, program, session.get_one(Person, manager.id), get_line(request).clock())


def _set(
    request: Request, manager: Person, form: str, change: Change, given: dict[str, str]
) -> Response:
    """Make one change; a refusal shows the page again with what was typed."""
    try:
        with get_line(request).database.writing() as session:
            change(_edit(request, session, manager))
    except rota.CannotSet as refused:
        return _page(request, manager, refused=Refused(form, given, str(refused)))
    return go_to(request, "/program?done=saved")


def _remove(
    request: Request, manager: Person, number: int, remove: Callable[[Edit, int], bool]
) -> Response:
    with get_line(request).database.writing() as session:
        if not remove(_edit(request, session, manager), number):
            raise PageRefused(404, GONE)
    return go_to(request, "/program?done=removed")


def _page(
    request: Request, manager: Person, *, done: str = "", refused: Refused | None = None
) -> Response:
    line = get_line(request)
    now = line.clock()
    with line.database.reading() as session:
        program = session.get_one(Program, manager.program_id)
        its_rota = get_rota(session, program)
        week = week_ahead(session, program, now=now)
        shown = {
            "staff": mentors_in(session, program.id),
            "shifts": [one for one in its_rota.shifts if one.person_id in its_rota.people],
            "overrides": rota.overrides_ahead(session, program, now=now),
            "absences": absences_ahead(session, program, now=now),
            "holidays": rota.holidays_in(session, program, since=week[0].day),
        }
    typed = refused or Refused("", {}, "")
    return page(
        request,
        "people/program.html",
        viewer=manager,
        status=422 if refused else 200,
        program=program,
        week=week,
        gaps=sum(one.is_gap for day in week for one in day.stretches),
        form=typed.form,
        typed=lambda form, field, otherwise="": (
            typed.given.get(field, otherwise) if form == typed.form else otherwise
        ),
        sentence=typed.sentence,
        done=done,
        zones=common_zones(),
        zone=program.timezone,
        **shown,
    )
