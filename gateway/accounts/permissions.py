"""Who may do what: the one table, from which every page's dependency is made.

Whose things a person sees is asked where they are looked for: what is of another program is
not there, and a mentor reads what they hold.
"""

from collections.abc import Mapping
from enum import StrEnum

from escalation.speech.i18n import gettext_noop
from gateway.web.rendering import NotSignedIn, PageRefused
from models import Person, Role


class Action(StrEnum):
    """What a page lets one do. A new page takes the one it belongs to, or adds its own."""

    CHAT = "chat"  # one's own thread, and one's own say about it
    ANSWER = "answer"  # the queue of one's program, and the handoffs one holds
    OVERSEE = "oversee"  # the log, the people, the rota and the policy of one's program
    OWN_ACCOUNT = "own account"  # how one signs in, and where one is signed in
    LISTEN = "listen"  # being told that something has changed, never what


STAFF = frozenset({Role.MENTOR, Role.MANAGER})

MAY: Mapping[Action, frozenset[Role]] = {
    Action.CHAT: frozenset({Role.MENTEE}),
    Action.ANSWER: STAFF,
    Action.OVERSEE: frozenset({Role.MANAGER}),
    Action.OWN_ACCOUNT: STAFF,
    Action.LISTEN: STAFF,
}

MENTEES_WRITE_BY_TEXT = gettext_noop(
    "This page is for mentors and managers. To reach a person, text PERSON to the line."
)
MANAGERS_ONLY = gettext_noop("This page is for the program's managers.")
MENTEES_ONLY = gettext_noop("This page is for mentees.")


def allow(person: Person | None, action: Action) -> Person:
    """`person`, who may do this.

    Raises:
        NotSignedIn: nobody is signed in.
        PageRefused: somebody is, whose role may not.
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
