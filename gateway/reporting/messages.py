"""Who wrote to mentees, and which mentees heard from a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import SQLColumnExpression, and_, case, func, or_, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.reporting.period import Period, count_where, week_of, written_in
from models import Conversation, Delivery, Handoff, Message, Person, Program, Role, Speaker


@dataclass(frozen=True)
class Counted:
    """One of several exclusive kinds; their percents add up to 100."""

    name: str
    count: int
    percent: int


@dataclass(frozen=True)
class WeekOfMessages:
    """Messages to mentees in one week."""

    monday: date
    bot: int
    people: int


BOT_OWN, FIXED, PEOPLE = (
    gettext_noop("The bot"),
    gettext_noop("Fixed messages"),
    gettext_noop("People"),
)
BOT_ALONE, A_PERSON, NOBODY_YET = (
    gettext_noop("The bot only"),
    gettext_noop("A person"),
    gettext_noop("No person, despite a handoff"),
)


def as_percents(counts: Sequence[int]) -> list[int]:
    """Whole percents that add up to 100 (largest remainder method); all 0 for no counts."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    percents = [100 * count // total for count in counts]
    by_rest = sorted(range(len(counts)), key=lambda n: (-(100 * counts[n] % total), n))
    for n in by_rest[: 100 - sum(percents)]:
        percents[n] += 1
    return percents


def _counted(counts: Mapping[str, int]) -> list[Counted]:
    percents = as_percents(list(counts.values()))
    return [Counted(*one) for one in zip(counts, counts.values(), percents, strict=True)]


def messages_to_mentees(session: Session, program: Program, period: Period) -> list[Counted]:
    """By author. Dropped messages were never sent, so they are not counted."""
    bot, people, scripted = session.execute(
        select(
            count_where(and_(Message.speaker == Speaker.BOT, Message.script.is_(None))),
            count_where(Message.speaker != Speaker.BOT),
            count_where(and_(Message.speaker == Speaker.BOT, Message.script.is_not(None))),
        )
        .where(*_to_mentees(program, period))
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
    ).one()
    return _counted({BOT_OWN: bot, FIXED: scripted, PEOPLE: people})


def weekly_messages(session: Session, program: Program, period: Period) -> list[WeekOfMessages]:
    week = week_of(session, period, Message.at)
    rows = session.execute(
        select(
            week,
            count_where(Message.speaker == Speaker.BOT),
            count_where(Message.speaker != Speaker.BOT),
        )
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .where(*_to_mentees(program, period))
        .group_by(week)
    )
    found = {monday: (bot, people) for monday, bot, people in rows}
    return [WeekOfMessages(monday, *found.get(monday, (0, 0))) for monday in period.mondays]


def _to_mentees(program: Program, period: Period) -> list[SQLColumnExpression[bool]]:
    return [
        Conversation.program_id == program.id,
        Person.role == Role.MENTEE,
        Message.outgoing,
        Message.delivery != Delivery.DROPPED,
        written_in(period),
    ]


def mentees_who_wrote(session: Session, program: Program, period: Period) -> list[Counted]:
    """Each mentee who wrote counts once: under the person, the open request, or the bot."""
    by_a_person = and_(
        Message.outgoing,
        Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER]),
        Message.delivery != Delivery.DROPPED,
    )
    said = (
        select(
            Message.conversation_id,
            func.max(case((Message.speaker == Speaker.MENTEE, 1), else_=0)).label("wrote"),
            func.max(case((by_a_person, 1), else_=0)).label("a_person"),
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Conversation.person_id.is_not(None),
            written_in(period),
        )
        .group_by(Message.conversation_id)
        .subquery()
    )
    handed_over = (
        select(Handoff.conversation_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Handoff.opened_at < period.until,
            or_(Handoff.closed_at.is_(None), Handoff.closed_at >= period.since),
        )
        .distinct()
        .subquery()
    )
    a_person, asked = said.c.a_person == 1, handed_over.c.conversation_id.is_not(None)
    person, nobody, bot = session.execute(
        select(
            count_where(a_person),
            count_where(and_(asked, ~a_person)),
            count_where(and_(~asked, ~a_person)),
        )
        .select_from(said)
        .outerjoin(handed_over, handed_over.c.conversation_id == said.c.conversation_id)
        .where(said.c.wrote == 1)
    ).one()
    return _counted({A_PERSON: person, NOBODY_YET: nobody, BOT_ALONE: bot})
