"""The managers' log: the list of handoffs, each one step by step, and the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import Phrase, gettext_noop, phrase, with_capital
from gateway.accounts.sessions import Manager
from gateway.check_ins.answers import missed_check_ins
from gateway.conversations.over_reliance import over_reliant_mentees
from gateway.handoffs.exports import handoffs_table, steps_table
from gateway.handoffs.handoff_list import (
    HandoffFilter,
    Unreached,
    count_handoffs,
    find_handoffs,
)
from gateway.handoffs.timeline import timeline
from gateway.reporting.exceptions import list_unknown_numbers, list_unreachable
from gateway.review.judging import judging_handoff
from gateway.review.pages import to_review
from gateway.runtime.audit import list_entries, read
from gateway.runtime.spreadsheets import Form
from gateway.web.downloads import download, read_format
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import (
    Number,
    PageRefused,
    env,
    get_line,
    page,
    wants_part,
)
from models import AuditEntry, Need, Outcome, Person, Program, Role, Urgency

router = APIRouter()

ROWS_A_PAGE = 50
LATEST_PAGE = 1_000_000

UNREACHED = {
    Unreached.PHONES: gettext_noop("No text reached a mentor"),
    Unreached.TAKEN: gettext_noop("No one claimed it"),
    Unreached.WORDS: gettext_noop("No reply from a person"),
}
ACTIONS = {"read": gettext_noop("viewed it"), "export": gettext_noop("downloaded it")}

T = TypeVar("T")


# --- the list ---


class Filter(BaseModel):
    """What an address says of the handoffs to show; empty, "any", and "all" leave nothing out."""

    show: str = ""
    since: str = ""
    until: str = ""
    mentor: str = ""
    need: str = ""
    urgency: str = ""
    outcome: str = ""
    unreached: str = ""
    page: int = Field(1, ge=1, le=LATEST_PAGE)


@dataclass(frozen=True)
class Choice:
    """The filter of the log: `wanted` is what it means, `said` how an address carries it."""

    wanted: HandoffFilter
    page: int
    said: dict[str, str]

    def query(self, **other: object) -> str:
        return urlencode(self.said | {name: str(value) for name, value in other.items()})


def read_choice(manager: Manager, filter_: Annotated[Filter, Query()]) -> Choice:
    """Raises PageRefused for a value that is not one of the choices."""
    begins, last = read_date(filter_.since), read_date(filter_.until)
    zone = manager.program.timezone
    wanted = HandoffFilter(
        since=_midnight(begins, zone),
        until=_midnight(last + timedelta(days=1) if last else None, zone),
        mentor_id=_read_number(filter_.mentor),
        need=_choose(_by_value(Need), filter_.need, NO_NEED),
        urgency=_choose({one.name.lower(): one for one in Urgency}, filter_.urgency, NO_URGENCY),
        outcome=_choose(_by_value(Outcome), filter_.outcome, NO_OUTCOME),
        unreached=_choose(_by_value(Unreached), filter_.unreached, NO_STEP),
        only_open=bool(_choose({"open": True}, filter_.show, NO_SHOW)),
    )
    said = filter_.model_dump(exclude={"page"})
    return Choice(wanted, filter_.page, {name: one for name, one in said.items() if _says(one)})


Chosen = Annotated[Choice, Depends(read_choice)]


@router.get("/log")
def log(request: Request, manager: Manager, choice: Chosen) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        week, sample = to_review(session, line, manager)
        staff = _list_staff(session, manager.program)
    return _log(
        request,
        manager,
        "reporting/log.html",
        choice,
        week=week,
        to_review=sample,
        staff=staff,
        unreached_words=UNREACHED,
    )


@router.get("/log/rows")
def only_rows(request: Request, manager: Manager, choice: Chosen) -> Response:
    """The part of the log that the page reloads."""
    return _log(request, manager, "reporting/log_rows.html", choice)


@router.get("/log.csv")
def as_csv(request: Request, manager: Manager, choice: Chosen) -> Response:
    return _handoffs_as(request, manager, choice, "csv")


@router.get("/log.xlsx")
def as_xlsx(request: Request, manager: Manager, choice: Chosen) -> Response:
    return _handoffs_as(request, manager, choice, "xlsx")


def _log(
    request: Request, manager: Person, template: str, choice: Choice, **beside: Any
) -> Response:
    line, program = get_line(request), manager.program
    with line.database.reading() as session:
        found = count_handoffs(session, program.id, choice.wanted)
        pages = max(-(-found // ROWS_A_PAGE), 1)
        shown = min(choice.page, pages)
        skipped = (shown - 1) * ROWS_A_PAGE
        rows = find_handoffs(session, program.id, choice.wanted, limit=ROWS_A_PAGE, offset=skipped)
        since = line.clock() - timedelta(days=line.rules.policy.schedule.missed_shown_days)
        exceptions: dict[str, Any] = {
            "missed": missed_check_ins(session, program.id, since=since),
            "unknown_numbers": list_unknown_numbers(session, program),
            "unreachable": list_unreachable(session, program),
        }
        any_rows = bool(found) or count_handoffs(session, program.id) > 0
    return page(
        request,
        template,
        viewer=manager,
        rows=rows,
        any_rows=any_rows,
        found=found,
        first=skipped + 1,
        shown=shown,
        pages=pages,
        choice=choice,
        zone=program.timezone,
        **exceptions,
        **beside,
    )


def _handoffs_as(request: Request, manager: Person, choice: Choice, form: Form) -> Response:
    with get_line(request).database.reading() as session:
        table = handoffs_table(find_handoffs(session, manager.program_id, choice.wanted))
    return download(request, manager, table, form, about="log", file="handoffs")


def _list_staff(session: Session, program: Program) -> Sequence[Person]:
    """Everyone who may have held a handoff, also those who left."""
    return session.scalars(
        select(Person)
        .where(Person.program_id == program.id, Person.role != Role.MENTEE)
        .order_by(Person.id)
    ).all()


# --- over-reliance and the audit log ---


@router.get("/log/leaning")
def over_reliance(request: Request, manager: Manager) -> Response:
    """Loaded after the log, because it reads four weeks of every mentee's messages."""
    line = get_line(request)
    with line.database.reading() as session:
        policy = line.rules.policy.reliance
        found = over_reliant_mentees(session, policy, manager.program_id, now=line.clock())
    part = "" if wants_part(request) else "_page"
    template = f"reporting/log_over_reliance{part}.html"
    return page(request, template, viewer=manager, mentees=found)


@router.get("/log/audit")
def audit(
    request: Request,
    manager: Manager,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    with get_line(request).database.reading() as session:
        entries = list_entries(session, manager.program_id, before=before, limit=ROWS_A_PAGE + 1)
    return page(
        request,
        "reporting/log_audit.html",
        viewer=manager,
        entries=entries[:ROWS_A_PAGE],
        more=len(entries) > ROWS_A_PAGE,
        zone=manager.program.timezone,
    )


# --- one handoff ---


@router.get("/log/{number}")
def one_handoff(request: Request, number: Number, manager: Manager) -> Response:
    return _one_handoff(request, number, manager, "reporting/log_handoff.html")


@router.get("/log/{number}/steps")
def only_steps(request: Request, number: Number, manager: Manager) -> Response:
    """The part of a handoff's page that the page reloads."""
    return _one_handoff(request, number, manager, "reporting/log_steps.html")


@router.get("/log/{number}/steps.{form}")
def download_steps(request: Request, number: Number, manager: Manager, form: str) -> Response:
    written = read_format(form)
    with get_line(request).database.reading() as session:
        find_handoff(session, manager, number)
        table = steps_table(timeline(session, number), manager.program.timezone)
    about, file = f"handoff:{number}", f"handoff-{number}"
    return download(request, manager, table, written, about=about, file=file)


def _one_handoff(request: Request, number: int, manager: Person, template: str) -> Response:
    line, about = get_line(request), f"handoff:{number}"
    with line.database.reading() as session:
        find_handoff(session, manager, number)
    # Logged before it is shown: if the entry cannot be written, no one sees the handoff.
    read(line, manager, about)
    with line.database.reading() as session:
        handoff = find_handoff(session, manager, number)
        entries = timeline(session, number)
        judging = judging_handoff(session, handoff, manager, action=f"/log/{number}/verdict")
        readers = list_entries(session, manager.program_id, about=about)
    return page(
        request,
        template,
        viewer=manager,
        handoff=handoff,
        entries=entries,
        judging=judging,
        readers=readers,
        zone=manager.program.timezone,
    )


# --- reading an address ---

NO_NEED = gettext_noop("Choose a need from the list.")
NO_URGENCY = gettext_noop("Choose an urgency from the list.")
NO_OUTCOME = gettext_noop("Choose an outcome from the list.")
NO_STEP = gettext_noop("Choose a missing step from the list.")
NO_SHOW = gettext_noop("Choose all handoffs or only the open ones.")
NO_MENTOR = gettext_noop("Choose a person from the list.")


def _says(said: str) -> bool:
    return said not in ("", "any", "all")


def _by_value(kinds: type[Enum]) -> dict[str, Any]:
    return {str(kind.value): kind for kind in kinds}


def _choose(options: Mapping[str, T], said: str, refusal: str) -> T | None:
    if not _says(said):
        return None
    if said not in options:
        raise PageRefused(422, refusal)
    return options[said]


def _read_number(said: str) -> int | None:
    if not _says(said):
        return None
    if not said.isascii() or not said.isdecimal() or int(said) >= 2**31:
        raise PageRefused(422, NO_MENTOR)
    return int(said)


def read_date(said: str) -> date | None:
    if not said:
        return None
    try:
        there = date.fromisoformat(said)
    except ValueError:
        raise PageRefused(422, gettext_noop("Write dates like 2026-11-30.")) from None
    # The calendar's first and last days have no neighbors in every time zone.
    if not 1 < there.year < 9999:
        raise PageRefused(422, gettext_noop("That date is too far away."))
    return there


def _midnight(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(zone)) if day else None


# --- in words ---


def done_in_words(entry: AuditEntry) -> str:
    if entry.action in ACTIONS:
        return phrase(ACTIONS[entry.action])
    return Phrase(entry.action, {}, spelled=lambda said: said.replace("_", " ").replace(".", ": "))


def by_whom(entry: AuditEntry) -> str:
    if entry.by is not None:
        return entry.by.name
    token = entry.detail.get("token")
    return "Warmline" if token is None else phrase("API token {token}", token=token)


def plain_choices(words: Mapping[Enum, str]) -> list[tuple[str, str]]:
    """The options of a select: each value as an address carries it, and its words."""
    return [(str(kind.value), with_capital(said)) for kind, said in words.items()]


env.filters.update(
    by_whom=in_its_language(by_whom),
    plain_choices=plain_choices,
    done_in_words=in_its_language(done_in_words),
)
