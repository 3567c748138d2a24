"""Safeguarding records: apart from everything else, for managers, each reading noted.

A record about a manager is not there for that manager.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager
from gateway.runtime.audit import note_about, read
from gateway.runtime.spreadsheets import Table
from gateway.web.downloads import download, read_format
from gateway.web.rendering import Number, PageRefused, env, get_line, go_to, page
from models import Concern, Person, SafeguardingRecord, changes_one

router = APIRouter()

LONGEST_OUTCOME = 4000
CLOSED_SHOWN = 50
CONCERNS = {
    Concern.MENTOR: gettext_noop("is not comfortable with a mentor"),
    Concern.CRISIS: "crisis",
    Concern.DISCLOSURE: gettext_noop("something that was told"),
    Concern.OTHER: gettext_noop("something else"),
}
env.globals.update(concerns=CONCERNS)


@router.get("/safeguarding")
def records(request: Request, manager: Manager) -> Response:
    """What is open by the time it is due, and what was closed lately; no words of anybody."""
    line = get_line(request)
    with line.database.reading() as session:
        still_open = _open_ones(session, manager)
        closed = _closed_ones(session, manager, limit=CLOSED_SHOWN)
    read(line, manager, "safeguarding")
    return page(
        request,
        "safeguarding/safeguarding.html",
        viewer=manager,
        open_ones=still_open,
        closed=closed,
        zone=manager.program.timezone,
    )


@router.get("/safeguarding.{form}")
def to_take_away(request: Request, manager: Manager, form: str) -> Response:
    """The list as it is shown: whose, what about, by when, whose to do. No words of anybody."""
    written = read_format(form)
    with get_line(request).database.reading() as session:
        rows = [*_open_ones(session, manager), *_closed_ones(session, manager, limit=None)]
        table = _table(rows, manager.program.timezone, now=get_line(request).clock())
    return download(request, manager, table, written, about="safeguarding", file="safeguarding")


@router.get("/safeguarding/{number}")
def one_record(request: Request, number: Number, manager: Manager) -> Response:
    return _show(request, number, manager)


@router.post("/safeguarding/{number}/own")
def own(
    request: Request, number: Number, manager: Manager, owner: Annotated[str, Form()] = ""
) -> Response:
    """Take it on. `owner` is who had it as the page showed it, so that nobody takes it unseen."""
    line = get_line(request)
    with line.database.writing() as session:
        record = _find(session, number, manager)
        if record.owner_id == manager.id:
            return go_to(request, f"/safeguarding/{number}")
        if record.closed_at is not None:
            raise PageRefused(409, phrase("Record {number} is closed already.", number=number))
        seen = record.owner_id if owner == str(record.owner_id or "") else -1
        taken = changes_one(
            session,
            update(SafeguardingRecord)
            .where(
                SafeguardingRecord.id == number,
                SafeguardingRecord.closed_at.is_(None),
                SafeguardingRecord.owner_id.is_not_distinct_from(seen),
            )
            .values(owner_id=manager.id),
        )
        if not taken:
            holder = record.owner.name if record.owner else gettext_noop("Nobody")
            raise PageRefused(
                409,
                phrase(
                    "{holder} has record {number} now. Go back, look again, then decide.",
                    holder=holder,
                    number=number,
                ),
            )
        now, was = line.clock(), record.owner_id
        note_about(session, record, "safeguarding.owned", by=manager, now=now, was=was)
    return go_to(request, f"/safeguarding/{number}")


@router.post("/safeguarding/{number}/close")
def close(
    request: Request, number: Number, manager: Manager, outcome: Annotated[str, Form()] = ""
) -> Response:
    """Close it with an outcome. Only its owner does; what was written stays when it is refused."""
    line = get_line(request)
    words = outcome.replace("\r\n", "\n").replace("\x00", "\ufffd").strip()
    with line.database.writing() as session:
        record = _find(session, number, manager)
        if record.closed_by_id == manager.id and record.outcome == words:
            # One click that came twice.
            return go_to(request, f"/safeguarding/{number}")
        problem = _why_not(record, manager, words)
        if not problem and not _close(session, record, manager, words, now=line.clock()):
            problem = gettext_noop(
                "It was taken over or closed in this moment. Look again, then decide."
            )
        if not problem:
            note_about(session, record, "safeguarding.closed", by=manager, now=line.clock())
    if problem:
        return _show(request, number, manager, problem=problem, written=outcome)
    return go_to(request, f"/safeguarding/{number}")


def _why_not(record: SafeguardingRecord, manager: Person, words: str) -> str | None:
    if record.closed_at is not None:
        return gettext_noop(
            "It was closed meanwhile. What you wrote still stands below; copy it if you need it."
        )
    if record.owner_id != manager.id:
        return gettext_noop("Take it on first: a record is closed by whoever owns it.")
    if not words:
        return gettext_noop("Write how it ended, so that somebody who reads it later knows.")
    if len(words) > LONGEST_OUTCOME:
        return phrase(
            "Keep it under {longest:,} characters; it has {count:,}.",
            longest=LONGEST_OUTCOME,
            count=len(words),
        )
    return None


def _close(
    session: Session, record: SafeguardingRecord, manager: Person, words: str, *, now: datetime
) -> bool:
    """False when somebody took it over or closed it meanwhile."""
    return changes_one(
        session,
        update(SafeguardingRecord)
        .where(
            SafeguardingRecord.id == record.id,
            SafeguardingRecord.closed_at.is_(None),
            SafeguardingRecord.owner_id == manager.id,
        )
        .values(outcome=words, closed_at=now, closed_by_id=manager.id),
    )


def _show(
    request: Request, number: int, manager: Person, *, problem: str = "", written: str = ""
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        _find(session, number, manager)
    read(line, manager, f"safeguarding:{number}")
    with line.database.reading() as session:
        record = _find(session, number, manager)
        people = [record.opened_by_id, record.closed_by_id]
        names = {
            person.id: person.name
            for person in session.scalars(select(Person).where(Person.id.in_(people)))
        }
    return page(
        request,
        "safeguarding/safeguarding_record.html",
        viewer=manager,
        status=409 if problem else 200,
        record=record,
        names=names,
        problem=problem,
        written=written,
        longest=LONGEST_OUTCOME,
        zone=manager.program.timezone,
    )


def _find(session: Session, number: int, manager: Person) -> SafeguardingRecord:
    record = session.scalar(
        select(SafeguardingRecord)
        .where(SafeguardingRecord.id == number, *_seen_by(manager))
        .execution_options(populate_existing=True)
    )
    if record is None:
        raise PageRefused(
            404, phrase("There is no record {number} in your program.", number=number)
        )
    return record


def _seen_by(manager: Person) -> list[ColumnElement[bool]]:
    """Those of the program, but none about the manager who looks."""
    return [
        SafeguardingRecord.program_id == manager.program_id,
        or_(
            SafeguardingRecord.mentor_id.is_(None),
            SafeguardingRecord.mentor_id != manager.id,
        ),
    ]


def _open_ones(session: Session, manager: Person) -> Sequence[SafeguardingRecord]:
    return session.scalars(
        select(SafeguardingRecord)
        .where(*_seen_by(manager), SafeguardingRecord.closed_at.is_(None))
        .order_by(SafeguardingRecord.due_at, SafeguardingRecord.id)
    ).all()


def _closed_ones(
    session: Session, manager: Person, *, limit: int | None
) -> Sequence[SafeguardingRecord]:
    return session.scalars(
        select(SafeguardingRecord)
        .where(*_seen_by(manager), SafeguardingRecord.closed_at.is_not(None))
        .order_by(SafeguardingRecord.closed_at.desc(), SafeguardingRecord.id.desc())
        .limit(limit)
    ).all()


def _table(records: Sequence[SafeguardingRecord], zone: str, *, now: datetime) -> Table:
    there = ZoneInfo(zone)
    headings = (
        "record",
        "mentee",
        "concern",
        "about",
        "opened",
        "due",
        "owner",
        "overdue",
        "closed",
    )
    return Table(
        "Safeguarding",
        headings,
        [
            (
                record.id,
                record.mentee.name,
                record.concern.value,
                record.mentor.name if record.mentor else None,
                record.opened_at.astimezone(there),
                record.due_at.astimezone(there),
                record.owner.name if record.owner else None,
                "yes" if record.closed_at is None and record.due_at < now else None,
                record.closed_at.astimezone(there) if record.closed_at else None,
            )
            for record in records
        ],
    )
