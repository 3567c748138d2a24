"""The metrics of a program, for the managers' page and the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field

from gateway.reporting.load import Load, mentor_loads
from gateway.reporting.messages import (
    Counted,
    mentees_who_wrote,
    messages_to_mentees,
    weekly_messages,
)
from gateway.reporting.period import InUtc, NamedUrgency, Scope, Seconds, Share
from gateway.reporting.reviews import (
    FollowUpCounts,
    VerdictCounts,
    count_follow_ups,
    count_verdicts,
    share_missed,
)
from gateway.reporting.waits import Waits, get_waits, weekly_first_replies, weekly_handoffs
from models import Urgency


@dataclass(frozen=True)
class Week:
    """One week, starting on Monday in the program's time zone."""

    monday: date
    handoffs: Mapping[NamedUrgency, int]
    first_reply: Annotated[
        Mapping[NamedUrgency, Seconds], Field(serialization_alias="median_first_reply_seconds")
    ]
    messages_of_bot: int
    messages_of_people: int


@dataclass(frozen=True)
class Metrics:
    """Results for one period. A handoff belongs to the period in which it was opened."""

    since: InUtc
    until: InUtc
    timezone: str
    waits: list[Waits]
    weeks: list[Week]
    messages_to_mentees: list[Counted]
    mentees_who_wrote: list[Counted]
    verdicts: list[VerdictCounts]
    overlooked: Annotated[
        Share, Field(description="Reviewed conversations that had needed a person")
    ]
    follow_ups: FollowUpCounts
    loads: list[Load]


def get_metrics(scope: Scope) -> Metrics:
    return Metrics(
        since=scope.period.since,
        until=scope.period.until,
        timezone=scope.period.timezone,
        waits=get_waits(scope),
        weeks=list_weeks(scope),
        messages_to_mentees=messages_to_mentees(scope),
        mentees_who_wrote=mentees_who_wrote(scope),
        verdicts=count_verdicts(scope),
        overlooked=share_missed(scope),
        follow_ups=count_follow_ups(scope),
        loads=mentor_loads(scope),
    )


def list_weeks(scope: Scope) -> list[Week]:
    handoffs, first_replies = weekly_handoffs(scope), weekly_first_replies(scope)
    messages = weekly_messages(scope)
    return [
        Week(
            monday,
            {urgency: handoffs.get((monday, urgency), 0) for urgency in Urgency},
            {urgency: first_replies.get((monday, urgency)) for urgency in Urgency},
            *messages.get(monday, (0, 0)),
        )
        for monday in scope.period.mondays
    ]
