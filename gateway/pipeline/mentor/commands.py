"""The commands that a mentor can text, in order. Any other text is words for their mentee.

A text that could mean two things is refused with the choice.
"""

from typing import Any

from escalation.handoffs.handoffs import AlreadyTaken
from escalation.handoffs.moves import NeedsReason, NotHolder, Refused
from escalation.handoffs.oversight import NotUrgency
from escalation.handoffs.transfers import CannotTransfer
from gateway.conversations.turn import Turn
from gateway.pipeline.commands import Command, find_commands
from gateway.pipeline.mentor.absences import (
    end_absence,
    match_away,
    match_later,
    snooze,
    start_absence,
)
from gateway.pipeline.mentor.claims import done, list_queue, pass_, send_brief, take, write_words
from gateway.pipeline.mentor.handovers import accept, give, match_give
from gateway.pipeline.mentor.held_back import (
    ask_which,
    match_send,
    match_unclear,
    send_held_back,
)
from gateway.pipeline.mentor.lookup import Refusal, typed
from gateway.pipeline.mentor.managing import MANAGED, manages
from gateway.pipeline.mentor.notes import debrief, match_talk, note, talk
from gateway.pipeline.mentor.phone_texts import answer_phone_text, match_phone_text
from gateway.pipeline.mentor.reading.everyday import without_manners
from gateway.pipeline.mentor.reading.read import Typed, read_command
from gateway.pipeline.mentor.safeguarding import match_record, record
from gateway.pipeline.mentor.starting import match_open, match_write, open_, write
from gateway.privacy.opt_out import act_on_opt_out, match_opt_out


def _match_left(turn: Turn) -> bool | None:
    return True if turn.mentor.left_at is not None else None


def _act_on_left(turn: Turn, _: bool) -> None:
    turn.say("mentor_left", program=turn.conversation.program.name)


COMMANDS: tuple[Command[Any], ...] = (
    Command(match_opt_out, act_on_opt_out),
    Command(_match_left, _act_on_left),
    Command(match_phone_text, answer_phone_text),
    Command(typed("take"), take),
    Command(typed("done"), done),
    Command(typed("pass"), pass_),
    Command(typed("waiting"), list_queue),
    Command(match_later, snooze),
    Command(typed("brief"), send_brief),
    Command(typed("note"), note),
    Command(match_away, start_absence),
    Command(typed("on"), end_absence),
    Command(match_give, give),
    Command(typed("accept"), accept),
    Command(typed("debrief"), debrief),
    Command(match_talk, talk),
    Command(match_record, record),
    Command(match_write, write),
    *(Command(manages(verb), act) for verb, act in MANAGED.items()),
    Command(match_open, open_),
    Command(match_send, send_held_back),
    Command(match_unclear, ask_which),
    Command(lambda _: True, write_words),
)


def _say_what_was_not_sent(turn: Turn) -> None:
    """Words after TAKE K4RT may be meant for the mentee, who does not get them."""
    command = read_command(turn.words)
    without_words = ("take", "pass", "accept", "brief")
    if not isinstance(command, Typed) or command.word not in without_words:
        return
    if command.code and without_manners(command.rest):
        turn.say("rest_not_sent")


def act_on_mentor_text(turn: Turn) -> None:
    try:
        # Found one by one, so that nothing is looked up for the commands after the one that acts.
        any(command.act(turn) for command in find_commands(turn, COMMANDS))
        _say_what_was_not_sent(turn)
    except Refusal as refusal:
        turn.say(*refusal.keys, **refusal.blanks)
    except Refused as refused:
        say_why_not(turn, refused)


def say_why_not(turn: Turn, refused: Refused) -> None:
    """What a command that knows nothing better answers when a move is refused."""
    handoff = refused.handoff
    match refused:
        case AlreadyTaken() if refused.holder_id == turn.mentor.id:
            turn.say_about(handoff, "already_yours")
        case AlreadyTaken():
            turn.say_about(handoff, "taken_by_other", holder=refused.holder)
        case NotHolder():
            turn.say_about(handoff, "not_yours")
        case NotUrgency():
            turn.say_about(handoff, "urgency_same", urgency=handoff.urgency.name.lower())
        case NeedsReason():
            turn.say_about(handoff, "needs_reason")
        case CannotTransfer():
            turn.say_about(handoff, "assign_refused", why=refused.sentence)
        case _:
            turn.say_about(handoff, "is_closed")
