"""The scopes of API tokens. Every route requires one.

No scope gives access to messages: only people who sign in can read them, and the mentee sees who
opened them (docs/decisions/0006-texts-to-mentors.md).
"""

from collections.abc import Mapping
from enum import StrEnum

from escalation.speech.i18n import gettext_noop


class Scope(StrEnum):
    """`people:names` opens no route; it adds names to the answers of the others."""

    HANDOFFS_READ = "handoffs:read"
    MEASURES_READ = "measures:read"
    COVERAGE_READ = "coverage:read"
    PEOPLE_READ = "people:read"
    PEOPLE_NAMES = "people:names"
    PEOPLE_WRITE = "people:write"


# For the managers' page: what each scope allows.
MEANS: Mapping[Scope, str] = {
    Scope.HANDOFFS_READ: gettext_noop(
        "read handoffs: steps, times, and delivery codes, without messages"
    ),
    Scope.MEASURES_READ: gettext_noop("read the figures of the Metrics page"),
    Scope.COVERAGE_READ: gettext_noop(
        "read coverage: how many people can be paged in each hour of the coming week, and the gaps"
    ),
    Scope.PEOPLE_READ: gettext_noop("read people by number: role, time zone, and matches"),
    Scope.PEOPLE_NAMES: gettext_noop("include names and phone numbers in the above"),
    Scope.PEOPLE_WRITE: gettext_noop("enroll mentees; never mentors or managers"),
}


def scopes_in(written: str) -> frozenset[Scope]:
    """The scopes of a token. Names from earlier releases are ignored."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in written.split() if name in known)
