"""What needs a manager's attention: missed check-ins, unknown numbers, unreachable people, inactive
mentees, and gaps in the setup.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import away_now
from escalation.handoffs.duty import on_duty
from escalation.speech.i18n import phrase
from gateway.check_ins.answers import Missed, missed_check_ins
from gateway.people.absences import absence_in_words, list_absences
from gateway.reporting.period import Scope
from gateway.runtime.labels import LABELS, masked
from gateway.runtime.settings import Settings
from models import (
    CAN_BE_TEXTED,
    DISCLOSURES,
    WRONG_NUMBER,
    Conversation,
    Handoff,
    Match,
    MatchKind,
    Message,
    Person,
    Program,
    Role,
    SafeguardingRecord,
    Speaker,
)

DISCLOSURES_SHOWN_DAYS = 60
LIMITS = [code for code in LABELS["why_dropped"] if code.startswith("limit_")]
# Where a query has `program_id + 0`, it goes from the few rows of a partial index to their threads,
# and not from every thread of the program to its rows.


def list_missed(scope: Scope, *, limit: int | None = None) -> list[Missed]:
    since = scope.days_ago(scope.policy.schedule.missed_shown_days)
    return missed_check_ins(scope.session, scope.program.id, since=since, limit=limit)


@dataclass(frozen=True)
class UnknownNumber:
    """A number that texted and is not enrolled; only its last digits."""

    number: str
    last_at: datetime
    messages: int


def list_unknown_numbers(scope: Scope) -> list[UnknownNumber]:
    latest = func.max(Message.at)
    wrote = scope.session.execute(
        select(Conversation.stranger_phone, latest, func.count())
        .join(Message, Message.conversation_id == Conversation.id)
        .where(
            Conversation.program_id == scope.program.id,
            Conversation.person_id.is_(None),
            Message.outgoing.is_(False),
        )
        .group_by(Conversation.id, Conversation.stranger_phone)
        .order_by(latest.desc())
    )
    return [UnknownNumber(masked(phone), at, count) for phone, at, count in wrote]


@dataclass(frozen=True)
class Unreachable:
    person: Person

    @property
    def why(self) -> str:
        if self.person.phone is None:
            return phrase("no phone number")
        if self.person.unreachable_code == WRONG_NUMBER:
            return phrase("someone wrote from this number that it is the wrong one")
        if self.person.opted_out_at is not None:
            return phrase("opted out (STOP)")
        code = self.person.unreachable_code
        return phrase("texts to this number fail (error {code})", code=code)


def list_unreachable(scope: Scope) -> list[Unreachable]:
    people = scope.session.scalars(
        select(Person)
        .where(Person.program_id == scope.program.id, Person.left_at.is_(None), ~CAN_BE_TEXTED)
        .order_by(Person.id)
    )
    return [Unreachable(person) for person in people]


@dataclass(frozen=True)
class LimitReached:
    """Automated texts of the last seven days that a limit on paid texts held back."""

    reason: str
    texts: int
    last_at: datetime


def list_limits_reached(scope: Scope) -> list[LimitReached]:
    latest = func.max(Message.at)
    held_back = (
        select(Message.error_code, func.count(), latest)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.program_id + 0 == scope.program.id,
            Message.error_code.in_(LIMITS),
            Message.moved_at > scope.days_ago(7),
        )
        .group_by(Message.error_code)
        .order_by(latest.desc())
    )
    found = scope.session.execute(held_back)
    return [
        LimitReached(phrase(LABELS["why_dropped"][reason or ""]), texts, at)
        for reason, texts, at in found
    ]


@dataclass(frozen=True)
class ContactDetails:
    """A mentor's message to a mentee with a phone number, an address, or the like."""

    mentor: str
    kinds: list[str]
    at: datetime
    handoff_id: int | None


def list_contact_details(scope: Scope) -> list[ContactDetails]:
    """Of the last 14 days, the newest first."""
    handoff = (
        select(func.max(Handoff.id))
        .where(Handoff.conversation_id == Message.conversation_id, Handoff.opened_at <= Message.at)
        .correlate(Message)
        .scalar_subquery()
    )
    flagged = (
        select(Message.speaker_name, Message.contact_details, Message.at, handoff)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.program_id + 0 == scope.program.id,
            Message.contact_details.is_not(None),
            Message.moved_at > scope.days_ago(14),
        )
        # In the order of the partial index.
        .order_by(Message.moved_at.desc(), Message.id.desc())
    )
    return [
        ContactDetails(
            mentor or "",
            [LABELS["contacts"][kind] for kind in (kinds or "").split(",")],
            at,
            number,
        )
        for mentor, kinds, at, number in scope.session.execute(flagged)
    ]


@dataclass(frozen=True)
class Disclosure:
    """A mentee told of abuse or sexual violence, and nobody opened a safeguarding record since."""

    handoff_id: int
    mentee: str
    at: datetime


def list_disclosures(scope: Scope) -> list[Disclosure]:
    """Without a record, of the days that the policy keeps them in sight; the newest first."""
    recorded = select(SafeguardingRecord.id).where(
        SafeguardingRecord.mentee_id == Person.id,
        SafeguardingRecord.opened_at >= Handoff.opened_at,
    )
    # The kind is encrypted, so it is read here and not in SQL.
    named = scope.session.execute(
        select(Handoff.id, Handoff.opened_at, Handoff.danger_named, Person.name)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .where(
            Conversation.program_id + 0 == scope.program.id,
            Handoff.danger_named.is_not(None),
            Handoff.opened_at > scope.days_ago(DISCLOSURES_SHOWN_DAYS),
            ~recorded.exists(),
        )
        .order_by(Handoff.opened_at.desc(), Handoff.id.desc())
    )
    return [
        Disclosure(number, mentee, opened_at)
        for number, opened_at, danger, mentee in named
        if danger in DISCLOSURES
    ]


def can_nobody_be_reached(session: Session, program: Program) -> bool:
    """Whether a crisis in this program would reach nobody by text."""
    reachable = select(Person.id).where(
        Person.program_id == program.id,
        Person.role != Role.MENTEE,
        Person.left_at.is_(None),
        CAN_BE_TEXTED,
    )
    return session.scalar(reachable.limit(1)) is None


@dataclass(frozen=True)
class InactiveMentee:
    """`last_at` is None for a mentee who never wrote."""

    mentee: str
    last_at: datetime | None


def inactive_mentees(scope: Scope) -> list[InactiveMentee]:
    """Mentees enrolled for the policy's days who have not written since, the longest first."""
    since = scope.days_ago(scope.policy.targets.inactive_after_days)
    theirs = (
        select(Message.at)
        .join(Message.conversation)
        .where(Conversation.person_id == Person.id, Message.speaker == Speaker.MENTEE)
        .correlate(Person)
    )
    last_at = theirs.with_only_columns(func.max(Message.at)).scalar_subquery()
    inactive = scope.session.execute(
        select(Person.name, last_at.label("last_at"))
        .where(
            Person.program_id == scope.program.id,
            Person.role == Role.MENTEE,
            Person.left_at.is_(None),
            Person.enrolled_at < since,
            ~theirs.where(Message.at >= since).exists(),
        )
        .order_by(last_at.is_not(None), last_at, Person.id)
    )
    return [InactiveMentee(name, at) for name, at in inactive]


# --- for `warmline check` ---


def find_gaps(session: Session, settings: Settings, *, now: datetime) -> list[str]:
    """One sentence for each gap in the setup, with the number of the person it is about."""
    programs = session.scalars(select(Program).order_by(Program.id)).all()
    if not programs:
        return ["No program is set up. Run `warmline enroll people.csv`."]
    found = [
        f"{program.name}: {gap}"
        for program in programs
        for gap in _gaps_in(session, program, now=now)
    ]
    if settings.sms == "twilio" and not settings.is_https:
        found.append(
            "PUBLIC_URL is not https, so texts and sign-ins can be read in transit. Use https."
        )
    return found


def list_away(session: Session, *, now: datetime) -> list[str]:
    """One line for each person who is away now: not a gap in itself, but the cause of some."""
    programs = session.scalars(select(Program).order_by(Program.id)).all()
    return [
        f"{program.name}: {absence_in_words(session, absence, now=now)}"
        for program in programs
        for absence in list_absences(session, program, now=now)
        if absence.begins_at <= now
    ]


def _gaps_in(session: Session, program: Program, *, now: datetime) -> list[str]:
    people = session.scalars(select(Person).where(Person.program_id == program.id)).all()
    found = []
    if can_nobody_be_reached(session, program):
        found.append("Nobody can be reached by text: a crisis would alert no one.")
    elif not any(person.on_duty and person.can_be_texted for person in people):
        found.append("No one on duty can be texted, so a crisis reaches managers only.")
    if not any(person.role is Role.MANAGER and person.can_be_texted for person in people):
        found.append("No manager can be texted, so the ladder's last rung is empty.")
    found += _gaps_by_absence(session, program, people, now=now)
    own = set(
        session.scalars(
            select(Match.mentee_id)
            .join(Person, Person.id == Match.mentee_id)
            .where(Match.kind == MatchKind.OWN, Person.program_id == program.id)
        )
    )
    for person in people:
        if person.role is Role.MENTEE and person.id not in own:
            found.append(f"Mentee {person.id} has no mentor of their own.")
        if person.role is not Role.MENTEE and not person.can_be_texted:
            why = person.unreachable_code or ("opted out" if person.opted_out_at else "no number")
            found.append(f"{person.role.value.capitalize()} {person.id} cannot be texted ({why}).")
    return found


def _gaps_by_absence(
    session: Session, program: Program, people: Sequence[Person], *, now: datetime
) -> list[str]:
    """Rungs of the ladder that are empty because everyone on them is away."""
    away = away_now(session, [person.id for person in people], now=now)
    managers = [one for one in people if one.role is Role.MANAGER and one.left_at is None]
    rungs = {"Everyone on duty": on_duty(session, program, now=now), "Every manager": managers}
    gaps = []
    for who, on_rung in rungs.items():
        can = [person for person in on_rung if person.can_be_texted]
        if can and all(person.id in away for person in can):
            gaps.append(
                f"{who} is away now. The ladder skips them and pages them only when no "
                "one else is left. Ask someone to fill in or to text ON."
            )
    return gaps
