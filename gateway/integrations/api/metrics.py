"""The figures of the managers' page Measures, for a spreadsheet or a board that draws its own."""

from datetime import UTC, date, datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.integrations.api.auth import Caller, ReadsMeasures
from gateway.integrations.api.values import UrgencyName, Weeks, urgency_name
from gateway.reporting.metrics import (
    A_PERSON,
    BOT_ALONE,
    BOT_OWN,
    FIXED,
    NOBODY_YET,
    PEOPLE,
    Awaited,
    followed_up,
    get_waits,
    latest_weeks,
    mentees_who_wrote,
    mentor_loads,
    messages_to_mentees,
    share_overlooked,
    weekly_messages,
    weekly_verdicts,
    weekly_waits,
)
from gateway.reporting.metrics import Counted as CountedRow
from gateway.reporting.metrics import Load as LoadRow
from gateway.reporting.metrics import Share as ShareRow
from models import Need, Urgency

router = APIRouter(prefix="/measures", tags=["measures"])

# The kinds that the page names in words, as a program reads them.
KINDS = {
    BOT_OWN: "bot",
    FIXED: "script",
    PEOPLE: "people",
    A_PERSON: "a_person_wrote",
    NOBODY_YET: "asked_for_and_none_wrote",
    BOT_ALONE: "bot_alone",
}


class Share(BaseModel):
    """So many of so many. `percent` is null of none."""

    part: int
    of: int
    percent: int | None


class Wait(BaseModel):
    """How long one thing took from the opening on; a percentile is a wait somebody really had."""

    urgency: UrgencyName
    awaited: Awaited
    handoffs: int
    median_seconds: float | None
    ninth_decile_seconds: float | None
    target_seconds: float | None
    within_target: Share | None


class Week(BaseModel):
    """One week, from its Monday on the program's clock."""

    monday: date
    handoffs: dict[UrgencyName, int]
    median_first_reply_seconds: dict[UrgencyName, float | None]
    messages_of_bot: int
    messages_of_people: int


class Counted(BaseModel):
    """One of several kinds that exclude each other."""

    kind: str
    count: int
    percent: int


class Judged(BaseModel):
    """The latest verdicts on the handoffs of one need."""

    need: Need
    right: int
    should_not_have: int
    should_have_earlier: int


class Answers(BaseModel):
    yes: int
    no: int


class FollowUps(BaseModel):
    """What mentees said after a handoff."""

    asked: int
    answered: int
    led_to_another_handoff: int
    reached: Answers
    helped: Answers
    heard: Answers


class Load(BaseModel):
    """What one mentor or manager holds now, and did in the time looked at."""

    person_id: int
    person_name: str | None = Field(description="Null without the scope people:names")
    holds: int
    taken: int
    crises: int
    first_replies: int


class Measures(BaseModel):
    """How the line did. A handoff belongs to the time in which it was opened."""

    since: datetime
    until: datetime
    timezone: str
    waits: list[Wait]
    weeks: list[Week]
    messages_to_mentees: list[Counted]
    mentees_who_wrote: list[Counted]
    verdicts: list[Judged]
    overlooked: Share = Field(description="Of reviewed conversations, those that needed a person")
    follow_ups: FollowUps
    loads: list[Load]


@router.get("")
def measures(caller: ReadsMeasures, weeks: Weeks = 4) -> Measures:
    """The figures of the page Measures, over the same weeks."""
    program, now = caller.program, caller.now
    period = latest_weeks(program, weeks, now=now)
    targets = caller.line.rules.policy.targets
    caller.has_read("measures")
    with caller.line.database.reading() as session:
        words = {week.monday: week for week in weekly_messages(session, program, period)}
        followed = followed_up(session, program, period)
        reached, helped, heard = (Answers(yes=one.yes, no=one.no) for one in followed.said)
        return Measures(
            since=period.since.astimezone(UTC),
            until=period.until.astimezone(UTC),
            timezone=period.timezone,
            waits=[
                Wait(
                    urgency=urgency_name(one.urgency),
                    awaited=one.awaited,
                    handoffs=one.count,
                    median_seconds=_seconds(one.median),
                    ninth_decile_seconds=_seconds(one.ninth_decile),
                    target_seconds=_seconds(one.target),
                    within_target=_share(one.within) if one.within else None,
                )
                for one in get_waits(session, program, period, targets, now=now)
            ],
            weeks=[
                Week(
                    monday=week.monday,
                    handoffs={urgency_name(one): week.handoffs[one] for one in Urgency},
                    median_first_reply_seconds={
                        urgency_name(one): _seconds(week.first_reply[one]) for one in Urgency
                    },
                    messages_of_bot=words[week.monday].bot,
                    messages_of_people=words[week.monday].people,
                )
                for week in weekly_waits(session, program, period, now=now)
            ],
            messages_to_mentees=_counted(messages_to_mentees(session, program, period)),
            mentees_who_wrote=_counted(mentees_who_wrote(session, program, period)),
            verdicts=[
                Judged(
                    need=one.need,
                    right=one.right,
                    should_not_have=one.over,
                    should_have_earlier=one.late,
                )
                for one in weekly_verdicts(session, program, period)
            ],
            overlooked=_share(share_overlooked(session, program, period)),
            follow_ups=FollowUps(
                asked=followed.asked,
                answered=followed.answered,
                led_to_another_handoff=followed.led_to_another,
                reached=reached,
                helped=helped,
                heard=heard,
            ),
            loads=[_load(one, caller) for one in mentor_loads(session, program, period)],
        )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _share(share: ShareRow) -> Share:
    return Share(part=share.part, of=share.of, percent=share.percent)


def _counted(found: list[CountedRow]) -> list[Counted]:
    return [Counted(kind=KINDS[one.name], count=one.count, percent=one.percent) for one in found]


def _load(load: LoadRow, caller: Caller) -> Load:
    return Load(
        person_id=load.person.id,
        person_name=load.person.name if caller.reads_names else None,
        holds=load.holds,
        taken=load.taken,
        crises=load.crises,
        first_replies=load.first_replies,
    )
