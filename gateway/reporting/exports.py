"""What the managers' pages show, as tables for a spreadsheet: one function for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.policy import Policy
from gateway.check_ins.mentor_checks import list_mentor_checks
from gateway.check_ins.missed import missed_check_ins
from gateway.conversations.over_reliance import leaning_mentees
from gateway.reporting.exceptions import inactive_mentees, list_unknown_numbers, not_textable
from gateway.reporting.human_contact import Month, list_pairs
from gateway.reporting.metrics import (
    Period,
    followed_up,
    get_waits,
    mentees_who_wrote,
    mentor_loads,
    messages_to_mentees,
    share_overlooked,
    weekly_messages,
    weekly_verdicts,
    weekly_waits,
)
from gateway.reporting.staffing_forecast import week_ahead
from gateway.review.sampling import draw_sample, last_full_week
from gateway.runtime.audit import latest_entries
from gateway.runtime.labels import called, whole_seconds
from gateway.runtime.spreadsheets import Table
from models import Conversation, Program, Urgency


@dataclass(frozen=True)
class Asked:
    """What a table is asked of: the program, its policy, and the time."""

    session: Session
    program: Program
    policy: Policy
    period: Period
    month: Month
    now: datetime

    def local(self, at: datetime | None) -> datetime | None:
        return at.astimezone(ZoneInfo(self.program.timezone)) if at else None


def _missed(asked: Asked) -> Table:
    since = asked.now - timedelta(days=asked.policy.schedule.missed_shown_days)
    found = missed_check_ins(asked.session, asked.program.id, since=since)
    rows = [(m.mentee, m.check_in, asked.local(m.sent_at), asked.local(m.missed_at)) for m in found]
    return Table("Missed check-ins", ("mentee", "check_in", "asked", "missed"), rows)


def _strangers(asked: Asked) -> Table:
    found = list_unknown_numbers(asked.session, asked.program)
    rows = [(one.number, one.messages, asked.local(one.last_at)) for one in found]
    return Table("Unknown numbers", ("number", "messages", "last"), rows)


def _unreachable(asked: Asked) -> Table:
    found = not_textable(asked.session, asked.program)
    rows = [(person.name, person.role.value, why) for person, why in found]
    return Table("Cannot be texted", ("name", "role", "why"), rows)


def _inactive(asked: Asked) -> Table:
    since = asked.now - timedelta(days=asked.policy.targets.inactive_after_days)
    found = inactive_mentees(asked.session, asked.program.id, since=since)
    return Table(
        "Inactive mentees",
        ("mentee", "last_wrote"),
        [(one.mentee, asked.local(one.last_at)) for one in found],
    )


def _leaning(asked: Asked) -> Table:
    found = leaning_mentees(asked.session, asked.policy.reliance, asked.program.id, now=asked.now)
    rows = [(one.mentee, "; ".join(one.figures)) for one in found]
    return Table("Leaning on the bot", ("mentee", "figures"), rows)


def _review(asked: Asked) -> Table:
    week = last_full_week(asked.program, now=asked.now)
    size = asked.policy.review.weekly_sample
    rows = [
        (
            week.name,
            called(asked.session.get_one(Conversation, one.conversation_id)),
            one.messages,
        )
        for one in draw_sample(asked.session, asked.program, week, size)
    ]
    return Table("To review", ("week", "mentee", "messages"), rows)


def _waits(asked: Asked) -> Table:
    headings = (
        "urgency",
        "awaited",
        "count",
        "median_seconds",
        "ninth_decile_seconds",
        "target_seconds",
        "within_target",
        "of",
    )
    waits = get_waits(
        asked.session, asked.program, asked.period, asked.policy.targets, now=asked.now
    )
    return Table(
        "Waits",
        headings,
        [
            (
                one.urgency.name.lower(),
                one.awaited.value,
                one.count,
                whole_seconds(one.median),
                whole_seconds(one.ninth_decile),
                whole_seconds(one.target),
                one.within.part if one.within else None,
                one.within.of if one.within else None,
            )
            for one in waits
        ],
    )


def _weeks(asked: Asked) -> Table:
    waits = weekly_waits(asked.session, asked.program, asked.period, now=asked.now)
    words = weekly_messages(asked.session, asked.program, asked.period)
    urgencies = list(reversed(Urgency))
    names = [urgency.name.lower() for urgency in urgencies]
    return Table(
        "Weeks",
        (
            "week_from",
            *(f"handoffs_{name}" for name in names),
            *(f"first_words_median_seconds_{name}" for name in names),
            "messages_of_the_bot",
            "messages_of_people",
        ),
        [
            (
                week.monday.isoformat(),
                *(week.handoffs[urgency] for urgency in urgencies),
                *(whole_seconds(week.first_reply[urgency]) for urgency in urgencies),
                said.bot,
                said.people,
            )
            for week, said in zip(waits, words, strict=True)
        ],
    )


def _load(asked: Asked) -> Table:
    headings = ("name", "role", "holds_now", "taken", "crises", "first_replies")
    loads = mentor_loads(asked.session, asked.program, asked.period)
    return Table(
        "Load",
        headings,
        [
            (
                one.person.name,
                one.person.role.value,
                one.holds,
                one.taken,
                one.crises,
                one.first_replies,
            )
            for one in loads
        ],
    )


def _messages(asked: Asked) -> Table:
    found = messages_to_mentees(asked.session, asked.program, asked.period)
    rows = [(one.name, one.count, one.percent) for one in found]
    return Table("Messages to mentees", ("by", "messages", "percent"), rows)


def _mentees(asked: Asked) -> Table:
    found = mentees_who_wrote(asked.session, asked.program, asked.period)
    rows = [(one.name, one.count, one.percent) for one in found]
    return Table("Mentees who wrote", ("what_came", "mentees", "percent"), rows)


def _verdicts(asked: Asked) -> Table:
    judged = weekly_verdicts(asked.session, asked.program, asked.period)
    overlooked = share_overlooked(asked.session, asked.program, asked.period)
    rows = [(one.need.value, one.right, one.over, one.late, None, None) for one in judged]
    not_handed_over = ("not handed over", None, None, None, overlooked.part, overlooked.of)
    headings = ("need", "right", "should_not_have", "should_have_earlier", "needed", "reviewed")
    return Table("Verdicts", headings, [*rows, not_handed_over])


def _follow_ups(asked: Asked) -> Table:
    found = followed_up(asked.session, asked.program, asked.period)
    rows = [(one.question, one.yes, one.no, found.asked) for one in found.said]
    return Table("Follow-ups", ("question", "yes", "no", "handoffs_asked_about"), rows)


def _towards(asked: Asked) -> Table:
    headings = (
        "month",
        "mentee",
        "own_mentor",
        "towards",
        "month_before",
        "days_with_a_person",
        "days_awaiting_one",
        "days_of_the_bot_alone",
        "messages_of_people",
        "handoffs",
    )
    return Table(
        "Towards the mentor",
        headings,
        [
            (
                asked.month.name,
                pair.mentee,
                pair.mentor,
                _hundredths(pair.now.towards),
                _hundredths(pair.before.towards),
                pair.now.person,
                pair.now.awaiting,
                pair.now.bot_only,
                pair.now.messages,
                pair.now.handoffs,
            )
            for pair in list_pairs(asked.session, asked.program, asked.month)
        ],
    )


def _mentor_checks(asked: Asked) -> Table:
    cut_offs = asked.policy.check_ins.mentor_check
    headings = ("mentee", "own_mentor", "latest_total", "answered", "change_since_first", "answers")
    return Table(
        "What mentees say",
        headings,
        [
            (one.mentee, one.mentor, one.latest, asked.local(one.at), one.change, one.count)
            for one in list_mentor_checks(asked.session, asked.program, cut_offs)
        ],
    )


def _hundredths(share: float | None) -> float | None:
    return None if share is None else round(share, 2)


def _coverage(asked: Asked) -> Table:
    week = week_ahead(asked.session, asked.program, asked.policy, now=asked.now)
    headings = ("hour", "urgency", "cover", "on_duty", "managers", "mentees_left_out")
    return Table(
        "Coverage",
        headings,
        [
            (
                hour.at,
                urgency.name.lower(),
                hour.cover.value,
                hour.duty,
                hour.managers,
                hour.left_out,
            )
            for urgency in reversed(Urgency)
            for hour in week.hours[urgency].values()
        ],
    )


def _audit(asked: Asked) -> Table:
    entries = latest_entries(asked.session, asked.program.id, limit=None)
    return Table(
        "Read and changed",
        ("number", "at", "by", "action", "about", "hash"),
        [
            (
                entry.id,
                asked.local(entry.at),
                entry.by.name if entry.by else None,
                entry.action,
                entry.about,
                entry.hash,
            )
            for entry in entries
        ],
    )


TABLES: Mapping[str, Callable[[Asked], Table]] = {
    "missed": _missed,
    "strangers": _strangers,
    "unreachable": _unreachable,
    "inactive": _inactive,
    "leaning": _leaning,
    "review": _review,
    "waits": _waits,
    "weeks": _weeks,
    "load": _load,
    "messages": _messages,
    "mentees": _mentees,
    "verdicts": _verdicts,
    "follow-ups": _follow_ups,
    "towards": _towards,
    "mentor-checks": _mentor_checks,
    "coverage": _coverage,
    "audit": _audit,
}
