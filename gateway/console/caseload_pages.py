"""A mentor's own list of the mentees they are matched with, in the console."""

from fastapi import APIRouter, Request, Response

from gateway.accounts.sessions import Mentor
from gateway.console.caseload import mentees_cared_for
from gateway.runtime import audit
from gateway.web.rendering import get_line, page

router = APIRouter(prefix="/console")


@router.get("/mentees")
def own_mentees(request: Request, mentor: Mentor) -> Response:
    """Only one's own, as own mentor or as back-up; days and counts, no words."""
    line = get_line(request)
    policy = line.rules.policy
    audit.read(line, mentor, "mentees")
    with line.database.reading() as session:
        cared = mentees_cared_for(session, mentor, policy, now=line.clock())
    return page(
        request,
        "console/console_mentees.html",
        viewer=mentor,
        cared=cared,
        inactive_after=policy.targets.inactive_after_days,
        missed_within=policy.schedule.missed_shown_days,
    )
