"""One handoff of a long history, with all that belongs to it."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import (
    Alert,
    CheckIn,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Need,
    Outcome,
    SkillOutcome,
    SkillUse,
    Status,
    Urgency,
    Verdict,
    VerdictRecord,
)
from tests.history.chats import add_decision, from_mentee, to_thread
from tests.history.inserting import Inserts, Row
from tests.history.people import Who

ASKS = "nobody would notice if i was gone, i just want someone to talk to"
EVIDENCE = (
    '[{"axis": "connection", "start": 35, "end": 65, "quote": "i just want someone to talk to", '
    '"rule": "someone_to_talk_to"}]'
)


@dataclass(frozen=True)
class Case:
    mentee: Who
    need: Need
    urgency: Urgency
    holder: Who
    status: Status
    outcome: Outcome | None
    opened_at: datetime
    wait: timedelta

    def after(self, waits: float, status: Status) -> datetime | None:
        """A time so many waits after the opening; None if the handoff has not come to `status`."""
        order = [Status.WAITING, Status.CLAIMED, Status.RESOLVED]
        came = order.index(self.status) >= order.index(status)
        return self.opened_at + waits * self.wait if came else None

    @property
    def times(self) -> dict[str, datetime | None]:
        return {
            "opened_at": self.opened_at,
            "claimed_at": self.after(0.5, Status.CLAIMED),
            "first_reply_at": self.after(1, Status.CLAIMED),
            "closed_at": self.after(5, Status.RESOLVED),
        }


def add_handoff(rows: Inserts, case: Case, chance: random.Random, *, now: datetime) -> None:
    mentee, at = case.mentee, case.opened_at
    asked = rows.add(Message, mentee.key, **from_mentee(mentee, ASKS, at))
    number = rows.add(Handoff, mentee.key, **_handoff(case, asked, now))
    add_decision(
        rows,
        mentee,
        asked,
        at,
        handoff_id=number,
        crisis=0.9 if case.need is Need.CRISIS else 0.1,
        connection=0.9,
        asked_for_person=case.need is Need.REQUEST,
        evidence=EVIDENCE,
        quadrant="connection",
        decision="hand_off",
        why="needs to talk with a person",
    )
    for move in _moves(case):
        rows.add(HandoffEvent, mentee.key, handoff_id=number, **move)
    text = to_thread(case.holder, f"#{number}: TAKE {number}", at, script="alert_soon")
    page = rows.add(Message, mentee.key, **text, about_id=mentee.thread)
    alert: Row = {"handoff_id": number, "person_id": case.holder.id, "message_id": page, "at": at}
    rows.add(Alert, **alert, ladder=1, rung=0)
    if replied_at := case.times["first_reply_at"]:
        reply = to_thread(mentee, "Hey, I read it.", replied_at, by=case.holder)
        rows.add(Message, mentee.key, **reply)
    if case.status is Status.RESOLVED:
        _add_what_followed(rows, case, number, asked, chance)


def _handoff(case: Case, message: int, now: datetime) -> Row:
    waiting = case.status is Status.WAITING
    return {
        "conversation_id": case.mentee.thread,
        "opened_by_message_id": message,
        "need": case.need,
        "urgency": case.urgency,
        "status": case.status,
        "mentor_id": None if waiting else case.holder.id,
        "ladder": 1,
        "rung": 0,
        # Not due yet: otherwise a gateway on this database would climb the ladder now.
        "next_page_at": now + timedelta(days=1) if waiting else None,
        "outcome": case.outcome,
        **case.times,
    }


def _moves(case: Case) -> list[Row]:
    urgency, by = case.urgency.name.lower(), case.holder.id
    page = {"people": [by], "urgency": urgency, "ladder": 1, "rung": 0}
    moves: list[tuple[Move, datetime | None, int | None, Row]] = [
        (Move.OPEN, case.opened_at, None, {"need": case.need.value, "urgency": urgency}),
        (Move.PAGE, case.opened_at, None, page),
        (Move.CLAIM, case.times["claimed_at"], by, {}),
        (Move.RESOLVE, case.times["closed_at"], by, {"outcome": case.outcome}),
    ]
    return [
        {"at": at, "move": move, "by_id": by_id, "detail": detail}
        for move, at, by_id, detail in moves
        if at is not None
    ]


def _add_what_followed(
    rows: Inserts, case: Case, number: int, asked: int, chance: random.Random
) -> None:
    """Verdicts, skills, and check-ins of some closed handoffs, given with their message."""
    key, here = case.mentee.key, {"conversation_id": case.mentee.thread}
    if number % 3 == 0:
        verdict = chance.choice(list(Verdict))
        said = {"by_id": case.holder.id, "at": case.times["closed_at"], "verdict": verdict}
        rows.add(VerdictRecord, key, **here, handoff_id=number, **said)
    if number % 4 == 0:
        rows.add(
            SkillUse,
            key,
            **here,
            skill="breathing",
            started_at=case.opened_at - timedelta(minutes=20),
            ended_at=case.opened_at - timedelta(minutes=15),
            outcome=SkillOutcome.DONE,
            before=chance.randint(5, 9),
            after=chance.randint(2, 7),
        )
    if number % 3 == 1:
        at, score = case.opened_at - timedelta(hours=3), chance.randint(0, 10)
        rows.add(CheckIn, key, **here, message_id=asked, at=at, kind="mood", score=score)
