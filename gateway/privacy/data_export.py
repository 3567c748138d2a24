"""Everything that is stored about one person, for them to read."""

from datetime import date, datetime, time
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import DeclarativeBase, Session

from models import (
    Absence,
    AuditEntry,
    CheckIn,
    Consent,
    Conversation,
    DecisionRecord,
    FollowUp,
    Goal,
    Handoff,
    HandoffEvent,
    Match,
    Message,
    Note,
    Person,
    Role,
    SafeguardingRecord,
    Schedule,
    SkillUse,
    Urgency,
    VerdictRecord,
    WebSession,
)

SECRETS = ("password_hash", "phone_index", "token_hash")


def export_data(session: Session, person: Person) -> dict[str, Any]:
    """All rows about a person, as plain values for JSON.

    Before handing it out, check `written_by_others` for names that must be taken out.
    """
    here = session.scalar(select(Conversation.id).where(Conversation.person_id == person.id))
    own = list(session.scalars(select(Handoff.id).where(Handoff.conversation_id == here)))
    handoffs = or_(Handoff.conversation_id == here, Handoff.mentor_id == person.id)
    messages = select(Message.id).where(Message.conversation_id == here)
    to_mentees = Message.outgoing & (Message.conversation_id != here)
    safeguarding = or_(
        SafeguardingRecord.mentee_id == person.id, SafeguardingRecord.mentor_id == person.id
    )
    audit = [f"person:{person.id}", *(f"handoff:{number}" for number in own)]

    def rows(model: type[DeclarativeBase], where: ColumnElement[bool]) -> list[dict[str, Any]]:
        found = session.scalars(select(model).where(where).order_by(model.__table__.c.id))
        return [_plain(row) for row in found]

    return {
        "person": _plain(person),
        "program": person.program.name,
        "consents": rows(Consent, Consent.person_id == person.id),
        "matched_with": _matched_with(session, person),
        "messages": rows(Message, Message.conversation_id == here),
        "written_to_mentees": rows(Message, (Message.speaker_id == person.id) & to_mentees),
        "decisions": rows(DecisionRecord, DecisionRecord.message_id.in_(messages)),
        "check_ins": rows(CheckIn, CheckIn.conversation_id == here),
        "skills": rows(SkillUse, SkillUse.conversation_id == here),
        "goals": rows(Goal, Goal.conversation_id == here),
        "schedules": rows(Schedule, Schedule.person_id == person.id),
        "handoffs": rows(Handoff, handoffs),
        "handoff_events": rows(
            HandoffEvent, HandoffEvent.handoff_id.in_(select(Handoff.id).where(handoffs))
        ),
        "follow_ups": rows(FollowUp, FollowUp.handoff_id.in_(own)),
        "absences": rows(Absence, Absence.person_id == person.id),
        "sign_ins": rows(WebSession, WebSession.person_id == person.id),
        "written_by_others": {
            "notes": rows(Note, Note.handoff_id.in_(own)),
            "verdicts": rows(VerdictRecord, VerdictRecord.conversation_id == here),
            "safeguarding": rows(SafeguardingRecord, safeguarding),
        },
        "read_and_changed": rows(AuditEntry, AuditEntry.about.in_(audit)),
    }


def _matched_with(session: Session, person: Person) -> list[dict[str, str]]:
    mine, other = Match.mentor_id, Match.mentee_id
    if person.role is Role.MENTEE:
        mine, other = other, mine
    matches = session.execute(
        select(Match.kind, Person.name).join(Person, Person.id == other).where(mine == person.id)
    )
    return [{"kind": kind.value, "name": name} for kind, name in matches]


def _plain(row: DeclarativeBase) -> dict[str, Any]:
    keys = [column.key for column in row.__mapper__.column_attrs if column.key not in SECRETS]
    return {key: _value(getattr(row, key)) for key in keys}


def _value(value: object) -> object:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Urgency():
            return value.name.lower()
        case Enum():
            return value.value
        case _:
            return value
