"""GIVE and ACCEPT: a mentor offers a handoff to a colleague, who accepts or declines it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from escalation.handoffs.duty import list_staff
from escalation.handoffs.handoffs import AlreadyTaken
from escalation.handoffs.transfers import (
    CannotTransfer,
    TransferOver,
    answer_transfer,
    get_open_transfer,
    offer_transfer,
    transfers_offered_to,
    who_could_take,
)
from escalation.speech.names import with_name
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.lookup import (
    Refusal,
    choice,
    find_handoff,
    list_held,
    pick,
    typed,
)
from gateway.pipeline.mentor.reading.read import Typed
from models import Handoff, Person, Transfer

# A name has at most so many parts: D'Andre Lee-Smith of Five.
MOST_GAPS = 9


@dataclass(frozen=True)
class Give:
    """GIVE K4RT TO ALEX, with a note. `to` is several people if they share the name."""

    code: str | None
    to: Sequence[Person]
    note: str


def match_give(turn: Turn) -> Give | None:
    """Without a colleague's name, "give" and a number are words: "give 10 percent more"."""
    command = typed("give")(turn)
    if command is None:
        return None
    to, note = find_colleague(turn, re.sub(r"(?i)^to\b", "", command.rest).strip())
    if not to and (command.code is None or command.code.isdigit()):
        return None
    return Give(command.code, to, note)


def give(turn: Turn, command: Give) -> None:
    if command.code is None:
        held = list_held(turn)
        raise Refusal("give_code", **choice(turn, held)) if held else Refusal("hold_none")
    code, handoff = command.code, find_handoff(turn, command.code)
    if len(command.to) > 1:
        raise Refusal("give_which", who=command.to[0].name, link=turn.rules.link(code))
    if not command.to:
        could = who_could_take(turn, handoff, by=turn.mentor)
        raise Refusal("give_how", code=code, who=could[0].name if could else "Alex")
    (to,) = command.to
    try:
        offer_transfer(turn, handoff, by=turn.mentor, to=to, note=command.note)
    except CannotTransfer as refused:
        raise Refusal("give_refused", code=code, why=refused.sentence) from None
    minutes = turn.policy.mentors.transfer_within_minutes.at(handoff.urgency) / timedelta(minutes=1)
    turn.say_about(handoff, "given", who=to.name, minutes=round(minutes))


def accept(turn: Turn, command: Typed) -> None:
    handoff = pick(turn, command, list_offered, which="accept_which", none="accept_none")
    if offer := find_offer(turn, handoff):
        answer_offer(turn, offer, accept=True)
    elif handoff.mentor_id == turn.mentor.id and handoff.is_open:
        raise AlreadyTaken(handoff)
    else:
        raise Refusal("not_offered", code=turn.code(handoff))


def list_offered(turn: Turn) -> list[Handoff]:
    offers = transfers_offered_to(turn.session, turn.mentor)
    return [turn.session.get_one(Handoff, offer.handoff_id) for offer in offers]


def find_offer(turn: Turn, handoff: Handoff) -> Transfer | None:
    transfer = get_open_transfer(turn.session, handoff)
    return transfer if transfer is not None and transfer.to_id == turn.mentor.id else None


def answer_offer(turn: Turn, transfer: Transfer, *, accept: bool) -> None:
    handoff = turn.session.get_one(Handoff, transfer.handoff_id)
    try:
        answer_transfer(turn, transfer, by=turn.mentor, accept=accept)
    except TransferOver:
        raise Refusal("not_offered", code=turn.code(handoff)) from None
    if accept:
        turn.say_about(handoff, "you_have")
    else:
        turn.say_about(handoff, "you_declined", who=transfer.from_.name)


def find_colleague(turn: Turn, words: str) -> tuple[Sequence[Person], str]:
    """The colleagues whose name the words begin with, and what follows the name.

    The longest name wins. The mentor counts only if no one else has that name.
    """
    staff = list_staff(turn.session, turn.mentor.program_id)
    for end in [*(gap.start() for gap in re.finditer(r"(?<=\w)(?!\w)", words))][MOST_GAPS::-1]:
        if named := with_name(words[:end], staff):
            others = [one for one in named if one.id != turn.mentor.id]
            return others or named, words[end:].strip(" \t\r\n:.,-")
    return [], words
