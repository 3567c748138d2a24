"""Why a change to people was refused."""

from escalation.speech.i18n import joined, with_capital


class CannotChange(Exception):
    """A refused change by a manager. Its text says why, and what to do."""


class BadDetails(CannotChange):
    """`reason` has no capital letter and no period. `line` is the line of a file, if known."""

    def __init__(self, reason: str, line: int = 1) -> None:
        self.reason, self.line = reason, line
        super().__init__(joined((with_capital(reason), "."), ""))
