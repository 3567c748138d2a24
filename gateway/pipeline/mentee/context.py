"""What is read from the database about a mentee's text before it is understood. When it is acted
on, only the handoff is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import takewhile

from sqlalchemy import select

from escalation.decide import BotState, Do, Standing
from escalation.handoffs.handoffs import get_open_handoff, get_owner
from escalation.handoffs.replies import get_hold
from escalation.received.undecorate import visible
from escalation.speech.i18n import DEFAULT_LANGUAGE, keyword_meant, known
from escalation.speech.message_writer import conversation_language
from gateway.conversations.quick_replies import answer_meant
from gateway.conversations.said import OFFERS
from gateway.conversations.turn import Turn
from gateway.pipeline.commands import Matched, find_commands
from gateway.pipeline.mentee.burst import (
    HISTORY_MESSAGES,
    Texts,
    find_burst,
    find_next,
    list_latest,
    read_texts,
    words_for_bot,
)
from gateway.pipeline.mentee.commands import COMMANDS, REPLIES
from gateway.privacy.terms import get_consent
from models import Channel, DecisionRecord, Goal, Handoff, Message, Move

# The skills that the bot may go on with in a crisis.
CALMING = ("breathing", "grounding")


@dataclass(frozen=True)
class Context:
    """A mentee's text and the state of its conversation when it was read.

    `own` are the mentee's words in it, `burst` the texts that detection reads together with this
    one, and `words` what the bot reads: this text, after those left to be read with it.
    `keyword` is what the text means to the bot, which reads English: MENÚ is its MENU, and "un
    poco" the number of the answer with these words. `reply` is answered in the bot's place.
    `agreed`: to the terms, which the web chat asks for; a person can be asked for without them.
    """

    message: Message
    own: str
    standing: Standing
    failures: int
    history: Sequence[str]
    burst: Sequence[str]
    words: str
    commands: Sequence[Matched]
    reply: Matched | None
    keyword: str | None
    forget_bot: bool
    in_calming: bool
    goal: str | None
    agreed: bool

    @property
    def bot_hears(self) -> bool:
        answered_by_bot = self.agreed and self.reply is None
        return answered_by_bot and all(found.command.bot_hears for found in self.commands)


def read_context(turn: Turn, goal: Goal | None) -> Context:
    """`goal`: the latest in the conversation."""
    failures = _failures_in_a_row(turn)
    standing = read_standing(turn, get_open_handoff(turn.session, turn.conversation), failures)
    commands, reply = _find_all(turn)
    texts = read_texts(turn)
    latest = list_latest(turn, texts)
    if not (commands or reply or standing.skill_wanted or standing.offered):
        standing = replace(standing, more_follows=_more_follows(turn, texts, latest))
    return Context(
        message=turn.message,
        own=turn.words,
        standing=standing,
        failures=failures,
        history=[text.words for text in texts.before[-HISTORY_MESSAGES:]],
        burst=find_burst(turn, texts, latest),
        words=words_for_bot(turn, latest),
        commands=commands,
        reply=reply,
        keyword=_numbered_answer(turn) or keyword_meant(turn.words) or _number(turn.words),
        forget_bot=turn.conversation.forget_bot,
        in_calming=turn.conversation.skill in CALMING,
        goal=goal.words if goal and goal.followed_up_at is None else None,
        agreed=_has_agreed(turn),
    )


def _has_agreed(turn: Turn) -> bool:
    if turn.message.channel is not Channel.WEB or turn.person is None:
        return True
    return get_consent(turn.session, turn.person, turn.policy.consent) is not None


def _find_all(turn: Turn) -> tuple[tuple[Matched, ...], Matched | None]:
    return tuple(find_commands(turn, COMMANDS)), next(find_commands(turn, REPLIES), None)


def _more_follows(turn: Turn, texts: Texts, latest: Sequence[Message]) -> bool:
    """Whether the bot is to read this text with the next one, which is here and no command."""
    following = find_next(turn, texts, latest)
    return following is not None and not any(_find_all(replace(turn, message=following)))


def read_standing(turn: Turn, handoff: Handoff | None, failures: int) -> Standing:
    """`failures`: how many of the latest answers in a row did not help."""
    offer, last, at = turn.policy.offer, turn.last_said, turn.message.at
    answerable_since = at - timedelta(minutes=offer.answer_within_minutes)
    offered_at = turn.said.last_at(OFFERS)
    offered_since = at - timedelta(hours=offer.again_after_hours)
    words, skill = keyword_meant(turn.words) or turn.words, turn.conversation.skill
    return Standing(
        owner=get_owner(handoff),
        urgency=handoff.urgency if handoff else None,
        failures=failures,
        skill_wanted=turn.policy.bot.names_a_skill(words) or skill is not None,
        calming_wanted=turn.policy.bot.names_calming(words) or skill in CALMING,
        offered=last is not None and last.script in OFFERS and last.at > answerable_since,
        offered_lately=offered_at is not None and offered_at > offered_since,
        paged_lately=handoff is not None and _was_paged_lately(turn, handoff),
    )


def _was_paged_lately(turn: Turn, handoff: Handoff) -> bool:
    """Whether people were paged beside the holder a moment ago."""
    hold = get_hold(turn.session, handoff)
    if hold is None:
        return False
    interval = timedelta(minutes=turn.policy.claim.page_again_after_minutes)
    paged_at = hold.last(Move.PAGE)
    return paged_at is not None and paged_at > turn.now - interval


def _numbered_answer(turn: Turn) -> str | None:
    if known(conversation_language(turn.conversation)) == DEFAULT_LANGUAGE:
        return None
    return answer_meant(turn.last_said.words, turn.words) if turn.last_said else None


def _number(words: str) -> str | None:
    """A number in another script's digits, such as Arabic."""
    plain = visible(words).strip()
    return plain if plain.isdecimal() and plain != words.strip() else None


def _failures_in_a_row(turn: Turn) -> int:
    """How many of the latest answers did not help, counted back to one that did."""
    latest = turn.session.execute(
        select(DecisionRecord.bot, DecisionRecord.handoff_id)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(
            Message.conversation_id == turn.conversation.id,
            # It had no answer: the one to the text after it counts.
            DecisionRecord.decision != Do.READ_ON,
        )
        .order_by(DecisionRecord.id.desc())
        .limit(turn.policy.bot.stuck_after)
    )
    failed = (
        bot in (BotState.AWAY, BotState.NOT_UNDERSTOOD) and not handoff_id
        for bot, handoff_id in latest
    )
    return sum(1 for _ in takewhile(bool, failed))
