"""A guardian's consent, which a manager records on the mentee's page."""

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
    """A mentee's consent to the current terms; `given` is None until they agree themselves."""

    given: Consent | None
    band: str | None
    guardian_needed: bool
    recorded_by: str | None


def get_terms(session: Session, mentee: Person, policy: ConsentPolicy) -> Terms | None:
    """None for mentors and managers, who need no terms."""
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
    """Record that a guardian agreed on `day`, such as 2026-11-30, in the program's time zone.

    Idempotent.

    Raises:
        CannotChange: not a mentee, or one who left; a future or invalid day; no name; or the
            mentee has not agreed yet.
    """
    if mentee.role is not Role.MENTEE or mentee.left_at is not None:
        raise CannotChange(phrase("{name} is not an active mentee.", name=mentee.name))
    who, zone = cleaned(name), ZoneInfo(mentee.program.timezone)
    try:
        on = read_day(day)
    except CannotSet as unreadable:
        raise CannotChange(str(unreadable)) from unreadable
    today = now.astimezone(zone).date()
    if on > today:
        raise CannotChange(
            phrase("{on:%d %B %Y} is in the future. Enter the day they agreed.", on=on)
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
