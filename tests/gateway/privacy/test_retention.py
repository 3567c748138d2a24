"""Three years of a program: what is deleted because of its age, and what is not."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation
from gateway.privacy.jobs import DeleteCopies, DeleteOldData
from gateway.privacy.legal_hold import begin_hold
from gateway.privacy.retention import AT_ONCE, CLASSES, Scope, count_due, delete_by_age
from gateway.runtime import audit
from gateway.runtime.audit import first_broken, get_head
from gateway.worker import do_work
from models import (
    AuditAnchor,
    AuditEntry,
    Channel,
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
    ProviderCopy,
    SafeguardingRecord,
    SkillOutcome,
    SkillUse,
    Speaker,
    Status,
    Verdict,
    VerdictRecord,
)
from tests.commands import warmline
from tests.history import fill
from tests.line import JO, MAYA, RUTH, SAM, STRANGER, Clock, Handsets, Talk

YEAR = timedelta(days=365)


def scope(talk: Talk, session: Session) -> Scope:
    program = session.scalars(select(Program)).first()
    assert program is not None
    return Scope(session, program.id, talk.line.rules.policy.retention, talk.clock())


def due(talk: Talk) -> dict[str, int]:
    with talk.database.reading() as session:
        return dict(count_due(scope(talk, session)))


def deletes(talk: Talk) -> dict[str, int]:
    program = talk.rows(Program)[0].id
    policies = {program: talk.line.rules.policy.retention}
    return delete_by_age(talk.database, policies, now=talk.clock())[program]


def lives(talk: Talk, number: str) -> None:
    """A day with everything in it: words, a check-in, a skill, a goal, and what staff wrote."""
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
        judged = {"handoff_id": talk.handoff().id, "verdict": Verdict.RIGHT}
        session.add(
            VerdictRecord(
                **same, **judged, by_id=talk.person(RUTH).id, at=talk.clock(), note="her cat"
            )
        )
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
    assert before["reasons"] == before["notes"] == before["verdict_notes"] == 1

    deleted = deletes(talk)
    assert deleted == before
    assert not any(due(talk).values())
    assert {table: rows(talk, table, MAYA) for table in mayas} == mayas
    assert 0 < rows(talk, Message, JO) < jos
    assert rows(talk, CheckIn, JO) == 1
    assert len(talk.rows(Note)) == 5
    assert sum(one.note is None for one in talk.rows(VerdictRecord)) == 1
    moves = [one for one in talk.rows(HandoffEvent) if one.move.value == "resolve"]
    assert len(moves) == 6, "the moves stay"
    assert sum(one.note is None for one in moves) == 1
    [entry] = [one for one in talk.rows(AuditEntry) if one.action == "retention"]
    assert entry.detail["check_ins"] == 2
    with talk.database.reading() as session:
        assert first_broken(session) is None


def test_a_stranger_is_forgotten_and_can_write_again(three_years: Talk) -> None:
    deletes(three_years)
    words = [one.words for one in three_years.rows(Message) if one.speaker.value == "unknown"]
    assert words == []
    three_years.texts(STRANGER, "hello again")
    assert "hello again" in [one.words for one in three_years.rows(Message)]


def test_an_unknown_number_that_texts_during_the_deletion_is_kept(talk: Talk) -> None:
    talk.texts(STRANGER, "hello?")
    talk.clock.now += timedelta(days=91)
    with ThreadPoolExecutor() as pool:
        with talk.database.writing() as session:
            unknown = select(Conversation.id).where(Conversation.person_id.is_(None))
            thread = lock_conversation(session, session.scalars(unknown).one())
            deletion = pool.submit(deletes, talk)
            time.sleep(0.5)  # it has found the number and waits for us
            text = {"provider_id": "SM" + "9" * 32, "channel": Channel.SMS}
            words = {"words": "can anybody help me?", "speaker": Speaker.UNKNOWN}
            now = {"at": talk.clock(), "moved_at": talk.clock()}
            session.add(Message(conversation_id=thread.id, outgoing=False, **text, **words, **now))
        deleted = deletion.result()
    assert deleted["strangers"] == 0
    assert "can anybody help me?" in [one.words for one in talk.rows(Message)]


def test_an_open_handoff_keeps_its_conversation(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.clock.now += 3 * YEAR
    count = len(talk.rows(Message))
    deletes(talk)
    assert len(talk.rows(Message)) == count


def test_people_who_left_are_erased_after_a_year(talk: Talk) -> None:
    jo = talk.person(JO).id
    talk.sets(JO, left_at=talk.clock())
    talk.clock.now += timedelta(days=364)
    deletes(talk)
    assert talk.person(JO).name == "Jo"
    talk.clock.now += timedelta(days=2)
    assert deletes(talk)["people_who_left"] == 1
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
    deletes(talk)
    assert len(talk.rows(SafeguardingRecord)) == 1
    talk.clock.now += 2 * YEAR
    deletes(talk)
    assert talk.rows(SafeguardingRecord) == []


# --- the provider's copies ---


def copies(talk: Talk) -> set[str]:
    return {one.provider_id for one in talk.rows(ProviderCopy)}


def provider_ids(talk: Talk, number: str) -> set[str]:
    return {one.provider_id for one in talk.thread(number) if one.provider_id}


def test_the_providers_copies_of_held_people_stay(talk: Talk) -> None:
    talk.adopts("retention", provider_copies_days=30)
    for number in (MAYA, JO):
        talk.texts(number, "hello")
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        begin_hold(session, maya, "court order", by=None, now=talk.clock())
    talk.clock.now += timedelta(days=31)
    deletes(talk)
    assert copies(talk) == provider_ids(talk, JO) != set()


def test_the_provider_is_asked_once_for_each_copy(talk: Talk) -> None:
    talk.adopts("retention", provider_copies_days=30)
    talk.texts(JO, "hello")
    asked = provider_ids(talk, JO)
    talk.clock.now += timedelta(days=31)
    deletes(talk)
    do_work(talk.line, DeleteCopies())
    assert set(talk.phones.forgotten) == asked
    talk.clock.now += 3 * YEAR
    deletes(talk)
    assert talk.thread(JO) == []
    assert copies(talk) == set()


def test_without_a_number_of_days_the_provider_is_not_asked(talk: Talk) -> None:
    talk.texts(JO, "hello")
    talk.clock.now += 3 * YEAR
    assert deletes(talk)["messages"] > 0
    assert copies(talk) == set()


def test_a_job_stops_after_four_seconds_and_another_one_goes_on(talk: Talk) -> None:
    talk.kept.ignored = ("check_ins",)
    talk.line.texts = SlowProvider(talk.clock)
    with talk.database.writing() as session:
        for number in range(6):
            now = {"at": talk.clock(), "next_try_at": talk.clock()}
            session.add(ProviderCopy(provider_id=f"SM{number:032d}", **now))
    do_work(talk.line, DeleteCopies())
    assert len(copies(talk)) == 2
    talk.passes(minutes=1)
    talk.runs_watchdog()
    assert copies(talk) == set()


class SlowProvider(Handsets):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def forget(self, provider_id: str) -> None:
        self.clock.now += timedelta(seconds=1)
        super().forget(provider_id)


def test_a_deletion_that_takes_long_goes_on_in_another_job(talk: Talk) -> None:
    talk.texts(JO, "hello")
    talk.clock.now += 3 * YEAR
    talk.kept.ignored = ("check_ins",)

    def slow() -> datetime:
        talk.clock.now += timedelta(seconds=0.5)
        return talk.clock.now

    talk.line.clock = slow
    do_work(talk.line, DeleteOldData())
    assert talk.thread(JO) != [], "it stopped"
    [(at, work)] = talk.kept.work
    assert (at, work) == (talk.clock(), DeleteOldData())
    talk.line.clock = talk.clock
    talk.passes(minutes=1)
    assert talk.thread(JO) == []
    assert talk.kept.work[0][0] > talk.clock() + timedelta(hours=23)


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
    deletes(talk)
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
    deleted = deletes(talk)
    assert deleted["decisions"] > everything / 2 > AT_ONCE
    assert {one.name for one in CLASSES} == deleted.keys()
