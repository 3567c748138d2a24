"""The decision on a message: one pure function of the signals and the situation."""

from dataclasses import dataclass
from enum import StrEnum

from escalation.policy import Policy
from escalation.signals import Signals, YesOrNo
from escalation.speech.i18n import gettext_noop
from models import Need, Owner, Urgency


class BotState(StrEnum):
    """Rasa's answer. `not_asked`: the policy did not let Rasa speak."""

    ANSWERED = "answered"
    NOT_UNDERSTOOD = "not_understood"
    AWAY = "away"
    NOT_ASKED = "not_asked"


class Do(StrEnum):
    REPLY = "reply"
    OFFER = "offer"
    LEAVE_IT = "leave_it"
    HAND_OFF = "hand_off"
    RAISE = "raise"
    PAGE_AGAIN = "page_again"
    STAND_BACK = "stand_back"
    READ_ON = "read_on"


class Quadrant(StrEnum):
    """What a message asks for: practical help (tools), a person (connection), both or neither."""

    NEITHER = "neither"
    TOOLS = "tools"
    CONNECTION = "connection"
    BOTH = "both"


def quadrant(signals: Signals, policy: Policy) -> Quadrant:
    """Uses the thresholds at which the policy acts."""
    connection = signals.connection >= policy.thresholds.connection
    tools = signals.tools >= policy.thresholds.tools
    if connection:
        return Quadrant.BOTH if tools else Quadrant.CONNECTION
    return Quadrant.TOOLS if tools else Quadrant.NEITHER


@dataclass(frozen=True)
class Standing:
    """The state of the conversation when the message arrives.

    urgency: of the open handoff, if there is one.
    failures: how many answers in a row, before this one, did not help.
    skill_wanted: the message names an exercise, or one is in progress.
    offered: the last message was the offer of a person.
    offered_lately: there was such an offer within the time that the policy sets.
    calming_wanted: it names or continues an exercise that is safe in a crisis.
    more_follows: the mentee's next text is here already, and the bot reads both as one.
    paged_lately: others were paged beside the holder within the time that the policy sets.
    """

    owner: Owner = Owner.BOT
    urgency: Urgency | None = None
    failures: int = 0
    skill_wanted: bool = False
    offered: bool = False
    offered_lately: bool = False
    calming_wanted: bool = False
    more_follows: bool = False
    paged_lately: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do with a message, and the policy rule that says so.

    `bot_speaks`: the bot's own answer goes out as well.
    """

    do: Do
    why: str
    need: Need | None = None
    urgency: Urgency | None = None
    bot_speaks: bool = False


def bot_may_answer(signals: Signals, standing: Standing, policy: Policy) -> bool:
    """Whether to ask Rasa: only if its answer could go out.

    Never while a mentor holds the conversation. In a crisis, only for an exercise that calms and
    that the mentee asks for by name.
    """
    return decide(signals, standing, policy, BotState.ANSWERED).bot_speaks


def decide(
    signals: Signals, standing: Standing, policy: Policy, bot: BotState = BotState.NOT_ASKED
) -> Decision:
    """The order of the rules is the policy: a crisis counts even if a mentor holds the handoff."""
    marks = policy.thresholds

    if signals.crisis >= marks.crisis:
        why = gettext_noop("crisis score at or above the threshold")
        return _bring(standing, Need.CRISIS, Urgency.CRISIS, why)

    if signals.item_nine:
        return _bring(standing, Need.CRISIS, Urgency.CRISIS, "PHQ-9 item 9 above 0")

    if standing.owner is Owner.MENTOR:
        return Decision(Do.STAND_BACK, gettext_noop("a mentor holds the conversation"))

    if signals.crisis >= marks.concern:
        why = gettext_noop("crisis score at or above the concern threshold")
        return _bring(standing, Need.CONCERN, Urgency.SOON, why)

    if signals.asked_for_person:
        return _bring(standing, Need.REQUEST, Urgency.SOON, gettext_noop("asked for a person"))

    if standing.more_follows:
        return Decision(Do.READ_ON, gettext_noop("read together with the text after it"))

    if standing.owner is Owner.QUEUE:
        return _while_waiting(signals, standing, policy, bot)

    if signals.declines_person:
        return Decision(Do.LEAVE_IT, gettext_noop("does not want a person"))

    if standing.offered and signals.says is YesOrNo.YES:
        why = gettext_noop("said yes to the offer of a person")
        return Decision(Do.HAND_OFF, why, Need.CONNECTION, Urgency.ROUTINE)

    if standing.offered and signals.says is YesOrNo.NO:
        return Decision(Do.LEAVE_IT, gettext_noop("said no to the offer of a person"))

    if signals.connection >= marks.connection:
        both = signals.tools >= marks.tools and bot is BotState.ANSWERED
        why = gettext_noop("connection score at or above the threshold")
        if both:
            why = gettext_noop("connection and tools scores at or above their thresholds")
        return Decision(Do.HAND_OFF, why, Need.CONNECTION, Urgency.ROUTINE, bot_speaks=both)

    if bot is not BotState.ANSWERED and standing.failures + 1 >= policy.bot.stuck_after:
        why = gettext_noop("the bot failed to help several times")
        return Decision(Do.HAND_OFF, why, Need.STUCK, Urgency.ROUTINE)

    speaks = bot is not BotState.AWAY
    may_ask = not standing.offered_lately and not standing.skill_wanted
    if may_ask and (offers := _why_offer(signals, policy)):
        return Decision(Do.OFFER, offers, bot_speaks=speaks)

    return Decision(Do.REPLY, gettext_noop("nothing shows a need for a person"), bot_speaks=speaks)


def _why_offer(signals: Signals, policy: Policy) -> str | None:
    if signals.connection >= policy.thresholds.offer:
        return gettext_noop("connection score at or above the offer threshold")
    # We do not know what they need, so ask.
    return None if signals.covered else gettext_noop("detection does not cover this language")


def _while_waiting(signals: Signals, standing: Standing, policy: Policy, bot: BotState) -> Decision:
    """The bot goes on below a crisis with what it understands; in a crisis only with breathing."""
    if signals.declines_person or signals.takes_back:
        return Decision(Do.STAND_BACK, gettext_noop("does not want a person"))
    if standing.urgency is Urgency.CRISIS:
        wanted = standing.calming_wanted
    else:
        wanted = standing.skill_wanted or signals.connection < policy.thresholds.connection
    if wanted and bot is BotState.ANSWERED:
        why = gettext_noop("the bot has an answer while a person is asked")
        return Decision(Do.REPLY, why, bot_speaks=True)
    return Decision(Do.STAND_BACK, gettext_noop("a person was already asked"))


# Follows the reason why a person is needed.
ASKED_ALREADY = gettext_noop("; a person was already asked")
OTHERS_TOO = gettext_noop("; others are paged beside the mentor who holds it")
PAGED_LATELY = gettext_noop("; others were paged beside the mentor a moment ago")
ENDINGS = (ASKED_ALREADY, OTHERS_TOO, PAGED_LATELY)


def _bring(standing: Standing, need: Need, urgency: Urgency, why: str) -> Decision:
    """Open a handoff, raise the open one, or leave it when it is as urgent already.

    A new crisis message to a mentor is for more people than that mentor, who may not look.
    """
    if standing.urgency is None:
        return Decision(Do.HAND_OFF, why, need, urgency)
    if standing.urgency < urgency:
        return Decision(Do.RAISE, why, need, urgency)
    if urgency is Urgency.CRISIS and standing.owner is Owner.MENTOR:
        if standing.paged_lately:
            return Decision(Do.STAND_BACK, why + PAGED_LATELY)
        return Decision(Do.PAGE_AGAIN, why + OTHERS_TOO, need, urgency)
    return Decision(Do.STAND_BACK, why + ASKED_ALREADY)
