"""Who could be called in the week ahead: every hour, and the gaps."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.integrations.api.auth import ReadsCoverage
from gateway.integrations.api.values import UrgencyName, urgency_name
from gateway.reporting.staffing_forecast import Cover, week_ahead
from models import Urgency

router = APIRouter(prefix="/coverage", tags=["coverage"])


class Hour(BaseModel):
    """One hour for one urgency, as it is at its beginning."""

    at: datetime
    urgency: UrgencyName
    cover: Cover
    on_duty: int
    managers: int = Field(description="Who would be called besides")
    mentees_left_out: int = Field(description="For whom nobody could be called")


class Gap(BaseModel):
    """Hours on end that are covered alike and not well. `until` is not in it."""

    since: datetime
    until: datetime
    urgency: UrgencyName
    cover: Cover
    mentees_left_out: int


class Coverage(BaseModel):
    """The week from this hour on. `cover` is good, waits (until the program opens), no_duty
    (managers only) or nobody."""

    timezone: str
    gaps: list[Gap]
    hours: list[Hour]


@router.get("")
def coverage(caller: ReadsCoverage) -> Coverage:
    """How each hour of the coming week is covered, for each urgency."""
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
