"""A database transaction at one time, under a program's rules."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from escalation.policy import Policy
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread, say
from models import Conversation, Message, Person


@dataclass(frozen=True)
class Transaction:
    """What every move of a handoff needs. `now` is the same for everything that it writes."""

    session: Session
    rules: Rules
    now: datetime

    @property
    def policy(self) -> Policy:
        return self.rules.policy

    def say_in(self, conversation: Conversation, *keys: str, **blanks: object) -> Message:
        """Write script lines as one message of the bot."""
        return say(self.session, self.rules, conversation, *keys, now=self.now, **blanks)

    def tell(self, person: Person, *keys: str, **blanks: object) -> Message:
        """Write script lines in the person's own thread."""
        thread = get_thread(self.session, self.rules, person)
        return self.say_in(thread, *keys, **blanks)
