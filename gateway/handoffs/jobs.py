"""The jobs of a handoff, and how its rows show that one was due and did not run."""

from collections.abc import Callable
from datetime import datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.jobs import (
    CheckAlerts,
    CheckReply,
    Climb,
    LapseTransfer,
    Recall,
    TellHolder,
    Work,
)
from escalation.handoffs.ladder import (
    climb,
    climb_if_unreached,
    overdue_recalls,
    recall,
)
from escalation.handoffs.oversight import check_reply
from escalation.handoffs.replies import overdue_replies
from escalation.handoffs.transfers import lapse_if_unanswered, overdue_transfers
from escalation.ruleset import Rules
from gateway.conversations.relay import tell_holder_if_unseen
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import Handoff, Status, Transfer

HandoffWork = Climb | CheckAlerts | CheckReply | Recall | TellHolder


def run_handoff_job(line: Line, work: HandoffWork) -> None:
    with acting(line) as session:
        handoff = session.get_one(Handoff, work.handoff_id)
        line = line.of(session, handoff.conversation.program_id)
        lock_conversation(session, handoff.conversation_id)
        session.refresh(handoff)
        tx = line.at(session)
        match work:
            case Climb(ladder=ladder, rung=rung):
                climb(tx, handoff, ladder, rung)
            case CheckAlerts(ladder=ladder, rung=rung):
                if (handoff.ladder, handoff.rung) == (ladder, rung):
                    climb_if_unreached(tx, handoff)
            case CheckReply():
                check_reply(tx, handoff)
            case Recall(snooze_id=snooze_id):
                recall(tx, handoff, snooze_id)
            case TellHolder(message_id=message_id):
                tell_holder_if_unseen(tx, handoff, message_id)


def lapse_transfer(line: Line, work: LapseTransfer) -> None:
    with acting(line) as session:
        transfer = session.get_one(Transfer, work.transfer_id)
        handoff = session.get_one(Handoff, transfer.handoff_id)
        lock_conversation(session, handoff.conversation_id)
        line = line.of(session, handoff.conversation.program_id)
        lapse_if_unanswered(line.at(session), transfer)


def overdue_pages(line: Line, session: Session, before: datetime) -> list[Work]:
    overdue = session.scalars(
        select(Handoff).where(Handoff.status == Status.WAITING, Handoff.next_page_at < before)
    )
    return [Climb(handoff.id, handoff.ladder, handoff.rung + 1) for handoff in overdue]


def overdue_reply_checks(line: Line, session: Session, before: datetime) -> list[Work]:
    return [*overdue_replies(session, now=before, get_rules=_rules_of(line, session))]


def overdue_second_pages(line: Line, session: Session, before: datetime) -> list[Work]:
    return [*overdue_recalls(session, now=before, get_rules=_rules_of(line, session))]


def overdue_offers(line: Line, session: Session, before: datetime) -> list[Work]:
    overdue = overdue_transfers(session, now=before, get_rules=_rules_of(line, session))
    return [LapseTransfer(transfer_id) for transfer_id in overdue]


def _rules_of(line: Line, session: Session) -> Callable[[int], Rules]:
    return cache(lambda program_id: line.of(session, program_id).rules)
