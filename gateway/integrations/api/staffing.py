"""Coverage of the coming week: every hour, and the gaps."""

from dataclasses import dataclass

from fastapi import APIRouter

from gateway.integrations.api.auth import ReadsCoverage
from gateway.reporting.period import get_scope
from gateway.reporting.staffing_forecast import Gap, Hour, week_ahead

router = APIRouter(prefix="/coverage", tags=["coverage"])


@dataclass(frozen=True)
class Coverage:
    """The seven days from this hour. `cover` is good, waits (until the program opens), no_duty
    (managers only), or nobody."""

    timezone: str
    gaps: list[Gap]
    hours: list[Hour]


@router.get("")
def coverage(caller: ReadsCoverage) -> Coverage:
    """Coverage for each hour of the coming week, by urgency."""
    caller.has_read("coverage")
    with caller.line.database.reading() as session:
        week = week_ahead(get_scope(caller.line, session, caller.program))
    return Coverage(caller.program.timezone, week.gaps, week.every_hour)
