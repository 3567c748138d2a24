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

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import aliased

from gateway.reporting.period import Period, Scope, within, written_in
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
    Role,
    Speaker,
)


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

    month: str
    mentee: str
    mentor: str | None
    now: Days
    before: Days

    @property
    def change(self) -> float | None:
        if self.now.contact_rate is None or self.before.contact_rate is None:
            return None
        return self.now.contact_rate - self.before.contact_rate


@dataclass(frozen=True)
class HumanContact:
    """`mentees` counts those with an active day in the month. `pairs` has them, the lowest contact
    rate first, up to the limit.
    """

    pairs: list[Pair]
    mentees: int
    total: Days
    total_before: Days


def get_human_contact(scope: Scope, *, limit: int | None = None) -> HumanContact:
    days = _days_by_conversation(scope, scope.month)
    before = _days_by_conversation(scope, scope.month.month_before)
    lowest_first = sorted(
        days.items(), key=lambda one: (one[1].contact_rate or 0, -one[1].bot_only, one[0])
    )[:limit]
    names = _names(scope, [conversation for conversation, _ in lowest_first])
    name = f"{scope.month.since:%Y-%m}"
    pairs = [
        Pair(name, *names[conversation], now=now, before=before.get(conversation, Days()))
        for conversation, now in lowest_first
    ]
    return HumanContact(pairs, len(days), _total(days.values()), _total(before.values()))


def _total(days: Iterable[Days]) -> Days:
    return Days(*(sum(kind) for kind in zip(*map(astuple, days), strict=True)))


def _days_by_conversation(scope: Scope, month: Period) -> dict[int, Days]:
    day = local_day(
        scope.session, Message.at, month.timezone, since=month.since, until=month.until
    ).label("day")
    with_handoff = DecisionRecord.handoff_id.is_not(None)
    days = (
        select(
            Message.conversation_id,
            day,
            func.sum(case((Message.outgoing, 1), else_=0)).label("from_people"),
            func.max(case((with_handoff, 1), else_=0)).label("open"),
        )
        .join(Message.conversation)
        .join(Conversation.person)
        .outerjoin(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(
            Conversation.program_id == scope.program.id,
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
    handoffs = (
        select(func.count())
        .where(Handoff.conversation_id == days.c.conversation_id, within(month, Handoff.opened_at))
        .scalar_subquery()
    )
    person = case((days.c.from_people > 0, 1), else_=0)
    awaiting = case((days.c.from_people > 0, 0), (days.c.open > 0, 1), else_=0)
    rows = scope.session.execute(
        select(
            days.c.conversation_id,
            func.sum(person),
            func.sum(awaiting),
            func.sum(1 - person - awaiting),
            func.sum(days.c.from_people),
            handoffs,
        ).group_by(days.c.conversation_id)
    )
    # PostgreSQL adds up to a Decimal.
    return {row[0]: Days(*(int(count) for count in row[1:])) for row in rows}


def _names(scope: Scope, conversations: list[int]) -> dict[int, tuple[str, str | None]]:
    """By conversation: the first names of the mentee and of their own mentor."""
    mentor = aliased(Person)
    rows = scope.session.execute(
        select(Conversation.id, Person.name, mentor.name)
        .join(Conversation.person)
        .outerjoin(Match, (Match.mentee_id == Person.id) & (Match.kind == MatchKind.OWN))
        .outerjoin(mentor, mentor.id == Match.mentor_id)
        .where(Conversation.id.in_(conversations))
    )
    return {conversation: (mentee, own) for conversation, mentee, own in rows}
