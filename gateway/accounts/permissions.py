"""What each role may do. Every page takes its permission from this table.

Whether a thing belongs to one's own program is checked where it is looked up.
"""

from collections.abc import Mapping
from enum import StrEnum

from escalation.speech.i18n import gettext_noop
from gateway.web.rendering import NotSignedIn, PageRefused
from models import Person, Role


class Action(StrEnum):
    """What a page is for. A new page uses one of these, or adds its own."""

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

MENTEES_WRITE_BY_TEXT = gettext_noop(
    "This page is for mentors and managers. To reach a person, text PERSON."
)
MANAGERS_ONLY = gettext_noop("This page is for the program's managers.")
MENTEES_ONLY = gettext_noop("This page is for mentees.")


def allow(person: Person | None, action: Action) -> Person:
    """`person`, when their role may do this.

    Raises:
        NotSignedIn: `person` is None.
        PageRefused: the role may not.
    """
    if person is None:
        raise NotSignedIn
    if person.role not in MAY[action]:
        raise PageRefused(403, _why_not(person.role, action))
    return person


def _why_not(role: Role, action: Action) -> str:
    if role is Role.MENTEE:
        return MENTEES_WRITE_BY_TEXT
    return MENTEES_ONLY if MAY[action] == {Role.MENTEE} else MANAGERS_ONLY
