"""A mentor's list of their own mentees."""

from fastapi import APIRouter, Request, Response

from gateway.accounts.sessions import Mentor
from gateway.console.caseload import list_own_mentees
from gateway.runtime import audit
from gateway.web.rendering import get_line, page

router = APIRouter(prefix="/console")


@router.get("/mentees")
def own_mentees(request: Request, mentor: Mentor) -> Response:
    line = get_line(request)
    policy = line.rules.policy
    audit.read(line, mentor, "mentees")
    with line.database.reading() as session:
        mentees = list_own_mentees(session, mentor, policy, now=line.clock())
    return page(
        request,
        "console/console_mentees.html",
        viewer=mentor,
        mentees=mentees,
        inactive_after=policy.targets.inactive_after_days,
        missed_within=policy.schedule.missed_shown_days,
    )
