"""Verdicts on closed handoffs, and on a weekly sample of conversations without a handoff."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager, Mentor
from gateway.conversations.relay import LONGEST_TEXT
from gateway.review.judging import CannotJudge, judge_handoff, judge_week, may_judge, verdicts_on
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
from gateway.runtime.line import Line
from gateway.web.i18n import in_its_language
from gateway.web.lookup import find_handoff
from gateway.web.rendering import (
    Number,
    PageRefused,
    env,
    get_line,
    go_to,
    page,
    wants_part,
)
from models import Conversation, Handoff, Person, Role, Verdict, VerdictRecord

router = APIRouter()

ON_A_HANDOFF = {
    Verdict.RIGHT: gettext_noop("Right"),
    Verdict.SHOULD_NOT: gettext_noop("Not needed"),
    Verdict.SHOULD_EARLIER: gettext_noop("Too late"),
}
ON_A_WEEK = {
    Verdict.RIGHT: gettext_noop("Right, no one was needed"),
    Verdict.SHOULD_EARLIER: gettext_noop("A person was needed"),
}

env.filters.update(
    judged_in_words=in_its_language(judged_in_words),
    rate_in_words=in_its_language(rate_in_words),
    list_rates=list_rates,
    suggestion_in_words=suggestion_in_words,
)
env.globals.update(on_a_week=ON_A_WEEK)

Chosen = Annotated[str, Form(alias="verdict")]
Note = Annotated[str, Form()]


@dataclass(frozen=True)
class Judging:
    """What a page needs to ask for a verdict. `given` is the viewer's own so far.

    Managers see `others` only after giving theirs, so that they are not influenced.
    """

    action: str
    question: str
    choices: Mapping[Verdict, str]
    given: VerdictRecord | None
    others: tuple[VerdictRecord, ...] = ()


@dataclass(frozen=True)
class ToReview:
    """One conversation of the week's sample. `given` is the viewer's own verdict so far."""

    conversation: Conversation
    messages: int
    given: VerdictRecord | None


def judging_handoff(
    session: Session, handoff: Handoff, viewer: Person, *, action: str
) -> Judging | None:
    """None if the viewer may not judge it, or not yet."""
    if not may_judge(handoff, viewer):
        return None
    given = verdicts_on(session, handoff_id=handoff.id)
    return _judging(action, gettext_noop("Was this handoff right?"), ON_A_HANDOFF, given, viewer)


def to_review(session: Session, line: Line, manager: Person) -> tuple[Week, list[ToReview]]:
    """The sample of the last full week."""
    week = last_full_week(manager.program, now=line.clock())
    sample = draw_sample(session, manager.program, week, line.rules.policy.review.weekly_sample)
    return week, [
        ToReview(
            session.get_one(Conversation, one.conversation_id),
            one.messages,
            verdicts_on(session, message_id=one.last_message_id).get(manager.id),
        )
        for one in sample
    ]


@router.get("/log/verdicts")
def verdicts(request: Request, manager: Manager) -> Response:
    """Loaded after the log, because it reads half a year of verdicts."""
    line = get_line(request)
    with line.database.reading() as session:
        summary = summarize(session, manager.program, line.rules.policy, now=line.clock())
    part = "" if wants_part(request) else "_page"
    return page(request, f"review/log_verdicts{part}.html", viewer=manager, verdicts=summary)


@router.post("/console/{number}/verdict")
def judge_in_console(
    request: Request, number: Number, mentor: Mentor, verdict: Chosen = "", note: Note = ""
) -> Response:
    return _judge_handoff(request, number, mentor, verdict, note, then=f"/console/{number}")


@router.post("/log/{number}/verdict")
def judge_in_log(
    request: Request, number: Number, manager: Manager, verdict: Chosen = "", note: Note = ""
) -> Response:
    return _judge_handoff(request, number, manager, verdict, note, then=f"/log/{number}")


@router.get("/log/review/{week}/{number}")
def review(request: Request, week: str, number: Number, manager: Manager) -> Response:
    """One conversation's week: each message and its decision."""
    line = get_line(request)
    with line.database.reading() as session:
        _find(session, line, manager, week, number)
    audit.read(line, manager, f"conversation:{number}")
    with line.database.reading() as session:
        read, sampled = _find(session, line, manager, week, number)
        conversation = session.get_one(Conversation, number)
        entries = what_happened(session, conversation, read)
        given = verdicts_on(session, message_id=sampled.last_message_id)
    action, question = (
        f"/log/review/{read.name}/{number}",
        gettext_noop("Was it right not to hand off?"),
    )
    return page(
        request,
        "review/review.html",
        viewer=manager,
        conversation=conversation,
        week=read,
        entries=entries,
        judging=_judging(action, question, ON_A_WEEK, given, manager),
        zone=manager.program.timezone,
    )


@router.post("/log/review/{week}/{number}")
def judge_review(
    request: Request,
    week: str,
    number: Number,
    manager: Manager,
    verdict: Chosen = "",
    note: Note = "",
) -> Response:
    line = get_line(request)
    chosen, said = _chosen(verdict), _said(note)
    with line.database.writing() as session:
        read, sampled = _find(session, line, manager, week, number)
        try:
            judge_week(session, sampled, chosen, by=manager, note=said, now=line.clock())
        except CannotJudge as refused:
            raise PageRefused(409, str(refused)) from refused
    return go_to(request, f"/log/review/{read.name}/{number}")


def _judge_handoff(
    request: Request, number: int, person: Person, verdict: str, note: str, *, then: str
) -> Response:
    line = get_line(request)
    chosen, said = _chosen(verdict), _said(note)
    with line.database.writing() as session:
        handoff = find_handoff(session, person, number)
        try:
            judge_handoff(session, handoff, chosen, by=person, note=said, now=line.clock())
        except CannotJudge as refused:
            raise PageRefused(409 if handoff.is_open else 403, str(refused)) from refused
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


def _judging(
    action: str,
    question: str,
    choices: Mapping[Verdict, str],
    given: Mapping[int, VerdictRecord],
    viewer: Person,
) -> Judging:
    own = given.get(viewer.id)
    sees_others = viewer.role is Role.MANAGER and own is not None
    others = tuple(one for by, one in given.items() if by != viewer.id) if sees_others else ()
    return Judging(action, question, choices, own, others)


def _chosen(verdict: str) -> Verdict:
    for one in Verdict:
        if one.value == verdict:
            return one
    raise PageRefused(422, gettext_noop("Choose a verdict."))


def _said(note: str) -> str:
    words = note.replace("\r\n", "\n").replace("\x00", "\ufffd").strip()
    if len(words) > LONGEST_TEXT:
        raise PageRefused(
            422, phrase("Keep the note under {longest:,} characters.", longest=LONGEST_TEXT)
        )
    return words
