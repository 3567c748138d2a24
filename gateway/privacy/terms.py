"""A mentee's yes to the terms, before the first use; and a guardian's, if needed.

Who writes by SMS has agreed when they were enrolled, which is the program's to ask and to keep;
or is asked by text, where the program's policy says so (terms_by_text.py).
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff
from escalation.policy import ConsentPolicy, load_policy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.runtime.audit import note_about
from gateway.runtime.policy_versions import policy_in_use
from models import AgeBand, Consent, Conversation, Person

# Of the words on the page of the terms (templates/terms_words.html). Change it with them:
# everybody is asked anew then, and so is a guardian.
TERMS_VERSION = "2026-11"

# The age, in years, from which each band begins.
BEGINS_AT = {
    AgeBand.UNDER_13: 0,
    AgeBand.FROM_13: 13,
    AgeBand.FROM_16: 16,
    AgeBand.ADULT: 18,
}
BANDS = {
    AgeBand.UNDER_13: gettext_noop("12 or younger"),
    AgeBand.FROM_13: gettext_noop("13 to 15"),
    AgeBand.FROM_16: gettext_noop("16 or 17"),
    AgeBand.ADULT: gettext_noop("18 or older"),
}


class ConsentRefused(Exception):
    """A yes that cannot be recorded. Its text is a sentence for the person who gave it."""


class BandChosenBefore(ConsentRefused):
    SENTENCE = gettext_noop(
        "You have chosen {band} before. If that was a slip, a manager of the program can "
        "correct it."
    )

    def __init__(self, band: AgeBand) -> None:
        self.band = BANDS[band]
        super().__init__(self.SENTENCE.format(band=self.band))


def get_consent(
    session: Session, person: Person, policy: ConsentPolicy | None = None
) -> Consent | None:
    """The yes that counts: to the present terms, not withdrawn, with a guardian's where needed.

    Without `policy` it is the one that the program goes by.
    """
    given = given_by(session, person)
    if given is None or given.guardian_agreed_at is not None:
        return given
    policy = policy or policy_in_use(session, person.program_id, load_policy()).consent
    return None if needs_guardian(given.age_band, policy) else given


def may_chat(session: Session, person: Person, policy: ConsentPolicy | None = None) -> bool:
    """Whether the chat is open to this mentee: they have agreed, or a person has been asked for.

    Talking to a person takes no terms and no guardian; the bot is quiet then.
    """
    if get_consent(session, person, policy) is not None:
        return True
    thread = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
    return thread is not None and get_open_handoff(session, thread) is not None


def given_by(session: Session, person: Person) -> Consent | None:
    """The mentee's own yes to the present terms, whether or not a guardian is still to agree."""
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
    """Whether a guardian must agree for somebody in this band. A band is judged by its youngest."""
    return BEGINS_AT[band] < policy.guardian_below


def agree(session: Session, person: Person, band: AgeBand, *, now: datetime) -> Consent:
    """Record the mentee's yes. The same yes sent twice is recorded once.

    Raises:
        BandChosenBefore: another band was chosen before. Who was told that a guardian is needed
            does not get in by choosing again; a manager corrects a slip.
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
    note_about(
        session,
        person,
        "consent.given",
        by=person,
        now=now,
        terms=TERMS_VERSION,
        age_band=band.value,
    )
    return consent


def record_guardian(
    session: Session, person: Person, name: str, *, by: Person | None, now: datetime
) -> Consent:
    """Record that a guardian has agreed, as seen by a manager (`by`, if known).

    Raises:
        ConsentRefused: the mentee has not said yes themselves, or there is no name.
    """
    name = name.replace("\x00", "").strip()
    if not name:
        raise ConsentRefused(gettext_noop("Who agreed? Give the guardian's name."))
    if len(name) > 80:
        raise ConsentRefused(gettext_noop("Keep the guardian's name to 80 characters."))
    given = _own_consent(session, person)
    given.guardian_name, given.guardian_agreed_at = name, now
    given.guardian_recorded_by_id = by.id if by else None
    note_about(session, person, "consent.guardian", by=by, now=now, terms=given.terms)
    return given


def correct_band(
    session: Session, person: Person, band: AgeBand, *, by: Person | None, now: datetime
) -> Consent:
    """Correct the band that a mentee has chosen by a slip. Raises ConsentRefused."""
    given = _own_consent(session, person)
    was, given.age_band = given.age_band, band
    note_about(
        session,
        person,
        "consent.age_band",
        by=by,
        now=now,
        was=was.value,
        age_band=band.value,
    )
    return given


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
