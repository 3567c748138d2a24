"""Who can be paged in each hour of the coming week, so that managers see gaps in time.

A person counts if they can be texted, are not away, and have not left. The ladder pages people who
are away when it finds no one else (see escalation/handoffs/availability.py), but the forecast does
not count on them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import select

from escalation.handoffs.duty import get_rota
from escalation.handoffs.hours import get_holidays, is_within_hours
from gateway.people.absences import absences_between, holds
from gateway.reporting.period import InUtc, NamedUrgency, Scope
from models import Match, Person, Role, Urgency

DAYS = 7
HOUR = timedelta(hours=1)


class Cover(StrEnum):
    """How an hour is covered for one urgency.

    `waits`: pages wait until the program opens. `no_duty`: only managers would be paged. `nobody`:
    for some mentee, no one can be paged.
    """

    GOOD = "good"
    WAITS = "waits"
    NO_DUTY = "no_duty"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Hour:
    """Coverage at the start of one hour, for one urgency."""

    at: InUtc
    urgency: NamedUrgency
    cover: Cover
    on_duty: int
    managers: Annotated[int, Field(description="Managers who would also be paged")]
    mentees_left_out: Annotated[int, Field(description="Mentees for whom no one could be paged")]

    @property
    def team(self) -> int:
        return self.on_duty + self.managers


@dataclass(frozen=True)
class Gap:
    """Consecutive hours with the same insufficient coverage. `until` is exclusive."""

    since: InUtc
    until: InUtc
    urgency: NamedUrgency
    cover: Cover
    mentees_left_out: int


@dataclass(frozen=True)
class Week:
    """`hours` by urgency, in order, from the hour that has begun; local to the program."""

    days: tuple[date, ...]
    hours: dict[Urgency, dict[tuple[date, int], Hour]]

    @property
    def every_hour(self) -> list[Hour]:
        return [hour for urgency in reversed(Urgency) for hour in self.hours[urgency].values()]

    @property
    def gaps(self) -> list[Gap]:
        return [gap for urgency in reversed(Urgency) for gap in _gaps(self.hours[urgency])]


def week_ahead(scope: Scope) -> Week:
    zone = ZoneInfo(scope.program.timezone)
    today = scope.now.astimezone(zone).date()
    days = tuple(today + timedelta(days=n) for n in range(DAYS))
    every_hour = [datetime.combine(day, time(hour), zone) for day in days for hour in range(24)]
    moments = [at for at in every_hour if at + HOUR > scope.now]
    plan = _Plan(scope, until=moments[-1] + HOUR)
    hours = {
        urgency: {(at.date(), at.hour): plan.hour(at, urgency) for at in moments}
        for urgency in Urgency
    }
    return Week(days, hours)


class _Plan:
    """The rota, absences, and matches of the week, read once."""

    def __init__(self, scope: Scope, *, until: datetime) -> None:
        session, program = scope.session, scope.program
        self.program, self.policy = program, scope.policy
        self.rota = get_rota(session, program)
        self.holidays = get_holidays(session, program)
        staff = self.rota.people.values()
        self.textable = {person.id for person in staff if person.can_be_texted}
        self.managers = {person.id for person in staff if person.role is Role.MANAGER}
        self.absences = absences_between(session, self.rota.people, since=scope.now, until=until)
        self.mentees = set(
            session.scalars(
                select(Person.id).where(
                    Person.program_id == program.id,
                    Person.role == Role.MENTEE,
                    Person.left_at.is_(None),
                )
            )
        )
        self.matched: dict[tuple[int, str], set[int]] = defaultdict(set)
        for mentee, mentor, kind in session.execute(
            select(Match.mentee_id, Match.mentor_id, Match.kind).where(
                Match.mentor_id.in_(list(self.rota.people))
            )
        ):
            self.matched[mentor, kind.value].add(mentee)

    def hour(self, at: datetime, urgency: Urgency) -> Hour:
        ladder = self.policy.ladder_for(urgency)
        groups = {group for rung in ladder.rungs for group in rung.page}
        away = {absence.person_id for absence in self.absences if holds(absence, at)}
        there = self.textable - away
        on_duty = {person.id for person in self.rota.on_duty(at)}
        duty = there & on_duty if "duty" in groups else set()
        managers = (there & self.managers) - duty if "managers" in groups else set()
        is_open = is_within_hours(self.program, at, self.holidays)
        left_out = 0
        if not duty and not managers:
            skipped = ladder.outside_hours == "skip" and not is_open
            left_out = len(self.mentees) if skipped else self._without_own(there, groups)
        if ladder.outside_hours == "wait" and not is_open:
            cover, left_out = Cover.WAITS, 0
        elif left_out:
            cover = Cover.NOBODY
        elif "duty" in groups and not duty:
            cover = Cover.NO_DUTY
        else:
            cover = Cover.GOOD
        return Hour(at, urgency, cover, len(duty), len(managers), left_out)

    def _without_own(self, there: set[int], groups: Collection[str]) -> int:
        """How many mentees have no matched mentor who can be paged."""
        reached = [
            mentees
            for (mentor, kind), mentees in self.matched.items()
            if mentor in there and kind in groups
        ]
        return len(self.mentees.difference(*reached))


def _gaps(hours: dict[tuple[date, int], Hour]) -> Iterator[Gap]:
    for (cover, left_out), run in groupby(
        hours.values(), key=lambda hour: (hour.cover, hour.mentees_left_out)
    ):
        found = list(run)
        if cover in (Cover.NO_DUTY, Cover.NOBODY):
            until = found[-1].at + HOUR
            yield Gap(found[0].at, until, found[0].urgency, cover, left_out)
