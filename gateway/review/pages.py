"""Verdicts on closed handoffs, and on a weekly sample of conversations without a handoff."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.accounts.sessions import Manager, Mentor
from gateway.review.judging import (
    ON_A_WEEK,
    Given,
    find_verdicts,
    judge_handoff,
    judge_week,
    judging_week,
)
from gateway.review.sampling import (
    NotHandedOver,
    Week,
    draw_sample,
    last_full_week,
    week_named,
    what_happened,
)
from gateway.review.summary import (
    judged_in_words,
    list_rates,
    rate_in_words,
    suggestion_in_words,
    summarize,
)
from gateway.runtime import audit
from gateway.runtime.figures import get_figures
from gateway.runtime.line import Line
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import Number, PageRefused, env, get_line, go_to, page, wants_part
from models import Conversation, Person, VerdictRecord

router = APIRouter()

env.filters.update(
    judged_in_words=in_its_language(judged_in_words),
    rate_in_words=in_its_language(rate_in_words),
    list_rates=list_rates,
    suggestion_in_words=suggestion_in_words,
)
env.globals.update(on_a_week=ON_A_WEEK)


@dataclass(frozen=True)
class ToReview:
    """One conversation of the week's sample. `given` is the viewer's own verdict so far."""

    conversation: Conversation
    messages: int
    given: VerdictRecord | None


def to_review(session: Session, line: Line, manager: Person) -> tuple[Week, list[ToReview]]:
    """The sample of the last full week."""
    week = last_full_week(manager.program, now=line.clock())
    program, size = manager.program, line.rules.policy.review.weekly_sample
    sample, _ = get_figures(
        line.database,
        ("sample", program.id, week, size),
        lambda: draw_sample(session, program, week, size),
        now=line.clock(),
        # It is part of the log, and the week is over.
        slow_seconds=0.1,
    )
    return week, [
        ToReview(
            session.get_one(Conversation, one.conversation_id),
            one.messages,
            find_verdicts(session, VerdictRecord.message_id == one.last_message_id).get(manager.id),
        )
        for one in sample
    ]


@router.get("/log/verdicts")
def verdicts(request: Request, manager: Manager) -> Response:
    """Loaded after the log, because it reads half a year of verdicts."""
    line = get_line(request)
    policy, program = line.rules.policy, manager.program
    about = ("verdicts", program.id, policy.review.needed_at_least, policy.thresholds.connection)
    with line.database.reading() as session:
        summary, _ = get_figures(
            line.database,
            about,
            lambda: summarize(session, program, policy, now=line.clock()),
            now=line.clock(),
        )
    part = "" if wants_part(request) else "_page"
    return page(request, f"review/log_verdicts{part}.html", viewer=manager, verdicts=summary)


@router.post("/console/{number}/verdict")
def judge_in_console(request: Request, number: Number, mentor: Mentor, given: Given) -> Response:
    return _judge_handoff(request, number, mentor, given, then=f"/console/{number}")


@router.post("/log/{number}/verdict")
def judge_in_log(request: Request, number: Number, manager: Manager, given: Given) -> Response:
    return _judge_handoff(request, number, manager, given, then=f"/log/{number}")


@router.get("/log/review/{week}/{number}")
def review(request: Request, week: str, number: Number, manager: Manager) -> Response:
    """One conversation's week: each message and its decision."""
    line = get_line(request)
    with line.database.reading() as session:
        read, sampled = _find(session, line, manager, week, number)
        conversation = session.get_one(Conversation, number)
        entries = what_happened(session, conversation, read)
        judging = judging_week(session, sampled, manager, action=request.url.path)
    # Logged before it is shown: if the entry cannot be written, no one sees the conversation.
    audit.read(line, manager, f"conversation:{number}")
    return page(
        request,
        "review/review.html",
        viewer=manager,
        conversation=conversation,
        week=read,
        entries=entries,
        judging=judging,
        zone=manager.program.timezone,
    )


@router.post("/log/review/{week}/{number}")
def judge_review(
    request: Request, week: str, number: Number, manager: Manager, given: Given
) -> Response:
    line = get_line(request)
    with line.database.writing() as session:
        _, sampled = _find(session, line, manager, week, number)
        judge_week(session, sampled, given, by=manager)
    return go_to(request, request.url.path)


def _judge_handoff(
    request: Request, number: int, person: Person, given: VerdictRecord, *, then: str
) -> Response:
    with get_line(request).database.writing() as session:
        judge_handoff(session, find_handoff(session, person, number), given, by=person)
    return go_to(request, then)


def _find(
    session: Session, line: Line, manager: Person, name: str, conversation_id: int
) -> tuple[Week, NotHandedOver]:
    """One conversation of that week's sample. Judging others would make the sample biased."""
    program = manager.program
    week = week_named(name, program)
    if week is None or week.monday > last_full_week(program, now=line.clock()).monday:
        raise PageRefused(404, gettext_noop("That week is not over yet, or does not exist."))
    sample = draw_sample(session, program, week, line.rules.policy.review.weekly_sample)
    for one in sample:
        if one.conversation_id == conversation_id:
            return week, one
    raise PageRefused(404, gettext_noop("This conversation is not in the sample of that week."))
