"""Who wrote to mentees, and which mentees heard from a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVarTuple

from sqlalchemy import Select, and_, case, func, or_, select

from escalation.speech.i18n import gettext_noop
from gateway.reporting.period import Scope, count_where, week_column, written_in
from models import Conversation, Delivery, Handoff, Message, Person, Role, Speaker

Ts = TypeVarTuple("Ts")

KINDS: Mapping[str, str] = {
    "bot": gettext_noop("The bot"),
    "script": gettext_noop("Fixed messages"),
    "people": gettext_noop("People"),
    "a_person_wrote": gettext_noop("A person"),
    "asked_for_and_none_wrote": gettext_noop("No person, despite a handoff"),
    "bot_alone": gettext_noop("The bot only"),
}


@dataclass(frozen=True)
class Counted:
    """One of several kinds that do not overlap. Their percents add up to 100."""

    kind: str
    count: int
    percent: int

    @property
    def name(self) -> str:
        return KINDS[self.kind]


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


def messages_to_mentees(scope: Scope) -> list[Counted]:
    by_bot, fixed = Message.speaker == Speaker.BOT, Message.script.is_not(None)
    counts = scope.session.execute(
        _to_mentees(
            scope,
            select(
                count_where(and_(by_bot, ~fixed)),
                count_where(and_(by_bot, fixed)),
                count_where(~by_bot),
            ),
        )
    ).one()
    return _counted(dict(zip(("bot", "script", "people"), counts, strict=True)))


def weekly_messages(scope: Scope) -> dict[date, tuple[int, int]]:
    """By week: messages to mentees from the bot, and from people."""
    week, by_bot = week_column(scope, Message.at), Message.speaker == Speaker.BOT
    rows = scope.session.execute(
        _to_mentees(scope, select(week, count_where(by_bot), count_where(~by_bot))).group_by(week)
    )
    return {monday: (bot, people) for monday, bot, people in rows}


def _to_mentees(scope: Scope, counts: Select[*Ts]) -> Select[*Ts]:
    """Without dropped messages, which were never sent."""
    return (
        counts.select_from(Message)
        .join(Message.conversation)
        .join(Conversation.person)
        .where(
            Conversation.program_id == scope.program.id,
            Person.role == Role.MENTEE,
            Message.outgoing,
            Message.delivery != Delivery.DROPPED,
            written_in(scope.period),
        )
    )


def mentees_who_wrote(scope: Scope) -> list[Counted]:
    """Each mentee who wrote counts once: under the person, the open request, or the bot."""
    period, in_program = scope.period, Conversation.program_id == scope.program.id
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
        .join(Message.conversation)
        .where(in_program, Conversation.person_id.is_not(None), written_in(period))
        .group_by(Message.conversation_id)
        .subquery()
    )
    handed_over = (
        select(Handoff.conversation_id)
        .join(Handoff.conversation)
        .where(
            in_program,
            Handoff.opened_at < period.until,
            or_(Handoff.closed_at.is_(None), Handoff.closed_at >= period.since),
        )
        .distinct()
        .subquery()
    )
    a_person, asked = said.c.a_person == 1, handed_over.c.conversation_id.is_not(None)
    counts = scope.session.execute(
        select(
            count_where(a_person),
            count_where(and_(asked, ~a_person)),
            count_where(and_(~asked, ~a_person)),
        )
        .select_from(said)
        .outerjoin(handed_over, handed_over.c.conversation_id == said.c.conversation_id)
        .where(said.c.wrote == 1)
    ).one()
    kinds = ("a_person_wrote", "asked_for_and_none_wrote", "bot_alone")
    return _counted(dict(zip(kinds, counts, strict=True)))
