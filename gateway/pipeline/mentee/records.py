"""What is recorded of a mentee's text: the decision, and what the bot reported."""

import json
from dataclasses import asdict

from bot.client import Answer, SkillStep
from escalation.counterfactual import counterfactual
from escalation.decide import Decision, Standing, quadrant
from gateway.check_ins.answers import note_answer
from gateway.conversations.bot_events import (
    leave_skill,
    open_goal,
    record_check_in,
    record_skill_step,
)
from gateway.conversations.bot_texts import say_bots_words
from gateway.conversations.turn import Turn
from gateway.pipeline.mentee.understand import Understood
from models import DecisionRecord, Goal, GoalResult, Urgency


def record_bot_events(turn: Turn, understood: Understood, decision: Decision) -> int:
    """Record what the bot reported. Returns how many of its messages gave way to a person; they
    are written, but not sent."""
    if decision.urgency is Urgency.CRISIS:
        _end_exercise(turn)
    answer, begun = understood.answer, understood.begun or Answer()
    if answer is None:
        return 0
    _record_what_ended(turn, understood, answer)
    if decision.bot_speaks:
        _record_steps(turn, (*answer.skills, *begun.skills), done=False)
        return 0
    unsent = (*answer.words, *begun.words)
    for words in unsent:
        say_bots_words(turn, turn.conversation, words, dropped=True)
    _end_exercise(turn)
    return len(unsent)


def _end_exercise(turn: Turn) -> None:
    leave_skill(turn)
    turn.conversation.forget_bot = True


def _record_what_ended(turn: Turn, understood: Understood, answer: Answer) -> None:
    """Finished skills, goals, and check-ins count whether the bot or a person speaks next."""
    _record_steps(turn, answer.skills, done=True)
    if answer.goal is not None:
        here = turn.conversation.id
        turn.session.add(Goal(conversation_id=here, words=answer.goal, set_at=turn.now))
    if answer.goal_result is not None and (goal := open_goal(turn.session, turn.conversation)):
        goal.followed_up_at, goal.result = turn.now, GoalResult(answer.goal_result)
    if answer.check_in is not None:
        if record_check_in(turn, answer.check_in, understood.scored):
            note_answer(turn.session, turn.conversation, answer.check_in.kind, now=turn.now)
        if not answer.check_in.finished:
            _record_steps(turn, (SkillStep(answer.check_in.kind, "left"),), done=False)


def _record_steps(turn: Turn, steps: tuple[SkillStep, ...], *, done: bool) -> None:
    for step in steps:
        if (step.state == "done") is done:
            record_skill_step(turn, turn.conversation, step, message=turn.message)


def make_decision_record(
    turn: Turn, understood: Understood, standing: Standing, decision: Decision
) -> DecisionRecord:
    signals, policy = understood.signals, turn.policy
    point = counterfactual(signals, standing, policy, understood.bot)
    return DecisionRecord(
        message_id=turn.message.id,
        at=turn.now,
        owner=standing.owner,
        crisis=signals.crisis,
        connection=signals.connection,
        tools=signals.tools,
        asked_for_person=signals.asked_for_person,
        bot=understood.bot,
        evidence=json.dumps([asdict(span) for span in signals.evidence]),
        version=signals.version,
        thresholds=policy.thresholds.model_dump(),
        decision=decision.do,
        why=decision.why,
        quadrant=quadrant(signals, policy),
        counterfactual=point
        and {
            "axis": point.axis.value,
            "score": point.score,
            "needed": point.needed,
            "decision": point.decision.do.value,
            "urgency": point.decision.urgency.name.lower() if point.decision.urgency else None,
            "why": point.decision.why,
        },
    )
