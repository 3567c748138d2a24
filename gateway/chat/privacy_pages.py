"""A mentee's privacy and settings. Sending a form twice has the same effect as sending it once."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from escalation.handoffs.availability import mentors_under_concern
from escalation.handoffs.handoffs import OnlyAPersonCloses, get_open_handoff, withdraw
from escalation.handoffs.moves import Closed
from escalation.speech.i18n import LANGUAGES
from escalation.speech.message_writer import get_thread
from gateway.accounts.sessions import audited
from gateway.chat.chat_page import locked_thread
from gateway.chat.handoff_history import own_handoffs
from gateway.chat.sign_in import SIGNED_OUT, Mentee, get_mentee
from gateway.chat.thread import get_conversation
from gateway.check_ins.follow_ups import (
    FollowUpAnswer,
    Question,
    get_open_follow_up,
    next_question,
    record_answer,
    who_came,
)
from gateway.check_ins.schedules import list_schedules
from gateway.privacy.erasure import (
    cancel_erasure,
    erasure_due_at,
    request_erasure,
    why_not_erasable,
)
from gateway.runtime.line import Line
from gateway.safeguarding.records import (
    list_notified_managers,
    mentors_known_to,
    mentors_matched_with,
    raise_concern,
)
from gateway.web.i18n import said_to
from gateway.web.rendering import PageRefused, get_line, go_to, page
from models import Channel, Handoff, Person

router = APIRouter(prefix="/chat")

LONGEST_CONCERN = 5_000
Text = Annotated[str, Form()]
Number = Annotated[int, Form()]
YesOrNo = Annotated[bool, Form()]


@dataclass(frozen=True)
class Refused:
    """A form that we did not accept: its section, why, and what the mentee had filled in."""

    section: str = ""
    sentence: str = ""
    words: str = ""
    mentor: str = ""


@router.get("/you")
def settings(request: Request, mentee: Mentee, done: str = "") -> Response:
    return _show(request, mentee, done=done)


@router.post("/you/language")
def choose_language(
    request: Request, mentee: Mentee, language: Text = "", then: Text = ""
) -> Response:
    """`then` is "terms" when the form is on the terms page."""
    if language not in LANGUAGES:
        raise PageRefused(422, said_to(request, "Choose a language."))
    if mentee.language != language:
        with audited(request, mentee, f"language.{language}") as session:
            session.get_one(Person, mentee.id).language = language
    return go_to(request, "/chat/terms") if then == "terms" else _done(request, "said", "language")


@router.post("/you/sharing")
def share(request: Request, mentee: Mentee, whole: YesOrNo) -> Response:
    word = "whole" if whole else "summary"
    if mentee.shares_whole is not whole:
        with audited(request, mentee, f"sharing.{word}") as session:
            session.get_one(Person, mentee.id).shares_whole = whole
    return _done(request, word, "sharing")


@router.post("/you/decline")
def decline(request: Request, mentee: Mentee, number: Number = 0) -> Response:
    """Withdraw the handoff that the mentee saw, and not a later one."""
    with locked_thread(request, mentee) as (session, line, conversation):
        handoff = get_open_handoff(session, conversation)
        if handoff is None or handoff.id != number:
            return _done(request, "ended", "talks")
        try:
            withdraw(line.at(session), handoff)
        except Closed:
            return _done(request, "ended", "talks")
        except OnlyAPersonCloses as refused:
            sentence = said_to(
                request,
                "You can't cancel this one. A person will still write to you. "
                "You don't have to answer.",
            )
            raise PageRefused(409, sentence) from refused
    return _done(request, "declined", "talks")


@router.post("/you/check-ins")
def pause_check_ins(request: Request, mentee: Mentee, pause: YesOrNo) -> Response:
    word = "paused" if pause else "resumed"
    with audited(request, mentee, f"check_ins.{word}") as session:
        for schedule in list_schedules(session, mentee):
            schedule.paused = pause
    return _done(request, word, "pause")


@router.post("/you/texts")
def stop_texts(request: Request, mentee: Mentee, stop: YesOrNo) -> Response:
    word, line = "stopped" if stop else "started", get_line(request)
    with audited(request, mentee, f"texts.{word}") as session:
        person = session.get_one(Person, mentee.id)
        if stop:
            person.opted_out_at = person.opted_out_at or line.clock()
            # From now on a mentor's answers appear here.
            get_thread(session, line.rules, person).channel = Channel.WEB
        else:
            person.opted_out_at = None
    return _done(request, word, "stop")


@router.post("/you/delete")
def delete_everything(request: Request, mentee: Mentee, sure: Text = "") -> Response:
    if sure != "yes":
        sentence = said_to(request, "Check the box first. We can't bring back what we delete.")
        return _show(request, mentee, refused=Refused("delete", sentence))
    with locked_thread(request, mentee) as (session, line, conversation):
        request_erasure(line.at(session), conversation)
    return _done(request, "deleting", "delete")


@router.post("/you/keep")
def cancel_deletion(request: Request, mentee: Mentee) -> Response:
    with locked_thread(request, mentee) as (session, line, conversation):
        cancel_erasure(line.at(session), conversation)
    return _done(request, "kept", "delete")


@router.post("/you/concern")
def report_concern(request: Request, mentor: Text = "", words: Text = "") -> Response:
    """Tell the managers. A mentee who was signed out meanwhile gets the words back."""
    mentee = get_mentee(request)
    if mentee is None:
        return page(
            request,
            "chat/privacy_signed_out.html",
            viewer=None,
            status=401,
            sentence=said_to(request, SIGNED_OUT),
            words=words,
        )
    if len(words) > LONGEST_CONCERN:
        sentence = said_to(
            request,
            "Use at most {longest} characters. We have not sent anything yet.",
            longest=f"{LONGEST_CONCERN:,}",
        )
        return _show(request, mentee, refused=Refused("concern", sentence, words, mentor))
    with locked_thread(request, mentee) as (session, line, conversation):
        mentors = {str(person.id): person for person in mentors_known_to(session, conversation)}
        if mentor not in ("", "nobody", *mentors):
            sentence = said_to(request, "Choose who it is about. We have not sent anything yet.")
            raise PageRefused(422, sentence)
        tx = line.at(session)
        record = raise_concern(tx, conversation, words, mentor=mentors.get(mentor))
        is_told = bool(list_notified_managers(session, record))
    return _done(request, "concern" if is_told else "concern-kept", "concern")


@router.post("/you/follow-up")
def follow_up(
    request: Request, mentee: Mentee, says: YesOrNo, number: Number = 0, question: Text = ""
) -> Response:
    """Save one answer, but do not replace an earlier one, given here or by text."""
    word, now = "answered", get_line(request).clock()
    with locked_thread(request, mentee) as (session, line, conversation):
        conversation.channel = Channel.WEB
        asked = get_open_follow_up(session, conversation, line.rules.policy.follow_up, now=now)
        following = next_question(asked) if asked else None
        if asked and asked.handoff_id == number and following and following.value == question:
            given = FollowUpAnswer(asked.id, following, says)
            opened = record_answer(line.at(session), conversation, given, message=None)
            if following is Question.AGAIN:
                word = "asked" if opened is not None else "nobody"
    return _done(request, word, "questions")


def _done(request: Request, word: str, section: str) -> Response:
    return go_to(request, f"/chat/you?done={word}#{section}")


def _show(
    request: Request, mentee: Person, *, done: str = "", refused: Refused | None = None
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        view = _view(session, line, mentee)
    return page(
        request,
        "chat/privacy.html",
        viewer=mentee,
        status=422 if refused else 200,
        done=done,
        refused=refused or Refused(),
        longest=LONGEST_CONCERN,
        **view,
    )


def _view(session: Session, line: Line, mentee: Person) -> dict[str, Any]:
    person = session.get_one(Person, mentee.id)
    conversation = get_conversation(session, person)
    asked = delete_at = None
    mentors = mentors_matched_with(session, person)
    policy, now = line.rules.policy, line.clock()
    if conversation is not None:
        asked = get_open_follow_up(session, conversation, policy.follow_up, now=now)
        delete_at = erasure_due_at(line.at(session), conversation)
        mentors = mentors_known_to(session, conversation)
    under_concern = mentors_under_concern(session, person.id)
    schedules = list_schedules(session, person)
    return {
        "person": person,
        "handoffs": own_handoffs(session, conversation),
        "asked": asked,
        "question": next_question(asked) if asked else None,
        "came": who_came(session, session.get_one(Handoff, asked.handoff_id)) if asked else None,
        "schedules": schedules,
        "is_paused": all(schedule.paused for schedule in schedules),
        "delete_at": delete_at,
        "delete_waits": why_not_erasable(session, person) is not None,
        "mentors": mentors,
        "not_called": [mentor.name for mentor in mentors if mentor.id in under_concern],
        "erase_after_days": policy.personal_data.erase_after_days,
        "due_hours": policy.safeguarding.due_hours,
    }
