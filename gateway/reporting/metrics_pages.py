"""The managers' metrics page, and the downloads of every table on their pages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager
from gateway.check_ins.mentor_checks import list_mentor_checks
from gateway.reporting.exceptions import inactive_mentees
from gateway.reporting.exports import TABLES, URGENCIES
from gateway.reporting.human_contact import get_human_contact
from gateway.reporting.metrics import get_metrics
from gateway.reporting.pages import read_date
from gateway.reporting.period import Period, Scope, Share, get_month, get_scope
from gateway.reporting.staffing_forecast import Cover, week_ahead
from gateway.reporting.waits import Awaited
from gateway.runtime.figures import get_figures
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.i18n import in_its_language
from gateway.web.rendering import PageRefused, env, get_line, page
from models import Person

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
    with get_line(request).database.reading() as session:
        scope = _get_scope(request, session, manager, weeks, month)
        zone = scope.program.timezone
        this_month = get_month(scope.now.astimezone(ZoneInfo(zone)).date(), zone)
        period, policy = (scope.period.since, scope.month), scope.policy.model_dump_json()
        figures, computed_at = get_figures(
            get_line(request).database,
            ("metrics", scope.program.id, period, policy),
            lambda: _get_figures(scope),
            now=scope.now,
        )
    return page(
        request,
        "reporting/log_metrics.html",
        viewer=manager,
        weeks=weeks,
        spans=WEEKS,
        month=scope.month,
        months=_list_months(scope.month, this_month),
        query=urlencode({"weeks": weeks, "month": f"{scope.month.since:%Y-%m}"}),
        rows_shown=ROWS_SHOWN,
        inactive_after=scope.policy.targets.inactive_after_days,
        awaited=AWAITED,
        covers=COVERS,
        computed_at=computed_at,
        cover=Cover,
        urgencies_down=URGENCIES,
        zone=zone,
        **figures,
    )


def _get_figures(scope: Scope) -> dict[str, Any]:
    return {
        "metrics": get_metrics(scope),
        "contact": get_human_contact(scope, limit=ROWS_SHOWN),
        "mentor_checks": list_mentor_checks(
            scope.session, scope.program, scope.policy.check_ins.mentor_check
        ),
        "coverage": week_ahead(scope),
        "inactive": inactive_mentees(scope),
    }


@router.get("/log/tables/{name}.{form}")
def one_table(
    request: Request, manager: Manager, name: str, form: str, weeks: WeekCount = 4, month: str = ""
) -> Response:
    written = read_format(form)
    if name not in TABLES:
        raise PageRefused(404, NO_SUCH_TABLE)
    with get_line(request).database.reading() as session:
        table = TABLES[name](_get_scope(request, session, manager, weeks, month))
    return download(request, manager, table, written, about=f"table:{name}", file=name)


def _get_scope(
    request: Request, session: Session, manager: Person, weeks: int, month: str
) -> Scope:
    scope = get_scope(get_line(request), session, manager.program, weeks)
    if first := read_date(f"{month}-01" if month else ""):
        scope = replace(scope, month=get_month(first, manager.program.timezone))
    if scope.month.since > scope.now:
        raise PageRefused(422, gettext_noop("That month has not started yet."))
    return scope


def _list_months(chosen: Period, current: Period) -> Sequence[Period]:
    months = [current]
    while len(months) < 12:
        months.append(months[-1].month_before)
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
