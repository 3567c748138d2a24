"""TAKE, PASS, DONE, WAITING, BRIEF, and the words that a mentor writes to a mentee."""

from escalation.handoffs.handoffs import AlreadyTaken, release, resolve
from escalation.handoffs.ladder import pass_on
from escalation.handoffs.moves import Closed, NeedsReason
from escalation.handoffs.oversight import take as take_or_take_over
from gateway.conversations.relay import write_to_mentee
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.handovers import answer_offer, find_offer, list_offered
from gateway.pipeline.mentor.lookup import (
    Refusal,
    ambiguous,
    check_held,
    choice,
    find_addressee,
    list_held,
    list_held_by_others,
    list_paged,
    list_waiting,
    pick,
)
from gateway.pipeline.mentor.reading.read import (
    Typed,
    is_unclear_outcome,
    read_addressed,
    split_outcome,
)
from models import Handoff, Outcome, Status, Urgency


def take(turn: Turn, command: Typed) -> None:
    handoff = pick(turn, command, list_waiting, which="waiting_list", none="take_none")
    if offer := find_offer(turn, handoff):
        answer_offer(turn, offer, accept=True)
        return
    take_or_take_over(turn, handoff, turn.mentor)
    turn.say_about(handoff, "you_have")


def pass_(turn: Turn, command: Typed) -> None:
    """Decline a colleague's offer, give back a handoff, or decline a page."""
    handoff = pick(turn, command, _list_passable, which="pass_which", none="hold_none")
    if offer := find_offer(turn, handoff):
        answer_offer(turn, offer, accept=False)
    elif not handoff.is_open:
        raise Closed(handoff)
    elif handoff.status is Status.WAITING:
        others = pass_on(turn, handoff, turn.mentor)
        turn.say_about(handoff, "passed" if others else "passed_last")
    elif handoff.mentor_id == turn.mentor.id:
        release(turn, handoff, by=turn.mentor)
        turn.say_about(handoff, "released_mentor")
    else:
        raise AlreadyTaken(handoff)


def _list_passable(turn: Turn) -> list[Handoff]:
    return [*list_offered(turn), *list_held(turn), *list_paged(turn)]


def done(turn: Turn, command: Typed) -> None:
    handoff = pick(turn, command, list_held, which="done_which", none="hold_none")
    check_held(turn, handoff)
    if is_unclear_outcome(command.rest):
        raise Refusal("done_how", code=turn.code(handoff))
    outcome, reason = split_outcome(command.rest)
    if outcome is None:
        if handoff.first_reply_at is None:
            raise Refusal("done_needs_outcome", code=turn.code(handoff))
        if handoff.urgency is Urgency.CRISIS:
            raise Refusal("done_needs_reason", code=turn.code(handoff))
        outcome = Outcome.TALKED
    try:
        resolve(turn, handoff, outcome, by=turn.mentor, note=reason)
    except NeedsReason:
        if handoff.urgency is not Urgency.CRISIS:
            raise
        raise Refusal("done_needs_reason", code=turn.code(handoff)) from None
    turn.say_about(handoff, "done", outcome=outcome.value)


def list_queue(turn: Turn, _: Typed) -> None:
    """Managers read the held ones, too, because they can take them over."""
    waiting, held = list_waiting(turn), list_held_by_others(turn)
    if not waiting and not held:
        raise Refusal("take_none")
    keys, blanks = (["waiting_list"], choice(turn, waiting)) if waiting else ([], {})
    if held:
        keys.append("held_list")
        named = ((turn.code(one), one.mentor.name) for one in held if one.mentor)
        blanks["held"] = ", ".join(f"#{code} {name}" for code, name in named)
    turn.say(*keys, **blanks)


def send_brief(turn: Turn, command: Typed) -> None:
    could = (list_held(turn) or list_waiting(turn)) if command.code is None else []
    if len(could) == 1:
        handoff = could[0]  # a link moves nothing
    else:
        handoff = pick(turn, command, lambda _: could, which="brief_which", none="take_none")
    turn.say_about(handoff, "brief_link")


def write_words(turn: Turn, _: bool) -> None:
    held = list_held(turn)
    code, words = read_addressed(turn.words)
    if code is not None and held and not words.strip():
        raise ambiguous(turn, held)
    handoff = find_addressee(turn, held, code)
    write_to_mentee(turn, handoff, words, relayed_from=turn.message)
    if turn.message.media:
        turn.say("picture_left_out")
