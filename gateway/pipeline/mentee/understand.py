"""Understanding a mentee's text: detection first, then the bot. No transaction is open."""

from dataclasses import dataclass, replace

import structlog

from bot.client import Answer, BotAway
from escalation.check_ins.scales import Scored
from escalation.decide import BotState, bot_may_answer
from escalation.detect.bursts import read_with_burst
from escalation.signals import Axis, Evidence, Signals
from gateway.check_ins.scoring import next_to_begin, score_check_in
from gateway.conversations.quick_replies import one_word
from gateway.pipeline.mentee.commands import FOLLOW_UP
from gateway.pipeline.mentee.context import CALMING, Context
from gateway.runtime.line import Line
from models import Urgency

log = structlog.get_logger()

# These end a handoff in any language that has a catalog, also while a mentor holds it.
WITHDRAW_WORDS = frozenset({"never mind", "nevermind", "no person", "i changed my mind"})


@dataclass(frozen=True)
class Understood:
    """What is known of a text before anything is written.

    `answer` is the bot's, if it was asked, `scored` the score of a check-in in it, and `begun` the
    first words of the skill or check-in that follows from it.
    """

    context: Context
    signals: Signals
    bot: BotState
    answer: Answer | None = None
    scored: Scored | None = None
    begun: Answer | None = None

    @property
    def continues(self) -> bool:
        return self.scored is not None and self.scored.continues_with is not None

    @property
    def is_small_talk(self) -> bool:
        """Whether the bot answered, and no skill, check-in, or goal was part of it."""
        if self.answer is None or self.begun is not None:
            return False
        answer = self.answer
        return not (answer.skills or answer.check_in or answer.goal or answer.goal_result)


def understand(line: Line, context: Context) -> Understood:
    message, own = context.message, context.own
    signals = line.detect(own, context.history)
    if context.burst:
        signals = read_with_burst(signals, own, context.burst)
    if context.keyword:
        signals = replace(signals, covered=True)  # short, but no one has to ask what it means
    if one_word(own) in WITHDRAW_WORDS:
        signals = replace(signals, takes_back=True)
    asks_bot = context.bot_hears and bool(own.strip())
    if not asks_bot or not bot_may_answer(signals, context.standing, line.rules.policy):
        # The script knows what to say to a follow-up: this is no text that the bot failed to get.
        by_script = context.reply is not None and context.reply.command is FOLLOW_UP
        return Understood(context, signals, BotState.ANSWERED if by_script else BotState.NOT_ASKED)
    try:
        if context.forget_bot:
            line.bot.forget(message.conversation_id)
        answer = line.bot.answer(message.conversation_id, context.keyword or context.words)
    except BotAway as away:
        log.warning("bot away", message=message.id, reason=str(away))
        return Understood(context, signals, BotState.AWAY)
    if _is_out_of_place(context, answer):
        return Understood(context, signals, BotState.NOT_UNDERSTOOD, answer)
    scored = score_check_in(answer.check_in, line.rules.policy)
    return Understood(
        context,
        _add_bots_reading(signals, own, answer, scored),
        BotState.NOT_UNDERSTOOD if answer.not_understood else BotState.ANSWERED,
        answer,
        scored,
        _begin_what_follows(line, context, answer, scored),
    )


def _is_out_of_place(context: Context, answer: Answer) -> bool:
    """In a crisis the bot breathes with a mentee, and talks about nothing else."""
    begins = any(step.name in CALMING for step in answer.skills)
    in_crisis = context.standing.urgency is Urgency.CRISIS
    return in_crisis and not (begins or context.in_calming)


def _add_bots_reading(
    signals: Signals, words: str, answer: Answer, scored: Scored | None
) -> Signals:
    if answer.asked_for_person:
        signals = replace(signals, asked_for_person=True)
    if scored is not None and scored.item_nine_positive:
        quote = Evidence(Axis.CRISIS, 0, len(words), words, "phq9 item 9")
        signals = replace(signals, item_nine=True, evidence=(*signals.evidence, quote))
    return signals


def _begin_what_follows(
    line: Line, context: Context, answer: Answer, scored: Scored | None
) -> Answer | None:
    """Let the bot begin what follows from a check-in. It goes out together with the answer."""
    following = next_to_begin(answer, scored, goal_is_open=context.goal is not None)
    if following is None:
        return None
    try:
        return line.bot.begin(context.message.conversation_id, following)
    except BotAway as away:
        log.warning("bot away; nothing follows", message=context.message.id, reason=str(away))
        return None
