"""The audit log: a hash chain of reads and changes.

Each entry's hash covers the entry and the previous entry's hash, keyed with WARMLINE_KEY.

* The chain reveals every entry that was changed, moved, inserted, or removed from the middle.
* It does not reveal entries removed from the end, because the rest is a valid chain. So the head
  (the number and hash of the last entry) is stored outside the database: in a file on this machine
  (`store_head_in`), in the log after every commit, and wherever an operator writes down what
  `warmline check --audit` prints.
* An attacker with the database, the key, the file, and the logs can build a new chain. Only a head
  written down elsewhere reveals that.
"""

import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import ColumnElement, and_, event, func, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session, SessionTransaction

from gateway.runtime.line import Line
from models import ApiToken, AuditEntry, JsonDict, Person, SafeguardingRecord, Webhook, seal

log = structlog.get_logger()

# The "previous hash" of the first entry.
BEGINNING = "0" * 64

# A page that reloads itself counts as one read.
READ_ANEW_AFTER = timedelta(minutes=10)
# How many entries back an earlier read is searched; there is no index by time.
LOOKED_THROUGH = 2000

# How many entries are in memory at once while the chain is checked.
AT_ONCE = 2000

# The PostgreSQL advisory lock that lets one transaction at a time append.
APPENDING = 7_210_446_905

WAITING, APPENDED = "audit_waiting", "audit_appended"

# `about` is one of these words and a row number.
KINDS: dict[type, str] = {
    Person: "person",
    SafeguardingRecord: "safeguarding",
    ApiToken: "token",
    Webhook: "webhook",
}


@dataclass(frozen=True)
class Head:
    """The last entry at some time. Written down, it later reveals whether entries were cut off."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def read(cls, written: str) -> "Head":
        """Read what `str` writes. Raises ValueError for anything else."""
        number, _, digest = written.strip().partition(":")
        if not number.isdecimal() or len(digest) != 64:
            raise ValueError("Write the head as `warmline check --audit` prints it: NUMBER:HASH.")
        return cls(int(number), digest)


@dataclass(frozen=True)
class Broken:
    """The first entry that breaks the chain. `why` is a sentence."""

    number: int
    why: str


# --- appending ---


def note(
    session: Session,
    *,
    program_id: int,
    by: Person | None,
    action: str,
    about: str,
    now: datetime,
    **detail: Any,
) -> None:
    """Append one entry in the caller's transaction.

    `about` is like handoff:7 or person:3. `detail` holds row numbers, marks, and counts; never
    messages, names, or phone numbers. The entry joins the chain just before the commit, because
    from then on no other transaction can append.
    """
    waiting = session.info.setdefault(WAITING, [])
    entry = AuditEntry(
        at=now,
        program_id=program_id,
        by_id=by.id if by else None,
        action=action,
        about=about,
        detail=_plain(detail),
    )
    waiting.append((session.get_nested_transaction(), entry))


def note_about(
    session: Session,
    thing: Person | SafeguardingRecord | ApiToken | Webhook,
    action: str,
    *,
    by: Person | None,
    now: datetime,
    **detail: Any,
) -> None:
    """Append an entry about this row, in its program."""
    note(
        session,
        program_id=thing.program_id,
        by=by,
        action=action,
        about=f"{KINDS[type(thing)]}:{thing.id}",
        now=now,
        **detail,
    )


def read(line: Line, viewer: Person, about: str) -> None:
    """Record a read in its own transaction. Call it before showing the data.

    At most one entry per viewer and `about` in ten minutes.
    """
    now = line.clock()
    with line.database.reading() as session:
        if _read_lately(session, AuditEntry.by_id == viewer.id, about, now=now):
            return
    with line.database.writing() as session:
        note(
            session,
            program_id=viewer.program_id,
            by=viewer,
            action="read",
            about=about,
            now=now,
        )


def read_by_program(line: Line, program_id: int, token_id: int, about: str) -> None:
    """As `read`, for an API call: the entry has the token instead of a person."""
    now = line.clock()
    by_token = and_(
        AuditEntry.by_id.is_(None),
        AuditEntry.program_id == program_id,
        AuditEntry.detail["token"].as_integer() == token_id,
    )
    with line.database.reading() as session:
        if _read_lately(session, by_token, about, now=now):
            return
    with line.database.writing() as session:
        note(
            session,
            program_id=program_id,
            by=None,
            action="read",
            about=about,
            now=now,
            token=token_id,
        )


def _read_lately(session: Session, by: ColumnElement[bool], about: str, *, now: datetime) -> bool:
    last = select(func.max(AuditEntry.id)).scalar_subquery()
    lately = select(AuditEntry.id).where(
        AuditEntry.id > last - LOOKED_THROUGH,
        by,
        AuditEntry.about == about,
        AuditEntry.action == "read",
        AuditEntry.at > now - READ_ANEW_AFTER,
    )
    return session.scalar(lately.limit(1)) is not None


def _plain(detail: JsonDict) -> JsonDict:
    """Accept only values that both databases return unchanged; a float may not be."""
    for key, value in detail.items():
        many = value if isinstance(value, list | tuple) else [value]
        if not all(one is None or isinstance(one, str | int) for one in many):
            raise TypeError(
                f"The detail of an audit entry holds only text and integers, not {key}."
            )
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in detail.items()
    }


@event.listens_for(Session, "before_commit")
def _append(session: Session) -> None:
    if session.in_nested_transaction() or not (waiting := session.info.pop(WAITING, None)):
        return
    if session.get_bind().dialect.name == "postgresql":
        # Held until this transaction ends. SQLite has one writer at a time anyway.
        session.execute(select(func.pg_advisory_xact_lock(APPENDING)))
    last = get_head(session)
    number, before = (last.number, last.hash) if last else (0, BEGINNING)
    for _, entry in waiting:
        number += 1
        entry.id, entry.previous = number, before
        entry.hash = before = _hash_of(entry)
        session.add(entry)
    session.info[APPENDED] = Head(number, before)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """Drop the entries of a transaction that is rolled back."""
    waiting = session.info.pop(WAITING, [])
    session.info.pop(APPENDED, None)
    if ended.nested:
        session.info[WAITING] = [one for one in waiting if one[0] is not ended]


@event.listens_for(Session, "after_commit")
def _publish_head(session: Session) -> None:
    if session.in_nested_transaction() or not (head := session.info.pop(APPENDED, None)):
        return
    log.info("audit", head=str(head))
    if _Kept.file is not None:
        _write_head(_Kept.file, head)


def _hash_of(entry: AuditEntry | Row[Any]) -> str:
    """The hash of all fields, in a form that is the same for both databases."""
    written = json.dumps(
        [
            entry.previous,
            entry.id,
            entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            entry.program_id,
            entry.by_id,
            entry.action,
            entry.about,
            entry.detail,
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    return seal(written)


# --- the head, stored outside the database ---


class _Kept:
    file: Path | None = None


def store_head_in(file: Path | None) -> None:
    """From now on, write the head to `file` after every commit that appends."""
    _Kept.file = file


def head_file_for(database_url: str, folder: Path) -> Path:
    """The head file on this machine: beside a SQLite database, otherwise in `folder`."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(f"{url.database}.audit-head")
    return folder / f"{url.host or 'local'}-{url.database}.audit-head"


def head_kept(file: Path) -> Head | None:
    """The last head stored on this machine; None if there is none or it cannot be read."""
    try:
        return Head.read(file.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _write_head(file: Path, head: Head) -> None:
    """Never go back: of two simultaneous commits, the later may come here first."""
    kept = head_kept(file)
    if kept is not None and kept.number >= head.number:
        return
    new = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(f"{head}\n", "ascii")
        new.replace(file)
    except OSError as error:
        log.error("the audit head could not be stored", file=str(file), kind=type(error).__name__)


# --- checking ---


def get_head(session: Session) -> Head | None:
    last = select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)
    row = session.execute(last).one_or_none()
    return Head(row.id, row.hash) if row else None


def first_broken(session: Session, *, seen: Head | None = None) -> Broken | None:
    """The first entry that was changed, moved, or removed; None if the log is intact.

    `seen` is an earlier head. Its entry must still be there, unchanged.
    """
    number, before = 0, BEGINNING
    for entry in _entries(session):
        number += 1
        if entry.id != number:
            return Broken(number, f"Entry {number} is missing.")
        if not hmac.compare_digest(_hash_of(entry), entry.hash):
            return Broken(number, f"Entry {number} was changed after it was written.")
        if entry.previous != before:
            return Broken(number, f"Entry {number} does not follow the entry before it.")
        if seen is not None and seen.number == number and seen.hash != entry.hash:
            return Broken(number, f"Entry {number} is not the one that was there before.")
        before = entry.hash
    if seen is not None and seen.number > number:
        return Broken(
            number + 1, f"Entry {number + 1} is missing: there were {seen.number} entries before."
        )
    return None


def _entries(session: Session) -> Iterator[Row[Any]]:
    """All entries in order, in batches: a year of them does not fit in memory."""
    after: int | None = None
    while True:
        some = select(*AuditEntry.__table__.columns).order_by(AuditEntry.id).limit(AT_ONCE)
        rows = session.execute(some if after is None else some.where(AuditEntry.id > after)).all()
        yield from rows
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id


# --- for the pages ---


def entries_about(session: Session, program_id: int, about: str) -> list[AuditEntry]:
    """Entries about one thing, latest first."""
    return list(
        session.scalars(
            select(AuditEntry)
            .where(AuditEntry.program_id == program_id, AuditEntry.about == about)
            .order_by(AuditEntry.id.desc())
        )
    )


def latest_entries(
    session: Session, program_id: int, *, before: int | None = None, limit: int | None
) -> list[AuditEntry]:
    """The program's entries, latest first. `before` continues after an entry already shown."""
    entries = (
        select(AuditEntry)
        .where(AuditEntry.program_id == program_id)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    if before is not None:
        entries = entries.where(AuditEntry.id < before)
    return list(session.scalars(entries))
