"""What verdicts and follow-up answers say about handoffs."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import Select, SQLColumnExpression, func, select

from escalation.speech.i18n import gettext_noop
from gateway.reporting.period import Scope, Share, count_where, within
from models import Conversation, FollowUp, Handoff, Need, Verdict, VerdictRecord

QUESTIONS = {
    "reached": gettext_noop("Were you reached?"),
    "helped": gettext_noop("Did it help?"),
    "heard": gettext_noop("Did you feel heard?"),
}


@dataclass(frozen=True)
class VerdictCounts:
    """The latest verdict on each handoff of one need."""

    need: Need
    right: int
    over: Annotated[int, Field(serialization_alias="should_not_have")]
    late: Annotated[int, Field(serialization_alias="should_have_earlier")]


@dataclass(frozen=True)
class Answers:
    yes: int
    no: int


@dataclass(frozen=True)
class FollowUpCounts:
    """What mentees answered after a handoff."""

    asked: int
    answered: int
    led_to_another_handoff: int
    reached: Answers
    helped: Answers
    heard: Answers

    @property
    def by_question(self) -> list[tuple[str, Answers]]:
        return [(words, getattr(self, name)) for name, words in QUESTIONS.items()]


def count_verdicts(scope: Scope) -> list[VerdictCounts]:
    verdict = VerdictRecord.verdict
    rows = scope.session.execute(
        select(
            Handoff.need,
            count_where(verdict == Verdict.RIGHT),
            count_where(verdict == Verdict.SHOULD_NOT),
            count_where(verdict == Verdict.SHOULD_EARLIER),
        )
        .join(Handoff, Handoff.id == VerdictRecord.handoff_id)
        .where(VerdictRecord.id.in_(_latest_verdicts(scope, VerdictRecord.handoff_id)))
        .group_by(Handoff.need)
    )
    found = {row[0]: VerdictCounts(*row) for row in rows}
    return [found.get(need, VerdictCounts(need, 0, 0, 0)) for need in Need]


def share_missed(scope: Scope) -> Share:
    """Of the reviewed conversations without a handoff, those that needed a person."""
    needed, reviewed = scope.session.execute(
        select(count_where(VerdictRecord.verdict == Verdict.SHOULD_EARLIER), func.count())
        .select_from(VerdictRecord)
        .where(VerdictRecord.id.in_(_latest_verdicts(scope, VerdictRecord.message_id)))
    ).one()
    return Share(needed, reviewed)


def _latest_verdicts(scope: Scope, thing: SQLColumnExpression[int | None]) -> Select[int]:
    return (
        select(func.max(VerdictRecord.id))
        .join(Conversation, Conversation.id == VerdictRecord.conversation_id)
        .where(
            Conversation.program_id == scope.program.id,
            thing.is_not(None),
            within(scope.period, VerdictRecord.at),
        )
        .group_by(thing)
    )


def count_follow_ups(scope: Scope) -> FollowUpCounts:
    columns = [getattr(FollowUp, name) for name in QUESTIONS]
    answers = [count_where(column.is_(said)) for column in columns for said in (True, False)]
    asked, answered, led_to, *counts = scope.session.execute(
        select(
            func.count(),
            count_where(FollowUp.answered_at.is_not(None)),
            count_where(FollowUp.led_to_id.is_not(None)),
            *answers,
        )
        .select_from(FollowUp)
        .join(Handoff, Handoff.id == FollowUp.handoff_id)
        .join(Handoff.conversation)
        .where(Conversation.program_id == scope.program.id, within(scope.period, FollowUp.asked_at))
    ).one()
    said = (Answers(*both) for both in zip(counts[::2], counts[1::2], strict=True))
    return FollowUpCounts(asked, answered, led_to, *said)
