"""What a mentee reads while they wait: who was asked, since when, and what they can do."""

from datetime import datetime, timedelta
from itertools import cycle, islice

from sqlalchemy import select

from escalation.crisis_lines import numbers_by_text
from escalation.handoffs.replies import HOPELESS
from escalation.speech.i18n import gettext_noop, in_language, one_after_another
from escalation.speech.message_writer import conversation_language
from gateway.conversations.person_requests import local_time, opening_blanks
from gateway.conversations.turn import Turn
from gateway.conversations.wait_estimate import estimate_wait
from gateway.runtime.labels import in_words
from models import Alert, Handoff, Message, Urgency

# The first sentences, one after the other, so that nobody reads the same words twice in a row.
VARIANTS = ("waiting_1", "waiting_2", "waiting_3", "waiting_4")
# More names than these would fill the text.
MOST_NAMES = 3
THE_TEAM = gettext_noop("the team")


def answer_while_waiting(turn: Turn, handoff: Handoff) -> None:
    state, blanks = _state(turn, handoff)
    keys = [_next_variant(turn), state]
    estimate = estimate_wait(
        turn.session, turn.conversation.program, handoff.urgency, now=turn.now, but=handoff
    )
    language = conversation_language(turn.conversation)
    if estimate.median and estimate.ninetieth and turn.now - handoff.opened_at < estimate.ninetieth:
        keys.append("waiting_expected")
        blanks["wait"] = in_words(estimate.median).said_in(language)
    if handoff.urgency is Urgency.CRISIS or handoff.danger is not None:
        keys.append("waiting_danger")
        blanks["numbers"] = numbers_by_text(handoff.danger, language)
    else:
        keys.append("waiting_cancel")
    turn.say(*keys, **blanks)


def heard_lately(turn: Turn, handoff: Handoff) -> bool:
    """Whether they read within the policy's time that a person is asked."""
    since = turn.now - timedelta(minutes=turn.policy.repeat.still_waiting_minutes)
    return handoff.opened_at > since or _said(turn, since=since) is not None


def _next_variant(turn: Turn) -> str:
    last = _said(turn)
    used = next((key for key in VARIANTS if last and last.startswith(key)), VARIANTS[-1])
    return next(islice(cycle(VARIANTS), VARIANTS.index(used) + 1, None))


def _said(turn: Turn, since: datetime | None = None) -> str | None:
    """The keys of the last such text."""
    said = select(Message.script).where(
        Message.conversation_id == turn.conversation.id,
        Message.outgoing,
        Message.script.startswith("waiting_"),
    )
    if since is not None:
        said = said.where(Message.at > since)
    return turn.session.scalar(said.order_by(Message.id.desc()).limit(1))


def _state(turn: Turn, handoff: Handoff) -> tuple[str, dict[str, object]]:
    if opening := opening_blanks(turn, handoff):
        return "waiting_opening", opening
    here, language = turn.conversation, conversation_language(turn.conversation)
    # Once it was lowered, nobody is paged again before the new ladder begins.
    ladder = handoff.ladder if handoff.rung >= 0 else handoff.ladder - 1
    alerts = (
        select(Alert)
        .join(Message, Message.id == Alert.message_id)
        .where(
            Alert.handoff_id == handoff.id,
            Alert.ladder == ladder,
            Message.delivery.not_in(HOPELESS),
        )
        .order_by(Alert.id)
    )
    asked = turn.session.scalars(alerts).all()
    if not asked:
        return "waiting_nobody", {}
    names = list(dict.fromkeys(alert.person.name for alert in asked))
    many = len(names) > MOST_NAMES
    mentors = in_language(language, THE_TEAM) if many else one_after_another(language, names)
    return "waiting_asked", {
        "mentors": mentors,
        "time": local_time(asked[0].at, here, day=turn.now),
    }
