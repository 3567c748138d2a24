"""One pure function from what was seen to what is done. It touches nothing."""

from dataclasses import dataclass
from enum import StrEnum

from escalation.policy import Policy
from escalation.signals import Signals, YesOrNo
from escalation.speech.i18n import gettext_noop
from models import Need, Owner, Urgency


class BotState(StrEnum):
    """What became of asking Rasa. `not_asked` when it was not Rasa's turn to speak."""

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
    STAND_BACK = "stand_back"


class Quadrant(StrEnum):
    """Which corner of the square of the two wishes a message stands in."""

    NEITHER = "neither"
    TOOLS = "tools"
    CONNECTION = "connection"
    BOTH = "both"


def quadrant(signals: Signals, policy: Policy) -> Quadrant:
    """By the thresholds at which the wishes are acted on."""
    connection = signals.connection >= policy.thresholds.connection
    tools = signals.tools >= policy.thresholds.tools
    if connection:
        return Quadrant.BOTH if tools else Quadrant.CONNECTION
    return Quadrant.TOOLS if tools else Quadrant.NEITHER


@dataclass(frozen=True)
class Standing:
    """Where the conversation stands as the message arrives.

    `urgency` is that of the open handoff, if any. `failures` counts the answers in a row,
    before this one, in which the bot did not help. `skill_wanted` is true when the message
    names a skill or one is under way. `offered` is true when the last thing said was the offer of
    a person, `offered_lately` when one was made within the policy's time.
    """

    owner: Owner = Owner.BOT
    urgency: Urgency | None = None
    failures: int = 0
    skill_wanted: bool = False
    offered: bool = False
    offered_lately: bool = False


@dataclass(frozen=True)
class Decision:
    """The one thing to do with a message, and the line of the policy that says so.

    `bot_speaks` says whether the bot's own words go out with it.
    """

    do: Do
    why: str
    need: Need | None = None
    urgency: Urgency | None = None
    bot_speaks: bool = False


def bot_has_the_floor(signals: Signals, standing: Standing, policy: Policy) -> bool:
    """Whether Rasa is to be asked at all: only if its words could go out.

    So never in crisis, never while a mentor holds the conversation, and in the queue only for a
    skill that the mentee asks for by name.
    """
    return decide(signals, standing, policy, BotState.ANSWERED).bot_speaks


def decide(
    signals: Signals, standing: Standing, policy: Policy, bot: BotState = BotState.NOT_ASKED
) -> Decision:
    """Return the one thing to do with this message. The order of the lines is the policy.

    A crisis is seen whoever holds the conversation; only then does it matter who does.
    """
    marks = policy.thresholds

    if signals.crisis >= marks.crisis:
        return _bring(
            standing, Need.CRISIS, Urgency.CRISIS, gettext_noop("crisis at or above its threshold")
        )

    if signals.item_nine:
        return _bring(standing, Need.CRISIS, Urgency.CRISIS, "PHQ-9 item 9 above 0")

    if standing.owner is Owner.MENTOR:
        return Decision(Do.STAND_BACK, gettext_noop("a mentor holds the conversation"))

    if signals.crisis >= marks.concern:
        return _bring(
            standing, Need.CONCERN, Urgency.SOON, gettext_noop("crisis at or above concern")
        )

    if signals.asked_for_person:
        return _bring(standing, Need.REQUEST, Urgency.SOON, gettext_noop("asked for a person"))

    if standing.owner is Owner.QUEUE:
        wanted = standing.skill_wanted and standing.urgency is not Urgency.CRISIS
        if wanted and bot is BotState.ANSWERED:
            return Decision(
                Do.REPLY, gettext_noop("a skill asked for by name while waiting"), bot_speaks=True
            )
        return Decision(Do.STAND_BACK, gettext_noop("a person has been asked"))

    if standing.offered and signals.says is YesOrNo.YES:
        why = gettext_noop("said yes to the offer of a person")
        return Decision(Do.HAND_OFF, why, Need.CONNECTION, Urgency.ROUTINE)

    if standing.offered and signals.says is YesOrNo.NO:
        return Decision(Do.LEAVE_IT, gettext_noop("said no to the offer of a person"))

    if signals.connection >= marks.connection:
        if signals.tools >= marks.tools and bot is BotState.ANSWERED:
            why = gettext_noop("connection and tools at or above their thresholds")
            return Decision(Do.HAND_OFF, why, Need.CONNECTION, Urgency.ROUTINE, bot_speaks=True)
        why = gettext_noop("connection at or above its threshold")
        return Decision(Do.HAND_OFF, why, Need.CONNECTION, Urgency.ROUTINE)

    if bot is not BotState.ANSWERED and standing.failures + 1 >= policy.bot.stuck_after:
        return Decision(
            Do.HAND_OFF,
            gettext_noop("the bot did not help several times"),
            Need.STUCK,
            Urgency.ROUTINE,
        )

    speaks = bot is not BotState.AWAY
    may_ask = not standing.offered_lately and not standing.skill_wanted
    if may_ask and signals.connection >= marks.offer:
        return Decision(
            Do.OFFER, gettext_noop("connection at or above the mark for asking"), bot_speaks=speaks
        )

    # Of what they need nothing is known, so they are asked.
    if may_ask and not signals.covered:
        why = gettext_noop("a language that detection does not cover")
        return Decision(Do.OFFER, why, bot_speaks=speaks)

    return Decision(Do.REPLY, gettext_noop("nothing asks for a person"), bot_speaks=speaks)


# After why it would have been brought.
ASKED_ALREADY = gettext_noop(", and a person has been asked already")


def _bring(standing: Standing, need: Need, urgency: Urgency, why: str) -> Decision:
    """Open a handoff, raise the open one, or leave it when it is as urgent already."""
    if standing.urgency is None:
        return Decision(Do.HAND_OFF, why, need, urgency)
    if standing.urgency < urgency:
        return Decision(Do.RAISE, why, need, urgency)
    return Decision(Do.STAND_BACK, why + ASKED_ALREADY)
