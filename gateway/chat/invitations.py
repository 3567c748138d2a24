"""Invitation links and codes that open the chat for a mentee."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from escalation.ruleset import Rules
from gateway.messaging import sealed_codes
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import new_link
from models import Person, Role


def chat_link(rules: Rules) -> str:
    return f"{rules.site}/chat"


def invite(session: Session, person: Person, rules: Rules, *, now: datetime) -> str:
    """A link that opens the chat once. Raises ValueError for mentors and managers."""
    if person.role is not Role.MENTEE:
        raise ValueError(
            f"{person.name} is not a mentee. Mentors and managers sign in at /sign-in."
        )
    lasts = timedelta(days=rules.policy.chat.invitation_days)
    return f"{chat_link(rules)}/in/{new_link(session, person, 'chat', now=now, lasts=lasts)}"


def text_code(line: Line, person_id: int) -> None:
    """Text a code to this person if they are a mentee who can be texted."""
    with acting(line) as session:
        person = session.get(Person, person_id)
        if person is None or person.role is not Role.MENTEE or person.left_at is not None:
            return
        if person.can_be_texted:
            sealed_codes.text_code(session, line, person, now=line.clock())
