"""Transfers: the holder offers a handoff to one colleague, who accepts or declines.

The caller locks the conversation, as for every move (handoffs.py).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.handoffs.availability import WhyNot, get_reasons
from escalation.handoffs.duty import list_staff
from escalation.handoffs.jobs import LapseTransfer, enqueue
from escalation.handoffs.moves import (
    Closed,
    NotHolder,
    Refused,
    log_move,
    make_move,
)
from escalation.handoffs.replies import watch
from escalation.ruleset import Rules
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase
from escalation.transaction import Transaction
from models import Handoff, Move, Person, Role, Status, Transfer, changes_one


class CannotTransfer(Refused):
    """`reason` is a key of SENTENCES, `could` are the colleagues who could take it instead.

    `sentence` says both to the person who tried.
    """

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "self": gettext_noop("You hold it yourself."),
        "theirs": gettext_noop("{to} holds it already."),
        "unknown": gettext_noop("There is no such colleague."),
        "offered": gettext_noop("You already offered it to a colleague. Wait for the answer."),
        "unreachable": gettext_noop("We can't text {to}."),
        "away": gettext_noop("{to} is away."),
        "capped": gettext_noop("{to} already has enough to carry."),
    }

    def __init__(self, handoff: Handoff, to: Person, reason: str, could: list[Person]) -> None:
        super().__init__(handoff, f"it cannot be offered to person {to.id} ({reason})")
        self.reason, self.could = reason, could
        self.sentence = phrase(self.SENTENCES[reason], to=to.name)
        if reason != "offered":
            self.sentence = joined((self.sentence, self._who_could()), " ")

    def _who_could(self) -> Phrase:
        if not self.could:
            return phrase("No one else can take it right now.")
        names = ", ".join(person.name for person in self.could[:5])
        if len(self.could) > 5:
            return phrase("These can: {names} and others.", names=names)
        return phrase("These can: {names}.", names=names)


class NotAsked(Refused):
    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"it was not offered to person {person.id}")


class TransferOver(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "it is no longer offered")


def offer_transfer(
    tx: Transaction, handoff: Handoff, *, by: Person, to: Person, note: str | None
) -> Transfer:
    """Ask one colleague to take over a handoff. `by` holds it until they accept.

    The colleague reads `note` only after signing in; the text has no content.

    Raises:
        NotHolder: `by` does not hold it.
        Closed: it is no longer open.
        CannotTransfer: the colleague cannot take it now.
    """
    if handoff.status is not Status.CLAIMED or handoff.mentor_id != by.id:
        raise NotHolder(handoff, by) if handoff.is_open else Closed(handoff)
    reason = _why_not_to(tx, handoff, to, by=by)
    if reason is not None:
        raise CannotTransfer(handoff, to, reason, who_could_take(tx, handoff, by=by))
    note = (note or "").strip() or None
    transfer = Transfer(handoff_id=handoff.id, from_=by, to=to, at=tx.now, note=note)
    tx.session.add(transfer)
    tx.session.flush()
    enqueue(tx.session, LapseTransfer(transfer.id), at=_lapses_at(transfer, handoff, tx.rules))
    tx.tell_about(handoff, to, "transfer_asked", who=by.name)
    return transfer


def answer_transfer(tx: Transaction, transfer: Transfer, *, by: Person, accept: bool) -> None:
    """Accept or decline a transfer, and tell the holder.

    If accepted, we tell the mentee, and the colleague has the time of a claim for a first message.

    Raises:
        NotAsked: it was offered to another person.
        TransferOver: it was answered, has expired, or its holder no longer holds it.
    """
    handoff = tx.session.get_one(Handoff, transfer.handoff_id)
    if transfer.to_id != by.id:
        raise NotAsked(handoff, by)
    _answer(tx, transfer, handoff, accepted=accept)
    if not accept:
        tx.tell_about(handoff, transfer.from_, "transfer_declined", who=by.name)
        return
    still = (Handoff.status == Status.CLAIMED) & (Handoff.mentor_id == transfer.from_id)
    try:
        make_move(tx, handoff, still, mentor_id=by.id)
    except Refused:
        raise TransferOver(handoff) from None
    giver = transfer.from_id
    log_move(tx, handoff, Move.CLAIM, by=by, transfer=transfer.id, held_by=giver)
    names = {"mentor": by.name, "before": transfer.from_.name}
    tx.say_in(handoff.conversation, "transferred", **names)
    tx.tell_about(handoff, transfer.from_, "transfer_taken", who=by.name)
    watch(tx, handoff)


def get_open_transfer(session: Session, handoff: Handoff) -> Transfer | None:
    return session.scalar(
        select(Transfer).where(Transfer.handoff_id == handoff.id, Transfer.answered_at.is_(None))
    )


def transfers_offered_to(session: Session, person: Person) -> list[Transfer]:
    return list(
        session.scalars(
            select(Transfer)
            .where(Transfer.to_id == person.id, Transfer.answered_at.is_(None))
            .order_by(Transfer.id)
        )
    )


def who_could_take(tx: Transaction, handoff: Handoff, *, by: Person) -> list[Person]:
    colleagues = list_staff(tx.session, handoff.conversation.program_id)
    return [
        one for one in colleagues if one.id != by.id and _why_not_person(tx, handoff, one) is None
    ]


def lapse_if_unanswered(tx: Transaction, transfer: Transfer) -> None:
    handoff = tx.session.get_one(Handoff, transfer.handoff_id)
    if tx.now < _lapses_at(transfer, handoff, tx.rules):
        return
    try:
        _answer(tx, transfer, handoff, accepted=False)
    except TransferOver:
        return
    for person, key in ((transfer.from_, "transfer_lapsed"), (transfer.to, "transfer_over")):
        tx.tell_about(handoff, person, key, who=transfer.to.name)


def overdue_transfers(
    session: Session, *, now: datetime, get_rules: Callable[[int], Rules]
) -> list[int]:
    """The ids of the offers that expired by `now`."""
    offers = session.execute(
        select(Transfer, Handoff)
        .join(Handoff, Handoff.id == Transfer.handoff_id)
        .where(Transfer.answered_at.is_(None))
        .order_by(Transfer.id)
    )
    return [
        transfer.id
        for transfer, handoff in offers
        if now >= _lapses_at(transfer, handoff, get_rules(handoff.conversation.program_id))
    ]


def end_transfer(tx: Transaction, handoff: Handoff) -> None:
    """End the open offer of a handoff that its holder no longer holds, and tell the colleague."""
    if transfer := get_open_transfer(tx.session, handoff):
        _answer(tx, transfer, handoff, accepted=False)
        tx.tell_about(handoff, transfer.to, "transfer_over")


def _lapses_at(transfer: Transfer, handoff: Handoff, rules: Rules) -> datetime:
    return transfer.at + rules.policy.mentors.transfer_within_minutes.at(handoff.urgency)


def _why_not_to(tx: Transaction, handoff: Handoff, to: Person, *, by: Person) -> str | None:
    """A key of CannotTransfer.SENTENCES, or None."""
    if to.id == by.id:
        return "self"
    if get_open_transfer(tx.session, handoff) is not None and _is_staff_here(handoff, to):
        return "offered"
    return why_not_to(tx, handoff, to)


def why_not_to(tx: Transaction, handoff: Handoff, to: Person) -> str | None:
    """Why a colleague cannot hold the handoff: a key of CannotTransfer.SENTENCES, or None."""
    if handoff.mentor_id == to.id:
        return "theirs"
    return _why_not_person(tx, handoff, to) if _is_staff_here(handoff, to) else "unknown"


def _is_staff_here(handoff: Handoff, person: Person) -> bool:
    here = person.program_id == handoff.conversation.program_id
    return here and person.role is not Role.MENTEE


def _why_not_person(tx: Transaction, handoff: Handoff, to: Person) -> str | None:
    reasons = get_reasons(tx, handoff, [to])[to.id]
    if WhyNot.LEFT in reasons or WhyNot.CONCERN in reasons:
        return "unknown"  # only managers may learn of a concern
    if not to.can_be_texted:
        return "unreachable"
    if WhyNot.AWAY in reasons:
        return "away"
    return "capped" if WhyNot.CAPPED in reasons else None


def _answer(tx: Transaction, transfer: Transfer, handoff: Handoff, *, accepted: bool) -> None:
    answer = (
        update(Transfer)
        .where(Transfer.id == transfer.id, Transfer.answered_at.is_(None))
        .values(accepted=accepted, answered_at=tx.now)
    )
    answered = changes_one(tx.session, answer)
    tx.session.refresh(transfer)
    if not answered:
        raise TransferOver(handoff)
