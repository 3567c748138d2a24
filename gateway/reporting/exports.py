"""The downloads of the managers' pages."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from gateway.check_ins.mentor_checks import list_mentor_checks
from gateway.conversations.over_reliance import over_reliant_mentees
from gateway.reporting.exceptions import (
    inactive_mentees,
    list_missed,
    list_unknown_numbers,
    list_unreachable,
)
from gateway.reporting.human_contact import get_human_contact
from gateway.reporting.load import mentor_loads
from gateway.reporting.messages import mentees_who_wrote, messages_to_mentees
from gateway.reporting.metrics import list_weeks
from gateway.reporting.period import Scope
from gateway.reporting.reviews import count_follow_ups, count_verdicts, share_missed
from gateway.reporting.staffing_forecast import week_ahead
from gateway.reporting.waits import get_waits
from gateway.review.sampling import draw_sample, last_full_week
from gateway.runtime.audit import list_entries
from gateway.runtime.labels import display_name
from gateway.runtime.spreadsheets import Table, make_table
from models import Conversation, Urgency

URGENCIES = tuple(reversed(Urgency))


def _export(
    title: str, rows: Callable[[Scope], Iterable[Any]], columns: str
) -> Callable[[Scope], Table]:
    """A download. `columns` names attributes of a row; `heading=attribute` renames one."""
    pairs = [column.partition("=") for column in columns.split()]
    shows = {heading: _getter(path or heading) for heading, _, path in pairs}
    return lambda scope: make_table(title, shows, rows(scope), scope.program.timezone)


def _getter(path: str) -> Callable[[Any], object]:
    """Like attrgetter, but None has the attributes of None."""

    def get(row: Any) -> object:
        for name in path.split("."):
            row = None if row is None else getattr(row, name)
        return row

    return get


def _weeks(scope: Scope) -> Table:
    names = [urgency.name.lower() for urgency in URGENCIES]
    headings = [
        "week_from",
        *(f"handoffs_{name}" for name in names),
        *(f"first_reply_median_seconds_{name}" for name in names),
        "messages_from_bot",
        "messages_from_people",
    ]
    rows = [
        (
            week.monday.isoformat(),
            *(week.handoffs[urgency] for urgency in URGENCIES),
            *(week.first_reply[urgency] for urgency in URGENCIES),
            week.messages_of_bot,
            week.messages_of_people,
        )
        for week in list_weeks(scope)
    ]
    columns = {heading: itemgetter(place) for place, heading in enumerate(headings)}
    return make_table("Weeks", columns, rows, scope.program.timezone)


def _verdicts(scope: Scope) -> Table:
    headings = ("need", "right", "should_not_have", "should_have_earlier", "needed", "reviewed")
    missed = share_missed(scope)
    rows = [
        *((one.need, one.right, one.over, one.late, None, None) for one in count_verdicts(scope)),
        ("no handoff", None, None, None, missed.part, missed.of),
    ]
    return Table("Verdicts", headings, rows)


def _follow_ups(scope: Scope) -> Table:
    found = count_follow_ups(scope)
    rows = [(question, one.yes, one.no, found.asked) for question, one in found.by_question]
    return Table("Follow-ups", ("question", "yes", "no", "handoffs_asked_about"), rows)


def _review(scope: Scope) -> Table:
    week, size = last_full_week(scope.program, now=scope.now), scope.policy.review.weekly_sample
    rows = []
    for one in draw_sample(scope.session, scope.program, week, size):
        conversation = scope.session.get_one(Conversation, one.conversation_id)
        rows.append((week.name, display_name(conversation), one.messages))
    return Table("To review", ("week", "mentee", "messages"), rows)


TABLES: dict[str, Callable[[Scope], Table]] = {
    "missed": _export(
        "Missed check-ins", list_missed, "mentee check_in asked=sent_at missed=missed_at"
    ),
    "unknown-numbers": _export(
        "Unknown numbers", list_unknown_numbers, "number messages last=last_at"
    ),
    "unreachable": _export(
        "Unreachable people", list_unreachable, "name=person.name role=person.role why"
    ),
    "inactive": _export("Inactive mentees", inactive_mentees, "mentee last_wrote=last_at"),
    "over-reliance": _export(
        "Over-reliance",
        lambda scope: over_reliant_mentees(
            scope.session, scope.policy.reliance, scope.program.id, now=scope.now
        ),
        "mentee figures",
    ),
    "review": _review,
    "waits": _export(
        "Waits",
        get_waits,
        "urgency awaited count=handoffs median_seconds=median ninth_decile_seconds=ninth_decile "
        "target_seconds=target within_target=within.part of=within.of",
    ),
    "weeks": _weeks,
    "load": _export("Load", mentor_loads, "name role holds_now=holds taken crises first_replies"),
    "messages": _export(
        "Messages to mentees", messages_to_mentees, "by=name messages=count percent"
    ),
    "mentees": _export(
        "Mentees who wrote", mentees_who_wrote, "answered_by=name mentees=count percent"
    ),
    "verdicts": _verdicts,
    "follow-ups": _follow_ups,
    "human-contact": _export(
        "Human contact",
        lambda scope: get_human_contact(scope).pairs,
        "month mentee own_mentor=mentor contact_rate=now.contact_rate "
        "month_before=before.contact_rate days_with_a_person=now.person "
        "days_waiting_for_one=now.awaiting days_with_the_bot_only=now.bot_only "
        "messages_from_people=now.messages handoffs=now.handoffs",
    ),
    "mentor-checks": _export(
        "Mentor checks",
        lambda scope: list_mentor_checks(
            scope.session, scope.program, scope.policy.check_ins.mentor_check
        ),
        "mentee own_mentor=mentor latest_total=latest answered=at change_since_first=change "
        "answers=count",
    ),
    "coverage": _export(
        "Coverage",
        lambda scope: week_ahead(scope).every_hour,
        "hour=at urgency cover on_duty managers mentees_without_anyone=mentees_left_out",
    ),
    "audit": _export(
        "Audit log",
        lambda scope: list_entries(scope.session, scope.program.id),
        "number=id at by=by.name action about hash",
    ),
}
