"""A guardian's yes, as a manager notes it on the mentee's page."""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.policy import ConsentPolicy
from escalation.speech.i18n import phrase
from gateway.people.directory import CannotChange
from gateway.people.import_file import cleaned
from gateway.people.rota import CannotSet, read_day
from gateway.privacy.terms import BANDS, ConsentRefused, given_by, needs_guardian, record_guardian
from models import Consent, Person, Role


@dataclass(frozen=True)
class Terms:
    """How a mentee stands to the present terms of the web chat. `given` is their own yes."""

    given: Consent | None
    band: str | None
    guardian_needed: bool
    recorded_by: str | None


def get_terms(session: Session, mentee: Person, policy: ConsentPolicy) -> Terms | None:
    """None for who needs no terms: mentors and managers."""
    if mentee.role is not Role.MENTEE:
        return None
    given = given_by(session, mentee)
    if given is None:
        return Terms(None, None, guardian_needed=False, recorded_by=None)
    recorded_by = session.get(Person, given.guardian_recorded_by_id or 0)
    return Terms(
        given,
        BANDS[given.age_band],
        guardian_needed=needs_guardian(given.age_band, policy),
        recorded_by=recorded_by.name if recorded_by else None,
    )


def note_guardian(
    session: Session, mentee: Person, *, name: str, day: str, by: Person, now: datetime
) -> None:
    """Record that a guardian agreed on `day`, a date like 2026-11-30 of the program's own.

    The same yes sent twice is noted once.

    Raises:
        CannotChange: this is no mentee or they left, the day is to come or cannot be read, the
            mentee has not said yes themselves, or there is no name.
    """
    if mentee.role is not Role.MENTEE or mentee.left_at is not None:
        raise CannotChange(
            phrase("{name} is no mentee of the program at present.", name=mentee.name)
        )
    who, zone = cleaned(name), ZoneInfo(mentee.program.timezone)
    try:
        on = read_day(day)
    except CannotSet as unreadable:
        raise CannotChange(str(unreadable)) from unreadable
    today = now.astimezone(zone).date()
    if on > today:
        raise CannotChange(
            phrase("{on:%d %B %Y} is still to come. Give the day on which they agreed.", on=on)
        )
    agreed_at = now if on == today else datetime.combine(on, time(12), zone)
    given = given_by(session, mentee)
    if given is not None and given.guardian_agreed_at is not None:
        noted_on = given.guardian_agreed_at.astimezone(zone).date()
        if (given.guardian_name, noted_on) == (who, on):
            return
    try:
        given = record_guardian(session, mentee, who, by=by, now=now)
    except ConsentRefused as refused:
        raise CannotChange(str(refused)) from refused
    given.guardian_agreed_at = agreed_at


def local_today(mentee: Person, *, now: datetime) -> date:
    return now.astimezone(ZoneInfo(mentee.program.timezone)).date()
