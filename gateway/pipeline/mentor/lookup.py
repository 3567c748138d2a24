"""Finding the handoffs that a mentor's command is about, or refusing it with the choice."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from escalation.handoffs import codes
from escalation.handoffs.availability import (
    NOT_AGAIN,
    latest_snoozes,
    mentees_with_concern,
    mentors_under_concern,
)
from escalation.handoffs.duty import tell_managers
from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.moves import Closed, NotHolder
from gateway.conversations.relay import link_text
from gateway.conversations.turn import Turn
from gateway.people.absences import until_in_words
from gateway.pipeline.mentor.reading.people_named import Named
from gateway.pipeline.mentor.reading.read import Typed, read_command
from models import Alert, Conversation, Handoff, Message, Person, Role, Status

# What we answer to a wrong code, and to the one after which none counts for an hour.
WRONG_CODE = "no_such_handoff"
LOCKED = f"{WRONG_CODE}+codes_locked"


class Refusal(Exception):
    """A command that cannot be carried out. The mentor gets these script lines."""

    def __init__(self, *keys: str, **blanks: object) -> None:
        super().__init__(*keys)
        self.keys, self.blanks = keys, blanks


def typed(*words: str) -> Callable[[Turn], Typed | None]:

    def match(turn: Turn) -> Typed | None:
        command = read_command(turn.words)
        return command if isinstance(command, Typed) and command.word in words else None

    return match


def pick(
    turn: Turn,
    command: Typed,
    list_handoffs: Callable[[Turn], Sequence[Handoff]],
    *,
    which: str,
    none: str,
) -> Handoff:
    """The handoff with the typed code.

    Without a code we only answer with the codes that it may be: anyone can forge a sender's
    number, but the answer goes to the mentor's own phone.
    """
    if command.code is not None:
        return find_handoff(turn, command.code)
    handoffs = list_handoffs(turn)
    raise Refusal(which, **choice(turn, handoffs)) if handoffs else Refusal(none)


def find_handoff(turn: Turn, code: str) -> Handoff:
    """The handoff that this mentor knows by the code, locked with its conversation.

    One whose mentee has an open concern about this mentor counts as a wrong code, unless the mentor
    holds it. After too many wrong codes in an hour, no code counts for an hour.
    """
    wrong_before, limit = check_code_limit(turn), turn.policy.mentors.wrong_codes_an_hour
    handoff = codes.handoff_with_code(turn.session, turn.mentor, code)
    if handoff is not None and _may_move(turn, handoff):
        return handoff
    if wrong_before + 1 < limit:
        raise Refusal(WRONG_CODE, code=code)
    tell_managers(turn, turn.mentor, "codes_tried", tries=limit)
    raise Refusal(WRONG_CODE, "codes_locked", code=code, link=f"{turn.rules.site}/console")


def _may_move(turn: Turn, handoff: Handoff) -> bool:
    """Also locks it if it is of the mentor's program."""
    if handoff.conversation.program_id != turn.mentor.program_id:
        return False
    lock(turn, handoff)
    excluded = mentors_under_concern(turn.session, handoff.conversation.person_id)
    return turn.mentor.id not in excluded or handoff.mentor_id == turn.mentor.id


def check_code_limit(turn: Turn) -> int:
    """How many wrong codes this mentor texted in the last hour. Raises Refusal for too many."""
    answers = _wrong_code_answers(turn)
    if len(answers) >= turn.policy.mentors.wrong_codes_an_hour or LOCKED in answers:
        raise Refusal("codes_locked", link=f"{turn.rules.site}/console")
    return len(answers)


def lock(turn: Turn, handoff: Handoff) -> None:
    """Lock the handoff and its conversation. From now on the mentor's text is about its mentee."""
    lock_conversation(turn.session, handoff.conversation_id)
    turn.session.refresh(handoff)
    link_text(turn, turn.message, handoff.conversation_id)


def _wrong_code_answers(turn: Turn) -> Sequence[str | None]:
    """The scripts of our answers to this mentor's wrong codes in the last hour."""
    answers = select(Message.script).where(
        Message.conversation_id == turn.conversation.id,
        Message.script.in_([WRONG_CODE, LOCKED]),
        Message.at > turn.now - timedelta(hours=1),
    )
    return turn.session.scalars(answers).all()


def check_held(turn: Turn, handoff: Handoff) -> Handoff:
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.mentor_id != turn.mentor.id:
        raise NotHolder(handoff, turn.mentor)
    return handoff


def find_addressee(turn: Turn, held: Sequence[Handoff], code: str | None) -> Handoff:
    """The handoff that words are for, locked: with the code, or the only one of `held`."""
    if code is not None:
        return check_held(turn, find_handoff(turn, code))
    if not held:
        raise Refusal("hold_none")
    if len(held) > 1:
        raise ambiguous(turn, held)
    lock(turn, held[0])
    return check_held(turn, held[0])


def choose_mentee(
    turn: Turn, command: Named, may: Sequence[Person], *, verb: str, path: str
) -> Person:
    """The mentee whom a command names, of those for whom this mentor may text it.

    If several have the name, the answer links to the page `path`.
    """
    allowed = {one.id for one in may}
    named = [one for one in command.people if one.id in allowed]
    if len(named) > 1:
        raise Refusal(f"{verb}_which", who=named[0].name, link=f"{turn.rules.site}{path}")
    if not named:
        raise how_to(verb, may)
    return named[0]


def how_to(verb: str, may: Sequence[Person]) -> Refusal:
    return Refusal(f"{verb}_how", example=may[0].name if may else "Alex")


def list_answered(
    turn: Turn, scripts: Sequence[str], *, within: timedelta
) -> list[tuple[Message, int]]:
    """The mentor's texts that one of these lines answered, the newest first, and the line's id.

    A line is written when its text is handled, so both have the same time. The text before the
    line may be another: several can arrive before the first is handled.
    """
    line = aliased(Message)
    answered = (
        select(Message, line.id)
        .join(line, (line.at == Message.handled_at) & (line.id > Message.id))
        .where(
            Message.conversation_id == turn.conversation.id,
            Message.id < turn.message.id,
            Message.outgoing.is_(False),
            line.conversation_id == turn.conversation.id,
            line.script.in_(scripts),
            line.at > turn.now - within,
        )
        .order_by(Message.id.desc(), line.id)
    )
    return [(text, number) for text, number in turn.session.execute(answered)]


def list_held(turn: Turn) -> list[Handoff]:
    return list(
        turn.session.scalars(
            select(Handoff)
            .where(Handoff.status == Status.CLAIMED, Handoff.mentor_id == turn.mentor.id)
            .order_by(Handoff.id)
        )
    )


def list_held_by_others(turn: Turn) -> list[Handoff]:
    """For a manager: the program's handoffs that colleagues hold. For a mentor: none."""
    if turn.mentor.role is not Role.MANAGER:
        return []
    held = (
        select(Handoff)
        .join(Conversation)
        .where(
            Handoff.status == Status.CLAIMED,
            Handoff.mentor_id != turn.mentor.id,
            Conversation.program_id == turn.mentor.program_id,
            func.coalesce(Conversation.person_id, 0).not_in(mentees_with_concern(turn.mentor)),
        )
        .order_by(Handoff.urgency.desc(), Handoff.opened_at)
    )
    return list(turn.session.scalars(held))


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


def choice(turn: Turn, handoffs: Sequence[Handoff]) -> dict[str, object]:
    """The blanks of a line that names the handoffs which a text may be about."""
    return codes.choice(turn.session, turn.mentor, handoffs)


def ambiguous(turn: Turn, held: Sequence[Handoff]) -> Refusal:
    return Refusal("which_of", **choice(turn, held))


def mentors_time(turn: Turn, at: datetime) -> str:
    return until_in_words(at, ZoneInfo(turn.mentor.timezone), now=turn.now)
