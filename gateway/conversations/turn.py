"""One text while it is handled: what every step of the pipeline needs, in one object."""

from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy.orm import Session

from escalation.handoffs.codes import code_for
from escalation.received.phone_text import read_phone_text
from escalation.transaction import Transaction
from gateway.conversations.said import Said, read_said
from gateway.runtime.line import Line
from models import Conversation, Handoff, Message, Person, Speaker, TextKind

# A phone wrote these; a person's words may follow a reaction.
NO_WORDS = (TextKind.REACTION, TextKind.CONTACT_CARD)
# The lines that are answered with yes or no.
YES_OR_NO = frozenset(
    {
        *("offer_own", "offer_team"),
        *("follow_up_reached", "follow_up_helped", "follow_up_heard", "follow_up_again"),
    }
)


@dataclass(frozen=True)
class Turn(Transaction):
    """A recorded text and its conversation, in the transaction that reads it or acts on it.

    `line` has the rules of the conversation's program. `in_crisis` is known only when acting.
    """

    line: Line
    conversation: Conversation
    message: Message
    in_crisis: bool = False

    @cached_property
    def words(self) -> str:
        """What the person wrote: without the text that a reaction quotes.

        A like or dislike of a question that takes yes or no is this answer.
        """
        read = read_phone_text(self.message.words) if self.message.kind in NO_WORDS else None
        if read is None or read.kind not in NO_WORDS:
            return "" if self.message.kind is TextKind.CONTACT_CARD else self.message.words
        if read.own or read.likes is None or not self._asked_yes_or_no:
            return read.own
        return "yes" if read.likes else "no"

    @property
    def _asked_yes_or_no(self) -> bool:
        return self.last_said is not None and (self.last_said.script or "") in YES_OR_NO

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

    @property
    def last_said(self) -> Message | None:
        return self.said.last

    @cached_property
    def said(self) -> Said:
        return read_said(self.session, self.message)

    @property
    def from_mentee(self) -> bool:
        return self.message.speaker in (Speaker.MENTEE, Speaker.UNKNOWN)

    def act_in(
        self, session: Session, conversation: Conversation, *, in_crisis: bool = False
    ) -> "Turn":
        """The same text in the transaction that acts on it.

        What was said before it is not read again: one worker at a time handles a conversation.
        """
        now = self.line.clock()
        turn = replace(
            self, session=session, conversation=conversation, now=now, in_crisis=in_crisis
        )
        if "said" in vars(self):
            vars(turn)["said"] = self.said
        return turn
