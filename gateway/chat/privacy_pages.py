"""Privacy and settings: sharing, own handoffs, language, check-ins, texts, deletion, a concern.

Each form leads back to the page, which says what was done. Sending a form twice does it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from escalation.handoffs.availability import mentors_under_concern
from escalation.handoffs.handoffs import OnlyAPersonCloses, get_open_handoff, withdraw
from escalation.handoffs.moves import Closed
from escalation.speech.i18n import LANGUAGES, gettext_noop
from escalation.speech.message_writer import get_thread
from gateway.chat.chat_page import act
from gateway.chat.handoff_history import OwnHandoff, own_handoffs
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
from gateway.privacy.data_requests import (
    erasure_due_at,
    take_back_wish,
    what_stands_in_the_way,
    wish_erasure,
)
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.safeguarding.records import (
    list_notified_managers,
    mentors_known_to,
    mentors_matched_with,
    raise_concern,
)
from gateway.web.i18n import said_to
from gateway.web.rendering import PageRefused, get_line, go_to, page
from models import Channel, Conversation, Handoff, Person, Schedule

router = APIRouter(prefix="/chat")

LONGEST_CONCERN = 5_000
Text = Annotated[str, Form()]
Number = Annotated[int, Form()]

# What the page says after a form, by the word in its address.
DONE = {
    "said": gettext_noop("We will write to you in this language from now on."),
    "whole": gettext_noop("From now on, a mentor who joins can read the whole chat."),
    "summary": gettext_noop(
        "From now on, a mentor who joins can read only what you write after asking for a person, "
        "and a short summary."
    ),
    "declined": gettext_noop("You canceled it. You can ask for a person again at any time."),
    "ended": gettext_noop("That was over already. Nothing changed."),
    "paused": gettext_noop("Your check-ins are paused."),
    "resumed": gettext_noop("Your check-ins are on again."),
    "stopped": gettext_noop("We won't text you anymore. You can still write here."),
    "started": gettext_noop("We may text you again."),
    "deleting": gettext_noop(
        "We will delete everything on the date below. Until then, you can still undo it."
    ),
    "kept": gettext_noop("We won't delete anything."),
    "concern": gettext_noop(
        "Thank you for telling us. We told the program's managers. We did not tell any mentor."
    ),
    "concern-kept": gettext_noop(
        "Thank you for telling us. We saved it, but we could not text a manager. Please tell an "
        "adult you trust, too. Childhelp is there at any hour, free: call or text 800-422-4453."
    ),
    "answered": gettext_noop("Thank you. We saved your answer."),
    "asked": gettext_noop("We asked the team to write to you here."),
    "nobody": gettext_noop("OK, we won't ask anyone."),
}


@dataclass(frozen=True)
class FollowUp:
    number: int
    mentor: str
    question: Question


@dataclass(frozen=True)
class Refused:
    """A form that was not accepted: its section, why, and what the mentee had filled in."""

    section: str = ""
    sentence: str = ""
    words: str = ""
    mentor: str = ""


@dataclass(frozen=True)
class View:
    person: Person
    handoffs: list[OwnHandoff]
    follow_up: FollowUp | None
    schedules: Sequence[Schedule]
    delete_at: datetime | None
    delete_waits: bool
    mentors: list[Person]
    not_called: list[str]
    erase_after_days: float
    due_hours: float

    @property
    def is_paused(self) -> bool:
        return bool(self.schedules) and all(schedule.paused for schedule in self.schedules)


@router.get("/you")
def settings(request: Request, mentee: Mentee, done: str = "") -> Response:
    return _show(request, mentee, done=said_to(request, DONE.get(done, "")))


@router.post("/you/language")
def choose_language(
    request: Request, mentee: Mentee, language: Text = "", then: Text = ""
) -> Response:
    """`then` is "terms" when the form is on the terms page."""
    if language not in LANGUAGES:
        raise PageRefused(422, said_to(request, "Choose a language."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        if person.language != language:
            person.language = language
            note_about(session, person, f"language.{language}", by=person, now=line.clock())
    return go_to(request, "/chat/terms") if then == "terms" else _done(request, "said", "language")


@router.post("/you/sharing")
def share(request: Request, mentee: Mentee, whole: Text = "") -> Response:
    shares = _yes(whole, said_to(request, "Choose what a mentor may read."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        if person.shares_whole is not shares:
            person.shares_whole = shares
            action = "sharing.whole" if shares else "sharing.summary"
            note_about(session, person, action, by=person, now=line.clock())
    return _done(request, "whole" if shares else "summary", "sharing")


@router.post("/you/decline")
def decline(request: Request, mentee: Mentee, number: Number = 0) -> Response:
    """Withdraw the handoff that the mentee saw, and not a later one."""

    def call_off(session: Session, line: Line, conversation: Conversation) -> str:
        handoff = get_open_handoff(session, conversation)
        if handoff is None or handoff.id != number:
            return "ended"
        try:
            withdraw(line.at(session), handoff)
        except Closed:
            return "ended"
        except OnlyAPersonCloses as refused:
            sentence = said_to(
                request,
                "You can't cancel this one. A person will still write to you. "
                "You don't have to answer.",
            )
            raise PageRefused(409, sentence) from refused
        return "declined"

    return _done(request, act(request, mentee, call_off), "talks")


@router.post("/you/check-ins")
def pause_check_ins(request: Request, mentee: Mentee, pause: Text = "") -> Response:
    paused = _yes(pause, said_to(request, "Choose whether to pause check-ins."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        for schedule in list_schedules(session, person):
            schedule.paused = paused
        action = "check_ins.paused" if paused else "check_ins.resumed"
        note_about(session, person, action, by=person, now=line.clock())
    return _done(request, "paused" if paused else "resumed", "pause")


@router.post("/you/texts")
def stop_texts(request: Request, mentee: Mentee, stop: Text = "") -> Response:
    stopped = _yes(stop, said_to(request, "Choose whether you get texts."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        if stopped:
            person.opted_out_at = person.opted_out_at or line.clock()
            # From now on a mentor's answers appear here.
            get_thread(session, line.rules, person).channel = Channel.WEB
        else:
            person.opted_out_at = None
        action = "texts.stopped" if stopped else "texts.started"
        note_about(session, person, action, by=person, now=line.clock())
    return _done(request, "stopped" if stopped else "started", "stop")


@router.post("/you/delete")
def delete_everything(request: Request, mentee: Mentee, sure: Text = "") -> Response:
    if sure != "yes":
        sentence = said_to(request, "Check the box first. We can't bring back what we delete.")
        return _show(request, mentee, refused=Refused("delete", sentence))

    def wish(session: Session, line: Line, conversation: Conversation) -> None:
        wish_erasure(session, line, conversation, now=line.clock())

    act(request, mentee, wish)
    return _done(request, "deleting", "delete")


@router.post("/you/keep")
def keep_everything(request: Request, mentee: Mentee) -> Response:
    def take_back(session: Session, line: Line, conversation: Conversation) -> None:
        take_back_wish(session, line, conversation, now=line.clock())

    act(request, mentee, take_back)
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
        longest = f"{LONGEST_CONCERN:,}"
        sentence = said_to(
            request,
            "Use at most {longest} characters. We have not sent anything yet.",
            longest=longest,
        )
        return _show(request, mentee, refused=Refused("concern", sentence, words, mentor))

    def tell(session: Session, line: Line, conversation: Conversation) -> str:
        mentors = {str(person.id): person for person in mentors_known_to(session, conversation)}
        if mentor not in ("", "nobody") and mentor not in mentors:
            sentence = said_to(request, "Choose who it is about. We have not sent anything yet.")
            raise PageRefused(422, sentence)
        record = raise_concern(
            session, line, conversation, words, mentor=mentors.get(mentor), now=line.clock()
        )
        return "concern" if list_notified_managers(session, record) else "concern-kept"

    return _done(request, act(request, mentee, tell), "concern")


@router.post("/you/follow-up")
def follow_up(
    request: Request, mentee: Mentee, number: Number = 0, question: Text = "", says: Text = ""
) -> Response:
    """Save one answer. An earlier answer, given here or by text, stays."""
    is_yes = _yes(says, said_to(request, "Choose yes or no."))

    def take(session: Session, line: Line, conversation: Conversation) -> str:
        now = line.clock()
        conversation.channel = Channel.WEB
        policy = line.rules.policy.follow_up
        asked = get_open_follow_up(session, conversation, policy, now=now)
        following = next_question(asked) if asked else None
        if asked is None or asked.handoff_id != number or following is None:
            return "answered"
        if following.value != question:
            return "answered"
        given = FollowUpAnswer(asked.id, following, is_yes)
        opened = record_answer(line.at(session), conversation, given, message=None)
        if following is Question.AGAIN:
            return "asked" if opened is not None else "nobody"
        return "answered"

    return _done(request, act(request, mentee, take), "questions")


def _yes(value: str, otherwise: str) -> bool:
    if value not in ("yes", "no"):
        raise PageRefused(422, otherwise)
    return value == "yes"


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
        view=view,
        person=view.person,
        done=done,
        refused=refused or Refused(),
        longest=LONGEST_CONCERN,
    )


def _view(session: Session, line: Line, mentee: Person) -> View:
    person = session.get_one(Person, mentee.id)
    conversation = get_conversation(session, person)
    mentors = (
        mentors_known_to(session, conversation)
        if conversation
        else mentors_matched_with(session, person)
    )
    under_concern = mentors_under_concern(session, person.id)
    policy = line.rules.policy
    return View(
        person=person,
        handoffs=own_handoffs(session, conversation),
        follow_up=_follow_up(session, line, conversation) if conversation else None,
        schedules=list_schedules(session, person),
        delete_at=erasure_due_at(session, line, conversation) if conversation else None,
        delete_waits=what_stands_in_the_way(session, person) is not None,
        mentors=mentors,
        not_called=[mentor.name for mentor in mentors if mentor.id in under_concern],
        erase_after_days=policy.personal_data.erase_after_days,
        due_hours=policy.safeguarding.due_hours,
    )


def _follow_up(session: Session, line: Line, conversation: Conversation) -> FollowUp | None:
    asked = get_open_follow_up(session, conversation, line.rules.policy.follow_up, now=line.clock())
    question = next_question(asked) if asked else None
    if asked is None or question is None:
        return None
    mentor = who_came(session, session.get_one(Handoff, asked.handoff_id))
    return FollowUp(asked.handoff_id, mentor.name if mentor else "", question)
