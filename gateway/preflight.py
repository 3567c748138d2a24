"""Pre-flight: what would keep somebody from being reached, said before it happens."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.settings import Settings
from models import Match, MatchKind, Person, Programme, Role


def findings(session: Session, settings: Settings) -> list[str]:
    """One sentence for each gap, with the number of the person it is about; empty if none."""
    programmes = session.scalars(select(Programme).order_by(Programme.id)).all()
    if not programmes:
        return ["No programme is set up. Run `warmline enrol people.csv`."]
    found = [gap for programme in programmes for gap in _gaps_of(session, programme)]
    if settings.sms == "twilio" and not settings.public_url.startswith("https://"):
        found.append(
            "PUBLIC_URL is not https, so texts and sign-ins can be read on the way. Use https."
        )
    return found


def _gaps_of(session: Session, programme: Programme) -> list[str]:
    people = session.scalars(select(Person).where(Person.programme_id == programme.id)).all()
    found = []
    if not any(person.on_duty and person.can_be_texted for person in people):
        found.append("Nobody on duty can be texted: a crisis reaches managers only.")
    if not any(person.role is Role.MANAGER and person.can_be_texted for person in people):
        found.append("No manager can be texted: the ladder's last rung is empty.")
    own = set(
        session.scalars(
            select(Match.mentee_id)
            .join(Person, Person.id == Match.mentee_id)
            .where(Match.kind == MatchKind.OWN, Person.programme_id == programme.id)
        )
    )
    for person in people:
        if person.role is Role.MENTEE and person.id not in own:
            found.append(f"Mentee {person.id} has no mentor of their own.")
        if person.role is not Role.MENTEE and not person.can_be_texted:
            why = person.unreachable_code or ("opted out" if person.opted_out_at else "no number")
            found.append(f"{person.role.value.capitalize()} {person.id} cannot be texted ({why}).")
    return [f"{programme.name}: {gap}" for gap in found]
