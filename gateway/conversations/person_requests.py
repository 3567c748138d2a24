"""Requests for a person: the handoff, and what the mentee reads about it."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.crisis_lines import numbers_by_text
from escalation.handoffs.availability import (
    WhyNot,
    away_now,
    get_reasons,
    mentors_under_concern,
)
from escalation.handoffs.duty import managers_to_text
from escalation.handoffs.handoffs import open_handoff
from escalation.handoffs.ladder import get_opening_awaited, get_own_mentor
from escalation.speech.danger_lines import why_line
from escalation.speech.i18n import gettext_noop, in_language, one_after_another, written
from escalation.speech.message_writer import conversation_language
from escalation.transaction import Transaction
from gateway.conversations.relay import what_may_be_read
from models import DISCLOSURES, Conversation, Danger, Handoff, Message, Need, Person, Urgency

A_MENTOR = gettext_noop("a mentor")

# Who was asked, when they may read only a part of the thread.
SHARED_IN_PART = {"who_own": "who_own_from_here", "who_team": "who_team_from_here"}


@dataclass(frozen=True)
class Ask:
    """What a person is asked for. `by` is a mentor or manager who asks for it, with a `reason` for
    the team.
    """

    need: Need = Need.REQUEST
    urgency: Urgency = Urgency.SOON
    danger: Danger | None = None
    by: Person | None = None
    reason: str = ""


def ask_for_a_person(
    tx: Transaction,
    conversation: Conversation,
    ask: Ask = Ask(),
    *,
    message: Message | None,
) -> Handoff:
    """Open a handoff, and tell the mentee why and who was asked. They have been paged already.

    The caller has locked the conversation and checked that it has no open handoff.
    """
    handoff, paged = open_handoff(
        tx, conversation, ask.need, ask.urgency, message=message, by=ask.by, note=ask.reason
    )
    note_danger(tx, handoff, ask.danger)
    own = mentor_to_name(tx.session, conversation)
    language = conversation_language(conversation)
    blanks: dict[str, object] = {"numbers": numbers_by_text(ask.danger, language)}
    if own is not None and paged == [own]:
        who, blanks["mentor"] = "who_own", own.name
    elif paged:
        names = one_after_another(language, [person.name for person in paged])
        who, blanks["mentors"] = "who_team", names
    elif opening := opening_blanks(tx, handoff):
        who, blanks = "who_at_opening", blanks | opening
    else:
        who = "who_nobody"
        again = handoff.next_page_at or tx.now
        blanks["time"] = local_time(again, conversation, day=tx.now)
    if what_may_be_read(tx.session, handoff, conversation.person) is not None:
        who = SHARED_IN_PART.get(who, who)
    why = why_line(ask.need, ask.danger)
    if ask.by is not None and ask.urgency is Urgency.CRISIS:
        why = "why_staff_crisis"
    # A mentee who asked for nobody has no request to hear about.
    keys = [why] if ask.by is not None and who == "who_nobody" else [why, who]
    tx.say_in(conversation, *keys, **blanks)
    return handoff


def note_danger(
    tx: Transaction, handoff: Handoff, danger: Danger | None, *, is_raised: bool = False
) -> None:
    """Keep the first kind of danger that was named, until what raises the handoff names another.

    The managers read once that what was disclosed may need a record.
    """
    before, mentee = handoff.danger, handoff.conversation.person
    if danger is None or not (is_raised or before in (None, Danger.OTHER)):
        return
    handoff.danger_named = danger.value
    if danger in DISCLOSURES and before not in DISCLOSURES and mentee is not None:
        link = f"{tx.rules.site}/log#disclosures-heading"
        for manager in managers_to_text(tx.session, mentee.program_id):
            tx.tell(manager, "disclosure_record", link=link)


def opening_blanks(tx: Transaction, handoff: Handoff) -> dict[str, object] | None:
    """The blanks of "who_at_opening"; None unless the handoff waits for the program to open."""
    opening, conversation = get_opening_awaited(tx, handoff), handoff.conversation
    if opening is None:
        return None
    own = mentor_to_name(tx.session, conversation, at=opening)
    if own is not None and WhyNot.PASSED in get_reasons(tx, handoff, [own])[own.id]:
        own = None
    a_mentor = in_language(conversation_language(conversation), A_MENTOR)
    return {
        "mentor": own.name if own else a_mentor,
        "time": local_time(opening, conversation, day=tx.now),
    }


def mentor_to_name(
    session: Session, conversation: Conversation, *, at: datetime | None = None
) -> Person | None:
    """The mentee's own mentor; None while their concern about that mentor is open.

    With `at`, also None if the mentor is away then.
    """
    own = get_own_mentor(session, conversation)
    if own is None or own.id in mentors_under_concern(session, conversation.person_id):
        return None
    return None if at is not None and away_now(session, [own.id], now=at) else own


def local_time(at: datetime, conversation: Conversation, *, day: datetime | None = None) -> str:
    """A time in the person's zone, with its weekday if that is not the weekday of `day`."""
    local = at.astimezone(_get_zone(conversation))
    if day is not None and local.date() != day.astimezone(local.tzinfo).date():
        return written(local, "%A %H:%M", conversation_language(conversation))
    return f"{local:%H:%M}"


def local_date(at: datetime, conversation: Conversation) -> str:
    """Such as Tuesday 17 November."""
    local = at.astimezone(_get_zone(conversation))
    return written(local, "%A %-d %B", conversation_language(conversation))


def _get_zone(conversation: Conversation) -> ZoneInfo:
    person = conversation.person
    return ZoneInfo(person.timezone if person else conversation.program.timezone)
