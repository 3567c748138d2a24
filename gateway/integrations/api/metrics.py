"""The figures of the page Metrics, for a spreadsheet or a dashboard."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import AliasPath, BaseModel, BeforeValidator, Field

from gateway.integrations.api.auth import ReadsMeasures
from gateway.integrations.api.values import FromRow, NamedUrgency, UrgencyName, Weeks, urgency_name
from gateway.reporting.load import mentor_loads
from gateway.reporting.messages import (
    A_PERSON,
    BOT_ALONE,
    BOT_OWN,
    FIXED,
    NOBODY_YET,
    PEOPLE,
    mentees_who_wrote,
    messages_to_mentees,
    weekly_messages,
)
from gateway.reporting.period import latest_weeks
from gateway.reporting.reviews import count_follow_ups, count_verdicts, share_missed
from gateway.reporting.waits import Awaited, get_waits, weekly_waits
from models import Need, Urgency

router = APIRouter(prefix="/measures", tags=["measures"])

# The page names these kinds in words; the API needs stable identifiers.
KINDS: Mapping[str, str] = {
    BOT_OWN: "bot",
    FIXED: "script",
    PEOPLE: "people",
    A_PERSON: "a_person_wrote",
    NOBODY_YET: "asked_for_and_none_wrote",
    BOT_ALONE: "bot_alone",
}


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


Seconds = Annotated[float | None, BeforeValidator(_seconds)]


class Share(FromRow):
    """A part of a whole. `percent` is null if the whole is 0."""

    part: int
    of: int
    percent: int | None


class Wait(FromRow):
    """How long something took after a handoff opened. Each percentile is a real wait."""

    urgency: NamedUrgency
    awaited: Awaited
    handoffs: int = Field(validation_alias="count")
    median_seconds: Seconds = Field(validation_alias="median")
    ninth_decile_seconds: Seconds = Field(validation_alias="ninth_decile")
    target_seconds: Seconds = Field(validation_alias="target")
    within_target: Share | None = Field(validation_alias="within")


class Week(BaseModel):
    """One week, starting on Monday in the program's time zone."""

    monday: date
    handoffs: dict[UrgencyName, int]
    median_first_reply_seconds: dict[UrgencyName, float | None]
    messages_of_bot: int
    messages_of_people: int


class Counted(FromRow):
    """One of several kinds that do not overlap."""

    kind: Annotated[str, BeforeValidator(KINDS.__getitem__)] = Field(validation_alias="name")
    count: int
    percent: int


class Judged(FromRow):
    """The latest verdicts on handoffs with one need."""

    need: Need
    right: int
    should_not_have: int = Field(validation_alias="over")
    should_have_earlier: int = Field(validation_alias="late")


class Answers(FromRow):
    yes: int
    no: int


class FollowUps(FromRow):
    """What mentees answered after a handoff."""

    asked: int
    answered: int
    led_to_another_handoff: int = Field(validation_alias="led_to_another")
    reached: Answers = Field(validation_alias=AliasPath("said", 0))
    helped: Answers = Field(validation_alias=AliasPath("said", 1))
    heard: Answers = Field(validation_alias=AliasPath("said", 2))


class Load(FromRow):
    """What one mentor or manager has open now, and did in this period."""

    person_id: int = Field(validation_alias=AliasPath("person", "id"))
    person_name: str | None = Field(
        description="Null without the scope people:names",
        validation_alias=AliasPath("person", "name"),
    )
    holds: int
    taken: int
    crises: int
    first_replies: int


class Measures(FromRow):
    """Results for one period. A handoff belongs to the period in which it was opened."""

    since: datetime
    until: datetime
    timezone: str
    waits: list[Wait]
    weeks: list[Week]
    messages_to_mentees: list[Counted]
    mentees_who_wrote: list[Counted]
    verdicts: list[Judged]
    overlooked: Share = Field(description="Reviewed conversations that had needed a person")
    follow_ups: FollowUps
    loads: list[Load]


@router.get("")
def measures(caller: ReadsMeasures, weeks: Weeks = 4) -> Measures:
    """The figures of the page Metrics for the latest weeks."""
    program, now = caller.program, caller.now
    period = latest_weeks(program, weeks, now=now)
    targets = caller.line.rules.policy.targets
    caller.has_read("measures")
    with caller.line.database.reading() as session:
        messages = {week.monday: week for week in weekly_messages(session, program, period)}
        found = Measures.model_validate(
            {
                "since": period.since.astimezone(UTC),
                "until": period.until.astimezone(UTC),
                "timezone": period.timezone,
                "waits": get_waits(session, program, period, targets, now=now),
                "weeks": [
                    Week(
                        monday=week.monday,
                        handoffs={urgency_name(one): week.handoffs[one] for one in Urgency},
                        median_first_reply_seconds={
                            urgency_name(one): _seconds(week.first_reply[one]) for one in Urgency
                        },
                        messages_of_bot=messages[week.monday].bot,
                        messages_of_people=messages[week.monday].people,
                    )
                    for week in weekly_waits(session, program, period, now=now)
                ],
                "messages_to_mentees": messages_to_mentees(session, program, period),
                "mentees_who_wrote": mentees_who_wrote(session, program, period),
                "verdicts": count_verdicts(session, program, period),
                "overlooked": share_missed(session, program, period),
                "follow_ups": count_follow_ups(session, program, period),
                "loads": mentor_loads(session, program, period),
            }
        )
    if not caller.reads_names:
        for load in found.loads:
            load.person_name = None
    return found
