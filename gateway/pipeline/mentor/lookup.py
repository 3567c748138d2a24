"""Finding the handoffs that a mentor's command is about, or refusing it with the choice."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from escalation.handoffs.availability import (
    NOT_AGAIN,
    latest_snoozes,
    mentees_with_concern,
    mentors_under_concern,
)
from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.moves import Closed, NotHolder
from gateway.conversations.turn import Turn
from gateway.people.absences import until_in_words
from gateway.pipeline.mentor.read import Typed, read_command
from models import Alert, Conversation, Handoff, Status


class Refusal(Exception):
    """A command that cannot be carried out. The mentor gets script line `key`."""

    def __init__(self, key: str, **blanks: object) -> None:
        super().__init__(key)
        self.key, self.blanks = key, blanks


def typed(*words: str) -> Callable[[Turn], Typed | None]:

    def match(turn: Turn) -> Typed | None:
        command = read_command(turn.words)
        return command if command is not None and command.word in words else None

    return match


def pick(turn: Turn, command: Typed, numbers: Sequence[int], *, which: str, none: str) -> Handoff:
    """The handoff with the typed number, or else the only possible one."""
    code = command.code
    if code is None:
        if len(numbers) != 1:
            raise Refusal(which, codes=join_codes(numbers)) if numbers else Refusal(none)
        (code,) = numbers
    return find_handoff(turn, code)


def find_handoff(turn: Turn, code: int, *, refusal: str = "no_such_handoff") -> Handoff:
    """The handoff with this number, locked with its conversation.

    Refuses one of another program, and one whose mentee has an open concern about this mentor,
    unless the mentor holds it.
    """
    mentor, handoff = turn.mentor, turn.session.get(Handoff, code)
    if handoff is None or handoff.conversation.program_id != mentor.program_id:
        raise Refusal(refusal, code=code)
    lock_conversation(turn.session, handoff.conversation_id)
    turn.session.refresh(handoff)
    if handoff.mentor_id == mentor.id:
        return handoff
    if mentor.id in mentors_under_concern(turn.session, handoff.conversation.person_id):
        raise Refusal(refusal, code=code)
    return handoff


def check_held(turn: Turn, handoff: Handoff) -> Handoff:
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.mentor_id != turn.mentor.id:
        raise NotHolder(handoff, turn.mentor)
    return handoff


def list_held(turn: Turn) -> list[Handoff]:
    return list(
        turn.session.scalars(
            select(Handoff)
            .where(Handoff.status == Status.CLAIMED, Handoff.mentor_id == turn.mentor.id)
            .order_by(Handoff.id)
        )
    )


def list_waiting(turn: Turn) -> list[Handoff]:
    """The waiting handoffs of the program, the most urgent first, then the longest waiting.

    Mentees with an open concern about this mentor are left out.
    """
    return list(
        turn.session.scalars(
            select(Handoff)
            .join(Conversation)
            .where(
                Handoff.status == Status.WAITING,
                Conversation.program_id == turn.mentor.program_id,
                # The thread of a number that no one enrolled has no person.
                func.coalesce(Conversation.person_id, 0).not_in(mentees_with_concern(turn.mentor)),
            )
            .order_by(Handoff.urgency.desc(), Handoff.opened_at)
        )
    )


def list_paged(turn: Turn) -> list[Handoff]:
    """The waiting handoffs that this mentor was paged for and did not pass on."""
    session, mentor = turn.session, turn.mentor
    paged = set(session.scalars(select(Alert.handoff_id).where(Alert.person_id == mentor.id)))

    def has_passed(handoff: Handoff) -> bool:
        snooze = latest_snoozes(session, handoff).get(mentor.id)
        return snooze is not None and snooze.until == NOT_AGAIN

    return [one for one in list_waiting(turn) if one.id in paged and not has_passed(one)]


def codes(handoffs: Iterable[Handoff]) -> list[int]:
    return [handoff.id for handoff in handoffs]


def join_codes(numbers: Iterable[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers)


def ambiguous(held: Sequence[Handoff]) -> Refusal:
    return Refusal("which_of", codes=join_codes(codes(held)), example=f"#{held[0].id}")


def mentors_time(turn: Turn, at: datetime) -> str:
    return until_in_words(at, ZoneInfo(turn.mentor.timezone), now=turn.now)
