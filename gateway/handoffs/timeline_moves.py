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

    def name(self, number: int | None) -> str:
        person = self.people.get(number or 0)
        return person.name if person else phrase("the mentor")


def list_moves(session: Session, handoff: Handoff) -> list[Entry]:
    events = session.scalars(
        select(HandoffEvent).where(HandoffEvent.handoff_id == handoff.id).order_by(HandoffEvent.id)
    ).all()
    named = {
        one
        for event in events
        for one in (
            *event.detail.get("people", ()),
            event.detail.get("held_by"),
            event.detail.get("assigned_by"),
        )
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
            details = _reason(event)
        case Move.LOWER:
            words = gettext_noop("{by} lowered the urgency: {was} to {urgency}")
            urgencies = {key: _urgency(detail[key]) for key in ("was", "urgency")}
            what, details = phrase(words, by=by, **urgencies), _reason(event)
        case Move.CLAIM:
            what, details = _claimed(event, staff, by), _reason(event)
        case Move.REMIND:
            what = phrase(
                "Reminded {name}, who had not answered for {minutes} minutes",
                name=staff.name(detail.get("held_by")),
                minutes=detail["minutes"],
            )
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
        held_by = event.detail.get("held_by")
        if held_by and held_by != event.by_id:
            name = staff.name(held_by)
            return phrase("{by} took it back from {name}", by=event.by.name, name=name)
        return phrase("{by} released it", by=event.by.name)
    name = staff.name(event.detail.get("held_by"))
    return phrase("Released automatically: {name} did not write in time", name=name)


def _claimed(event: HandoffEvent, staff: _Staff, by: str) -> Phrase:
    detail = event.detail
    if manager := detail.get("assigned_by"):
        return phrase("{manager} gave it to {by}", manager=staff.name(manager), by=by)
    if detail.get("taken_over"):
        return phrase("{by} took it over from {name}", by=by, name=staff.name(detail["held_by"]))
    return phrase("{by} claimed it", by=by)


def _urgency(name: str) -> Phrase:
    return phrase(URGENCIES[Urgency[name.upper()]])
