"""Everything that is stored about one person, or one number, for them to read."""

from collections.abc import Callable
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import DeclarativeBase, Session

from models import (
    Absence,
    Alert,
    AlertStep,
    ApiToken,
    AuditEntry,
    CannedReply,
    CheckIn,
    Consent,
    Conversation,
    Debrief,
    DecisionRecord,
    DutyOverride,
    DutyShift,
    FailedTry,
    FollowUp,
    Goal,
    Handoff,
    HandoffCode,
    HandoffEvent,
    KnownDevice,
    LegalHold,
    Match,
    Message,
    Note,
    OneTimeKey,
    Passkey,
    Person,
    PolicyVersion,
    Presence,
    Role,
    SafeguardingRecord,
    Schedule,
    ScheduledCheckIn,
    SkillUse,
    Snooze,
    Transfer,
    Urgency,
    VerdictRecord,
    Webhook,
    WebSession,
)

# Values that would let somebody sign in, decrypt words, or find a number.
SECRETS = (
    *("password_hash", "phone_index", "stranger_index", "token_hash", "key_hash", "secret"),
    *("credential_id", "public_key", "sign_count", "key_id", "code"),
)
Rows = Callable[[type[DeclarativeBase], ColumnElement[bool]], list[dict[str, Any]]]


def export_data(session: Session, person: Person) -> dict[str, Any]:
    """All rows about a person, as plain values for JSON.

    Before handing it out, check `written_by_others` for names that must be taken out.
    """
    rows = _reader(session)
    here = session.scalar(select(Conversation.id).where(Conversation.person_id == person.id))
    own = list(session.scalars(select(Handoff.id).where(Handoff.conversation_id == here)))
    audit = [f"person:{person.id}", *(f"handoff:{number}" for number in own)]
    return {
        "person": _plain(person),
        "program": person.program.name,
        "consents": rows(Consent, Consent.person_id == person.id),
        "matched_with": _matched_with(session, person),
        **_thread(rows, here),
        **_work(rows, person, here),
        **_signing_in(rows, person),
        "schedules": rows(Schedule, Schedule.person_id == person.id),
        "scheduled_check_ins": rows(
            ScheduledCheckIn,
            ScheduledCheckIn.schedule_id.in_(
                select(Schedule.id).where(Schedule.person_id == person.id)
            ),
        ),
        "legal_holds": rows(LegalHold, LegalHold.person_id == person.id),
        "written_by_others": _by_others(rows, person, here, own),
        "read_and_changed": rows(AuditEntry, AuditEntry.about.in_(audit)),
    }


def export_stranger(session: Session, conversation: Conversation) -> dict[str, Any]:
    """All rows about a number that nobody enrolled."""
    rows = _reader(session)
    own = list(
        session.scalars(select(Handoff.id).where(Handoff.conversation_id == conversation.id))
    )
    return {
        "conversation": _plain(conversation),
        "program": conversation.program.name,
        **_thread(rows, conversation.id),
        "handoffs": rows(Handoff, Handoff.conversation_id == conversation.id),
        "handoff_events": rows(HandoffEvent, HandoffEvent.handoff_id.in_(own)),
        "written_by_others": _by_others(rows, None, conversation.id, own),
    }


def _thread(rows: Rows, here: int | None) -> dict[str, Any]:
    """A conversation, and what we derived from it."""
    messages = select(Message.id).where(Message.conversation_id == here)
    handoffs = select(Handoff.id).where(Handoff.conversation_id == here)
    return {
        "messages": rows(Message, Message.conversation_id == here),
        "failed_tries": rows(FailedTry, FailedTry.message_id.in_(messages)),
        "decisions": rows(DecisionRecord, DecisionRecord.message_id.in_(messages)),
        "check_ins": rows(CheckIn, CheckIn.conversation_id == here),
        "skills": rows(SkillUse, SkillUse.conversation_id == here),
        "goals": rows(Goal, Goal.conversation_id == here),
        "follow_ups": rows(FollowUp, FollowUp.handoff_id.in_(handoffs)),
    }


def _work(rows: Rows, person: Person, here: int | None) -> dict[str, Any]:
    """A mentor's or manager's own rows, and the handoffs of a mentee."""
    handoffs = or_(Handoff.conversation_id == here, Handoff.mentor_id == person.id)
    to_mentees = Message.outgoing & (Message.conversation_id != here)
    moved = or_(
        HandoffEvent.handoff_id.in_(select(Handoff.id).where(handoffs)),
        HandoffEvent.by_id == person.id,
    )
    transfers = or_(Transfer.from_id == person.id, Transfer.to_id == person.id)
    return {
        "written_to_mentees": rows(Message, (Message.speaker_id == person.id) & to_mentees),
        "handoffs": rows(Handoff, handoffs),
        "handoff_events": rows(HandoffEvent, moved),
        "handoff_codes": rows(HandoffCode, HandoffCode.person_id == person.id),
        "alerts": rows(Alert, Alert.person_id == person.id),
        "alert_steps": rows(
            AlertStep,
            AlertStep.alert_id.in_(select(Alert.id).where(Alert.person_id == person.id)),
        ),
        "notes": rows(Note, Note.by_id == person.id),
        "debriefs": rows(Debrief, Debrief.person_id == person.id),
        "transfers": rows(Transfer, transfers),
        "verdicts": rows(VerdictRecord, VerdictRecord.by_id == person.id),
        "absences": rows(Absence, Absence.person_id == person.id),
        "snoozes": rows(Snooze, Snooze.person_id == person.id),
        "shifts": rows(DutyShift, DutyShift.person_id == person.id),
        "duty": rows(DutyOverride, DutyOverride.person_id == person.id),
        "canned_replies": rows(CannedReply, CannedReply.by_id == person.id),
        "policy_versions": rows(PolicyVersion, PolicyVersion.by_id == person.id),
        "api_tokens": rows(ApiToken, ApiToken.by_id == person.id),
        "webhooks": rows(Webhook, Webhook.by_id == person.id),
        "pages_open": rows(Presence, Presence.person_id == person.id),
    }


def _signing_in(rows: Rows, person: Person) -> dict[str, Any]:
    return {
        "sign_ins": rows(WebSession, WebSession.person_id == person.id),
        "known_devices": rows(KnownDevice, KnownDevice.person_id == person.id),
        "one_time_links": rows(OneTimeKey, OneTimeKey.person_id == person.id),
        "passkeys": rows(Passkey, Passkey.person_id == person.id),
    }


def _by_others(
    rows: Rows, person: Person | None, here: int | None, own: list[int]
) -> dict[str, Any]:
    """What others wrote about them. A mentor's debrief belongs to that mentor alone."""
    number = person.id if person else None
    safeguarding = or_(
        SafeguardingRecord.mentee_id == number, SafeguardingRecord.mentor_id == number
    )
    return {
        "notes": rows(Note, Note.handoff_id.in_(own)),
        "verdicts": rows(VerdictRecord, VerdictRecord.conversation_id == here),
        "transfers": rows(Transfer, Transfer.handoff_id.in_(own)),
        "texts_about_them": rows(Message, Message.about_id == here),
        "safeguarding": rows(SafeguardingRecord, safeguarding),
    }


def _reader(session: Session) -> Rows:
    def rows(model: type[DeclarativeBase], where: ColumnElement[bool]) -> list[dict[str, Any]]:
        found = session.scalars(select(model).where(where).order_by(model.__table__.c.id))
        return [_plain(row) for row in found]

    return rows


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
