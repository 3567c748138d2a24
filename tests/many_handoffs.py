"""A program that has seen a lot: thousands of handoffs in seconds, to measure pages with.

By hand: `WARMLINE_KEY=... DATABASE_URL=... python -m tests.many_handoffs 10000`.
"""

import os
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from gateway.demo import seed_demo
from gateway.runtime.database import Database, make_engine
from models import (
    Alert,
    Base,
    Channel,
    CheckIn,
    Conversation,
    DecisionRecord,
    Delivery,
    Handoff,
    HandoffEvent,
    Match,
    MatchKind,
    Message,
    Move,
    Need,
    Outcome,
    Owner,
    Person,
    Program,
    Role,
    SkillOutcome,
    SkillUse,
    Speaker,
    Status,
    Urgency,
    Verdict,
    VerdictRecord,
)
from models.encryption import phone_index, use_key

HANDOFFS_A_MENTEE = 20
LOOKS_BACK = timedelta(days=365)
WAITING, HELD = 20, 30
NAMES = ("Ada", "Ben", "Cleo", "Dev", "Ema", "Finn", "Gia", "Hugo", "Ivy", "Juno", "Kai", "Lea")
# Numbers that are reserved for examples: 555-01xx, a hundred in each area.
AREAS = (203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219)
ASKS = "nobody would notice if i was gone, i just want someone to talk to"
EVIDENCE = (
    '[{"axis": "connection", "start": 35, "end": 65, "quote": "i just want someone to talk to", '
    '"rule": "someone_to_talk_to"}]'
)
URGENCY_OF = {
    Need.CRISIS: Urgency.CRISIS,
    Need.CONCERN: Urgency.SOON,
    Need.REQUEST: Urgency.SOON,
    Need.CONNECTION: Urgency.ROUTINE,
    Need.STUCK: Urgency.ROUTINE,
}
OFTEN = {Need.CRISIS: 3, Need.CONCERN: 10, Need.REQUEST: 40, Need.CONNECTION: 30, Need.STUCK: 17}

Row = dict[str, Any]


def fill(database: Database, handoffs: int = 10_000, *, now: datetime, seed: int = 5) -> None:
    """Give the first program this many handoffs, spread over the year before `now`.

    The last of them are open: some wait, some are held by the program's first mentor. The rest
    are closed, with their moves, alerts, answers, and for some a verdict. Same seed, same rows.
    """
    chance = random.Random(seed)
    with database.writing() as session:
        program = session.scalars(select(Program).order_by(Program.id)).first()
        assert program is not None, "seed the demo first"
        mentors = session.scalars(
            select(Person)
            .where(Person.program_id == program.id, Person.role != Role.MENTEE)
            .order_by(Person.id)
        ).all()
        count = max(handoffs // HANDOFFS_A_MENTEE, WAITING + HELD)
        threads = _mentees(session, program, mentors, count, now=now)
        own_threads = _threads_of(session, program, mentors)
        _handoffs(session, threads, mentors, own_threads, handoffs, chance, now=now)


def _mentees(
    session: Session, program: Program, mentors: Sequence[Person], count: int, *, now: datetime
) -> list[tuple[int, int]]:
    """So many mentees, matched in turn; the answer is the row of each and of their thread."""
    numbers = [f"+1{area}55501{n:02d}" for area in AREAS for n in range(100)]
    people = _add(
        session,
        Person,
        [
            {
                "program_id": program.id,
                "role": Role.MENTEE,
                "name": f"{NAMES[n % len(NAMES)]} {n}",
                "phone": numbers[n],
                "phone_index": phone_index(numbers[n]),
                "timezone": program.timezone,
                "enrolled_at": now - LOOKS_BACK,
            }
            for n in range(count)
        ],
    )
    own = [person for person in mentors if person.role is Role.MENTOR] or list(mentors)
    _add(
        session,
        Match,
        [
            {"mentee_id": mentee, "mentor_id": own[n % len(own)].id, "kind": MatchKind.OWN}
            for n, mentee in enumerate(people)
        ],
    )
    return list(zip(people, _threads(session, program, people), strict=True))


def _threads(session: Session, program: Program, people: Sequence[int]) -> list[int]:
    return _add(
        session,
        Conversation,
        [
            {"program_id": program.id, "person_id": person, "channel": Channel.SMS}
            for person in people
        ],
    )


def _threads_of(session: Session, program: Program, people: Sequence[Person]) -> dict[int, int]:
    """Each person's thread, begun where there is none."""
    found = {
        thread.person_id: thread.id
        for thread in session.scalars(
            select(Conversation).where(Conversation.person_id.in_([one.id for one in people]))
        )
        if thread.person_id is not None
    }
    without = [one.id for one in people if one.id not in found]
    return found | dict(zip(without, _threads(session, program, without), strict=True))


def _handoffs(
    session: Session,
    threads: Sequence[tuple[int, int]],
    mentors: Sequence[Person],
    own_threads: dict[int, int],
    count: int,
    chance: random.Random,
    *,
    now: datetime,
) -> None:
    needs = chance.choices(list(OFTEN), weights=list(OFTEN.values()), k=count)
    opened = [now - LOOKS_BACK + (n + 1) * LOOKS_BACK / (count + 1) for n in range(count)]
    in_thread = [threads[n % len(threads)] for n in range(count)]
    holders = [chance.choice(mentors) for _ in range(count)]
    answered_after = [timedelta(seconds=chance.lognormvariate(5.5, 1)) for _ in range(count)]
    first_open = count - WAITING - HELD
    holders[first_open : first_open + HELD] = [mentors[0]] * HELD
    held = [n for n in range(count) if n < count - WAITING]
    closed = [n for n in range(count) if n < first_open]

    asked = _add(session, Message, [_asks(*in_thread[n], opened[n]) for n in range(count)])
    rows = []
    for n in range(count):
        row: Row = {
            "conversation_id": in_thread[n][1],
            "opened_by_message_id": asked[n],
            "need": needs[n],
            "urgency": URGENCY_OF[needs[n]],
            "status": Status.WAITING,
            "mentor_id": None,
            "ladder": 1,
            "rung": 0,
            # A ladder that is due now would be climbed by whoever serves this database.
            "next_page_at": now + timedelta(days=1) if n >= count - WAITING else None,
            "opened_at": opened[n],
            "claimed_at": None,
            "first_reply_at": None,
            "closed_at": None,
            "outcome": None,
        }
        if n in range(len(held)):
            row |= {"status": Status.CLAIMED, "mentor_id": holders[n].id}
            row |= {
                "claimed_at": opened[n] + answered_after[n] / 2,
                "first_reply_at": opened[n] + answered_after[n],
            }
        if n < first_open:
            row |= {
                "status": Status.RESOLVED,
                "closed_at": opened[n] + 5 * answered_after[n],
                "outcome": chance.choice(list(Outcome)),
            }
        rows.append(row)
    handoffs = _add(session, Handoff, rows)

    _add(
        session,
        DecisionRecord,
        [_decided(handoffs[n], asked[n], needs[n], opened[n]) for n in range(count)],
    )
    moves = []
    for n in range(count):
        urgency = URGENCY_OF[needs[n]].name.lower()
        moves.append(
            _moved(handoffs[n], Move.OPEN, opened[n], need=needs[n].value, urgency=urgency)
        )
        paged: dict[str, Any] = {"urgency": urgency, "ladder": 1, "rung": 0}
        moves.append(_moved(handoffs[n], Move.PAGE, opened[n], people=[holders[n].id], **paged))
        if n < len(held):
            moves.append(_moved(handoffs[n], Move.CLAIM, rows[n]["claimed_at"], by=holders[n].id))
        if n < first_open:
            outcome = rows[n]["outcome"].value
            moves.append(
                _moved(
                    handoffs[n],
                    Move.RESOLVE,
                    rows[n]["closed_at"],
                    by=holders[n].id,
                    outcome=outcome,
                )
            )
    _add(session, HandoffEvent, moves)
    texts = _add(
        session,
        Message,
        [
            _says(own_threads[holders[n].id], f"#{handoffs[n]}: TAKE {handoffs[n]}", opened[n])
            for n in range(count)
        ],
    )
    _add(
        session,
        Alert,
        [
            {
                "handoff_id": handoffs[n],
                "person_id": holders[n].id,
                "message_id": texts[n],
                "ladder": 1,
                "rung": 0,
                "at": opened[n],
            }
            for n in range(count)
        ],
    )
    _add(
        session,
        Message,
        [
            _says(in_thread[n][1], "Hey, I read it.", rows[n]["first_reply_at"], by=holders[n])
            for n in held
        ],
    )
    _add(
        session,
        VerdictRecord,
        [
            {
                "conversation_id": in_thread[n][1],
                "handoff_id": handoffs[n],
                "by_id": holders[n].id,
                "at": rows[n]["closed_at"],
                "verdict": chance.choice(list(Verdict)),
            }
            for n in closed[::3]
        ],
    )
    _add(
        session,
        SkillUse,
        [
            {
                "conversation_id": in_thread[n][1],
                "skill": "breathing",
                "started_at": opened[n] - timedelta(minutes=20),
                "ended_at": opened[n] - timedelta(minutes=15),
                "outcome": SkillOutcome.DONE,
                "before": chance.randint(5, 9),
                "after": chance.randint(2, 7),
            }
            for n in closed[::4]
        ],
    )
    _add(
        session,
        CheckIn,
        [
            {
                "conversation_id": in_thread[n][1],
                "message_id": asked[n],
                "at": opened[n] - timedelta(hours=3),
                "kind": "mood",
                "score": chance.randint(0, 10),
            }
            for n in closed[::3]
        ],
    )


def _asks(mentee: int, thread: int, at: datetime) -> Row:
    return {
        "conversation_id": thread,
        "at": at,
        "outgoing": False,
        "speaker": Speaker.MENTEE,
        "speaker_id": mentee,
        "speaker_name": "A mentee",
        "words": ASKS,
        "channel": Channel.SMS,
        "handled_at": at,
        "moved_at": at,
    }


def _says(thread: int, words: str, at: datetime, *, by: Person | None = None) -> Row:
    """What the bot said, or a person; it has been delivered."""
    return {
        "conversation_id": thread,
        "at": at,
        "outgoing": True,
        "speaker": Speaker(by.role.value) if by else Speaker.BOT,
        "speaker_id": by.id if by else None,
        "speaker_name": by.name if by else None,
        "words": words,
        "script": None if by else "alert_soon",
        "channel": Channel.SMS,
        "handled_at": at,
        "moved_at": at,
        "delivery": Delivery.DELIVERED,
        "tries": 1,
        "sending_at": at,
        "sent_at": at + timedelta(seconds=1),
        "delivered_at": at + timedelta(seconds=3),
    }


def _decided(handoff: int, message: int, need: Need, at: datetime) -> Row:
    return {
        "message_id": message,
        "handoff_id": handoff,
        "at": at,
        "owner": Owner.BOT,
        "crisis": 0.9 if need is Need.CRISIS else 0.1,
        "connection": 0.9,
        "tools": 0.1,
        "asked_for_person": need is Need.REQUEST,
        "bot": "answered",
        "evidence": EVIDENCE,
        "version": "many",
        "thresholds": {"crisis": 0.7, "concern": 0.3, "connection": 0.82, "tools": 0.5},
        "seen": None,
        "quadrant": "connection",
        "counterfactual": None,
        "decision": "hand_off",
        "why": "wishes for a person",
    }


def _moved(
    handoff: int, move: Move, at: datetime, *, by: int | None = None, **detail: object
) -> Row:
    return {"handoff_id": handoff, "at": at, "move": move, "by_id": by, "detail": detail}


def _add(session: Session, table: type[Base], rows: Sequence[Row]) -> list[int]:
    """Insert the rows at once; the answer is their ids, in the same order.

    They are numbered here: asking the database for ten thousand ids takes longer than the rest.
    """
    if not rows:
        return []
    key = table.__table__.c.id
    last = session.scalar(select(func.max(key))) or 0
    ids = list(range(last + 1, last + 1 + len(rows)))
    numbered = [{"id": number, **row} for number, row in zip(ids, rows, strict=True)]
    session.connection().execute(insert(table), numbered)
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
        session.execute(select(func.setval(sequence, ids[-1])))
    return ids


def main() -> None:
    use_key(os.environ["WARMLINE_KEY"])
    database = Database(make_engine(os.environ["DATABASE_URL"]))
    database.migrate()
    now = datetime.now(UTC)
    with database.writing() as session:
        seed_demo(session, now=now)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    began = time.monotonic()
    fill(database, count, now=now)
    print(f"{count} handoffs in {time.monotonic() - began:.1f} s.")


if __name__ == "__main__":
    main()
