"""Pre-flight: what would keep somebody from being reached, said before it happens."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import away_now
from escalation.handoffs.duty import on_duty
from gateway.people.absences import absence_in_words, list_absences
from gateway.runtime.settings import Settings
from models import Match, MatchKind, Person, Program, Role


def findings(session: Session, settings: Settings, *, now: datetime) -> list[str]:
    """One sentence for each gap, with the number of the person it is about; empty if none."""
    programs = session.scalars(select(Program).order_by(Program.id)).all()
    if not programs:
        return ["No program is set up. Run `warmline enroll people.csv`."]
    found = [gap for program in programs for gap in _find_gaps(session, program, now=now)]
    if settings.sms == "twilio" and not settings.public_url.startswith("https://"):
        found.append(
            "PUBLIC_URL is not https, so texts and sign-ins can be read on the way. Use https."
        )
    return found


def who_is_away(session: Session, *, now: datetime) -> list[str]:
    """One line for each who is away now: no gap in itself, but the reason of some."""
    programs = session.scalars(select(Program).order_by(Program.id)).all()
    return [
        f"{program.name}: {absence_in_words(session, absence, now=now)}"
        for program in programs
        for absence in list_absences(session, program, now=now)
        if absence.begins_at <= now
    ]


def _gaps_by_absence(
    session: Session, program: Program, people: Sequence[Person], *, now: datetime
) -> list[str]:
    """The rungs of the ladder that nobody is left on because those who are on them are away."""
    away = away_now(session, [person.id for person in people], now=now)
    managers = [one for one in people if one.role is Role.MANAGER and one.left_at is None]
    rungs = {"on duty": on_duty(session, program, now=now), "who manages": managers}
    gaps = []
    for who, on_rung in rungs.items():
        can = [person for person in on_rung if person.can_be_texted]
        if can and all(person.id in away for person in can):
            gaps.append(
                f"Everybody {who} is away now. The ladder passes over them, and calls them only "
                "when nobody else is left. Ask somebody to stand in, or to text ON."
            )
    return gaps


def _find_gaps(session: Session, program: Program, *, now: datetime) -> list[str]:
    people = session.scalars(select(Person).where(Person.program_id == program.id)).all()
    found = []
    if not any(person.on_duty and person.can_be_texted for person in people):
        found.append("Nobody on duty can be texted: a crisis reaches managers only.")
    if not any(person.role is Role.MANAGER and person.can_be_texted for person in people):
        found.append("No manager can be texted: the ladder's last rung is empty.")
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
    return [f"{program.name}: {gap}" for gap in found]
