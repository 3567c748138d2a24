"""Over-reliance on the bot, counted from messages: for the nudge and for the managers' list.

Reads times only, never texts: the decision record says whether a message meant "you're the only
one".
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from escalation.decide import Decision, Do, Standing
from escalation.over_reliance import (
    LATELY,
    LOOKED_BACK,
    Reliance,
    Sign,
    Written,
    leans_too_much,
    measure_over_reliance,
    nudge_allowed,
    says_only_you,
    signs_in,
)
from escalation.policy import ReliancePolicy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.conversations.person_requests import mentor_to_name
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

NUDGES = ("lean_own", "lean_team")


@dataclass(frozen=True)
class OverReliantMentee:
    """A mentee who over-relies on the bot. Contains no text that they wrote."""

    mentee: str
    signs: frozenset[Sign]
    reliance: Reliance

    @property
    def figures(self) -> list[str]:
        return _describe(self.reliance, self.signs)


def over_reliant_mentees(
    session: Session, policy: ReliancePolicy, program_id: int | None = None, *, now: datetime
) -> list[OverReliantMentee]:
    """The mentees with the most signs first."""
    theirs: ColumnElement[bool] = Conversation.person_id.is_not(None)
    if program_id is not None:
        theirs = Conversation.program_id == program_id
    used = _reliance_in(session, theirs, policy, now=now)
    people = select(Conversation.id, Person).join(Person, Person.id == Conversation.person_id)
    named = {number: person.name for number, person in session.execute(people.where(theirs))}
    measured = [
        OverReliantMentee(named[number], signs_in(reliance, policy), reliance)
        for number, reliance in used.items()
    ]
    found = [one for one in measured if leans_too_much(one.signs, policy)]
    return sorted(found, key=lambda one: (-len(one.signs), one.mentee))


def _describe(reliance: Reliance, signs: frozenset[Sign]) -> list[str]:
    """The signs that hold, each with its figure."""
    weeks = LATELY.days // 7
    said = {
        Sign.SAID: gettext_noop("wrote that they can only talk to the bot"),
        Sign.DAYS: phrase("wrote on {days} of the last 7 days", days=reliance.days),
        Sign.NIGHT: phrase(
            "{share:.0%} of {messages} messages at night",
            share=reliance.night_share,
            messages=reliance.messages,
        ),
        Sign.BOT: phrase(
            "{share:.0%} of {messages} messages to the bot only",
            share=reliance.bot_share,
            messages=reliance.messages,
        ),
        Sign.CONTACT: phrase(
            "{from_people} messages from people in {weeks} weeks, down from {from_people_before}",
            from_people=reliance.from_people,
            weeks=weeks,
            from_people_before=reliance.from_people_before,
        ),
    }
    return [words for sign, words in said.items() if sign in signs]


def said_only_you(message: Message, standing: Standing) -> bool:
    """Whether the mentee says so of the bot; to a mentor who holds it, "you" is the mentor."""
    return standing.owner is not Owner.MENTOR and says_only_you(message.words)


def may_nudge(decision: Decision, standing: Standing) -> bool:
    """Only after the bot's own answer, with nobody asked or offered lately, and outside a skill."""
    return (
        decision.do is Do.REPLY
        and decision.bot_speaks
        and standing.owner is Owner.BOT
        and not standing.skill_wanted
        and not standing.offered_lately
    )


def nudge_if_leaning(turn: Turn, *, only_you: bool) -> frozenset[Sign]:
    """Point a mentee who over-relies on the bot to their mentor, unless it was done lately.

    Returns the signs of over-reliance it was said for.
    """
    session, conversation, policy = turn.session, turn.conversation, turn.policy.reliance
    if not nudge_allowed(_nudged_at(session, conversation), now=turn.now, policy=policy):
        return frozenset()
    signs = _signs_at(turn, only_you=only_you)
    if not leans_too_much(signs, policy):
        return frozenset()
    own = mentor_to_name(session, conversation)
    if own is not None:
        turn.say("lean_own", mentor=own.name)
    else:
        turn.say("lean_team")
    return signs


def noted(only_you: bool, signs: frozenset[Sign]) -> dict[str, Any]:
    """For the decision record: that the message said so, and the signs of a nudge."""
    return {"only_you": only_you, "nudged_for": sorted(signs)}


def _signs_at(turn: Turn, *, only_you: bool) -> frozenset[Sign]:
    """Without what was said on an earlier day: that had its own nudge."""
    if only_you:
        return frozenset({Sign.SAID})
    policy, here = turn.policy.reliance, Conversation.id == turn.conversation.id
    used = _reliance_in(turn.session, here, policy, now=turn.now)
    return signs_in(used.get(turn.conversation.id, Reliance()), policy) - {Sign.SAID}


def _nudged_at(session: Session, conversation: Conversation) -> datetime | None:
    return session.scalar(
        select(func.max(Message.at)).where(
            Message.conversation_id == conversation.id, Message.script.in_(NUDGES)
        )
    )


def _reliance_in(
    session: Session, those: ColumnElement[bool], policy: ReliancePolicy, *, now: datetime
) -> dict[int, Reliance]:
    """By conversation, of all in which a mentee wrote lately."""
    zones = _get_zones(session, those)
    from_people = _from_people(session, those, since=now - LOOKED_BACK)
    return {
        number: measure_over_reliance(
            written, from_people[number], zones[number], now=now, policy=policy
        )
        for number, written in _written(session, those, since=now - LATELY).items()
    }


def _get_zones(session: Session, those: ColumnElement[bool]) -> dict[int, ZoneInfo]:
    rows = session.execute(
        select(Conversation.id, Person.timezone)
        .join(Person, Person.id == Conversation.person_id)
        .where(those)
    )
    return {number: ZoneInfo(timezone) for number, timezone in rows}


def _written(
    session: Session, those: ColumnElement[bool], *, since: datetime
) -> Mapping[int, list[Written]]:
    """What mentees wrote of their own accord: answers to an agreed check-in are left out."""
    rows = session.execute(
        select(
            Message.conversation_id,
            Message.at,
            DecisionRecord.handoff_id,
            DecisionRecord.seen["only_you"].as_boolean(),
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(
            those,
            Message.speaker == Speaker.MENTEE,
            Message.at > since,
            ~_answers_what_was_agreed(),
        )
    )
    written: dict[int, list[Written]] = defaultdict(list)
    for number, at, handoff_id, only_you in rows:
        written[number].append(Written(at, handoff_id is None, bool(only_you)))
    return written


def _answers_what_was_agreed() -> ColumnElement[bool]:
    return (
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


def _from_people(
    session: Session, those: ColumnElement[bool], *, since: datetime
) -> Mapping[int, list[datetime]]:
    """When a mentor or manager wrote to a mentee through the line."""
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
    times: dict[int, list[datetime]] = defaultdict(list)
    for number, at in rows:
        times[number].append(at)
    return times
