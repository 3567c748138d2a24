"""What Warmline says to a mentee when no person takes over: the bot's words and the script's."""

from bot.client import LONGEST_TEXT, Answer
from escalation.check_ins.scales import line_after
from escalation.decide import BotState
from escalation.speech.disclosure import DISCLOSURES, disclosure_due
from gateway.conversations.bot_texts import say_bots_words
from gateway.conversations.person_requests import mentor_to_name
from gateway.conversations.turn import Turn
from gateway.pipeline.mentee.understand import Understood


def reply(turn: Turn, understood: Understood) -> None:
    if len(turn.words) > LONGEST_TEXT:
        turn.say("too_long")
    if understood.bot is BotState.AWAY:
        minutes = turn.policy.repeat.bot_away_minutes
        turn.say_unless_said_lately(turn.conversation, "bot_away", within_minutes=minutes)
    else:
        speak_for_bot(turn, understood)


def speak_for_bot(turn: Turn, understood: Understood) -> None:
    """The bot's answer, what a check-in's score calls for, and what the bot begins next."""
    _write(turn, understood.answer)
    key = line_after(understood.scored) if understood.scored else None
    if key is None and understood.continues and understood.begun is None:
        key = "check_in_noted"  # the bot went away between the two scales
    if key is not None:
        turn.say(key)
    goal = understood.context.goal
    if understood.begun is not None and goal is not None and not understood.continues:
        turn.say("goal_reminder", goal=goal)
    _write(turn, understood.begun)


def _write(turn: Turn, answer: Answer | None) -> None:
    for words in answer.words if answer else ():
        say_bots_words(turn, turn.conversation, words)


def offer_person(turn: Turn) -> None:
    """Always said last, so that a bare yes or no answers it."""
    own = mentor_to_name(turn.session, turn.conversation, at=turn.now)
    if own is not None:
        turn.say("offer_own", mentor=own.name)
    else:
        turn.say("offer_team")


def disclose(turn: Turn) -> None:
    """Say that this is a bot, where it is time to. This goes before its other words."""
    if turn.person is None:
        return
    key = disclosure_due(
        disclosed_at=turn.said.last_at(DISCLOSURES),
        last_words_at=turn.said.last_words_at,
        now=turn.now,
        policy=turn.policy.disclosure,
    )
    if key is not None:
        turn.say(key)
