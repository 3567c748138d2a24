"""How long mentees waited, by urgency and by week."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from escalation.policy import Targets
from gateway.reporting.period import Period, Share, count_where, week_of, within
from gateway.runtime.sql_time import (
    Time,
    first_alert_at,
    first_claim_at,
    nth_value,
    seconds_between,
)
from models import Conversation, Handoff, Program, Urgency

NONE_DUE = Share(0, 0)


class Awaited(StrEnum):
    """What people wait for after a handoff was opened."""

    FIRST_ALERT = "first_alert"
    CLAIM = "claim"
    FIRST_REPLY = "first_reply"
    CLOSE = "close"


@dataclass(frozen=True)
class Waits:
    """How long one step took, for one urgency.

    `within` is None where there is no target. It leaves out handoffs that may still make it, and
    those that closed before the target's time without the step.
    """

    awaited: Awaited
    urgency: Urgency
    count: int
    median: timedelta | None
    ninth_decile: timedelta | None
    target: timedelta | None
    within: Share | None


@dataclass(frozen=True)
class WeekOfWaits:
    """Handoffs in one week and the median wait for the first reply, by urgency."""

    monday: date
    handoffs: Mapping[Urgency, int]
    first_reply: Mapping[Urgency, timedelta | None]


def get_waits(
    session: Session, program: Program, period: Period, targets: Targets, *, now: datetime
) -> list[Waits]:
    """One for each urgency and step, the most urgent first, also where nothing was opened."""
    # Computed once per query: each column needs a look-up of its own and is read several times.
    times = _times(session, program, period, now=now).prefix_with("MATERIALIZED")
    ranked = {
        (row.awaited, row.urgency): row
        for row in session.execute(union_all(*(_percentiles(times, one) for one in Awaited)))
    }
    shares = _shares(session, times, targets)
    waits = []
    for urgency in reversed(Urgency):
        limits = targets.within(urgency)
        for awaited in Awaited:
            row = ranked.get((awaited.value, int(urgency)))
            waits.append(
                Waits(
                    awaited=awaited,
                    urgency=urgency,
                    count=row.how_many if row else 0,
                    median=timedelta(seconds=row.median) if row else None,
                    ninth_decile=timedelta(seconds=row.ninth) if row else None,
                    target=limits.get(awaited.value),
                    within=shares.get((awaited, urgency), NONE_DUE)
                    if awaited.value in limits
                    else None,
                )
            )
    return waits


def _times(session: Session, program: Program, period: Period, *, now: datetime) -> CTE:
    """One row per handoff: the seconds until each step, and how long it was open until now."""
    until = func.coalesce(Handoff.closed_at, literal(now, Handoff.opened_at.type))

    def after(at: Time) -> ColumnElement[float]:
        return seconds_between(session, Handoff.opened_at, at)

    return (
        select(
            # As a plain number, to compare and to group by.
            func.coalesce(Handoff.urgency, 0, type_=Integer).label("urgency"),
            week_of(session, period, Handoff.opened_at),
            after(first_alert_at()).label(Awaited.FIRST_ALERT.value),
            after(first_claim_at()).label(Awaited.CLAIM.value),
            after(Handoff.first_reply_at).label(Awaited.FIRST_REPLY.value),
            after(Handoff.closed_at).label(Awaited.CLOSE.value),
            after(until).label("open_for"),
        )
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, within(period, Handoff.opened_at))
        .cte("times")
    )


def _percentiles(
    times: FromClause, awaited: Awaited, *by: ColumnElement[object]
) -> Select[str, int, int, float, float]:
    """For each urgency (and `by`): the count, the median, and the ninth decile."""
    groups = [times.c.urgency, *by]
    seconds = times.c[awaited.value]
    ranked = (
        select(
            *groups,
            seconds.label("seconds"),
            func.row_number().over(partition_by=groups, order_by=seconds).label("rank"),
            func.count().over(partition_by=groups).label("how_many"),
        )
        .where(seconds.is_not(None))
        .subquery()
    )
    count = ranked.c.how_many

    def at(rank: ColumnElement[int]) -> ColumnElement[float]:
        return func.max(case((ranked.c.rank == rank, ranked.c.seconds)))

    return select(
        literal(awaited.value).label("awaited"),
        *(ranked.c[group.name] for group in groups),
        func.max(count).label("how_many"),
        at(nth_value(5, count)).label("median"),
        at(nth_value(9, count)).label("ninth"),
    ).group_by(*(ranked.c[group.name] for group in groups))


def _shares(
    session: Session, times: FromClause, targets: Targets
) -> dict[tuple[Awaited, Urgency], Share]:
    """The share within the target, of the handoffs that made it or ran out of time."""
    limits = {urgency: targets.within(urgency) for urgency in Urgency}
    awaited = [one for one in Awaited if one.value in limits[Urgency.CRISIS]]
    columns: list[ColumnElement[int]] = []
    for one in awaited:
        limit = case(
            {int(urgency): of[one.value].total_seconds() for urgency, of in limits.items()},
            value=times.c.urgency,
        )
        seconds = times.c[one.value]
        due = or_(seconds.is_not(None), times.c.open_for > limit)
        columns += [count_where(seconds <= limit), count_where(due)]
    rows = session.execute(select(times.c.urgency, *columns).group_by(times.c.urgency))
    return {
        (one, Urgency(urgency)): Share(*counts[2 * n : 2 * n + 2])
        for urgency, *counts in rows
        for n, one in enumerate(awaited)
    }


def weekly_waits(
    session: Session, program: Program, period: Period, *, now: datetime
) -> list[WeekOfWaits]:
    """Every week of the period, also those without a handoff."""
    times = _times(session, program, period, now=now)
    counted = session.execute(
        select(times.c.week, times.c.urgency, func.count()).group_by(times.c.week, times.c.urgency)
    )
    handoffs = {(week, Urgency(urgency)): count for week, urgency, count in counted}
    medians = session.execute(_percentiles(times, Awaited.FIRST_REPLY, times.c.week))
    first_reply = {
        (row.week, Urgency(row.urgency)): timedelta(seconds=row.median) for row in medians
    }
    return [
        WeekOfWaits(
            monday,
            {urgency: handoffs.get((monday, urgency), 0) for urgency in Urgency},
            {urgency: first_reply.get((monday, urgency)) for urgency in Urgency},
        )
        for monday in period.mondays
    ]
