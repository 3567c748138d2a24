"""What the managers' pages show, as tables for a spreadsheet: one function for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.policy import Policy
from gateway.check_ins.answers import missed_check_ins
from gateway.check_ins.mentor_checks import list_mentor_checks
from gateway.conversations.over_reliance import over_reliant_mentees
from gateway.reporting.exceptions import inactive_mentees, list_unknown_numbers, list_unreachable
from gateway.reporting.human_contact import Month, list_pairs
from gateway.reporting.load import mentor_loads
from gateway.reporting.messages import mentees_who_wrote, messages_to_mentees, weekly_messages
from gateway.reporting.period import Period
from gateway.reporting.reviews import count_follow_ups, count_verdicts, share_missed
from gateway.reporting.staffing_forecast import week_ahead
from gateway.reporting.waits import get_waits, weekly_waits
from gateway.review.sampling import draw_sample, last_full_week
from gateway.runtime.audit import list_entries
from gateway.runtime.labels import display_name, whole_seconds
from gateway.runtime.spreadsheets import Cell, Table
from models import Conversation, Program, Urgency

Rows = Iterator[tuple[Cell, ...]]
URGENCIES = tuple(reversed(Urgency))


@dataclass(frozen=True)
class Scope:
    """What a table covers."""

    session: Session
    program: Program
    policy: Policy
    period: Period
    month: Month
    now: datetime

    def local(self, at: datetime | None) -> datetime | None:
        return at.astimezone(ZoneInfo(self.program.timezone)) if at else None

    def days_ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days)


TABLES: dict[str, Callable[[Scope], Table]] = {}


def _table(name: str, title: str, *headings: str) -> Callable[[Callable[[Scope], Rows]], None]:
    """Offer the rows of a function as the download `name`."""

    def offer(rows: Callable[[Scope], Rows]) -> None:
        TABLES[name] = lambda scope: Table(title, headings, list(rows(scope)))

    return offer


@_table("missed", "Missed check-ins", "mentee", "check_in", "asked", "missed")
def _missed(scope: Scope) -> Rows:
    since = scope.days_ago(scope.policy.schedule.missed_shown_days)
    for one in missed_check_ins(scope.session, scope.program.id, since=since):
        yield one.mentee, one.check_in, scope.local(one.sent_at), scope.local(one.missed_at)


@_table("unknown-numbers", "Unknown numbers", "number", "messages", "last")
def _unknown_numbers(scope: Scope) -> Rows:
    for one in list_unknown_numbers(scope.session, scope.program):
        yield one.number, one.messages, scope.local(one.last_at)


@_table("unreachable", "Unreachable people", "name", "role", "why")
def _unreachable(scope: Scope) -> Rows:
    for person, why in list_unreachable(scope.session, scope.program):
        yield person.name, person.role.value, why


@_table("inactive", "Inactive mentees", "mentee", "last_wrote")
def _inactive(scope: Scope) -> Rows:
    since = scope.days_ago(scope.policy.targets.inactive_after_days)
    for one in inactive_mentees(scope.session, scope.program.id, since=since):
        yield one.mentee, scope.local(one.last_at)


@_table("over-reliance", "Over-reliance", "mentee", "figures")
def _over_reliance(scope: Scope) -> Rows:
    policy = scope.policy.reliance
    for one in over_reliant_mentees(scope.session, policy, scope.program.id, now=scope.now):
        yield one.mentee, "; ".join(one.figures)


@_table("review", "To review", "week", "mentee", "messages")
def _review(scope: Scope) -> Rows:
    week, size = last_full_week(scope.program, now=scope.now), scope.policy.review.weekly_sample
    for one in draw_sample(scope.session, scope.program, week, size):
        conversation = scope.session.get_one(Conversation, one.conversation_id)
        yield week.name, display_name(conversation), one.messages


@_table(
    "waits",
    "Waits",
    "urgency",
    "awaited",
    "count",
    "median_seconds",
    "ninth_decile_seconds",
    "target_seconds",
    "within_target",
    "of",
)
def _waits(scope: Scope) -> Rows:
    targets = scope.policy.targets
    for one in get_waits(scope.session, scope.program, scope.period, targets, now=scope.now):
        yield (
            one.urgency.name.lower(),
            one.awaited.value,
            one.count,
            whole_seconds(one.median),
            whole_seconds(one.ninth_decile),
            whole_seconds(one.target),
            one.within.part if one.within else None,
            one.within.of if one.within else None,
        )


@_table(
    "weeks",
    "Weeks",
    "week_from",
    *(f"handoffs_{urgency.name.lower()}" for urgency in URGENCIES),
    *(f"first_reply_median_seconds_{urgency.name.lower()}" for urgency in URGENCIES),
    "messages_from_bot",
    "messages_from_people",
)
def _weeks(scope: Scope) -> Rows:
    waits = weekly_waits(scope.session, scope.program, scope.period, now=scope.now)
    messages = weekly_messages(scope.session, scope.program, scope.period)
    for week, sent in zip(waits, messages, strict=True):
        handoffs = (week.handoffs[urgency] for urgency in URGENCIES)
        medians = (whole_seconds(week.first_reply[urgency]) for urgency in URGENCIES)
        yield week.monday.isoformat(), *handoffs, *medians, sent.bot, sent.people


@_table("load", "Load", "name", "role", "holds_now", "taken", "crises", "first_replies")
def _load(scope: Scope) -> Rows:
    for one in mentor_loads(scope.session, scope.program, scope.period):
        person = one.person
        yield person.name, person.role.value, one.holds, one.taken, one.crises, one.first_replies


@_table("messages", "Messages to mentees", "by", "messages", "percent")
def _messages(scope: Scope) -> Rows:
    for one in messages_to_mentees(scope.session, scope.program, scope.period):
        yield one.name, one.count, one.percent


@_table("mentees", "Mentees who wrote", "answered_by", "mentees", "percent")
def _mentees(scope: Scope) -> Rows:
    for one in mentees_who_wrote(scope.session, scope.program, scope.period):
        yield one.name, one.count, one.percent


@_table(
    "verdicts",
    "Verdicts",
    "need",
    "right",
    "should_not_have",
    "should_have_earlier",
    "needed",
    "reviewed",
)
def _verdicts(scope: Scope) -> Rows:
    for one in count_verdicts(scope.session, scope.program, scope.period):
        yield one.need.value, one.right, one.over, one.late, None, None
    missed = share_missed(scope.session, scope.program, scope.period)
    yield "no handoff", None, None, None, missed.part, missed.of


@_table("follow-ups", "Follow-ups", "question", "yes", "no", "handoffs_asked_about")
def _follow_ups(scope: Scope) -> Rows:
    found = count_follow_ups(scope.session, scope.program, scope.period)
    for one in found.said:
        yield one.question, one.yes, one.no, found.asked


@_table(
    "human-contact",
    "Human contact",
    "month",
    "mentee",
    "own_mentor",
    "contact_rate",
    "month_before",
    "days_with_a_person",
    "days_waiting_for_one",
    "days_with_the_bot_only",
    "messages_from_people",
    "handoffs",
)
def _human_contact(scope: Scope) -> Rows:
    for pair in list_pairs(scope.session, scope.program, scope.month):
        yield (
            scope.month.name,
            pair.mentee,
            pair.mentor,
            _hundredths(pair.now.contact_rate),
            _hundredths(pair.before.contact_rate),
            pair.now.person,
            pair.now.awaiting,
            pair.now.bot_only,
            pair.now.messages,
            pair.now.handoffs,
        )


def _hundredths(share: float | None) -> float | None:
    return None if share is None else round(share, 2)


@_table(
    "mentor-checks",
    "Mentor checks",
    "mentee",
    "own_mentor",
    "latest_total",
    "answered",
    "change_since_first",
    "answers",
)
def _mentor_checks(scope: Scope) -> Rows:
    cut_offs = scope.policy.check_ins.mentor_check
    for one in list_mentor_checks(scope.session, scope.program, cut_offs):
        yield one.mentee, one.mentor, one.latest, scope.local(one.at), one.change, one.count


@_table(
    "coverage",
    "Coverage",
    "hour",
    "urgency",
    "cover",
    "on_duty",
    "managers",
    "mentees_without_anyone",
)
def _coverage(scope: Scope) -> Rows:
    week = week_ahead(scope.session, scope.program, scope.policy, now=scope.now)
    for urgency in URGENCIES:
        for hour in week.hours[urgency].values():
            name, cover = urgency.name.lower(), hour.cover.value
            yield hour.at, name, cover, hour.duty, hour.managers, hour.left_out


@_table("audit", "Audit log", "number", "at", "by", "action", "about", "hash")
def _audit(scope: Scope) -> Rows:
    for entry in list_entries(scope.session, scope.program.id):
        by = entry.by.name if entry.by else None
        yield entry.id, scope.local(entry.at), by, entry.action, entry.about, entry.hash
