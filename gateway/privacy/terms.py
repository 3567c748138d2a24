"""A mentee's agreement to the terms before the first use, and a guardian's if needed.

A mentee who writes by SMS agreed when they were enrolled, which the program asks and records; or
we ask by text, if the program's policy says so (terms_by_text.py).
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff
from escalation.policy import ConsentPolicy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.runtime.audit import note_about
from models import AgeBand, Consent, Conversation, Person, Role

# Change it with the words of the terms (templates/chat/terms_words.html): then every mentee and
# guardian is asked again.
TERMS_VERSION = "2026-11"

# The age, in years, from which each band begins.
BEGINS_AT = {AgeBand.UNDER_13: 0, AgeBand.FROM_13: 13, AgeBand.FROM_16: 16, AgeBand.ADULT: 18}
BANDS = {
    AgeBand.UNDER_13: gettext_noop("12 or younger"),
    AgeBand.FROM_13: gettext_noop("13 to 15"),
    AgeBand.FROM_16: gettext_noop("16 or 17"),
    AgeBand.ADULT: gettext_noop("18 or older"),
}


class ConsentRefused(Exception):
    """An agreement that cannot be recorded. Its text is a sentence for the person who gave it."""


class BandChosenBefore(ConsentRefused):
    SENTENCE = gettext_noop(
        "You have chosen {band} before. If that was a slip, a manager of the program can "
        "correct it."
    )

    def __init__(self, band: AgeBand) -> None:
        self.band = BANDS[band]
        super().__init__(self.SENTENCE.format(band=self.band))


def get_consent(session: Session, person: Person, policy: ConsentPolicy) -> Consent | None:
    """The valid agreement: to the current terms, not withdrawn, with a guardian's if needed."""
    given = given_by(session, person)
    if given is None or given.guardian_agreed_at is not None:
        return given
    return None if needs_guardian(given.age_band, policy) else given


def may_chat(session: Session, person: Person, policy: ConsentPolicy) -> bool:
    """Whether the chat is open to this mentee: they have agreed, or asked for a person.

    Talking to a person needs no terms and no guardian; the bot is quiet then.
    """
    if get_consent(session, person, policy) is not None:
        return True
    thread = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
    return thread is not None and get_open_handoff(session, thread) is not None


def given_by(session: Session, person: Person) -> Consent | None:
    """The mentee's own agreement to the current terms, even if a guardian has not agreed yet."""
    return session.scalar(
        select(Consent)
        .where(
            Consent.person_id == person.id,
            Consent.terms == TERMS_VERSION,
            Consent.withdrawn_at.is_(None),
        )
        .order_by(Consent.id.desc())
        .limit(1)
    )


def needs_guardian(band: AgeBand, policy: ConsentPolicy) -> bool:
    """Whether this band needs a guardian: it does if its youngest age is below the limit."""
    return BEGINS_AT[band] < policy.guardian_below


def agree(session: Session, person: Person, band: AgeBand, *, now: datetime) -> Consent:
    """Record the mentee's agreement. Idempotent.

    Raises:
        BandChosenBefore: they chose another band before. A mentee who needs a guardian cannot get
            in by choosing again; a manager can correct a slip.
    """
    # Two tabs may send it at the same moment.
    session.execute(select(Person.id).where(Person.id == person.id).with_for_update())
    given = given_by(session, person)
    if given is not None and given.age_band is band:
        return given
    if given is not None:
        raise BandChosenBefore(given.age_band)
    consent = Consent(person_id=person.id, at=now, terms=TERMS_VERSION, age_band=band)
    session.add(consent)
    session.flush()
    detail = {"terms": TERMS_VERSION, "age_band": band.value}
    note_about(session, person, "consent.given", by=person, now=now, **detail)
    return consent


def record_guardian(
    session: Session,
    person: Person,
    name: str,
    *,
    on: date | None = None,
    by: Person | None,
    now: datetime,
) -> None:
    """Record that a guardian agreed, today or on an earlier day. `by` is the manager who saw it.

    Idempotent. Raises ConsentRefused: not an active mentee, or one who has not agreed yet; no name;
    a day in the future.
    """
    if person.role is not Role.MENTEE or person.left_at is not None:
        raise ConsentRefused(phrase("{name} is not an active mentee.", name=person.name))
    name = name.replace("\x00", "").strip()
    if not name:
        raise ConsentRefused(gettext_noop("Who agreed? Give the guardian's name."))
    if len(name) > 80:
        raise ConsentRefused(gettext_noop("Keep the guardian's name to 80 characters."))
    zone = ZoneInfo(person.program.timezone)
    today = now.astimezone(zone).date()
    on = on or today
    if on > today:
        raise ConsentRefused(
            phrase("{on:%d %B %Y} is in the future. Enter the day they agreed.", on=on)
        )
    given = _own_consent(session, person)
    before = given.guardian_agreed_at
    recorded = before and (given.guardian_name, before.astimezone(zone).date())
    if recorded == (name, on) and (by is None or given.guardian_recorded_by_id is not None):
        return
    given.guardian_name = name
    given.guardian_agreed_at = now if on == today else datetime.combine(on, time(12), zone)
    given.guardian_recorded_by_id = by.id if by else None
    note_about(session, person, "consent.guardian", by=by, now=now, terms=given.terms)


def correct_band(
    session: Session, person: Person, band: AgeBand, *, by: Person | None, now: datetime
) -> None:
    """Correct the band that a mentee chose by mistake. Raises ConsentRefused."""
    given = _own_consent(session, person)
    detail = {"was": given.age_band.value, "age_band": band.value}
    given.age_band = band
    note_about(session, person, "consent.age_band", by=by, now=now, **detail)


def _own_consent(session: Session, person: Person) -> Consent:
    given = given_by(session, person)
    if given is None:
        raise ConsentRefused(
            phrase(
                "{name} has not agreed to the terms yet. They open /chat first and choose "
                "their age; then this can be recorded.",
                name=person.name,
            )
        )
    return given
