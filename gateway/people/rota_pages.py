"""The managers' page about their program: hours, holidays, duty, the week ahead."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Form as FormData
from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from escalation.speech.i18n import gettext_noop
from gateway.accounts.sessions import Manager
from gateway.people import rota
from gateway.people.details.refusals import CannotChange
from gateway.people.details.time_zones import common_zones
from gateway.people.directory import mentors_in, person_in
from gateway.people.exports import ROTA_TABLES
from gateway.people.rota import Edit, Typed
from gateway.people.week_ahead import absences_ahead, week_ahead
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.rendering import Number, PageRefused, env, get_line, go_to, page
from models import DutyOverride, DutyShift, Holiday, Person, Program

router = APIRouter(prefix="/program")

env.globals.update(weekdays=rota.WEEKDAYS)

GONE = gettext_noop("There is no such entry in your program. It may be removed already.")
Done = Annotated[Literal["", "saved", "removed"], Query()]
Form = Annotated[Typed, FormData()]


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
def set_hours(request: Request, manager: Manager, typed: Form) -> Response:
    return _set(request, manager, "hours", rota.set_hours, typed)


@router.post("/holidays")
def add_holiday(request: Request, manager: Manager, typed: Form) -> Response:
    return _set(request, manager, "holidays", rota.add_holiday, typed)


@router.post("/shifts")
def add_shifts(request: Request, manager: Manager, typed: Form) -> Response:
    return _set(request, manager, "shifts", rota.add_shifts, typed)


@router.post("/overrides")
def add_override(request: Request, manager: Manager, typed: Form) -> Response:
    return _set(request, manager, "overrides", rota.add_override, typed)


@router.post("/duty/{number}")
def switch_duty(request: Request, number: Number, manager: Manager, typed: Form) -> Response:
    """The same switch as `warmline duty`."""

    def change(edit: rota.Edit, typed: rota.Typed) -> None:
        if person_in(edit.session, edit.program.id, number) is None:
            raise PageRefused(404, GONE)
        rota.switch_duty(edit, typed)

    typed = typed.model_copy(update={"person": str(number)})
    return _set(request, manager, "shifts", change, typed)


@router.post("/holidays/{number}/remove")
def remove_holiday(request: Request, number: Number, manager: Manager) -> Response:
    return _remove(request, manager, Holiday, number)


@router.post("/shifts/{number}/remove")
def remove_shift(request: Request, number: Number, manager: Manager) -> Response:
    return _remove(request, manager, DutyShift, number)


@router.post("/overrides/{number}/remove")
def remove_override(request: Request, number: Number, manager: Manager) -> Response:
    return _remove(request, manager, DutyOverride, number)


def _edit(request: Request, session: Session, manager: Person) -> Edit:
    program = session.get_one(Program, manager.program_id)
    return Edit(session, program, session.get_one(Person, manager.id), get_line(request).clock())


def _set(
    request: Request,
    manager: Person,
    form: str,
    change: Callable[[Edit, Typed], None],
    typed: Typed,
) -> Response:
    """Make one change; a refusal shows the page again with what was typed in this form."""
    try:
        with get_line(request).database.writing() as session:
            change(_edit(request, session, manager), typed)
    except CannotChange as refused:
        return _page(request, manager, form=form, typed=typed, sentence=str(refused))
    return go_to(request, "/program?done=saved")


def _remove(request: Request, manager: Person, model: type[rota.Entry], number: int) -> Response:
    with get_line(request).database.writing() as session:
        if not rota.remove(_edit(request, session, manager), model, number):
            raise PageRefused(404, GONE)
    return go_to(request, "/program?done=removed")


def _page(
    request: Request,
    manager: Person,
    *,
    done: str = "",
    form: str = "",
    typed: Typed | None = None,
    sentence: str = "",
) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.reading() as session:
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
    return page(
        request,
        "people/program.html",
        viewer=manager,
        status=422 if sentence else 200,
        program=program,
        week=week,
        gaps=sum(one.is_gap for day in week for one in day.stretches),
        form=form,
        typed=lambda of, field, otherwise="": (
            getattr(typed, field) if typed and of == form else otherwise
        ),
        sentence=sentence,
        done=done,
        zones=common_zones(),
        zone=program.timezone,
        **shown,
    )
