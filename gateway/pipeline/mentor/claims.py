"""TAKE, PASS, DONE, WAITING, BRIEF, and the words that a mentor writes to a mentee."""

from escalation.handoffs.handoffs import AlreadyTaken, NeedsReason, claim, release, resolve
from escalation.handoffs.ladder import pass_on
from escalation.handoffs.moves import Closed
from escalation.handoffs.transfers import transfers_offered_to
from gateway.conversations.relay import write_to_mentee
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.handovers import answer_offer, find_offer
from gateway.pipeline.mentor.lookup import (
    Refusal,
    ambiguous,
    check_held,
    codes,
    find_handoff,
    join_codes,
    list_held,
    list_paged,
    list_waiting,
    pick,
)
from gateway.pipeline.mentor.read import Typed, read_addressed, split_outcome
from models import Outcome, Status, Urgency


def take(turn: Turn, command: Typed) -> None:
    waiting = codes(list_waiting(turn))
    handoff = pick(turn, command, waiting, which="take_which", none="take_none")
    if offer := find_offer(turn, handoff):
        answer_offer(turn, offer, accept=True)
        return
    claim(turn, handoff, turn.mentor)
    turn.say("you_have", code=handoff.id, link=turn.rules.link(handoff.id))


def pass_(turn: Turn, command: Typed) -> None:
    """Decline a colleague's offer, give back a handoff, or decline a page."""
    offered = {offer.handoff_id for offer in transfers_offered_to(turn.session, turn.mentor)}
    could = sorted(offered.union(codes(list_held(turn)), codes(list_paged(turn))))
    handoff = pick(turn, command, could, which="pass_which", none="hold_none")
    if offer := find_offer(turn, handoff):
        answer_offer(turn, offer, accept=False)
    elif not handoff.is_open:
        raise Closed(handoff)
    elif handoff.status is Status.WAITING:
        others = pass_on(turn, handoff, turn.mentor)
        turn.say("passed" if others else "passed_last", code=handoff.id)
    elif handoff.mentor_id == turn.mentor.id:
        release(turn, handoff, by=turn.mentor)
        turn.say("released_mentor", code=handoff.id)
    else:
        raise AlreadyTaken(handoff)


def done(turn: Turn, command: Typed) -> None:
    held = codes(list_held(turn))
    handoff = pick(turn, command, held, which="done_which", none="hold_none")
    check_held(turn, handoff)
    outcome, reason = split_outcome(command.rest)
    if outcome is None:
        if handoff.first_reply_at is None or handoff.urgency is Urgency.CRISIS:
            raise Refusal("done_needs_outcome", code=handoff.id)
        outcome = Outcome.TALKED
    try:
        resolve(turn, handoff, outcome, by=turn.mentor, note=reason)
    except NeedsReason:
        raise Refusal("done_needs_reason", code=handoff.id) from None
    turn.say("done", code=handoff.id, outcome=outcome.value)


def list_queue(turn: Turn, _: Typed) -> None:
    waiting = codes(list_waiting(turn))
    if not waiting:
        raise Refusal("take_none")
    turn.say("waiting_list", codes=join_codes(waiting))


def send_brief(turn: Turn, command: Typed) -> None:
    could = codes(list_held(turn) or list_waiting(turn))
    handoff = pick(turn, command, could, which="brief_which", none="take_none")
    turn.say("brief_link", code=handoff.id, link=turn.rules.link(handoff.id))


def write_words(turn: Turn, _: bool) -> None:
    held = list_held(turn)
    code, words = read_addressed(turn.words, set(codes(held)))
    if code is None and len(held) > 1:
        raise ambiguous(held)
    if code is None and not held:
        raise Refusal("hold_none")
    handoff = check_held(turn, find_handoff(turn, held[0].id if code is None else code))
    write_to_mentee(turn, handoff, words, relayed_from=turn.message)
