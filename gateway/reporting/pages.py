"""The managers' log: the list of handoffs, each one step by step, and the audit log."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from sqlalchemy import select

from escalation.handoffs.duty import list_staff
from escalation.speech.i18n import Phrase, gettext_noop, phrase, with_capital
from gateway.accounts.sessions import Manager
from gateway.conversations.over_reliance import over_reliant_mentees
from gateway.handoffs.exports import handoffs_table, steps_table
from gateway.handoffs.handoff_list import (
    MOST_COUNTED,
    HandoffFilter,
    Unreached,
    count_handoffs,
    find_handoffs,
    find_page,
)
from gateway.handoffs.timeline import timeline
from gateway.reporting.exceptions import (
    can_nobody_be_reached,
    list_contact_details,
    list_disclosures,
    list_limits_reached,
    list_missed,
    list_unknown_numbers,
    list_unreachable,
)
from gateway.reporting.period import UrgencyName, get_scope
from gateway.review.judging import judging_handoff
from gateway.review.pages import to_review
from gateway.runtime.audit import list_entries, read
from gateway.runtime.figures import get_figures
from gateway.web.downloads import download, read_format
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import Number, PageRefused, env, get_line, page, wants_part
from models import AuditEntry, Need, Outcome, Person, Role, Urgency

router = APIRouter()

ROWS_A_PAGE = 50

UNREACHED = {
    Unreached.PHONES: gettext_noop("No text reached a mentor"),
    Unreached.TAKEN: gettext_noop("No one claimed it"),
    Unreached.WORDS: gettext_noop("No reply from a person"),
}
ACTIONS = {"read": gettext_noop("viewed it"), "export": gettext_noop("downloaded it")}


# --- the list ---


def read_date(said: str | None) -> date | None:
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


Day = Annotated[date | None, BeforeValidator(read_date)]
NO_CHOICE = {
    "show": gettext_noop("Choose all handoffs or only the open ones."),
    "mentor": gettext_noop("Choose a person from the list."),
    "need": gettext_noop("Choose a need from the list."),
    "urgency": gettext_noop("Choose an urgency from the list."),
    "outcome": gettext_noop("Choose an outcome from the list."),
    "unreached": gettext_noop("Choose a missing step from the list."),
}


class Filter(BaseModel):
    """The filter of the log, as its URL has it. `until` is the last day."""

    show: Literal["open"] | None = None
    since: Day = None
    until: Day = None
    mentor: int | None = Field(None, ge=0, lt=2**31)
    need: Need | None = None
    urgency: UrgencyName | None = None
    outcome: Outcome | None = None
    unreached: Unreached | None = None
    # The number of the handoff that the page lies next to.
    before: int | None = Field(None, ge=1, lt=2**31)
    after: int | None = Field(None, ge=1, lt=2**31)

    @field_validator("*", mode="before")
    @classmethod
    def _leave_out(cls, said: str) -> str | None:
        return None if said in ("", "any", "all") else said

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, said: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        """Raises PageRefused with the sentence for the first invalid field."""
        try:
            return read(said)
        except ValidationError as errors:
            field = errors.errors()[0]["loc"][0]
            if field not in NO_CHOICE:
                raise
            raise PageRefused(422, NO_CHOICE[str(field)]) from None

    @property
    def said(self) -> dict[str, str]:
        chosen = self.model_dump(mode="json", exclude={"before", "after"}, exclude_none=True)
        return {name: str(value) for name, value in chosen.items()}

    def query(self, **other: object) -> str:
        return urlencode(self.said | other)

    @property
    def here(self) -> str:
        """The query of this page."""
        beside = {"before": self.before, "after": self.after}
        return self.query(**{name: number for name, number in beside.items() if number})

    def wanted(self, zone: str) -> HandoffFilter:
        return HandoffFilter(
            since=_midnight(self.since, zone),
            until=_midnight(self.until and self.until + timedelta(days=1), zone),
            mentor_id=self.mentor,
            need=self.need,
            urgency=Urgency[self.urgency.upper()] if self.urgency else None,
            outcome=self.outcome,
            unreached=self.unreached,
            only_open=self.show == "open",
        )


def _midnight(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(zone)) if day else None


Chosen = Annotated[Filter, Query()]


@router.get("/log")
def log(request: Request, manager: Manager, choice: Chosen) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        week, sample = to_review(session, line, manager)
        # Including those who left: they may have held a handoff.
        staff = session.execute(
            select(Person.id, Person.name)
            .where(Person.program_id == manager.program_id, Person.role != Role.MENTEE)
            .order_by(Person.id)
        ).all()
    beside = {"week": week, "to_review": sample, "staff": staff, "unreached_words": UNREACHED}
    return _log(request, manager, "reporting/log.html", choice, beside)


@router.get("/log/rows")
def only_rows(request: Request, manager: Manager, choice: Chosen) -> Response:
    """The part of the log that the page reloads."""
    return _log(request, manager, "reporting/log_rows.html", choice, {})


@router.get("/log.{form}")
def download_log(request: Request, manager: Manager, choice: Chosen, form: str) -> Response:
    written, wanted = read_format(form), choice.wanted(manager.program.timezone)
    with get_line(request).database.reading() as session:
        table = handoffs_table(find_handoffs(session, manager.program_id, wanted))
    return download(request, manager, table, written, about="log", file="handoffs")


def _log(
    request: Request, manager: Person, template: str, choice: Filter, beside: Mapping[str, Any]
) -> Response:
    line, program = get_line(request), manager.program
    wanted = choice.wanted(program.timezone)
    with line.database.reading() as session:
        found = find_page(
            session,
            program.id,
            wanted,
            limit=ROWS_A_PAGE,
            before=choice.before,
            after=choice.after,
        )
        many = found.newer or found.older
        scope = get_scope(line, session, program)
        values: dict[str, Any] = {
            "rows": found.rows,
            "count": count_handoffs(session, program.id, wanted) if many else len(found.rows),
            "any_rows": bool(found.rows) or count_handoffs(session, program.id, most=1) > 0,
            "missed": list_missed(scope, limit=ROWS_A_PAGE),
            "unknown_numbers": list_unknown_numbers(scope),
            "unreachable": list_unreachable(scope),
            "nobody_reachable": can_nobody_be_reached(session, program),
            "limits_reached": list_limits_reached(scope),
            "disclosures": list_disclosures(scope),
            "contact_details": list_contact_details(scope),
        }
    return page(
        request,
        template,
        viewer=manager,
        found=found,
        most_counted=MOST_COUNTED,
        most_listed=ROWS_A_PAGE,
        choice=choice,
        zone=program.timezone,
        **values,
        **beside,
    )


# --- over-reliance and the audit log ---


@router.get("/log/over-reliance")
def over_reliance(request: Request, manager: Manager) -> Response:
    """Loaded after the log, because it reads four weeks of every mentee's messages."""
    line = get_line(request)
    with line.database.reading() as session:
        policy, program_id = line.rules.policy.reliance, manager.program_id
        found, _ = get_figures(
            line.database,
            ("over-reliance", program_id, policy.model_dump_json()),
            lambda: over_reliant_mentees(session, policy, program_id, now=line.clock()),
            now=line.clock(),
        )
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
        colleagues = [
            one for one in list_staff(session, manager.program_id) if one.id != manager.id
        ]
    return page(
        request,
        template,
        viewer=manager,
        handoff=handoff,
        entries=entries,
        judging=judging,
        readers=readers,
        colleagues=colleagues,
        zone=manager.program.timezone,
    )


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
