"""Rules that the database itself enforces, and encryption on the disk."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import delete, inspect, select, text, update
from sqlalchemy.exc import DatabaseError, StatementError

from gateway.runtime.database import Database, make_engine, migration_config
from models import (
    BadKey,
    Base,
    CheckIn,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    NoKey,
    Person,
    Speaker,
    Status,
    WrongKey,
    decrypt,
    encrypt,
    use_key,
    with_key,
)
from tests.keys import KEYS
from tests.line import MAYA, SAM, Talk


def test_who_spoke_cannot_be_changed(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    with pytest.raises(DatabaseError, match="written once"), talk.database.writing() as session:
        message = session.scalars(select(Message).where(Message.outgoing).limit(1)).one()
        message.speaker = Speaker.MENTOR
        message.speaker_id = talk.person(MAYA).id


def test_a_claimed_handoff_has_a_mentor(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person")
    with pytest.raises(DatabaseError), talk.database.writing() as session:
        session.scalars(select(Handoff)).one().status = Status.CLAIMED


def test_a_move_cannot_be_changed_but_its_reason_can_be_erased(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person")
    talk.texts(SAM, "take {1}")
    talk.texts(SAM, "hello")
    talk.texts(SAM, "done {1} referred her aunt helps")
    changes: list[dict[str, object]] = [
        {"note": with_key("something else", "house")},
        {"note": None, "by_id": None},
        {"note": None, "detail": {}},
        {"at": talk.clock() + timedelta(hours=1)},
        {"move": Move.OPEN},
    ]
    closing = HandoffEvent.move == Move.RESOLVE
    for values in changes:
        with pytest.raises(DatabaseError, match="append-only"), talk.database.writing() as session:
            session.execute(update(HandoffEvent).where(closing).values(**values))
    with talk.database.writing() as session:
        session.execute(update(HandoffEvent).where(closing).values(note=None))
    with pytest.raises(DatabaseError, match="append-only"), talk.database.writing() as session:
        session.execute(delete(HandoffEvent).where(closing))


def test_a_mood_outside_the_scale_is_refused(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    message = talk.thread(MAYA)[0]
    about = {"conversation_id": message.conversation_id, "message_id": message.id}
    with pytest.raises(ValueError, match="0 to 10"), talk.database.writing() as session:
        session.add(CheckIn(**about, at=talk.clock(), kind="mood", score=11))


def test_times_have_a_zone_and_come_back_in_utc(talk: Talk) -> None:
    with pytest.raises(StatementError, match="time zone"), talk.database.writing() as session:
        session.scalars(select(Person).limit(1)).one().opted_out_at = datetime(2026, 1, 1)  # noqa: DTZ001

    talk.texts(MAYA, "hello")
    assert talk.thread(MAYA)[0].at == talk.clock()
    assert str(talk.thread(MAYA)[0].at.tzinfo) == "UTC"


def test_messages_names_and_numbers_are_encrypted_on_the_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'warmline.db'}"
    database = Database(make_engine(url))
    database.migrate()
    talk = Talk(database)
    # A name of three or four letters occurs by chance in so much encrypted text.
    with database.writing() as session:
        session.scalars(select(Person).limit(1)).one().name = "Wilhelmina"
    talk.texts(MAYA, "my grandpa's boat, can i talk to a person")
    talk.texts("+12025550199", "xylophone")
    database.engine.dispose()
    disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (b"grandpa", b"xylophone", b"Wilhelmina", b"2025550101", b"2025550199"):
        assert secret not in disk


def test_another_key_decrypts_nothing() -> None:
    use_key("dGVzdHMtb25seS1ub3QtYS1zZWNyZXQtMzItYnl0ZXM=", KEYS)
    token = encrypt("hello \ud800")
    assert decrypt(token) == "hello \ud800"
    use_key("b3RoZXItb25lLW5vdC1hLXNlY3JldC0zMi1ieXRlczE=", KEYS)
    with pytest.raises(WrongKey, match="WARMLINE_OLD_KEY"):
        decrypt(token)


def test_a_missing_or_bad_key_is_refused() -> None:
    with pytest.raises(NoKey, match="WARMLINE_KEY"):
        use_key("", KEYS)
    with pytest.raises(BadKey, match="WARMLINE_KEY"):
        use_key("short", KEYS)


def test_the_migrations_create_exactly_the_models(database: Database) -> None:
    with database.engine.begin() as connection:
        command.check(migration_config(connection))


def test_the_migrations_can_be_undone(database: Database) -> None:
    with database.engine.begin() as connection:
        command.downgrade(migration_config(connection), "base")
    left = set(inspect(database.engine).get_table_names())
    assert not left & set(Base.metadata.tables)
    database.migrate()
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM message")) == 0
