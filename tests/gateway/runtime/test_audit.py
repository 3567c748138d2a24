"""The audit log: a chain in which any change and any gap shows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from gateway.cli import app
from gateway.runtime import audit
from gateway.runtime.audit import (
    Head,
    first_broken,
    get_head,
    head_file_for,
    note_about,
    read,
    read_stored_head,
)
from gateway.runtime.database import Database
from models import AuditEntry, Person, use_key
from tests.conftest import KEY
from tests.keys import KEYS
from tests.line import RUTH, SAM, Talk

ANOTHER_KEY = "YW5vdGhlci1rZXktb25seS1mb3ItdGVzdHMtMzJieXQ="


@pytest.fixture
def head_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "heads" / "audit-head"
    audit.store_head_in(file)
    yield file
    audit.store_head_in(None)


def happens(talk: Talk, times: int = 1, action: str = "changed", **detail: Any) -> None:
    for n in range(times):
        with talk.database.writing() as session:
            ruth = session.get_one(Person, talk.person(RUTH).id)
            given = {"role": "mentor", "rows": [n, 2], "was": None, **detail}
            note_about(session, ruth, action, by=ruth, now=talk.clock(), **given)


def entries(talk: Talk) -> list[AuditEntry]:
    with talk.database.reading() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def broken(talk: Talk, seen: Head | None = None) -> str | None:
    with talk.database.reading() as session:
        return first_broken(session, seen=seen)


def tampers(database: Database, *statements: str) -> None:
    """Somebody with the database's own password removes the triggers first."""
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


CHANGED = "Entry {} was changed after it was written."
NEW_VALUES = {
    "action": "'nothing'",
    "about": "'person:9'",
    "at": "'2020-01-01 00:00:00'",
    "by_id": "NULL",
    "detail": "'{}'",
    "previous": f"'{'0' * 64}'",
    "hash": f"'{'1' * 64}'",
    "program_id": "2",
}
REMOVE = "DELETE FROM audit_entry WHERE id = {}"
MOVE = "UPDATE audit_entry SET id = {1} WHERE id = {0}"
FORGE = (
    "INSERT INTO audit_entry (id, at, program_id, by_id, action, about, detail, previous, hash) "
    f"SELECT 5, at, program_id, by_id, action, about, detail, hash, '{'2' * 64}' "
    "FROM audit_entry WHERE id = 4"
)
TAMPERING = [
    *(
        ([f"UPDATE audit_entry SET {column} = {value} WHERE id = 3"], CHANGED.format(3))
        for column, value in NEW_VALUES.items()
    ),
    *(([REMOVE.format(gone)], f"Entry {gone} is missing.") for gone in (1, 2, 3)),
    # A gap closed by new numbers, two entries swapped, and a forged last entry.
    ([REMOVE.format(2), MOVE.format(3, 2), MOVE.format(4, 3)], CHANGED.format(2)),
    ([MOVE.format(2, 99), MOVE.format(3, 2), MOVE.format(99, 3)], CHANGED.format(2)),
    ([FORGE], CHANGED.format(5)),
]


@pytest.mark.parametrize(("statements", "problem"), TAMPERING)
def test_tampering_is_found(talk: Talk, statements: list[str], problem: str) -> None:
    talk.a_manager_elsewhere()
    happens(talk, 4)
    tampers(talk.database, *statements)
    assert broken(talk) == problem


def test_a_chain_rebuilt_without_the_key_is_found(talk: Talk, tmp_path: Path) -> None:
    happens(talk, 3)
    use_key(KEY, tmp_path)
    assert broken(talk) is not None
    use_key(KEY, KEYS)
    assert broken(talk) is None


@pytest.mark.parametrize("left", [0, 3])
def test_entries_cut_off_the_end_are_found_by_the_stored_head(
    talk: Talk, head_file: Path, left: int
) -> None:
    happens(talk, 4)
    stored = read_stored_head(head_file)
    assert stored == Head(4, entries(talk)[-1].hash)
    tampers(talk.database, f"DELETE FROM audit_entry WHERE id > {left}")
    assert broken(talk) is None, "the chain alone cannot know"
    assert broken(talk, stored) == f"Entry {left + 1} is missing: there were 4 entries before."


def test_a_replaced_end_is_found_by_an_earlier_head(talk: Talk, head_file: Path) -> None:
    happens(talk, 4)
    stored = read_stored_head(head_file)
    tampers(talk.database, "DELETE FROM audit_entry WHERE id = 4")
    happens(talk, 1, action="something else")
    assert broken(talk) is None
    assert broken(talk, stored) == "Entry 4 is not the one that was there before."
    assert read_stored_head(head_file) == stored, "a head only moves forward"


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
    def changes(session: Session, action: str) -> None:
        ruth = session.get_one(Person, talk.person(RUTH).id)
        note_about(session, ruth, action, by=ruth, now=talk.clock())

    with pytest.raises(RuntimeError), talk.database.writing() as session:
        changes(session, "one")
        raise RuntimeError
    with talk.database.writing() as session:
        changes(session, "two")
        with pytest.raises(RuntimeError), session.begin_nested():
            changes(session, "three")
            raise RuntimeError
        with session.begin_nested():
            changes(session, "four")
    assert [entry.action for entry in entries(talk)] == ["two", "four"]
    assert broken(talk, read_stored_head(head_file)) is None


def test_simultaneous_appends_make_one_chain(talk: Talk, head_file: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: happens(talk, 10), range(8)))
    assert [entry.id for entry in entries(talk)] == list(range(1, 81))
    assert broken(talk, read_stored_head(head_file)) is None
    assert read_stored_head(head_file) == Head(80, entries(talk)[-1].hash)


def test_repeated_reads_within_ten_minutes_are_one_entry(talk: Talk) -> None:
    ruth, sam = talk.person(RUTH), talk.person(SAM)
    for reader, about in ((ruth, 7), (ruth, 7), (sam, 7), (ruth, 8)):
        read(talk.line, reader, f"handoff:{about}")
    for minutes in (9, 1):
        talk.clock.now += timedelta(minutes=minutes)
        read(talk.line, ruth, "handoff:7")
    assert [(entry.by_id, entry.about) for entry in entries(talk)] == [
        (ruth.id, "handoff:7"),
        (sam.id, "handoff:7"),
        (ruth.id, "handoff:8"),
        (ruth.id, "handoff:7"),
    ]
    assert broken(talk) is None


def test_a_float_in_the_detail_is_refused(talk: Talk) -> None:
    for share in (0.1, [0.1]):
        with pytest.raises(TypeError, match="not share"):
            happens(talk, share=share)


@pytest.mark.parametrize(
    ("tampering", "said"),
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
    tampering: str | None,
    said: str,
) -> None:
    for name, value in {"DATABASE_URL": database_url, "WARMLINE_KEY": KEY, "SMS": "phones"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("gateway.cli.checks.ROOT", tmp_path)
    monkeypatch.setattr("gateway.serve.ROOT", tmp_path)
    file = head_file_for(database_url, tmp_path / "var")
    audit.store_head_in(file)
    try:
        happens(talk, 3)
        head = str(read_stored_head(file))
        if tampering:
            tampers(talk.database, tampering)
        ran = CliRunner().invoke(app, ["check", "--audit"])
        assert said in ran.output
        assert ran.exit_code == (1 if tampering else 0)
        file.unlink()
        ran = CliRunner().invoke(app, ["check", "--audit", "--head", head])
        assert said in ran.output, "a head that was written down does as well"
    finally:
        audit.store_head_in(None)
