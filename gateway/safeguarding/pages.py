"""The managers' pages of safeguarding records. The audit log notes who read what.

A record about a manager is not there for that manager.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager
from gateway.runtime.audit import note_about, read
from gateway.runtime.spreadsheets import make_table
from gateway.runtime.user_input import cleaned, too_long
from gateway.web.downloads import download, read_format
from gateway.web.rendering import Number, PageRefused, env, get_line, go_to, page
from models import Concern, Person, SafeguardingRecord, changes_one
from models.encryption.ownership import with_key

router = APIRouter()

LONGEST_OUTCOME = 4000
CLOSED_SHOWN = 50
CONCERNS = {
    Concern.MENTOR: gettext_noop("uncomfortable with a mentor"),
    Concern.SUICIDE: gettext_noop("suicide"),
    Concern.SELF_HARM: gettext_noop("self-harm"),
    Concern.ABUSE: gettext_noop("abuse"),
    Concern.NEGLECT: gettext_noop("neglect"),
    Concern.EXPLOITATION: gettext_noop("exploitation"),
    Concern.VIOLENCE: gettext_noop("violence"),
    Concern.EATING: gettext_noop("eating"),
    Concern.OTHER: gettext_noop("other concern"),
}
env.globals.update(concerns=CONCERNS)


@router.get("/safeguarding")
def records(request: Request, manager: Manager) -> Response:
    """Open records by due date, and recently closed ones, without anybody's words."""
    line = get_line(request)
    with line.database.reading() as session:
        still_open = _list(session, manager, is_open=True)
        closed = _list(session, manager, is_open=False, limit=CLOSED_SHOWN)
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
    written, now = read_format(form), get_line(request).clock()
    columns: dict[str, Callable[[SafeguardingRecord], object]] = {
        "record": lambda one: one.id,
        "mentee": lambda one: one.mentee.name,
        "concern": lambda one: one.concern.value,
        "about": lambda one: one.mentor.name if one.mentor else None,
        "opened": lambda one: one.opened_at,
        "due": lambda one: one.due_at,
        "owner": lambda one: one.owner.name if one.owner else None,
        "overdue": lambda one: one.closed_at is None and one.due_at < now,
        "closed": lambda one: one.closed_at,
    }
    with get_line(request).database.reading() as session:
        rows = [*_list(session, manager, is_open=True), *_list(session, manager, is_open=False)]
        table = make_table("Safeguarding", columns, rows, manager.program.timezone)
    return download(request, manager, table, written, about="safeguarding", file="safeguarding")


@router.get("/safeguarding/{number}")
def one_record(request: Request, number: Number, manager: Manager) -> Response:
    return _show(request, number, manager)


@router.post("/safeguarding/{number}/own")
def own(
    request: Request, number: Number, manager: Manager, owner: Annotated[str, Form()] = ""
) -> Response:
    """Take ownership. `owner` is the owner that the page showed. If that has changed, we refuse."""
    line = get_line(request)
    with line.database.writing() as session:
        record = _find(session, number, manager)
        if record.owner_id == manager.id:
            return go_to(request, f"/safeguarding/{number}")
        if record.closed_at is not None:
            raise PageRefused(409, phrase("Record {number} is already closed.", number=number))
        seen, was = owner == str(record.owner_id or ""), record.owner_id
        if not (seen and _change(session, record, owner_id=manager.id)):
            sentence = phrase(
                "{holder} owns record {number} now. Go back and check it before you decide.",
                holder=record.owner.name if record.owner else gettext_noop("Nobody"),
                number=number,
            )
            raise PageRefused(409, sentence)
        note_about(session, record, "safeguarding.owned", by=manager, now=line.clock(), was=was)
    return go_to(request, f"/safeguarding/{number}")


@router.post("/safeguarding/{number}/close")
def close(
    request: Request, number: Number, manager: Manager, outcome: Annotated[str, Form()] = ""
) -> Response:
    """Close it with an outcome. If that is refused, what the manager wrote stays on the page."""
    now, words = get_line(request).clock(), cleaned(outcome)
    with get_line(request).database.writing() as session:
        record = _find(session, number, manager)
        if record.closed_by_id == manager.id and record.outcome == words:
            # A double click.
            return go_to(request, f"/safeguarding/{number}")
        problem = _why_not(record, manager, words)
        kept = with_key(words, record.key_id)
        closing = {"outcome": kept, "closed_at": now, "closed_by_id": manager.id}
        if not problem and not _change(session, record, **closing):
            problem = gettext_noop(
                "Someone took it over or closed it just now. Check it before you decide."
            )
        if not problem:
            note_about(session, record, "safeguarding.closed", by=manager, now=now)
    if problem:
        return _show(request, number, manager, problem=problem, written=outcome)
    return go_to(request, f"/safeguarding/{number}")


def _why_not(record: SafeguardingRecord, manager: Person, words: str) -> str | None:
    if record.closed_at is not None:
        return gettext_noop(
            "Someone closed it in the meantime. Your text is below; copy it if you need it."
        )
    if record.owner_id != manager.id:
        return gettext_noop("Take ownership first. Only the owner can close a record.")
    if not words:
        return gettext_noop("Write the outcome, so that a later reader understands it.")
    return too_long(words, LONGEST_OUTCOME)


def _change(session: Session, record: SafeguardingRecord, **values: object) -> bool:
    """False if another manager took it over or closed it since it was read."""
    same = update(SafeguardingRecord).where(
        SafeguardingRecord.id == record.id,
        SafeguardingRecord.closed_at.is_(None),
        SafeguardingRecord.owner_id.is_not_distinct_from(record.owner_id),
    )
    return changes_one(session, same.values(**values))


def _show(
    request: Request, number: int, manager: Person, *, problem: str = "", written: str = ""
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        record = _find(session, number, manager)
        people = (record.opened_by_id, record.closed_by_id)
        names = {one: session.get_one(Person, one).name for one in people if one is not None}
    read(line, manager, f"safeguarding:{number}")
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
        select(SafeguardingRecord).where(SafeguardingRecord.id == number, *_seen_by(manager))
    )
    if record is None:
        raise PageRefused(
            404, phrase("There is no record {number} in your program.", number=number)
        )
    return record


def _seen_by(manager: Person) -> list[ColumnElement[bool]]:
    """The program's records, except those about this manager."""
    return [
        SafeguardingRecord.program_id == manager.program_id,
        or_(SafeguardingRecord.mentor_id.is_(None), SafeguardingRecord.mentor_id != manager.id),
    ]


def _list(
    session: Session, manager: Person, *, is_open: bool, limit: int | None = None
) -> Sequence[SafeguardingRecord]:
    """Open records by due date, or closed ones with the latest first."""
    closed_at, by_id = SafeguardingRecord.closed_at, SafeguardingRecord.id
    found = select(SafeguardingRecord).where(*_seen_by(manager)).limit(limit)
    if is_open:
        found = found.where(closed_at.is_(None)).order_by(SafeguardingRecord.due_at, by_id)
    else:
        found = found.where(closed_at.is_not(None)).order_by(closed_at.desc(), by_id.desc())
    return session.scalars(found).all()
