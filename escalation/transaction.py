"""A database transaction at one time, under a program's rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.codes import code_for
from escalation.policy import Policy
from escalation.ruleset import Rules
from escalation.speech.message_writer import conversation_language, get_thread, say
from models import Conversation, Handoff, Message, Person


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

    def say_unless_said_lately(
        self, conversation: Conversation, key: str, *, within_minutes: float, **blanks: object
    ) -> None:
        """Write a script line unless the same text was written here within that time.

        With other blanks it is another text: a mentor can have two mentees.
        """
        words = self.rules.script.line(key, language=conversation_language(conversation), **blanks)
        said = select(Message.words).where(
            Message.conversation_id == conversation.id,
            Message.script == key,
            Message.at > self.now - timedelta(minutes=within_minutes),
        )
        if words not in self.session.scalars(said).all():
            self.say_in(conversation, key, **blanks)

    def tell(self, person: Person, *keys: str, **blanks: object) -> Message:
        """Write script lines in the person's own thread."""
        thread = get_thread(self.session, self.rules, person)
        return self.say_in(thread, *keys, **blanks)

    def tell_about(self, handoff: Handoff, person: Person, *keys: str, **blanks: object) -> Message:
        """Write script lines about a handoff in a staff member's own thread."""
        return self.tell(person, *keys, **self.code_and_link(handoff, person), **blanks)

    def code_and_link(self, handoff: Handoff, person: Person) -> dict[str, object]:
        """The blanks by which this person, and no one else, can text about or open a handoff."""
        code = code_for(self.session, person, handoff)
        return {"code": code, "link": self.rules.link(code)}
