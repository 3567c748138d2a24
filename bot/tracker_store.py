"""Rasa's memory of a dialogue, encrypted at rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Restarted, SessionStarted
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from sqlalchemy.orm import declarative_base

KEY = "WARMLINE_KEY"


class KeyProblem(RasaException):
    """The key is missing, no key at all, or not the one the file was written with."""


def fernet() -> Fernet:
    """The cipher for `WARMLINE_KEY`. Raises KeyProblem when it is missing or not a Fernet key."""
    key = os.environ.get(KEY)
    if not key:
        raise KeyProblem(
            f"{KEY} is missing. The bot keeps dialogues encrypted and does not start without it. "
            "Set it to the same value as the gateway's; .env.example says how to make one."
        )
    try:
        return Fernet(key)
    except ValueError:
        raise KeyProblem(
            f"{KEY} is not a usable key: it must be 32 bytes in url-safe base64 (44 characters). "
            ".env.example says how to make one."
        ) from None


class Encrypted(sa.types.TypeDecorator):
    """Text that is ciphertext in the database and text everywhere else."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else fernet().encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else fernet().decrypt(value.encode()).decode()


class EncryptedTrackerStore(SQLTrackerStore):
    """Rasa's own SQL tracker store over a table whose telling columns are encrypted.

    The names of intents and actions are among them: "topic_loneliness" says enough about a person.
    In the clear stay the conversation's number, the kind of event and its time.
    """

    Base = declarative_base()

    class SQLEvent(Base):
        __tablename__ = "events"

        id = sa.Column(sa.Integer, primary_key=True)
        sender_id = sa.Column(sa.String(255), nullable=False, index=True)
        type_name = sa.Column(sa.String(255), nullable=False)
        timestamp = sa.Column(sa.Float)
        intent_name = sa.Column(Encrypted)
        action_name = sa.Column(Encrypted)
        data = sa.Column(Encrypted)

    def __init__(
        self,
        domain: Domain | None = None,
        host: str | None = None,
        event_broker: Any = None,
        db: str = "../var/tracker.db",
        **kwargs: Any,
    ) -> None:
        """Open `db`, a SQLite file. Raises KeyProblem before anything is read or written."""
        fernet()
        Path(db).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(domain, dialect="sqlite", db=db, event_broker=event_broker, **kwargs)
        if db != ":memory:":
            Path(db).chmod(0o600)
        self._try_key(db)

    def _try_key(self, db: str) -> None:
        """Rasa takes an unreadable tracker for a new one; better not to start at all."""
        with self.session_scope() as session:
            try:
                session.query(self.SQLEvent.data).order_by(self.SQLEvent.id.desc()).first()
            except InvalidToken:
                raise KeyProblem(
                    f"{KEY} is not the key that {db} was written with. Put the old key back, or "
                    "move the file away: open exercises are lost then, messages are not."
                ) from None

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Save, and drop what Rasa would never read again: all before the newest beginning."""
        await super().save(tracker)
        with self.session_scope() as session:
            events = session.query(self.SQLEvent).filter_by(sender_id=tracker.sender_id)
            newest = (
                events.filter(
                    self.SQLEvent.type_name.in_([Restarted.type_name, SessionStarted.type_name])
                )
                .with_entities(sa.func.max(self.SQLEvent.id))
                .scalar()
            )
            if newest is not None:
                events.filter(self.SQLEvent.id < newest).delete(synchronize_session=False)
                session.commit()
