"""The score of a check-in's answers, and what the bot begins next."""

import structlog

from bot.client import Answer, CheckIn
from escalation.check_ins.scales import SCALES, Scale, Scored, UnusableAnswer, read_answer, score
from escalation.policy import Policy
from gateway.conversations.bot_events import GOAL_FOLLOW_UP

log = structlog.get_logger()


def score_check_in(check_in: CheckIn | None, policy: Policy) -> Scored | None:
    """The score of a scale's answers; None for a mood, and for a scale left half-way.

    An answer that the scale does not have counts as missing: the bot has asked and moved on.
    """
    if check_in is None or not check_in.finished or check_in.kind not in SCALES:
        return None
    scale = SCALES[check_in.kind]
    given = [_read(scale, answer) for answer in check_in.answers]
    padded = (given + [None] * scale.items)[: scale.items]
    return score(scale, padded, policy.check_ins.of(scale))


def next_to_begin(answer: Answer, scored: Scored | None, *, goal_is_open: bool) -> str | None:
    """The name of what the bot begins right after this answer, or None.

    A short scale at its cut-off continues with the long one; any other check-in with the open goal.
    After thoughts of death the bot asks nothing more: a person comes.
    """
    if answer.check_in is None or not answer.check_in.finished:
        return None
    if scored is not None and scored.item_nine_positive:
        return None
    longer = scored.continues_with if scored else None
    return longer or (GOAL_FOLLOW_UP if goal_is_open else None)


def _read(scale: Scale, answer: str) -> int | None:
    try:
        return read_answer(scale, answer)
    except UnusableAnswer:
        log.warning("an answer the scale does not have", scale=scale.name)
        return None
