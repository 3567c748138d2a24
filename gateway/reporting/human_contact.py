"""Human contact: on which share of their active days did mentees hear from a person?

Connection takes a person (Rubin, Arnon, Huppert and Perry, JMIR Mental Health 2024;11:e56529), and
a mentoring bot should move young people to their mentor (Rhodes and MentorPRO, "Human at the
Helm"). Counting messages would reward a popular bot; only contact with people raises this rate.

A day in the program's time zone is active if the mentee wrote or a person wrote to them. Each is:

* `person`: a mentor or manager wrote to the mentee through Warmline;
* `awaiting`: otherwise, a handoff was open when the mentee wrote;
* `bot_only`: otherwise, only the bot answered.

Warmline does not see meetings and calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import FromClause, Row, case, func, select
from sqlalchemy.orm import Session, aliased

from gateway.reporting.period import within, written_in
from gateway.runtime.sql_time import local_day
from models import (
    Conversation,
    DecisionRecord,
    Delivery,
    Handoff,
    Match,
    MatchKind,
    Message,
    Person,
    Program,
    Role,
    Speaker,
)


@dataclass(frozen=True)
class Month:
    """A calendar month in a program's time zone."""

    first: date
    timezone: str

    @property
    def since(self) -> datetime:
        return datetime(self.first.year, self.first.month, 1, tzinfo=ZoneInfo(self.timezone))

    @property
    def until(self) -> datetime:
        return self.following.since

    @property
    def following(self) -> "Month":
        return Month((self.first + timedelta(days=31)).replace(day=1), self.timezone)

    @property
    def before(self) -> "Month":
        return Month((self.first - timedelta(days=1)).replace(day=1), self.timezone)

    @property
    def name(self) -> str:
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True)
class Days:
    """A month's active days by kind, and the messages from people and handoffs in it."""

    person: int = 0
    awaiting: int = 0
    bot_only: int = 0
    messages: int = 0
    handoffs: int = 0

    @property
    def all(self) -> int:
        return self.person + self.awaiting + self.bot_only

    @property
    def contact_rate(self) -> float | None:
        """0 to 1; None without an active day."""
        return self.person / self.all if self.all else None


@dataclass(frozen=True)
class Pair:
    """A mentee and their own mentor, this month and the one before."""

    mentee: str
    mentor: str | None
    now: Days
    before: Days

    @property
    def change(self) -> float | None:
        if self.now.contact_rate is None or self.before.contact_rate is None:
            return None
        return self.now.contact_rate - self.before.contact_rate


def get_month(at: datetime, timezone: str) -> Month:
    return Month(at.astimezone(ZoneInfo(timezone)).date().replace(day=1), timezone)


def list_pairs(
    session: Session, program: Program, month: Month, *, limit: int | None = None
) -> list[Pair]:
    """Every mentee with an active day in the month, the lowest contact rate first."""
    these = _days_by_thread(session, program, month)
    share = these.c.person * 1.0 / (these.c.person + these.c.awaiting + these.c.bot_only)
    rows = session.execute(
        select(these).order_by(share, these.c.bot_only.desc(), these.c.conversation_id).limit(limit)
    ).all()
    threads = [row.conversation_id for row in rows]
    earlier = _days_by_thread(session, program, month.before)
    before = {
        row.conversation_id: row
        for row in session.execute(select(earlier).where(earlier.c.conversation_id.in_(threads)))
    }
    handoffs = _handoffs(session, threads, month)
    handoffs_before = _handoffs(session, threads, month.before)
    names = _names(session, threads)
    return [
        Pair(
            *names[row.conversation_id],
            now=_days(row, handoffs.get(row.conversation_id, 0)),
            before=_days(before[row.conversation_id], handoffs_before.get(row.conversation_id, 0))
            if row.conversation_id in before
            else Days(),
        )
        for row in rows
    ]


def program_total(session: Session, program: Program, month: Month) -> Days:
    these = _days_by_thread(session, program, month)
    columns = (these.c.person, these.c.awaiting, these.c.bot_only, these.c.messages)
    counts = session.execute(select(*(func.coalesce(func.sum(one), 0) for one in columns))).one()
    opened = session.scalar(
        select(func.count())
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, within(month, Handoff.opened_at))
    )
    person, awaiting, bot_only, messages = (int(count) for count in counts)
    return Days(person, awaiting, bot_only, messages, opened or 0)


def _days_by_thread(session: Session, program: Program, month: Month) -> FromClause:
    """One row per mentee: how many days of each kind, and how many messages from people."""
    day = local_day(
        session, Message.at, month.timezone, since=month.since, until=month.until
    ).label("day")
    with_handoff = DecisionRecord.handoff_id.is_not(None)
    days = (
        select(
            Message.conversation_id,
            day,
            func.sum(case((Message.outgoing, 1), else_=0)).label("from_people"),
            func.max(case((with_handoff, 1), else_=0)).label("open"),
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .outerjoin(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(
            Conversation.program_id == program.id,
            Person.role == Role.MENTEE,
            written_in(month),
            (Message.speaker == Speaker.MENTEE)
            | (
                Message.outgoing
                & Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER])
                & (Message.delivery != Delivery.DROPPED)
            ),
        )
        .group_by(Message.conversation_id, day)
        .subquery()
    )
    person = case((days.c.from_people > 0, 1), else_=0)
    awaiting = case((days.c.from_people > 0, 0), (days.c.open > 0, 1), else_=0)
    return (
        select(
            days.c.conversation_id,
            func.sum(person).label("person"),
            func.sum(awaiting).label("awaiting"),
            func.sum(1 - person - awaiting).label("bot_only"),
            func.sum(days.c.from_people).label("messages"),
        )
        .group_by(days.c.conversation_id)
        .subquery()
    )


def _days(row: Row[Any], handoffs: int) -> Days:
    # PostgreSQL adds up to a Decimal.
    counts = (row.person, row.awaiting, row.bot_only, row.messages)
    person, awaiting, bot_only, messages = (int(count) for count in counts)
    return Days(person, awaiting, bot_only, messages, handoffs)


def _handoffs(session: Session, threads: Sequence[int], month: Month) -> dict[int, int]:
    rows = session.execute(
        select(Handoff.conversation_id, func.count())
        .where(Handoff.conversation_id.in_(threads), within(month, Handoff.opened_at))
        .group_by(Handoff.conversation_id)
    )
    return {row[0]: row[1] for row in rows}


def _names(session: Session, threads: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """By conversation: the first names of the mentee and of their own mentor."""
    mentor = aliased(Person)
    rows = session.execute(
        select(Conversation.id, Person.name, mentor.name)
        .join(Person, Person.id == Conversation.person_id)
        .outerjoin(Match, (Match.mentee_id == Person.id) & (Match.kind == MatchKind.OWN))
        .outerjoin(mentor, mentor.id == Match.mentor_id)
        .where(Conversation.id.in_(threads))
    )
    return {thread: (mentee, own) for thread, mentee, own in rows}
