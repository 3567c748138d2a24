"""What each role may do. Each page also looks up only what belongs to the viewer's program."""

from collections.abc import Mapping
from enum import StrEnum

from escalation.speech.i18n import gettext_noop
from gateway.web.rendering import NotSignedIn, PageRefused
from models import Person, Role


class Action(StrEnum):
    CHAT = "chat"  # one's own thread and privacy settings
    ANSWER = "answer"  # the program's queue and the handoffs one holds
    OVERSEE = "oversee"  # the program's log, people, rota and policy
    OWN_ACCOUNT = "own account"  # one's sign-in methods and sessions
    LISTEN = "listen"  # learning that something has changed, but not what


STAFF = frozenset({Role.MENTOR, Role.MANAGER})

MAY: Mapping[Action, frozenset[Role]] = {
    Action.CHAT: frozenset({Role.MENTEE}),
    Action.ANSWER: STAFF,
    Action.OVERSEE: frozenset({Role.MANAGER}),
    Action.OWN_ACCOUNT: STAFF,
    Action.LISTEN: STAFF,
}

NOT_FOR_MENTEES = gettext_noop(
    "This page is for mentors and managers. To reach a person, text PERSON."
)
MANAGERS_ONLY = gettext_noop("This page is for the program's managers.")


def allow(person: Person | None, action: Action) -> Person:
    """`person`, if their role may do this. Raises PageRefused, and NotSignedIn for None."""
    if person is None:
        raise NotSignedIn
    if person.role not in MAY[action]:
        raise PageRefused(403, NOT_FOR_MENTEES if person.role is Role.MENTEE else MANAGERS_ONLY)
    return person
