"""Acting on a mentor's text: a command is carried out, other words go to their mentee.

A text that could mean two things is refused with the choice.
"""

from escalation.handoffs.handoffs import AlreadyTaken
from escalation.handoffs.moves import NotHolder, Refused
from gateway.conversations.turn import Turn
from gateway.pipeline.commands import find_commands
from gateway.pipeline.mentor.commands import COMMANDS
from gateway.pipeline.mentor.lookup import Refusal


def act_on_mentor_text(turn: Turn) -> None:
    """Carry out a mentor's text, and answer it in the mentor's own thread."""
    try:
        # Found one by one, so that nothing is looked up for the commands after the one that acts.
        any(command.act(turn) for command in find_commands(turn, COMMANDS))
    except Refusal as refusal:
        turn.say(refusal.key, **refusal.blanks)
    except AlreadyTaken as taken:
        if taken.holder_id == turn.mentor.id:
            turn.say("already_yours", code=taken.handoff.id)
        else:
            turn.say("taken_by_other", code=taken.handoff.id, holder=taken.holder)
    except NotHolder as refused:
        turn.say("not_yours", code=refused.handoff.id)
    except Refused as refused:
        turn.say("is_closed", code=refused.handoff.id)
