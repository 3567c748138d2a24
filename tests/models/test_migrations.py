"""What was written before a migration is there after it, and after it is taken back."""

from alembic import command
from sqlalchemy import text

from gateway.runtime.database import Database, migration_config
from models import CheckIn, Goal
from tests.line import MAYA, Talk


def test_moods_given_before_there_were_other_check_ins_are_kept(database: Database) -> None:
    talk = Talk(database)
    talk.texts(MAYA, "hello")
    message = talk.thread(MAYA)[0]
    with database.writing() as session:
        session.add(
            CheckIn(
                conversation_id=message.conversation_id,
                message_id=message.id,
                at=talk.clock(),
                kind="mood",
                score=7,
                note="sunny",
            )
        )
        session.add(
            Goal(conversation_id=message.conversation_id, words="a walk", set_at=talk.clock())
        )
    for revision in ("0001", "head"):
        with database.engine.begin() as connection:
            config = migration_config(connection)
            (command.downgrade if revision == "0001" else command.upgrade)(config, revision)
        with database.reading() as session:
            row = session.execute(text("SELECT kind, score FROM check_in")).one()
            assert tuple(row) == ("mood", 7)
    with database.reading() as session:
        (mood,) = session.query(CheckIn)
    assert (mood.note, mood.missing, mood.answers) == ("sunny", 0, None)
