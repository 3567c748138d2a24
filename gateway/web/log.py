"""The managers' log: every handoff, and each one step by step."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from gateway.history import (
    Row,
    csv_of,
    handoffs_of,
    missed_check_ins,
    not_textable,
    strangers_of,
    timeline,
)
from gateway.reliance import leaning_mentees
from gateway.verdicts import summary_of
from gateway.web.pages import Number, PageRefused, line_of, page
from gateway.web.sign_in import Manager
from gateway.web.verdicts import judging_handoff, to_review
from models import Handoff, Person, Status, Urgency

router = APIRouter()

Show = Annotated[Literal["all", "open"], Query()]
Of = Annotated[Literal["any", "routine", "soon", "crisis"], Query(alias="urgency")]


@router.get("/log")
def log(request: Request, manager: Manager, show: Show = "all", urgency: Of = "any") -> Response:
    line = line_of(request)
    policy, now = line.rules.policy, line.clock()
    with line.database.reading() as session:
        week, sample = to_review(session, line, manager)
        verdicts = summary_of(session, manager.programme, policy, now=now)
        leaning = leaning_mentees(session, policy.reliance, manager.programme_id, now=now)
    beside: dict[str, Any] = {"week": week, "to_review": sample, "verdicts": verdicts}
    beside["leaning"] = leaning
    return _log(request, manager, "log.html", show, urgency, **beside)


@router.get("/log/rows")
def only_rows(
    request: Request, manager: Manager, show: Show = "all", urgency: Of = "any"
) -> Response:
    """Only what changes of the log, for the page to read anew."""
    return _log(request, manager, "log_rows.html", show, urgency)


@router.get("/log.csv")
def for_a_spreadsheet(request: Request, manager: Manager) -> Response:
    with line_of(request).database.reading() as session:
        table = csv_of(handoffs_of(session, manager.programme_id))
    # With its mark, a spreadsheet reads names as UTF-8.
    content = table.encode("utf-8-sig", "replace")
    headers = {"Content-Disposition": 'attachment; filename="handoffs.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/log/{number}")
def one_handoff(request: Request, number: Number, manager: Manager) -> Response:
    return _one(request, number, manager, "log_handoff.html")


@router.get("/log/{number}/steps")
def only_steps(request: Request, number: Number, manager: Manager) -> Response:
    """Only the steps, for the page to read anew."""
    return _one(request, number, manager, "log_steps.html")


def _log(
    request: Request, manager: Person, template: str, show: str, urgency: str, **beside: Any
) -> Response:
    line = line_of(request)
    shown_for = timedelta(days=line.rules.policy.schedule.missed_shown_days)
    with line.database.reading() as session:
        rows = handoffs_of(session, manager.programme_id)
        missed = missed_check_ins(session, manager.programme_id, since=line.clock() - shown_for)
        strangers = strangers_of(session, manager.programme)
        unreachable = not_textable(session, manager.programme)
    return page(
        request,
        template,
        viewer=manager,
        rows=[row for row in rows if _is_shown(row, show, urgency)],
        any_rows=bool(rows),
        missed=missed,
        strangers=strangers,
        unreachable=unreachable,
        show=show,
        urgency=urgency,
        zone=manager.programme.timezone,
        **beside,
    )


def _is_shown(row: Row, show: str, urgency: str) -> bool:
    if show == "open" and row.status not in (Status.WAITING, Status.CLAIMED):
        return False
    return urgency == "any" or row.urgency is Urgency[urgency.upper()]


def _one(request: Request, number: int, manager: Person, template: str) -> Response:
    with line_of(request).database.reading() as session:
        handoff = session.get(Handoff, number)
        if handoff is None or handoff.conversation.programme_id != manager.programme_id:
            raise PageRefused(404, f"There is no #{number} in your programme.")
        entries = timeline(session, number)
        judging = judging_handoff(session, handoff, manager, action=f"/log/{number}/verdict")
    return page(
        request,
        template,
        viewer=manager,
        handoff=handoff,
        entries=entries,
        judging=judging,
        zone=manager.programme.timezone,
    )
