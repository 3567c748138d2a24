"""Who read and who changed what: a chain in which any change and any gap shows."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from gateway.cli import app
from gateway.runtime import audit
from gateway.runtime.audit import Head, first_broken, get_head, head_file_for, head_kept, note, read
from gateway.runtime.database import Database
from models import AuditEntry, use_key
from tests.conftest import KEY
from tests.line import RUTH, SAM, Talk

ANOTHER_KEY = "YW5vdGhlci1rZXktb25seS1mb3ItdGVzdHMtMzJieXQ="


@pytest.fixture
def head_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "heads" / "audit-head"
    audit.store_head_in(file)
    yield file
    audit.store_head_in(None)


def happens(talk: Talk, times: int = 1, action: str = "changed") -> None:
    ruth = talk.person(RUTH)
    for n in range(times):
        with talk.database.writing() as session:
            note(
                session,
                program_id=ruth.program_id,
                by=ruth,
                action=action,
                about=f"person:{n}",
                now=talk.clock(),
                role="mentor",
                rows=[n, 2],
                was=None,
            )


def entries(talk: Talk) -> list[AuditEntry]:
    with talk.database.reading() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def broken(talk: Talk, seen: Head | None = None) -> str | None:
    with talk.database.reading() as session:
        found = first_broken(session, seen=seen)
    return found.why if found else None


def tampers(database: Database, *statements: str) -> None:
    """Somebody with the database's own password takes the guards off, and then does it."""
    with database.engine.begin() as connection:
        on = "" if database.is_sqlite else " ON audit_entry"
        for trigger in ("audit_entry_no_update", "audit_entry_no_delete"):
            connection.execute(text(f"DROP TRIGGER {trigger}{on}"))
        for statement in statements:
            connection.execute(text(statement))


def test_an_intact_chain_has_no_problem(talk: Talk) -> None:
    assert broken(talk) is None
    happens(talk, 5)
    assert [entry.id for entry in entries(talk)] == [1, 2, 3, 4, 5]
    assert broken(talk) is None


def test_the_database_refuses_to_change_or_remove_an_entry(talk: Talk) -> None:
    happens(talk)
    for change in ("UPDATE audit_entry SET action = 'nothing'", "DELETE FROM audit_entry"):
        with (
            pytest.raises(DBAPIError, match="the audit log is append-only"),
            talk.database.engine.begin() as connection,
        ):
            connection.execute(text(change))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "'nothing'"),
        ("about", "'person:9'"),
        ("at", "'2020-01-01 00:00:00'"),
        ("by_id", "NULL"),
        ("detail", "'{}'"),
        ("previous", f"'{'0' * 64}'"),
        ("hash", f"'{'1' * 64}'"),
    ],
)
def test_any_changed_column_is_found(talk: Talk, column: str, value: str) -> None:
    happens(talk, 4)
    tampers(talk.database, f"UPDATE audit_entry SET {column} = {value} WHERE id = 3")
    assert broken(talk) == "Entry 3 was changed after it was written."


def test_an_entry_moved_to_another_program_is_found(talk: Talk) -> None:
    talk.a_manager_elsewhere()
    happens(talk, 2)
    tampers(talk.database, "UPDATE audit_entry SET program_id = 2 WHERE id = 1")
    assert broken(talk) == "Entry 1 was changed after it was written."


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_removed_entry_is_found(talk: Talk, gone: int) -> None:
    happens(talk, 4)
    tampers(talk.database, f"DELETE FROM audit_entry WHERE id = {gone}")
    assert broken(talk) == f"Entry {gone} is missing."


def test_a_gap_closed_by_new_numbers_is_found(talk: Talk) -> None:
    happens(talk, 4)
    tampers(
        talk.database,
        "DELETE FROM audit_entry WHERE id = 2",
        "UPDATE audit_entry SET id = 2 WHERE id = 3",
        "UPDATE audit_entry SET id = 3 WHERE id = 4",
    )
    assert broken(talk) == "Entry 2 was changed after it was written."


def test_swapped_entries_are_found(talk: Talk) -> None:
    happens(talk, 4)
    tampers(
        talk.database,
        "UPDATE audit_entry SET id = 99 WHERE id = 2",
        "UPDATE audit_entry SET id = 2 WHERE id = 3",
        "UPDATE audit_entry SET id = 3 WHERE id = 99",
    )
    assert broken(talk) == "Entry 2 was changed after it was written."


def test_a_forged_last_entry_is_found(talk: Talk) -> None:
    happens(talk, 2)
    tampers(
        talk.database,
        "INSERT INTO audit_entry (id, at, program_id, by_id, action, about, detail, previous, "
        f"hash) SELECT 3, at, program_id, by_id, action, about, detail, hash, '{'2' * 64}' "
        "FROM audit_entry WHERE id = 2",
    )
    assert broken(talk) == "Entry 3 was changed after it was written."


def test_a_chain_rebuilt_without_the_key_is_found(talk: Talk) -> None:
    """Whoever has the database but not WARMLINE_KEY can follow the recipe, and it shows."""
    happens(talk, 3)
    use_key(ANOTHER_KEY)
    with talk.database.reading() as session:
        assert first_broken(session) is not None
    use_key(KEY)
    assert broken(talk) is None


@pytest.mark.parametrize("left", [0, 3])
def test_entries_cut_off_the_end_are_found_by_the_stored_head(
    talk: Talk, head_file: Path, left: int
) -> None:
    happens(talk, 4)
    kept = head_kept(head_file)
    assert kept == Head(4, entries(talk)[-1].hash)
    tampers(talk.database, f"DELETE FROM audit_entry WHERE id > {left}")
    assert broken(talk) is None, "the chain alone cannot know"
    assert broken(talk, kept) == f"Entry {left + 1} is missing: there were 4 entries before."


def test_a_replaced_end_is_found_by_an_earlier_head(talk: Talk, head_file: Path) -> None:
    happens(talk, 4)
    kept = head_kept(head_file)
    tampers(talk.database, "DELETE FROM audit_entry WHERE id = 4")
    happens(talk, 1, action="something else")
    assert broken(talk) is None
    assert broken(talk, kept) == "Entry 4 is not the one that was there before."
    assert head_kept(head_file) == kept, "a head only moves forward"


def test_a_written_head_reads_back(talk: Talk) -> None:
    happens(talk, 2)
    with talk.database.reading() as session:
        head = get_head(session)
    assert head is not None
    assert Head.read(f" {head}\n") == head
    for nonsense in ("", "2", f"x:{'0' * 64}", "2:abc"):
        with pytest.raises(ValueError, match="NUMBER:HASH"):
            Head.read(nonsense)


def test_a_rollback_leaves_no_entry(talk: Talk, head_file: Path) -> None:
    ruth = talk.person(RUTH)

    def changes(session: Session, about: str) -> None:
        note(
            session,
            program_id=ruth.program_id,
            by=ruth,
            action="changed",
            about=about,
            now=talk.clock(),
        )

    with pytest.raises(RuntimeError), talk.database.writing() as session:
        changes(session, "person:1")
        raise RuntimeError
    with talk.database.writing() as session:
        changes(session, "person:2")
        with pytest.raises(RuntimeError), session.begin_nested():
            changes(session, "person:3")
            raise RuntimeError
        with session.begin_nested():
            changes(session, "person:4")
    assert [entry.about for entry in entries(talk)] == ["person:2", "person:4"]
    assert broken(talk, head_kept(head_file)) is None


def test_simultaneous_appends_make_one_chain(talk: Talk, head_file: Path) -> None:
    ready = threading.Barrier(8)

    def one() -> None:
        ready.wait()
        happens(talk, 10)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.id for entry in entries(talk)] == list(range(1, 81))
    assert broken(talk, head_kept(head_file)) is None
    assert head_kept(head_file) == Head(80, entries(talk)[-1].hash)


def test_repeated_reads_within_ten_minutes_are_one_entry(talk: Talk) -> None:
    ruth, sam = talk.person(RUTH), talk.person(SAM)
    read(talk.line, ruth, "handoff:7")
    read(talk.line, ruth, "handoff:7")
    read(talk.line, sam, "handoff:7")
    read(talk.line, ruth, "handoff:8")
    talk.clock.now += timedelta(minutes=9)
    read(talk.line, ruth, "handoff:7")
    talk.clock.now += timedelta(minutes=1)
    read(talk.line, ruth, "handoff:7")
    assert [(entry.by_id, entry.about) for entry in entries(talk)] == [
        (ruth.id, "handoff:7"),
        (sam.id, "handoff:7"),
        (ruth.id, "handoff:8"),
        (ruth.id, "handoff:7"),
    ]
    assert broken(talk) is None


def test_a_float_in_the_detail_is_refused(talk: Talk) -> None:
    ruth = talk.person(RUTH)
    with pytest.raises(TypeError, match="not share"), talk.database.writing() as session:
        note(
            session,
            program_id=ruth.program_id,
            by=ruth,
            action="changed",
            about="policy",
            now=talk.clock(),
            share=0.1,
        )


@pytest.mark.parametrize(
    ("tampered", "said"),
    [
        (None, "The audit log is intact: 3 entries, none changed or missing."),
        ("UPDATE audit_entry SET action = 'x' WHERE id = 2", "Entry 2 was changed after"),
        ("DELETE FROM audit_entry WHERE id = 1", "Entry 1 is missing."),
        ("DELETE FROM audit_entry WHERE id = 3", "Entry 3 is missing: there were 3 entries"),
    ],
)
def test_check_audit_names_the_first_broken_entry(
    talk: Talk,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tampered: str | None,
    said: str,
) -> None:
    for name, value in {"DATABASE_URL": database_url, "WARMLINE_KEY": KEY, "SMS": "phones"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("gateway.cli.checks.ROOT", tmp_path)
    monkeypatch.setattr("gateway.serve.ROOT", tmp_path)
    (tmp_path / "var").mkdir()
    file = head_file_for(database_url, tmp_path / "var")
    audit.store_head_in(file)
    try:
        happens(talk, 3)
        head = str(head_kept(file))
        if tampered:
            tampers(talk.database, tampered)
        told = CliRunner().invoke(app, ["check", "--audit"])
        assert said in told.output
        assert told.exit_code == (1 if tampered else 0)
        file.unlink()
        told = CliRunner().invoke(app, ["check", "--audit", "--head", head])
        assert said in told.output, "a head that was written down does as well"
    finally:
        audit.store_head_in(None)
