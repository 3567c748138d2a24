"""Recording what the bot reports about skills, check-ins, and goals."""

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import CheckIn as ReportedCheckIn
from bot.client import SkillStep
from escalation.check_ins.scales import Scored
from escalation.transaction import Transaction
from gateway.conversations.turn import Turn
from models import (
    CHECK_INS,
    CheckIn,
    Conversation,
    Goal,
    Message,
    Schedule,
    ScheduledCheckIn,
    SkillOutcome,
    SkillUse,
    SkipReason,
)

# Asked along with check-ins; it does not count as using a skill.
GOAL_FOLLOW_UP = "goal_follow_up"
# How many uses back we look for the one to resume.
MOST_LOOKED_THROUGH = 50


def record_skill_step(
    tx: Transaction, conversation: Conversation, step: SkillStep, *, message: Message | None = None
) -> None:
    """Record that a skill or check-in was started, resumed, finished, or left.

    `message` is the mentee's text that led to it; None when Warmline started it. Only skills
    get a SkillUse. A scheduled check-in that is left gets no reminder.
    """
    begins = step.state in ("started", "resumed")
    if begins:
        conversation.skill = step.name
    elif conversation.skill == step.name:
        conversation.skill = None
    use = _in_progress(tx.session, conversation)
    if use is not None and use.skill != step.name and begins:
        _end(tx, use, SkillOutcome.LEFT, message)
        use = None
    if step.name in (*CHECK_INS, GOAL_FOLLOW_UP):
        if step.state == "left":
            _skip_scheduled(tx, conversation, step.name)
    elif begins:
        _begin(tx, conversation, step, use, message)
    elif use is not None and use.skill == step.name:
        use.before = use.before if step.before is None else step.before
        use.after = step.after
        _end(tx, use, SkillOutcome(step.state), message)


def leave_skill(turn: Turn) -> None:
    """A person takes over: the skill in progress counts as left."""
    turn.conversation.skill = None
    if use := _in_progress(turn.session, turn.conversation):
        _end(turn, use, SkillOutcome.LEFT, turn.message)


def record_check_in(turn: Turn, reported: ReportedCheckIn, scored: Scored | None) -> bool:
    """Record a check-in, without a score where it cannot be scored.

    Nothing is recorded, and False returned, if there is neither a score nor an answer.
    """
    conversation = turn.conversation
    if conversation.skill == reported.kind:
        conversation.skill = None
    score = scored.total if scored else reported.score
    if score is None and not any(reported.answers):
        return False
    turn.session.add(
        CheckIn(
            conversation_id=conversation.id,
            message_id=turn.message.id,
            at=turn.now,
            kind=reported.kind,
            score=score,
            missing=scored.missing if scored else reported.answers.count(""),
            answers=json.dumps(reported.answers) if reported.answers else None,
            note=reported.note,
        )
    )
    turn.session.flush()
    return True


def open_goal(session: Session, conversation: Conversation) -> Goal | None:
    """The latest goal, unless Warmline has asked about it already."""
    goal = session.scalar(
        select(Goal)
        .where(Goal.conversation_id == conversation.id)
        .order_by(Goal.id.desc())
        .limit(1)
    )
    return goal if goal is not None and goal.followed_up_at is None else None


def _in_progress(session: Session, conversation: Conversation) -> SkillUse | None:
    return session.scalar(
        select(SkillUse).where(
            SkillUse.conversation_id == conversation.id, SkillUse.ended_at.is_(None)
        )
    )


def _begin(
    tx: Transaction,
    conversation: Conversation,
    step: SkillStep,
    use: SkillUse | None,
    message: Message | None,
) -> None:
    """Start a use, or resume the one that was left. `use` is in progress: it counts as left."""
    if step.state == "resumed":
        use = use or _left_last(tx.session, conversation, step.name)
        if use is not None:
            use.ended_at = use.outcome = use.message_id = None
            tx.session.flush()
            return
    if use is not None:
        _end(tx, use, SkillOutcome.LEFT, message)
    tx.session.add(
        SkillUse(
            conversation_id=conversation.id, skill=step.name, started_at=tx.now, before=step.before
        )
    )
    tx.session.flush()


def _left_last(session: Session, conversation: Conversation, skill: str) -> SkillUse | None:
    latest = (
        select(SkillUse)
        .where(SkillUse.conversation_id == conversation.id)
        .order_by(SkillUse.id.desc())
        .limit(MOST_LOOKED_THROUGH)
    )
    # The names of skills are encrypted, so the database cannot look for one.
    use = next((use for use in session.scalars(latest) if use.skill == skill), None)
    return use if use is not None and use.outcome is SkillOutcome.LEFT else None


def _end(tx: Transaction, use: SkillUse, outcome: SkillOutcome, message: Message | None) -> None:
    use.ended_at, use.outcome = tx.now, outcome
    use.message_id = message.id if message else None
    tx.session.flush()  # before the next one: only one may be in progress


def _skip_scheduled(tx: Transaction, conversation: Conversation, kind: str) -> None:
    """A mentee who leaves a check-in is not reminded of it, and did not miss it."""
    asked = tx.session.scalars(
        select(ScheduledCheckIn)
        .join(Schedule)
        .where(
            Schedule.person_id == conversation.person_id,
            Schedule.check_in == kind,
            ScheduledCheckIn.sent_at.is_not(None),
            ScheduledCheckIn.answered_at.is_(None),
            ScheduledCheckIn.missed_at.is_(None),
            ScheduledCheckIn.skipped_at.is_(None),
        )
    )
    for scheduled in asked:
        scheduled.skipped_at, scheduled.skip_reason = tx.now, SkipReason.LEFT
    tx.session.flush()
