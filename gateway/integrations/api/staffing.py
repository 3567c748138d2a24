"""Coverage of the coming week: every hour, and the gaps."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.integrations.api.auth import ReadsCoverage
from gateway.integrations.api.values import UrgencyName, urgency_name
from gateway.reporting.staffing_forecast import Cover, week_ahead
from models import Urgency

router = APIRouter(prefix="/coverage", tags=["coverage"])


class Hour(BaseModel):
    """Coverage at the start of one hour, for one urgency."""

    at: datetime
    urgency: UrgencyName
    cover: Cover
    on_duty: int
    managers: int = Field(description="Managers who would also be paged")
    mentees_left_out: int = Field(description="Mentees for whom no one could be paged")


class Gap(BaseModel):
    """Consecutive hours with the same insufficient coverage. `until` is exclusive."""

    since: datetime
    until: datetime
    urgency: UrgencyName
    cover: Cover
    mentees_left_out: int


class Coverage(BaseModel):
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
        week = week_ahead(session, caller.program, caller.line.rules.policy, now=caller.now)
    return Coverage(
        timezone=caller.program.timezone,
        gaps=[
            Gap(
                since=gap.since.astimezone(UTC),
                until=gap.until.astimezone(UTC),
                urgency=urgency_name(gap.urgency),
                cover=gap.cover,
                mentees_left_out=gap.left_out,
            )
            for gap in week.gaps
        ],
        hours=[
            Hour(
                at=hour.at.astimezone(UTC),
                urgency=urgency_name(urgency),
                cover=hour.cover,
                on_duty=hour.duty,
                managers=hour.managers,
                mentees_left_out=hour.left_out,
            )
            for urgency in reversed(Urgency)
            for hour in week.hours[urgency].values()
        ],
    )
