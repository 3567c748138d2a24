"""Who read and who changed what: a chain of entries in which a change or a gap shows.

Each entry's hash covers the entry and the hash of the one before it, keyed with WARMLINE_KEY.
What that finds, and what it cannot:

* An entry that was changed, taken out of the middle, put in or moved: always, by the chain.
* Entries taken off the end: the chain alone cannot show it, for what is left is a whole chain. So
  the head (the number and the hash of the last entry) is kept outside of the database: in a file
  of this machine (`store_head_in`), in the log after every commit, and wherever somebody writes
  down what `warmline check --audit` prints.
* Somebody who has the database, the key, the file and the logs can make a new chain. Only a head
  that was written down elsewhere shows that.
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
from models import ApiToken, AuditEntry, Person, SafeguardingRecord, Webhook
from models.base import JsonDict
from models.encryption import seal

log = structlog.get_logger()

# The hash before the first entry.
BEGINNING = "0" * 64

# A page that reloads itself is read once.
READ_ANEW_AFTER = timedelta(minutes=10)
# How far back an earlier read is looked for: there is no index by time, and there need be none.
LOOKED_THROUGH = 2000

# How many entries are held at once while the chain is checked.
AT_ONCE = 2000

# Only one transaction at a time may append; on PostgreSQL they queue for this number.
APPENDING = 7_210_446_905

WAITING, APPENDED = "audit_waiting", "audit_appended"

# What an entry is about begins with this word; its number follows.
KINDS: dict[type, str] = {
    Person: "person",
    SafeguardingRecord: "safeguarding",
    ApiToken: "token",
    Webhook: "webhook",
}


@dataclass(frozen=True)
class Head:
    """The last entry at some time. Written down elsewhere, it shows whether the end was cut off."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def read(cls, written: str) -> "Head":
        """Raises ValueError when it is not written as `str` writes it."""
        number, _, digest = written.strip().partition(":")
        if not number.isdecimal() or len(digest) != 64:
            raise ValueError("A head is written as NUMBER:HASH, as `warmline check --audit` does.")
        return cls(int(number), digest)


@dataclass(frozen=True)
class Broken:
    """The first entry at which the chain does not hold. `why` is a sentence."""

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
    """Append one entry in the caller's transaction, which keeps or loses it.

    `about` is such as handoff:7 or person:3. `detail` holds row numbers, marks and counts; never
    words, names or numbers of people. The entry gets its place in the chain when the transaction
    commits, as the last thing it does: whoever appends keeps others from appending until then.
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
    """`note` what was done about a person, or a thing with a number, in its program."""
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
    """Note that somebody read something, in a transaction of its own, before it is shown.

    At most once per viewer, thing and ten minutes.
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
    """As `read`, for a program: no person stands in the entry, but the token that was shown."""
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
    """`detail` if both databases give it back just as it was; a float may come back otherwise."""
    for key, value in detail.items():
        many = value if isinstance(value, list | tuple) else [value]
        if not all(one is None or isinstance(one, str | int) for one in many):
            raise TypeError(f"An audit's detail holds texts and whole numbers; {key} does not.")
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in detail.items()
    }


@event.listens_for(Session, "before_commit")
def _append(session: Session) -> None:
    if session.in_nested_transaction() or not (waiting := session.info.pop(WAITING, None)):
        return
    if session.get_bind().dialect.name == "postgresql":
        # Until this transaction ends. SQLite lets only one write at a time anyhow.
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
    """What was noted in a transaction that is rolled back did not happen."""
    waiting = session.info.pop(WAITING, [])
    session.info.pop(APPENDED, None)
    if ended.nested:
        session.info[WAITING] = [one for one in waiting if one[0] is not ended]


@event.listens_for(Session, "after_commit")
def _tell_the_head(session: Session) -> None:
    if session.in_nested_transaction() or not (head := session.info.pop(APPENDED, None)):
        return
    log.info("audit", head=str(head))
    if _Kept.file is not None:
        _write_head(_Kept.file, head)


def _hash_of(entry: AuditEntry | Row[Any]) -> str:
    """Over all of the entry, written in the one way that both databases give back."""
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


# --- the head, kept outside of the database ---


class _Kept:
    file: Path | None = None


def store_head_in(file: Path | None) -> None:
    """Write the head to `file` after every commit that appends, from now on."""
    _Kept.file = file


def head_file_for(database_url: str, folder: Path) -> Path:
    """Where this machine keeps the head: beside a SQLite file, else in `folder`."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(f"{url.database}.audit-head")
    return folder / f"{url.host or 'local'}-{url.database}.audit-head"


def head_kept(file: Path) -> Head | None:
    """The head that this machine has seen, if it has seen any and the file can be read."""
    try:
        return Head.read(file.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _write_head(file: Path, head: Head) -> None:
    """Only ever forward: of two that commit at once, either may come here first."""
    kept = head_kept(file)
    if kept is not None and kept.number >= head.number:
        return
    new = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(f"{head}\n", "ascii")
        new.replace(file)
    except OSError as error:
        log.error("the audit's head could not be kept", file=str(file), kind=type(error).__name__)


# --- checking ---


def get_head(session: Session) -> Head | None:
    """The last entry there is; None while there is none."""
    last = select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)
    row = session.execute(last).one_or_none()
    return Head(row.id, row.hash) if row else None


def first_broken(session: Session, *, seen: Head | None = None) -> Broken | None:
    """The first entry that was changed, is missing or is out of place; None when all hold.

    `seen` is a head from earlier on: its entry must be there still, and the same.
    """
    number, before = 0, BEGINNING
    for entry in _entries(session):
        number += 1
        if entry.id != number:
            return Broken(number, f"Entry {number} is missing.")
        if not hmac.compare_digest(_hash_of(entry), entry.hash):
            return Broken(number, f"Entry {number} was changed after it was written.")
        if entry.previous != before:
            return Broken(number, f"Entry {number} does not follow the one before it.")
        if seen is not None and seen.number == number and seen.hash != entry.hash:
            return Broken(number, f"Entry {number} is not the one that was there earlier.")
        before = entry.hash
    if seen is not None and seen.number > number:
        return Broken(
            number + 1, f"Entry {number + 1} is missing: there were {seen.number} at one time."
        )
    return None


def _entries(session: Session) -> Iterator[Row[Any]]:
    """All entries in order, some at a time: a year's are too many to hold."""
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
    """Who read and who changed one thing, the latest first."""
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
    """The program's entries, the latest first; `before` goes on from one that was shown."""
    entries = (
        select(AuditEntry)
        .where(AuditEntry.program_id == program_id)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    if before is not None:
        entries = entries.where(AuditEntry.id < before)
    return list(session.scalars(entries))
