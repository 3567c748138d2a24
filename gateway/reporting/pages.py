"""The managers' log: every handoff, each one step by step, the measures, and the downloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import Phrase, gettext_noop, phrase, with_capital
from gateway.accounts.sessions import Manager
from gateway.check_ins.mentor_checks import list_mentor_checks
from gateway.check_ins.missed import missed_check_ins
from gateway.conversations.over_reliance import leaning_mentees
from gateway.handoffs.handoff_list import (
    Unreached,
    Wanted,
    find_handoffs,
    handoffs_table,
    how_many_handoffs,
)
from gateway.handoffs.timeline import steps_table, timeline
from gateway.reporting.exceptions import inactive_mentees, list_unknown_numbers, not_textable
from gateway.reporting.exports import TABLES, Asked
from gateway.reporting.human_contact import Month, all_together, get_month, list_pairs
from gateway.reporting.metrics import (
    Awaited,
    Share,
    followed_up,
    get_waits,
    latest_weeks,
    mentees_who_wrote,
    mentor_loads,
    messages_to_mentees,
    share_overlooked,
    weekly_messages,
    weekly_verdicts,
    weekly_waits,
)
from gateway.reporting.staffing_forecast import Cover, week_ahead
from gateway.review.pages import judging_handoff, to_review
from gateway.review.verdicts import summarize
from gateway.runtime.audit import entries_about, latest_entries, read
from gateway.runtime.spreadsheets import Form
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import Number, PageRefused, env, get_line, page, wants_part
from models import AuditEntry, Need, Outcome, Person, Program, Role, Urgency

router = APIRouter()

ROWS_A_PAGE = 50
PAIRS_SHOWN = 50
LATEST_PAGE = 1_000_000
WEEKS = {
    4: phrase("{count} weeks", count=4),
    13: gettext_noop("A quarter"),
    26: gettext_noop("Half a year"),
    52: gettext_noop("A year"),
}

UNREACHED = {
    Unreached.PHONES: gettext_noop("No text reached a mentor"),
    Unreached.TAKEN: gettext_noop("Nobody took it"),
    Unreached.WORDS: gettext_noop("No words of a person"),
}
AWAITED = {
    Awaited.FIRST_ALERT: gettext_noop("First text to a mentor"),
    Awaited.CLAIM: gettext_noop("Somebody takes it"),
    Awaited.FIRST_REPLY: gettext_noop("First words of a person"),
    Awaited.CLOSE: gettext_noop("Closed"),
}
COVERS = {
    Cover.GOOD: gettext_noop("somebody is on duty"),
    Cover.WAITS: gettext_noop("waits until the program opens"),
    Cover.NO_DUTY: gettext_noop("nobody is on duty, so managers are called"),
    Cover.NOBODY: gettext_noop("nobody could be called"),
}

NONE = "\N{EN DASH}"

E = TypeVar("E", bound=Enum)


# --- the handoffs ---


@dataclass(frozen=True)
class Choice:
    """What a manager chose to see, as the address says it; `wanted` is what that means."""

    wanted: Wanted
    page: int
    said: dict[str, str]

    def query(self, **other: object) -> str:
        return urlencode(self.said | {name: str(value) for name, value in other.items()})


def chosen(
    manager: Manager,
    show: str = "",
    since: str = "",
    until: str = "",
    mentor: str = "",
    need: str = "",
    urgency: str = "",
    outcome: str = "",
    unreached: str = "",
    page: Annotated[int, Query(ge=1, le=LATEST_PAGE)] = 1,
) -> Choice:
    """The filter of the log out of an address. Raises PageRefused for what is none of its words."""
    zone = manager.program.timezone
    begins, last = _day(since, gettext_noop("from")), _day(until, gettext_noop("to"))
    wanted = Wanted(
        since=_midnight(begins, zone),
        until=_midnight(last + timedelta(days=1) if last else None, zone),
        mentor_id=_row(mentor),
        need=_one_of(Need, need),
        urgency=_urgency(urgency),
        outcome=_one_of(Outcome, outcome),
        unreached=_one_of(Unreached, unreached),
        only_open=_only_open(show),
    )
    said = {
        "show": show,
        "since": since,
        "until": until,
        "mentor": mentor,
        "need": need,
        "urgency": urgency,
        "outcome": outcome,
        "unreached": unreached,
    }
    kept = {name: value for name, value in said.items() if value not in ("", "any", "all")}
    return Choice(wanted, page, kept)


Chosen = Annotated[Choice, Depends(chosen)]


@router.get("/log")
def log(request: Request, manager: Manager, choice: Chosen) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        week, sample = to_review(session, line, manager)
        staff = _staff(session, manager.program)
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
    """Only what changes of the log, for the page to read anew."""
    return _log(request, manager, "reporting/log_rows.html", choice)


@router.get("/log.csv")
def as_csv(request: Request, manager: Manager, choice: Chosen) -> Response:
    return _handoffs_as(request, manager, choice, "csv")


@router.get("/log.xlsx")
def as_xlsx(request: Request, manager: Manager, choice: Chosen) -> Response:
    return _handoffs_as(request, manager, choice, "xlsx")


@router.get("/log/leaning")
def leaning(request: Request, manager: Manager) -> Response:
    """Who leans on the bot too much: apart, as it reads four weeks of everybody's messages."""
    line = get_line(request)
    with line.database.reading() as session:
        policy = line.rules.policy.reliance
        found = leaning_mentees(session, policy, manager.program_id, now=line.clock())
    template = (
        "reporting/log_over_reliance.html"
        if wants_part(request)
        else "reporting/log_over_reliance_page.html"
    )
    return page(request, template, viewer=manager, leaning=found)


@router.get("/log/verdicts")
def verdicts(request: Request, manager: Manager) -> Response:
    """What the verdicts add up to: apart, as it weighs half a year of them."""
    line = get_line(request)
    with line.database.reading() as session:
        policy = line.rules.policy
        summary = summarize(session, manager.program, policy, now=line.clock())
    template = (
        "review/log_verdicts.html" if wants_part(request) else "review/log_verdicts_page.html"
    )
    return page(request, template, viewer=manager, verdicts=summary)


def _log(
    request: Request, manager: Person, template: str, choice: Choice, **beside: Any
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        policy = line.rules.policy
        found = how_many_handoffs(session, manager.program_id, choice.wanted)
        pages = max(-(-found // ROWS_A_PAGE), 1)
        shown = min(choice.page, pages)
        rows = find_handoffs(
            session,
            manager.program_id,
            choice.wanted,
            limit=ROWS_A_PAGE,
            offset=(shown - 1) * ROWS_A_PAGE,
        )
        since = line.clock() - timedelta(days=policy.schedule.missed_shown_days)
        missed = missed_check_ins(session, manager.program_id, since=since)
        strangers = list_unknown_numbers(session, manager.program)
        unreachable = not_textable(session, manager.program)
        any_rows = bool(found) or how_many_handoffs(session, manager.program_id) > 0
    return page(
        request,
        template,
        viewer=manager,
        rows=rows,
        any_rows=any_rows,
        found=found,
        first=(shown - 1) * ROWS_A_PAGE + 1,
        shown=shown,
        pages=pages,
        choice=choice,
        missed=missed,
        strangers=strangers,
        unreachable=unreachable,
        zone=manager.program.timezone,
        **beside,
    )


def _handoffs_as(request: Request, manager: Person, choice: Choice, form: Form) -> Response:
    with get_line(request).database.reading() as session:
        table = handoffs_table(find_handoffs(session, manager.program_id, choice.wanted))
    return download(request, manager, table, form, about="log", file="handoffs")


# --- the measures ---


@router.get("/log/measures")
def measures(
    request: Request,
    manager: Manager,
    weeks: Annotated[int, Query(ge=1, le=104)] = 4,
    month: str = "",
) -> Response:
    line, program = get_line(request), manager.program
    now = line.clock()
    period, looked_at = latest_weeks(program, weeks, now=now), _month(program, month, now=now)
    with line.database.reading() as session:
        policy = line.rules.policy
        silent_since = now - timedelta(days=policy.targets.inactive_after_days)
        shown: dict[str, Any] = {
            "waits": get_waits(session, program, period, policy.targets, now=now),
            "weekly_waits": weekly_waits(session, program, period, now=now),
            "weekly_messages": weekly_messages(session, program, period),
            "messages": messages_to_mentees(session, program, period),
            "mentees": mentees_who_wrote(session, program, period),
            "judged": weekly_verdicts(session, program, period),
            "overlooked": share_overlooked(session, program, period),
            "follow_ups": followed_up(session, program, period),
            "loads": mentor_loads(session, program, period),
            "pairs": list_pairs(session, program, looked_at, limit=PAIRS_SHOWN),
            "mentor_checks": list_mentor_checks(session, program, policy.check_ins.mentor_check),
            "together": all_together(session, program, looked_at),
            "together_before": all_together(session, program, looked_at.before),
            "coverage": week_ahead(session, program, policy, now=now),
            "inactive": inactive_mentees(session, program.id, since=silent_since),
            "inactive_after": policy.targets.inactive_after_days,
        }
    return page(
        request,
        "reporting/log_measures.html",
        viewer=manager,
        weeks=weeks,
        spans=WEEKS,
        month=looked_at,
        months=_months_until(looked_at, program, now=now),
        period=period,
        query=urlencode({"weeks": weeks, "month": looked_at.name}),
        pairs_shown=PAIRS_SHOWN,
        awaited=AWAITED,
        covers=COVERS,
        cover=Cover,
        urgencies_down=list(reversed(Urgency)),
        zone=program.timezone,
        **shown,
    )


@router.get("/log/tables/{name}.{form}")
def one_table(
    request: Request,
    manager: Manager,
    name: str,
    form: str,
    weeks: Annotated[int, Query(ge=1, le=104)] = 4,
    month: str = "",
) -> Response:
    """Any table of the managers' pages, to take away."""
    written = read_format(form)
    if name not in TABLES:
        raise PageRefused(404, NO_SUCH_TABLE)
    line, program = get_line(request), manager.program
    now = line.clock()
    with line.database.reading() as session:
        policy = line.rules.policy
        asked = Asked(
            session,
            program,
            policy,
            latest_weeks(program, weeks, now=now),
            _month(program, month, now=now),
            now,
        )
        table = TABLES[name](asked)
    return download(request, manager, table, written, about=f"table:{name}", file=name)


# --- who read and who changed what ---


@router.get("/log/audit")
def audit(
    request: Request,
    manager: Manager,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    with get_line(request).database.reading() as session:
        entries = latest_entries(session, manager.program_id, before=before, limit=ROWS_A_PAGE + 1)
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
    return _one(request, number, manager, "reporting/log_handoff.html")


@router.get("/log/{number}/steps")
def only_steps(request: Request, number: Number, manager: Manager) -> Response:
    """Only the steps, for the page to read anew."""
    return _one(request, number, manager, "reporting/log_steps.html")


@router.get("/log/{number}/steps.{form}")
def steps_to_take_away(request: Request, number: Number, manager: Manager, form: str) -> Response:
    written = read_format(form)
    with get_line(request).database.reading() as session:
        find_handoff(session, manager, number)
        table = steps_table(timeline(session, number), manager.program.timezone)
    return download(
        request, manager, table, written, about=f"handoff:{number}", file=f"handoff-{number}"
    )


def _one(request: Request, number: int, manager: Person, template: str) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        find_handoff(session, manager, number)
    # Noted before it is shown: what could not be noted is not read.
    read(line, manager, f"handoff:{number}")
    with line.database.reading() as session:
        handoff = find_handoff(session, manager, number)
        entries = timeline(session, number)
        judging = judging_handoff(session, handoff, manager, action=f"/log/{number}/verdict")
        readers = entries_about(session, manager.program_id, f"handoff:{number}")
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


def _only_open(show: str) -> bool:
    if show not in ("", "all", "open"):
        raise PageRefused(422, gettext_noop("Show all handoffs, or the open ones."))
    return show == "open"


KINDS: dict[type[Enum], str] = {
    Need: gettext_noop("need"),
    Outcome: gettext_noop("outcome"),
    Unreached: gettext_noop("unreached"),
}


def _one_of(kinds: type[E], said: str) -> E | None:
    if said in ("", "any"):
        return None
    for kind in kinds:
        if kind.value == said:
            return kind
    named = phrase(KINDS[kinds])
    raise PageRefused(422, phrase("There is no {kind} of that name to choose.", kind=named))


def _urgency(said: str) -> Urgency | None:
    if said in ("", "any"):
        return None
    for urgency in Urgency:
        if urgency.name.lower() == said:
            return urgency
    raise PageRefused(422, gettext_noop("There is no urgency of that name to choose."))


def _row(said: str) -> int | None:
    if said in ("", "any"):
        return None
    if not said.isascii() or not said.isdecimal() or int(said) >= 2**31:
        raise PageRefused(422, gettext_noop("There is nobody of that number to choose."))
    return int(said)


def _day(said: str, which: str) -> date | None:
    if not said:
        return None
    try:
        there = date.fromisoformat(said)
    except ValueError:
        raise PageRefused(
            422, phrase("Write the day {which} which to show like 2026-11-30.", which=phrase(which))
        ) from None
    # The calendar's first and last days have no neighbors in every time zone.
    if not 1 < there.year < 9999:
        raise PageRefused(
            422, phrase("The day {which} which to show is too far away.", which=phrase(which))
        )
    return there


def _midnight(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(zone)) if day else None


def _month(program: Program, said: str, *, now: datetime) -> Month:
    this = get_month(now, program.timezone)
    if not said:
        return this
    first = _day(f"{said}-01", gettext_noop("of the month"))
    assert first is not None
    if first > this.first:
        raise PageRefused(422, gettext_noop("That month has not begun yet."))
    return Month(first, program.timezone)


def _months_until(chosen: Month, program: Program, *, now: datetime) -> Sequence[Month]:
    """This month and the eleven before it, and the one that is looked at."""
    months = [get_month(now, program.timezone)]
    while len(months) < 12:
        months.append(months[-1].before)
    return months if chosen in months else [*months, chosen]


def _staff(session: Session, program: Program) -> Sequence[Person]:
    """Everybody who may have held a handoff, those who left among them."""
    return session.scalars(
        select(Person)
        .where(Person.program_id == program.id, Person.role != Role.MENTEE)
        .order_by(Person.id)
    ).all()


# --- in words ---


def share_in_words(share: Share | None) -> str:
    if share is None:
        return NONE
    return (
        phrase("{percent}% ({part} of {of})", percent=share.percent, part=share.part, of=share.of)
        if share.of
        else gettext_noop("none yet")
    )


def towards_in_words(number: float | None) -> str:
    return NONE if number is None else f"{number:.2f}"


def change_in_words(change: float | None) -> str:
    if change is None:
        return NONE
    return f"{change:+.2f}".replace("-", "\N{MINUS SIGN}")


ACTIONS = {
    "read": gettext_noop("read it"),
    "export": gettext_noop("took it away as a file"),
}


def done_in_words(entry: AuditEntry) -> str:
    """What an entry of the audit says was done, in words."""
    if entry.action in ACTIONS:
        return phrase(ACTIONS[entry.action])
    return Phrase(entry.action, {}, spelled=lambda said: said.replace("_", " ").replace(".", ": "))


def by_whom(entry: AuditEntry) -> str:
    if entry.by is not None:
        return entry.by.name
    token = entry.detail.get("token")
    return (
        gettext_noop("The line")
        if token is None
        else phrase("A program (token {token})", token=token)
    )


def plain_choices(words: Mapping[Enum, str]) -> list[tuple[str, str]]:
    """What a select offers: the value as the address carries it, and its words."""
    return [(str(kind.value), with_capital(said)) for kind, said in words.items()]


env.filters.update(
    by_whom=in_its_language(by_whom),
    plain_choices=plain_choices,
    share_in_words=in_its_language(share_in_words),
    towards_in_words=towards_in_words,
    change_in_words=change_in_words,
    done_in_words=in_its_language(done_in_words),
)
