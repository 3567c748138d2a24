"""The audit log: a hash chain of reads and changes.

Each entry's hash covers the entry and the previous entry's hash, keyed with WARMLINE_KEY.

The chain reveals every entry that was changed, moved, inserted, or removed, except at the end: the
rest is a valid chain. So the head (the number and hash of the last entry) is also in a file on this
machine, in the log after every commit, and where an operator writes down what `warmline check
--audit` prints. Only the last reveals a chain that an attacker with everything else built anew.
"""

import hmac
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import ColumnElement, and_, delete, event, func, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session, SessionTransaction

from gateway.runtime.line import Line
from models import (
    ApiToken,
    AuditAnchor,
    AuditEntry,
    JsonDict,
    Person,
    PolicyVersion,
    SafeguardingRecord,
    Webhook,
    rows_changed,
    seal,
)

log = structlog.get_logger()

# The "previous hash" of the first entry.
BEGINNING = "0" * 64

# Pages reload themselves: repeated reads count once.
READ_ANEW_AFTER = timedelta(minutes=10)
# How many entries back an earlier read is searched; there is no index by time.
LOOKED_THROUGH = 2000

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
    PolicyVersion: "policy",
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
    thing: Person | SafeguardingRecord | ApiToken | Webhook | PolicyVersion,
    action: str,
    *,
    by: Person | None,
    now: datetime,
    **detail: Any,
) -> None:
    about = f"{KINDS[type(thing)]}:{thing.id}"
    note(session, program_id=thing.program_id, by=by, action=action, about=about, now=now, **detail)


def read(line: Line, viewer: Person, about: str) -> None:
    """Record a read in its own transaction. Call it before showing the data.

    At most one entry per viewer and `about` in ten minutes.
    """
    _read(line, viewer.program_id, viewer, AuditEntry.by_id == viewer.id, about)


def read_by_program(line: Line, program_id: int, token_id: int, about: str) -> None:
    """As `read`, for an API call: the entry has the token instead of a person."""
    by_token = and_(
        AuditEntry.by_id.is_(None),
        AuditEntry.program_id == program_id,
        AuditEntry.detail["token"].as_integer() == token_id,
    )
    _read(line, program_id, None, by_token, about, token=token_id)


def _read(
    line: Line,
    program_id: int,
    by: Person | None,
    is_theirs: ColumnElement[bool],
    about: str,
    **detail: Any,
) -> None:
    now = line.clock()
    newest = select(func.max(AuditEntry.id)).scalar_subquery()
    lately = select(AuditEntry.id).where(
        AuditEntry.id > newest - LOOKED_THROUGH,
        is_theirs,
        AuditEntry.about == about,
        AuditEntry.action == "read",
        AuditEntry.at > now - READ_ANEW_AFTER,
    )
    with line.database.reading() as session:
        if session.scalar(lately.limit(1)) is not None:
            return
    with line.database.writing() as session:
        note(session, program_id=program_id, by=by, action="read", about=about, now=now, **detail)


def _plain(detail: JsonDict) -> JsonDict:
    """Accept only values that both databases return unchanged; a float may not be."""
    for key, value in detail.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(one, str | int | None):
                sentence = f"The detail of an audit entry holds only text and integers, not {key}."
                raise TypeError(sentence)
    return detail


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
        entry.hash = before = _hash(entry)
        session.add(entry)
    session.info[APPENDED] = Head(number, before)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    waiting = session.info.pop(WAITING, [])
    session.info.pop(APPENDED, None)
    if ended.nested:
        session.info[WAITING] = [one for one in waiting if one[0] is not ended]


@event.listens_for(Session, "after_commit")
def _publish_head(session: Session) -> None:
    if session.in_nested_transaction() or not (head := session.info.pop(APPENDED, None)):
        return
    log.info("audit", head=str(head))
    if _Stored.file is not None:
        _write_head(_Stored.file, head)


def _hash(entry: AuditEntry | Row[Any]) -> str:
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


def delete_before(session: Session, before: datetime, *, now: datetime) -> int:
    """Delete the entries from before a time, which is weeks ago or more. Returns how many.

    The number and hash of the last one stay, sealed, so that the rest can still be verified. The
    newest entry always stays.
    """
    newest = select(func.max(AuditEntry.id)).scalar_subquery()
    kept = select(func.min(AuditEntry.id)).where(
        (AuditEntry.at >= before) | (AuditEntry.id == newest)
    )
    first_kept = session.scalar(kept)
    last = session.get(AuditEntry, first_kept - 1) if first_kept else None
    if last is None:
        return 0
    anchor = AuditAnchor(number=last.id, hash=last.hash, at=now)
    anchor.seal = _seal_of(anchor)
    session.add(anchor)
    session.flush()
    deleted = delete(AuditEntry).where(AuditEntry.id <= anchor.number)
    return rows_changed(session, deleted)


def _seal_of(anchor: AuditAnchor) -> str:
    return seal(f"anchor {anchor.number}:{anchor.hash}")


# --- the head, stored outside the database ---


class _Stored:
    file: Path | None = None


def store_head_in(file: Path | None) -> None:
    _Stored.file = file


def head_file_for(database_url: str, folder: Path) -> Path:
    """The head file on this machine: beside a SQLite database, otherwise in `folder`."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(f"{url.database}.audit-head")
    return folder / f"{url.host or 'local'}-{url.database}.audit-head"


def read_stored_head(file: Path) -> Head | None:
    """The last head stored on this machine; None if there is none or it cannot be read."""
    try:
        return Head.read(file.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _write_head(file: Path, head: Head) -> None:
    """Never go back: of two simultaneous commits, the later may come here first."""
    stored = read_stored_head(file)
    if stored is not None and stored.number >= head.number:
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


def first_broken(session: Session, *, seen: Head | None = None) -> str | None:
    """What is wrong with the first entry that was changed, moved, or removed; None if intact.

    `seen` is an earlier head. Its entry must still be there, unchanged, unless it was deleted
    because of its age.
    """
    number, before = 0, BEGINNING
    for anchor in session.scalars(select(AuditAnchor).order_by(AuditAnchor.number)):
        if not hmac.compare_digest(_seal_of(anchor), anchor.seal):
            return f"The note that entries up to {anchor.number} were deleted is not ours."
        number, before = anchor.number, anchor.hash
    every = select(*AuditEntry.__table__.columns).order_by(AuditEntry.id)
    # In batches: a year of entries does not fit in memory.
    with session.execute(every, execution_options={"yield_per": AT_ONCE}) as entries:
        for entry in entries:
            number += 1
            if entry.id != number:
                return f"Entry {number} is missing."
            if not hmac.compare_digest(_hash(entry), entry.hash):
                return f"Entry {number} was changed after it was written."
            if entry.previous != before:
                return f"Entry {number} does not follow the entry before it."
            if seen is not None and seen.number == number and seen.hash != entry.hash:
                return f"Entry {number} is not the one that was there before."
            before = entry.hash
    if seen is not None and seen.number > number:
        return f"Entry {number + 1} is missing: there were {seen.number} entries before."
    return None


def list_entries(
    session: Session,
    program_id: int,
    *,
    about: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[AuditEntry]:
    entries = select(AuditEntry).where(AuditEntry.program_id == program_id)
    if about is not None:
        entries = entries.where(AuditEntry.about == about)
    if before is not None:
        entries = entries.where(AuditEntry.id < before)
    return list(session.scalars(entries.order_by(AuditEntry.id.desc()).limit(limit)))
