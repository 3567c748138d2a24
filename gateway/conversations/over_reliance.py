"""Over-reliance on the bot, counted from messages: for the nudge and for the managers' list.

Reads times only, never texts: the decision record says whether a message meant "you're the only
one".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from escalation.decide import Decision, Do, Standing
from escalation.over_reliance import (
    LATELY,
    LOOKED_BACK,
    Reliance,
    Sign,
    Written,
    is_over_reliance,
    measure_over_reliance,
    nudge_allowed,
    says_only_you,
    signs_in,
)
from escalation.policy import ReliancePolicy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.conversations.person_requests import mentor_to_name
from gateway.conversations.said import NUDGES
from gateway.conversations.turn import Turn
from models import (
    Conversation,
    DecisionRecord,
    Delivery,
    Message,
    Owner,
    Person,
    Schedule,
    ScheduledCheckIn,
    Speaker,
)

T = TypeVar("T")


@dataclass(frozen=True)
class OverReliantMentee:
    """A mentee who over-relies on the bot. Contains no text that they wrote."""

    mentee: str
    signs: frozenset[Sign]
    reliance: Reliance

    @property
    def figures(self) -> list[str]:
        """The signs that hold, each with its figure."""
        use = self.reliance
        said = {
            Sign.SAID: gettext_noop("wrote that they can only talk to the bot"),
            Sign.DAYS: phrase("wrote on {days} of the last 7 days", days=use.days),
            Sign.NIGHT: phrase(
                "{share:.0%} of {messages} messages at night",
                share=use.night_share,
                messages=use.messages,
            ),
            Sign.BOT: phrase(
                "{share:.0%} of {messages} messages to the bot only",
                share=use.bot_share,
                messages=use.messages,
            ),
            Sign.CONTACT: phrase(
                "{from_people} messages from people in {weeks} weeks, down from {before}",
                from_people=use.from_people,
                weeks=LATELY.days // 7,
                before=use.from_people_before,
            ),
        }
        return [words for sign, words in said.items() if sign in self.signs]


def over_reliant_mentees(
    session: Session, policy: ReliancePolicy, program_id: int | None = None, *, now: datetime
) -> list[OverReliantMentee]:
    """The mentees with the most signs first."""
    theirs: ColumnElement[bool] = Conversation.person_id.is_not(None)
    if program_id is not None:
        theirs = Conversation.program_id == program_id
    measured = [
        OverReliantMentee(person.name, signs_in(reliance, policy), reliance)
        for person, reliance in _measure(session, theirs, policy, now=now)
    ]
    found = [one for one in measured if is_over_reliance(one.signs, policy)]
    return sorted(found, key=lambda one: (-len(one.signs), one.mentee))


def nudge(
    turn: Turn, decision: Decision, standing: Standing, *, small_talk: bool
) -> dict[str, Any]:
    """Point a mentee who over-relies on the bot to their mentor, unless it was done lately.

    It speaks only after the bot's own answer, outside a skill, and if no person was asked for or
    offered lately.
    Returns what the decision record notes: that the text said so, and the signs of a nudge.
    """
    # To a mentor who holds the handoff, "you" is the mentor.
    only_you = standing.owner is not Owner.MENTOR and says_only_you(turn.words)
    may_nudge = (
        small_talk
        and decision.do is Do.REPLY
        and decision.bot_speaks
        and standing.owner is Owner.BOT
        and not standing.skill_wanted
        and not standing.offered_lately
        and nudge_allowed(turn.said.last_at(NUDGES), now=turn.now, policy=turn.policy.reliance)
    )
    signs = _signs_now(turn, only_you=only_you) if may_nudge else frozenset()
    if not is_over_reliance(signs, turn.policy.reliance):
        return {"only_you": only_you, "nudged_for": []}
    if own := mentor_to_name(turn.session, turn.conversation):
        turn.say("nudge_own", mentor=own.name)
    else:
        turn.say("nudge_team")
    return {"only_you": only_you, "nudged_for": sorted(signs)}


def _signs_now(turn: Turn, *, only_you: bool) -> frozenset[Sign]:
    """Without what was said on an earlier day: that had its own nudge."""
    if only_you:
        return frozenset({Sign.SAID})
    policy, here = turn.policy.reliance, Conversation.id == turn.conversation.id
    number, person = turn.conversation.id, turn.person
    written = _written(turn.session, here, since=turn.now - LATELY).get(number, [])
    if person is None or len(written) < policy.at_least_messages:
        return frozenset()
    contact = _from_people(turn.session, here, since=turn.now - LOOKED_BACK).get(number, [])
    zone = ZoneInfo(person.timezone)
    use = measure_over_reliance(written, contact, zone, now=turn.now, policy=policy)
    return signs_in(use, policy) - {Sign.SAID}


def _measure(
    session: Session, those: ColumnElement[bool], policy: ReliancePolicy, *, now: datetime
) -> Iterator[tuple[Person, Reliance]]:
    """Each mentee who wrote lately in those conversations."""
    from_people = _from_people(session, those, since=now - LOOKED_BACK)
    written = _written(session, those, since=now - LATELY)
    people = select(Conversation.id, Person).join(Person, Person.id == Conversation.person_id)
    for number, person in session.execute(people.where(those)):
        if number in written:
            zone, contact = ZoneInfo(person.timezone), from_people.get(number, [])
            use = measure_over_reliance(written[number], contact, zone, now=now, policy=policy)
            yield person, use


def _written(
    session: Session, those: ColumnElement[bool], *, since: datetime
) -> Mapping[int, list[Written]]:
    """What mentees wrote of their own accord: answers to an agreed check-in are left out."""
    answers_check_in = (
        select(ScheduledCheckIn.id)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .where(
            Schedule.person_id == Conversation.person_id,
            ScheduledCheckIn.sent_at <= Message.at,
            ScheduledCheckIn.answered_at >= Message.at,
        )
        .correlate(Conversation, Message)
        .exists()
    )
    rows = session.execute(
        select(
            Message.conversation_id,
            Message.at,
            DecisionRecord.handoff_id,
            DecisionRecord.seen,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(
            those,
            Message.speaker == Speaker.MENTEE,
            Message.at > since,
            ~answers_check_in,
        )
    )
    return _group(
        (number, Written(at, handoff_id is None, bool((seen or {}).get("only_you"))))
        for number, at, handoff_id, seen in rows
    )


def _from_people(
    session: Session, those: ColumnElement[bool], *, since: datetime
) -> Mapping[int, list[datetime]]:
    """When a mentor or manager wrote to a mentee through Warmline."""
    rows = session.execute(
        select(Message.conversation_id, Message.at)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            those,
            Message.outgoing,
            Message.speaker.in_((Speaker.MENTOR, Speaker.MANAGER)),
            Message.delivery != Delivery.DROPPED,
            Message.at > since,
        )
    )
    return _group((number, at) for number, at in rows)


def _group(rows: Iterable[tuple[int, T]]) -> Mapping[int, list[T]]:
    grouped: dict[int, list[T]] = defaultdict(list)
    for number, row in rows:
        grouped[number].append(row)
    return grouped
