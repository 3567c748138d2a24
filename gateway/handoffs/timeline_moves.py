"""The moves of a handoff, in plain words, for its timeline."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase
from gateway.handoffs.entries import Entry, Kind
from gateway.runtime.labels import NEEDS, OUTCOMES, URGENCIES, display_name
from models import (
    Handoff,
    HandoffEvent,
    Match,
    MatchKind,
    Move,
    Need,
    Outcome,
    Person,
    Role,
    Urgency,
)

TIES = {MatchKind.OWN: gettext_noop("own mentor"), MatchKind.BACK_UP: gettext_noop("backup")}


@dataclass(frozen=True)
class _Staff:
    """The people in the events, and how the mentee is matched with them now."""

    people: dict[int, Person]
    ties: dict[int, str]

    def with_role(self, number: int) -> Phrase:
        person = self.people[number]
        role = gettext_noop("manager") if person.role is Role.MANAGER else gettext_noop("on duty")
        return phrase("{name} ({tie})", name=person.name, tie=phrase(self.ties.get(number, role)))


def list_moves(session: Session, handoff: Handoff) -> list[Entry]:
    events = session.scalars(
        select(HandoffEvent).where(HandoffEvent.handoff_id == handoff.id).order_by(HandoffEvent.id)
    ).all()
    named = {
        one
        for event in events
        for one in (*event.detail.get("people", ()), event.detail.get("held_by"))
        if one
    }
    people = session.scalars(select(Person).where(Person.id.in_(named)))
    mentee_id = handoff.conversation.person_id
    matches = session.scalars(select(Match).where(Match.mentee_id == mentee_id))
    staff = _Staff(
        {person.id: person for person in people},
        {match.mentor_id: TIES[match.kind] for match in matches},
    )
    return [_move(event, handoff, staff) for event in events]


def _move(event: HandoffEvent, handoff: Handoff, staff: _Staff) -> Entry:
    by = event.by.name if event.by else "Warmline"
    detail = event.detail
    details: tuple[str, ...] = ()
    match event.move:
        case Move.OPEN:
            what = _opened(event, handoff, by)
            details = _reason(event)
        case Move.PAGE:
            what = _paged(event, staff)
            if detail["ladder"] > 1:
                details = (phrase("Round {count} of the ladder.", count=detail["ladder"]),)
        case Move.RAISE:
            what = phrase(
                "{by} raised the urgency: {was} to {urgency}",
                by=by,
                was=_urgency(detail["was"]),
                urgency=_urgency(detail["urgency"]),
            )
        case Move.CLAIM:
            what = phrase("{by} claimed it", by=by)
        case Move.RELEASE:
            what = _released(event, staff)
        case Move.RESOLVE:
            outcome = phrase(OUTCOMES[Outcome(detail["outcome"])])
            what = phrase("{by} closed it: {outcome}", by=by, outcome=outcome)
            details = _reason(event)
        case Move.WITHDRAW:
            what = phrase("{by} no longer wanted a person", by=by)
    kind = Kind.PAGED if event.move is Move.PAGE else Kind.MOVED
    return Entry(event.at, kind, what, details)


def _reason(event: HandoffEvent) -> tuple[str, ...]:
    return (phrase("Reason: {reason}", reason=event.note),) if event.note else ()


def _opened(event: HandoffEvent, handoff: Handoff, by: str) -> Phrase:
    return phrase(
        "{by} opened #{number} ({urgency}): {mentee} {needs}",
        by=by,
        number=handoff.id,
        urgency=_urgency(event.detail["urgency"]).lower(),
        mentee=display_name(handoff.conversation),
        needs=phrase(NEEDS[Need(event.detail["need"])]),
    )


def _paged(event: HandoffEvent, staff: _Staff) -> Phrase:
    rung = event.detail["rung"] + 1
    names = [staff.with_role(one) for one in event.detail["people"] if one in staff.people]
    if not names:
        return phrase("Rung {rung}: no one could be paged", rung=rung)
    return phrase("Paged {names}; rung {rung}", names=joined(names), rung=rung)


def _released(event: HandoffEvent, staff: _Staff) -> Phrase:
    if event.by:
        return phrase("{by} released it", by=event.by.name)
    holder = staff.people.get(event.detail.get("held_by") or 0)
    name = holder.name if holder else phrase("the mentor")
    return phrase("Released automatically: {name} did not write in time", name=name)


def _urgency(name: str) -> Phrase:
    return phrase(URGENCIES[Urgency[name.upper()]])
