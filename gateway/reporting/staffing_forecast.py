"""Who could be called, hour by hour, in the week ahead: so that a gap is seen before it matters.

A person counts if they can be texted, are not away, and have not left. The ladder pages people on
leave when it finds nobody else (see escalation/handoffs/availability.py), but the forecast does
not count on them: an hour without anybody is a gap.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from escalation.handoffs.hours import get_holidays, is_within_hours
from escalation.policy import Ladder, Policy
from gateway.people.absences import absences_between, holds
from models import Match, Person, Program, Role, Urgency

DAYS = 7
HOUR = timedelta(hours=1)


class Cover(StrEnum):
    """How an hour is covered for one urgency.

    `waits`: nobody is called before the program opens. `no_duty`: the team's part of the ladder
    has managers only. `nobody`: for some mentee there is nobody at all.
    """

    GOOD = "good"
    WAITS = "waits"
    NO_DUTY = "no_duty"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Hour:
    """One hour for one urgency. `left_out` counts the mentees for whom nobody could be called."""

    at: datetime
    cover: Cover
    duty: int
    managers: int
    left_out: int

    @property
    def team(self) -> int:
        return self.duty + self.managers


@dataclass(frozen=True)
class Gap:
    """Hours on end that are covered alike and not well; `until` is the end of the last."""

    since: datetime
    until: datetime
    urgency: Urgency
    cover: Cover
    left_out: int


@dataclass(frozen=True)
class Week:
    """`hours` by urgency, in order, from the hour that has begun; local to the program."""

    days: tuple[date, ...]
    hours: dict[Urgency, dict[tuple[date, int], Hour]]

    @property
    def gaps(self) -> list[Gap]:
        return [gap for urgency in reversed(Urgency) for gap in _gaps(urgency, self.hours[urgency])]


def week_ahead(session: Session, program: Program, policy: Policy, *, now: datetime) -> Week:
    zone = ZoneInfo(program.timezone)
    today = now.astimezone(zone).date()
    days = tuple(today + timedelta(days=n) for n in range(DAYS))
    moments = [
        datetime.combine(day, time(hour), zone)
        for day in days
        for hour in range(24)
        if datetime.combine(day, time(hour), zone) + HOUR > now
    ]
    plan = _Plan(session, program, since=now, until=moments[-1] + HOUR)
    hours = {
        urgency: {(at.date(), at.hour): plan.hour(at, policy.ladder_for(urgency)) for at in moments}
        for urgency in Urgency
    }
    return Week(days, hours)


class _Plan:
    """What is known of the week, read once."""

    def __init__(
        self, session: Session, program: Program, *, since: datetime, until: datetime
    ) -> None:
        self.program = program
        self.rota = get_rota(session, program)
        self.holidays = get_holidays(session, program)
        staff = self.rota.people.values()
        self.textable = {person.id for person in staff if person.can_be_texted}
        self.managers = {person.id for person in staff if person.role is Role.MANAGER}
        self.absences = absences_between(session, self.rota.people, since=since, until=until)
        self.mentees = set(
            session.scalars(
                select(Person.id).where(
                    Person.program_id == program.id,
                    Person.role == Role.MENTEE,
                    Person.left_at.is_(None),
                )
            )
        )
        self.list_mentees: dict[tuple[int, str], set[int]] = defaultdict(set)
        for mentee, mentor, kind in session.execute(
            select(Match.mentee_id, Match.mentor_id, Match.kind).where(
                Match.mentor_id.in_(list(self.rota.people))
            )
        ):
            self.list_mentees[mentor, kind.value].add(mentee)

    def hour(self, at: datetime, ladder: Ladder) -> Hour:
        """How the hour from `at` on is covered: as it is at its beginning."""
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
        return Hour(at, cover, len(duty), len(managers), left_out)

    def _without_own(self, there: set[int], groups: Collection[str]) -> int:
        """The mentees of whose own mentor and back-ups nobody is there."""
        reached: set[int] = set()
        for (mentor, kind), mentees in self.list_mentees.items():
            if mentor in there and kind in groups:
                reached |= mentees
        return len(self.mentees - reached)


def _gaps(urgency: Urgency, hours: dict[tuple[date, int], Hour]) -> list[Gap]:
    gaps = []
    for (cover, left_out), run in groupby(
        hours.values(), key=lambda hour: (hour.cover, hour.left_out)
    ):
        found: Sequence[Hour] = list(run)
        if cover in (Cover.NO_DUTY, Cover.NOBODY):
            gaps.append(Gap(found[0].at, found[-1].at + HOUR, urgency, cover, left_out))
    return gaps
