"""Three years of a program: what is deleted because of its age, and what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from gateway.privacy.legal_hold import begin_hold
from gateway.privacy.retention import AT_ONCE, CLASSES, Scope, count_due, delete_by_age
from gateway.runtime import audit
from gateway.runtime.audit import first_broken, get_head
from models import (
    AuditAnchor,
    AuditEntry,
    CheckIn,
    Concern,
    Conversation,
    DecisionRecord,
    Goal,
    Handoff,
    HandoffEvent,
    Message,
    Note,
    Person,
    Program,
    SafeguardingRecord,
    SkillOutcome,
    SkillUse,
    Status,
)
from tests.commands import warmline
from tests.line import JO, MAYA, RUTH, SAM, STRANGER, Talk
from tests.many_handoffs import fill

YEAR = timedelta(days=365)


def scope(talk: Talk, session: Session) -> Scope:
    program = session.scalars(select(Program)).first()
    assert program is not None
    return Scope(session, program, talk.line.rules.policy.retention, talk.clock())


def due(talk: Talk) -> dict[str, int]:
    with talk.database.reading() as session:
        return dict(count_due(scope(talk, session)))


def nightly(talk: Talk) -> dict[str, int]:
    program = talk.rows(Program)[0].id
    policies = {program: talk.line.rules.policy.retention}
    return delete_by_age(talk.database, policies, now=talk.clock())[program]


def lives(talk: Talk, number: str) -> None:
    """A day with everything in it: words, a check-in, a skill, a goal, a note, a reason."""
    talk.claims(SAM, number)
    talk.texts(SAM, "hello, I am here")
    talk.texts(SAM, "NOTE {} she misses her cat")
    talk.texts(SAM, "DONE {} TALKED about her cat")
    with talk.database.writing() as session:
        thread = session.get_one(Conversation, talk.conversation(number).id)
        latest = session.scalars(
            select(Message.id).where(
                Message.conversation_id == thread.id, Message.outgoing.is_(False)
            )
        ).all()[-1]
        same = {"conversation_id": thread.id}
        session.add(CheckIn(kind="mood", **same, message_id=latest, at=talk.clock(), score=3))
        session.add(SkillUse(**same, skill="breathing", started_at=talk.clock(), before=7))
        session.add(Goal(**same, words="sleep more", set_at=talk.clock()))
        skill = session.scalars(select(SkillUse).order_by(SkillUse.id.desc())).first()
        assert skill is not None
        skill.ended_at, skill.outcome = talk.clock(), SkillOutcome.LEFT


@pytest.fixture
def three_years(talk: Talk) -> Talk:
    """Maya, Jo, and a stranger, in each of three years. Maya is under a legal hold."""
    talk.clock.now = datetime(2023, 11, 7, 15, 0, tzinfo=UTC)
    for _ in range(3):
        for number in (MAYA, JO):
            lives(talk, number)
        talk.texts(STRANGER, "hello?")
        talk.clock.now += YEAR
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        begin_hold(session, maya, "court order", by=None, now=talk.clock())
    return talk


def rows(talk: Talk, table: Any, number: str) -> int:
    thread = talk.conversation(number).id
    return sum(one.conversation_id == thread for one in talk.rows(table))


def test_old_rows_go_by_class_and_held_ones_stay(three_years: Talk) -> None:
    talk = three_years
    mayas = {table: rows(talk, table, MAYA) for table in (Message, CheckIn, SkillUse, Goal)}
    jos = rows(talk, Message, JO)
    before = due(talk)
    assert before["check_ins"] == before["skills"] == before["goals"] == 2
    assert before["strangers"] == 1
    assert before["messages"] > 0
    assert before["reasons"] == before["notes"] == 1

    deleted = nightly(talk)
    assert deleted == before
    assert not any(due(talk).values())
    assert {table: rows(talk, table, MAYA) for table in mayas} == mayas
    assert 0 < rows(talk, Message, JO) < jos
    assert rows(talk, CheckIn, JO) == 1
    assert len(talk.rows(Note)) == 5
    moves = [one for one in talk.rows(HandoffEvent) if one.move.value == "resolve"]
    assert len(moves) == 6, "the moves stay"
    assert sum(one.note is None for one in moves) == 1
    [entry] = [one for one in talk.rows(AuditEntry) if one.action == "retention"]
    assert entry.detail["check_ins"] == 2
    with talk.database.reading() as session:
        assert first_broken(session) is None


def test_a_stranger_is_forgotten_and_can_write_again(three_years: Talk) -> None:
    nightly(three_years)
    words = [one.words for one in three_years.rows(Message) if one.speaker.value == "unknown"]
    assert words == []
    three_years.texts(STRANGER, "hello again")
    assert "hello again" in [one.words for one in three_years.rows(Message)]


def test_an_open_handoff_keeps_its_conversation(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.clock.now += 3 * YEAR
    count = len(talk.rows(Message))
    nightly(talk)
    assert len(talk.rows(Message)) == count


def test_people_who_left_are_erased_after_a_year(talk: Talk) -> None:
    jo = talk.person(JO).id
    talk.sets(JO, left_at=talk.clock())
    talk.clock.now += timedelta(days=364)
    nightly(talk)
    assert talk.person(JO).name == "Jo"
    talk.clock.now += timedelta(days=2)
    assert nightly(talk)["people_who_left"] == 1
    [row] = [one for one in talk.rows(Person) if one.id == jo]
    assert row.erased_at
    assert row.phone is None
    assert due(talk)["people_who_left"] == 0


def test_closed_safeguarding_records_stay_fifteen_years(talk: Talk) -> None:
    with talk.database.writing() as session:
        maya, ruth = talk.person(MAYA), talk.person(RUTH)
        record = SafeguardingRecord(
            program_id=maya.program_id,
            mentee_id=maya.id,
            concern=Concern.OTHER,
            words="a bruise",
            opened_at=talk.clock(),
            opened_by_id=ruth.id,
            due_at=talk.clock(),
            outcome="looked into",
            closed_at=talk.clock(),
        )
        session.add(record)
    talk.clock.now += 14 * YEAR
    nightly(talk)
    assert len(talk.rows(SafeguardingRecord)) == 1
    talk.clock.now += 2 * YEAR
    nightly(talk)
    assert talk.rows(SafeguardingRecord) == []


# --- the audit log ---


def notes_entries(talk: Talk, count: int) -> None:
    with talk.database.writing() as session:
        for _ in range(count):
            audit.note_about(
                session,
                session.get_one(Person, talk.person(MAYA).id),
                "read",
                by=None,
                now=talk.clock(),
            )


def test_old_audit_entries_go_and_the_rest_can_still_be_verified(talk: Talk) -> None:
    notes_entries(talk, 5)
    talk.clock.now += 7 * YEAR
    notes_entries(talk, 3)
    with talk.database.reading() as session:
        seen = get_head(session)
    nightly(talk)
    kept = talk.rows(AuditEntry)
    assert [one.id for one in kept] == [6, 7, 8, 9]
    with talk.database.reading() as session:
        assert first_broken(session, seen=seen) is None
    with pytest.raises(DatabaseError, match="append-only"), talk.database.writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id == 7))


def test_an_anchor_that_we_did_not_write_is_found(talk: Talk) -> None:
    notes_entries(talk, 5)
    forged = {"number": 3, "hash": "0" * 64, "at": talk.clock(), "seal": "0" * 64}
    with talk.database.writing() as session:
        session.execute(insert(AuditAnchor).values(**forged))
        session.execute(delete(AuditEntry).where(AuditEntry.id <= 3))
    with talk.database.reading() as session:
        assert first_broken(session) == "The note that entries up to 3 were deleted is not ours."


# --- the command, and a large program ---


def test_the_command_counts_and_deletes(local: Talk) -> None:
    local.clock.now -= 3 * YEAR
    local.texts(MAYA, "hello")
    count = len(local.rows(Message))
    counted = warmline("retention", "--dry-run")
    assert counted.exit_code == 0, counted.output
    assert f"messages{count:>22}" in counted.stdout
    assert len(local.rows(Message)) == count
    assert warmline("retention").exit_code == 0
    assert local.rows(Message) == []


def test_a_large_program_is_done_in_small_transactions(talk: Talk) -> None:
    fill(talk.database, 600, now=talk.clock())
    closed = {"status": Status.WITHDRAWN, "closed_at": talk.clock()}
    with talk.database.writing() as session:
        session.execute(update(Handoff).where(Handoff.closed_at.is_(None)).values(**closed))
    everything = len(talk.rows(DecisionRecord))
    talk.clock.now += 4 * YEAR
    deleted = nightly(talk)
    assert deleted["decisions"] > everything / 2 > AT_ONCE
    assert {one.name for one in CLASSES} == deleted.keys()
