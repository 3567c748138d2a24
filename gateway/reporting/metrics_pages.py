"""The managers' metrics page, and the downloads of every table on their pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager
from gateway.check_ins.mentor_checks import list_mentor_checks
from gateway.reporting.exceptions import inactive_mentees
from gateway.reporting.exports import TABLES, URGENCIES, Scope
from gateway.reporting.human_contact import Month, get_month, list_pairs, program_total
from gateway.reporting.load import mentor_loads
from gateway.reporting.messages import mentees_who_wrote, messages_to_mentees, weekly_messages
from gateway.reporting.pages import read_date
from gateway.reporting.period import Share, latest_weeks
from gateway.reporting.reviews import count_follow_ups, count_verdicts, share_missed
from gateway.reporting.staffing_forecast import Cover, week_ahead
from gateway.reporting.waits import Awaited, get_waits, weekly_waits
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.i18n import in_its_language
from gateway.web.rendering import PageRefused, env, get_line, page
from models import Program

router = APIRouter()

ROWS_SHOWN = 50
WEEKS = {
    4: phrase("{count} weeks", count=4),
    13: gettext_noop("3 months"),
    26: gettext_noop("6 months"),
    52: gettext_noop("1 year"),
}
AWAITED = {
    Awaited.FIRST_ALERT: gettext_noop("First text to a mentor"),
    Awaited.CLAIM: gettext_noop("Claimed"),
    Awaited.FIRST_REPLY: gettext_noop("First reply from a person"),
    Awaited.CLOSE: gettext_noop("Closed"),
}
COVERS = {
    Cover.GOOD: gettext_noop("covered"),
    Cover.WAITS: gettext_noop("waits until the program opens"),
    Cover.NO_DUTY: gettext_noop("no one is on duty; managers are paged"),
    Cover.NOBODY: gettext_noop("no one can be paged"),
}
NONE = "\N{EN DASH}"

WeekCount = Annotated[int, Query(ge=1, le=104)]


@router.get("/log/measures")
def metrics(request: Request, manager: Manager, weeks: WeekCount = 4, month: str = "") -> Response:
    program = manager.program
    with get_line(request).database.reading() as session:
        scope = _get_scope(request, session, program, weeks, month)
        figures = _read_figures(scope)
    return page(
        request,
        "reporting/log_metrics.html",
        viewer=manager,
        weeks=weeks,
        spans=WEEKS,
        month=scope.month,
        months=_list_months(scope.month, get_month(scope.now, program.timezone)),
        period=scope.period,
        query=urlencode({"weeks": weeks, "month": scope.month.name}),
        rows_shown=ROWS_SHOWN,
        awaited=AWAITED,
        covers=COVERS,
        cover=Cover,
        urgencies_down=URGENCIES,
        zone=program.timezone,
        **figures,
    )


def _read_figures(scope: Scope) -> dict[str, Any]:
    session, program, policy = scope.session, scope.program, scope.policy
    period, month, now = scope.period, scope.month, scope.now
    inactive_after = policy.targets.inactive_after_days
    return {
        "waits": get_waits(session, program, period, policy.targets, now=now),
        "weekly_waits": weekly_waits(session, program, period, now=now),
        "weekly_messages": weekly_messages(session, program, period),
        "messages": messages_to_mentees(session, program, period),
        "mentees": mentees_who_wrote(session, program, period),
        "verdicts": count_verdicts(session, program, period),
        "missed": share_missed(session, program, period),
        "follow_ups": count_follow_ups(session, program, period),
        "loads": mentor_loads(session, program, period),
        "pairs": list_pairs(session, program, month, limit=ROWS_SHOWN),
        "total": program_total(session, program, month),
        "total_before": program_total(session, program, month.before),
        "mentor_checks": list_mentor_checks(session, program, policy.check_ins.mentor_check),
        "coverage": week_ahead(session, program, policy, now=now),
        "inactive": inactive_mentees(session, program.id, since=scope.days_ago(inactive_after)),
        "inactive_after": inactive_after,
    }


@router.get("/log/tables/{name}.{form}")
def one_table(
    request: Request, manager: Manager, name: str, form: str, weeks: WeekCount = 4, month: str = ""
) -> Response:
    """Download any table of the managers' pages."""
    written = read_format(form)
    if name not in TABLES:
        raise PageRefused(404, NO_SUCH_TABLE)
    with get_line(request).database.reading() as session:
        table = TABLES[name](_get_scope(request, session, manager.program, weeks, month))
    return download(request, manager, table, written, about=f"table:{name}", file=name)


def _get_scope(
    request: Request, session: Session, program: Program, weeks: int, month: str
) -> Scope:
    line = get_line(request)
    now = line.clock()
    period, shown = latest_weeks(program, weeks, now=now), _read_month(program, month, now=now)
    return Scope(session, program, line.rules.policy, period, shown, now)


def _read_month(program: Program, said: str, *, now: datetime) -> Month:
    current = get_month(now, program.timezone)
    first = read_date(f"{said}-01") if said else current.first
    assert first is not None
    if first > current.first:
        raise PageRefused(422, gettext_noop("That month has not started yet."))
    return Month(first, program.timezone)


def _list_months(chosen: Month, current: Month) -> Sequence[Month]:
    """This month, the eleven before it, and the chosen one."""
    months = [current]
    while len(months) < 12:
        months.append(months[-1].before)
    return months if chosen in months else [*months, chosen]


# --- in words ---


def share_in_words(share: Share | None) -> str:
    if share is None:
        return NONE
    if not share.of:
        return gettext_noop("none yet")
    return phrase(
        "{percent}% ({part} of {of})", percent=share.percent, part=share.part, of=share.of
    )


def rate_of_contact(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:.0%}"


def change_in_words(change: float | None) -> str:
    """In percentage points."""
    return NONE if change is None else f"{100 * change:+.0f}".replace("-", "\N{MINUS SIGN}")


env.filters.update(
    share_in_words=in_its_language(share_in_words),
    rate_of_contact=rate_of_contact,
    change_in_words=change_in_words,
)
