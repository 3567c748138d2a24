"""What verdicts and follow-up answers say about handoffs."""

from dataclasses import dataclass

from sqlalchemy import Select, SQLColumnExpression, func, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.reporting.period import Period, Share, count_where, within
from models import Conversation, FollowUp, Handoff, Need, Program, Verdict, VerdictRecord


@dataclass(frozen=True)
class VerdictCounts:
    """The latest verdict on each handoff of one need."""

    need: Need
    right: int
    over: int
    late: int


@dataclass(frozen=True)
class Answers:
    """What mentees answered to one follow-up question."""

    question: str
    yes: int
    no: int


@dataclass(frozen=True)
class FollowUpCounts:
    asked: int
    answered: int
    led_to_another: int
    said: tuple[Answers, ...]


def count_verdicts(session: Session, program: Program, period: Period) -> list[VerdictCounts]:
    latest = _latest_verdicts(program, period, VerdictRecord.handoff_id)
    rows = session.execute(
        select(
            Handoff.need,
            count_where(VerdictRecord.verdict == Verdict.RIGHT),
            count_where(VerdictRecord.verdict == Verdict.SHOULD_NOT),
            count_where(VerdictRecord.verdict == Verdict.SHOULD_EARLIER),
        )
        .join(Handoff, Handoff.id == VerdictRecord.handoff_id)
        .where(VerdictRecord.id.in_(latest))
        .group_by(Handoff.need)
    )
    found = {row[0]: VerdictCounts(*row) for row in rows}
    return [found.get(need, VerdictCounts(need, 0, 0, 0)) for need in Need]


def share_missed(session: Session, program: Program, period: Period) -> Share:
    """Of the reviewed conversations without a handoff, those that needed a person."""
    latest = _latest_verdicts(program, period, VerdictRecord.message_id)
    needed, reviewed = session.execute(
        select(count_where(VerdictRecord.verdict == Verdict.SHOULD_EARLIER), func.count())
        .select_from(VerdictRecord)
        .where(VerdictRecord.id.in_(latest))
    ).one()
    return Share(needed, reviewed)


def _latest_verdicts(
    program: Program, period: Period, thing: SQLColumnExpression[int | None]
) -> Select[int]:
    return (
        select(func.max(VerdictRecord.id))
        .join(Conversation, Conversation.id == VerdictRecord.conversation_id)
        .where(
            Conversation.program_id == program.id,
            thing.is_not(None),
            within(period, VerdictRecord.at),
        )
        .group_by(thing)
    )


def count_follow_ups(session: Session, program: Program, period: Period) -> FollowUpCounts:
    questions = {
        gettext_noop("Were you reached?"): FollowUp.reached,
        gettext_noop("Did it help?"): FollowUp.helped,
        gettext_noop("Did you feel heard?"): FollowUp.heard,
    }
    answers = [
        count_where(column.is_(said)) for column in questions.values() for said in (True, False)
    ]
    asked, answered, led_to, *counts = session.execute(
        select(
            func.count(),
            count_where(FollowUp.answered_at.is_not(None)),
            count_where(FollowUp.led_to_id.is_not(None)),
            *answers,
        )
        .select_from(FollowUp)
        .join(Handoff, Handoff.id == FollowUp.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, within(period, FollowUp.asked_at))
    ).one()
    said = zip(questions, counts[::2], counts[1::2], strict=True)
    return FollowUpCounts(asked, answered, led_to, tuple(Answers(*one) for one in said))
