"""How long mentees waited, by urgency and by week."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import ColumnElement, FromClause, case, func, literal, select

from gateway.reporting.period import (
    NamedUrgency,
    Scope,
    Seconds,
    Share,
    count_where,
    week_column,
    within,
)
from gateway.runtime.sql_time import (
    Time,
    first_alert_at,
    first_claim_at,
    nth_value,
    seconds_between,
)
from models import Conversation, Handoff, Need, Urgency

NONE_YET = (0, None, None)


class Awaited(StrEnum):
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

    urgency: NamedUrgency
    awaited: Awaited
    handoffs: int
    median: Annotated[Seconds, Field(serialization_alias="median_seconds")]
    ninth_decile: Annotated[Seconds, Field(serialization_alias="ninth_decile_seconds")]
    target: Annotated[Seconds, Field(serialization_alias="target_seconds")]
    within: Annotated[Share | None, Field(serialization_alias="within_target")]


def get_waits(scope: Scope) -> list[Waits]:
    """One for each urgency and step, the most urgent first, also where nothing was opened."""
    # Computed once per query: each column needs a look-up of its own and is read several times.
    times = _times(scope).prefix_with("MATERIALIZED")
    rows = scope.session.execute(sa.union_all(*(_percentiles(times, one) for one in Awaited)))
    percentiles: dict[tuple[str, int], tuple[int, timedelta | None, timedelta | None]] = {
        (row.awaited, row.urgency): (
            row.how_many,
            timedelta(seconds=row.median),
            timedelta(seconds=row.ninth),
        )
        for row in rows
    }
    shares = _shares(scope, times)
    return [
        Waits(
            urgency,
            awaited,
            *percentiles.get((awaited.value, int(urgency)), NONE_YET),
            scope.policy.targets.within(urgency).get(awaited.value),
            shares.get((awaited, urgency)),
        )
        for urgency in reversed(Urgency)
        for awaited in Awaited
    ]


def _times(scope: Scope) -> sa.CTE:
    """One row per handoff: the seconds until each step, and how long it was open until now."""
    times: dict[str, Time] = {
        Awaited.FIRST_ALERT: first_alert_at(),
        Awaited.CLAIM: first_claim_at(),
        Awaited.FIRST_REPLY: Handoff.first_reply_at,
        Awaited.CLOSE: Handoff.closed_at,
        "open_for": func.coalesce(Handoff.closed_at, literal(scope.now, Handoff.opened_at.type)),
    }
    return (
        select(
            # As a plain number, to compare and to group by.
            func.coalesce(Handoff.urgency, 0, type_=sa.Integer).label("urgency"),
            week_column(scope, Handoff.opened_at),
            *(
                seconds_between(scope.session, Handoff.opened_at, at).label(str(name))
                for name, at in times.items()
            ),
        )
        .join(Handoff.conversation)
        .where(
            Conversation.program_id == scope.program.id,
            within(scope.period, Handoff.opened_at),
            # Nobody waited where a mentor wrote first.
            Handoff.need != Need.MENTOR,
        )
        .cte("times")
    )


def _percentiles(
    times: FromClause, awaited: Awaited, *by: ColumnElement[object]
) -> sa.Select[str, int, int, float, float]:
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


def _shares(scope: Scope, times: FromClause) -> dict[tuple[Awaited, Urgency], Share]:
    """The share within the target, of the handoffs that made it or ran out of time."""
    limits = {urgency: scope.policy.targets.within(urgency) for urgency in Urgency}
    with_target = [one for one in Awaited if one.value in limits[Urgency.CRISIS]]
    columns: list[ColumnElement[int]] = []
    for one in with_target:
        limit = case(
            {int(urgency): of[one.value].total_seconds() for urgency, of in limits.items()},
            value=times.c.urgency,
        )
        seconds = times.c[one.value]
        due = seconds.is_not(None) | (times.c.open_for > limit)
        columns += [count_where(seconds <= limit), count_where(due)]
    rows = scope.session.execute(select(times.c.urgency, *columns).group_by(times.c.urgency))
    counts = {Urgency(urgency): numbers for urgency, *numbers in rows}
    none = [0] * len(columns)
    return {
        (one, urgency): Share(*counts.get(urgency, none)[2 * n : 2 * n + 2])
        for urgency in Urgency
        for n, one in enumerate(with_target)
    }


def weekly_handoffs(scope: Scope) -> dict[tuple[date, Urgency], int]:
    times = _times(scope)
    counted = scope.session.execute(
        select(times.c.week, times.c.urgency, func.count()).group_by(times.c.week, times.c.urgency)
    )
    return {(week, Urgency(urgency)): count for week, urgency, count in counted}


def weekly_first_replies(scope: Scope) -> dict[tuple[date, Urgency], timedelta]:
    times = _times(scope)
    medians = scope.session.execute(_percentiles(times, Awaited.FIRST_REPLY, times.c.week))
    return {(row.week, Urgency(row.urgency)): timedelta(seconds=row.median) for row in medians}
