"""One text while it is handled: what every step of the pipeline needs, in one object."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from escalation.handoffs.codes import code_for
from escalation.transaction import Transaction
from gateway.runtime.line import Line
from models import Conversation, Handoff, Message, Person


@dataclass(frozen=True)
class Turn(Transaction):
    """A recorded text and its conversation, in the transaction that reads it or acts on it.

    `line` has the rules of the conversation's program. `in_crisis` is known only when acting.
    """

    line: Line
    conversation: Conversation
    message: Message
    in_crisis: bool = False

    @property
    def words(self) -> str:
        return self.message.words

    @property
    def person(self) -> Person | None:
        """Who wrote, or None for a number that no one enrolled."""
        return self.conversation.person

    @property
    def mentor(self) -> Person:
        """Who wrote, in the thread of a mentor or manager."""
        assert self.person is not None  # only enrolled people are staff
        return self.person

    def say(self, *keys: str, **blanks: object) -> None:
        """Answer with lines of the script, joined into one message."""
        self.say_in(self.conversation, *keys, **blanks)

    def code(self, handoff: Handoff) -> str:
        """The code by which the mentor who wrote knows the handoff."""
        return code_for(self.session, self.mentor, handoff)

    def say_about(self, handoff: Handoff, key: str, **blanks: object) -> None:
        """Answer a mentor with a line about a handoff."""
        self.say(key, **self.code_and_link(handoff, self.mentor), **blanks)

    @cached_property
    def last_said(self) -> Message | None:
        return self.session.scalar(
            select(Message)
            .where(
                Message.conversation_id == self.conversation.id,
                Message.id < self.message.id,
                Message.outgoing,
            )
            .order_by(Message.id.desc())
            .limit(1)
        )
