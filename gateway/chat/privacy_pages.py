"""The mentee's own say: the terms, what is shared, own handoffs, pausing, deletion, a concern.

Plain forms throughout. Each answer leads back to the page, which says what was done; sent twice
it is done once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import mentors_under_concern
from escalation.handoffs.handoffs import (
    OnlyAPersonCloses,
    get_open_handoff,
    lock_conversation,
    withdraw,
)
from escalation.handoffs.moves import Closed
from escalation.policy import Policy
from escalation.speech.i18n import LANGUAGES, gettext_noop
from escalation.speech.message_writer import get_thread
from gateway.chat.handoff_history import OwnHandoff, own_handoffs
from gateway.chat.sign_in import SIGNED_OUT, Mentee, get_mentee
from gateway.check_ins.follow_ups import (
    FollowUpAnswer,
    Question,
    get_open_follow_up,
    next_question,
    record_answer,
    who_came,
)
from gateway.check_ins.schedules import list_schedules
from gateway.conversations.person_requests import ask_for_a_person
from gateway.messaging.outbox import acting
from gateway.privacy.data_requests import (
    erasure_due_at,
    take_back_wish,
    what_stands_in_the_way,
    wish_erasure,
)
from gateway.privacy.terms import (
    BANDS,
    BandChosenBefore,
    agree,
    get_consent,
    given_by,
    needs_guardian,
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
from models import AgeBand, Channel, Consent, Conversation, Handoff, Person, Schedule

Done = TypeVar("Done", str, None)

router = APIRouter(prefix="/chat")

LONGEST_CONCERN = 5_000

# What the page says after a form of it was sent, by the word in its address.
DONE = {
    "said": gettext_noop("From now on the line writes to you in this language."),
    "whole": gettext_noop("From now on, whoever comes may read the whole chat."),
    "summary": gettext_noop(
        "From now on, whoever comes reads what you write from your wish on, and a summary."
    ),
    "declined": gettext_noop(
        "You have called it off. You can ask for a person again whenever you like."
    ),
    "ended": gettext_noop("That had ended already. Nothing was changed."),
    "paused": gettext_noop("Your check-ins are paused."),
    "resumed": gettext_noop("Your check-ins are on again."),
    "stopped": gettext_noop("You get no more texts. You can go on writing here."),
    "started": gettext_noop("You may get texts again."),
    "deleting": gettext_noop(
        "It is set. Nothing is deleted before the date below, and you can still undo it."
    ),
    "kept": gettext_noop("Nothing is deleted."),
    "concern": gettext_noop(
        "Thank you for saying it. The program's managers have been told, and no mentor."
    ),
    "concern-kept": gettext_noop(
        "Thank you for saying it. It is kept, but no manager could be told by text. Please tell "
        "an adult you trust as well. Childhelp helps at any hour, free: call or text 800-422-4453."
    ),
    "answered": gettext_noop("Thank you, that is noted."),
    "asked": gettext_noop("People have been asked to write to you in the chat."),
    "nobody": gettext_noop("All right, nobody is asked."),
}


@dataclass(frozen=True)
class Asked:
    """What is asked about the last talk: of which, with whom, and the question."""

    number: int
    mentor: str
    question: Question


@dataclass(frozen=True)
class You:
    """All that the page shows of one mentee."""

    person: Person
    handoffs: list[OwnHandoff]
    asked: Asked | None
    schedules: Sequence[Schedule]
    delete_at: datetime | None
    delete_waits: bool
    mentors: list[Person]
    kept_away: list[str]
    erase_after_days: float
    due_hours: float

    @property
    def is_paused(self) -> bool:
        return bool(self.schedules) and all(schedule.paused for schedule in self.schedules)


# --- the terms ---


@router.get("/terms")
def terms(request: Request, mentee: Mentee) -> Response:
    return _terms_page(request, mentee)


@router.get("/terms/read")
def read_terms(request: Request) -> Response:
    """The terms for whoever wants to read them first; a text that asks for a yes leads here."""
    policy = get_line(request).rules.policy
    return page(
        request, "chat/terms_read.html", viewer=get_mentee(request), person=None, **_terms(policy)
    )


@router.post("/terms")
def agree_to_terms(
    request: Request,
    mentee: Mentee,
    age_band: Annotated[str, Form()] = "",
    agrees: Annotated[str, Form()] = "",
) -> Response:
    """Record the yes, then go to the chat; or stay here where a guardian has to agree first."""
    line = get_line(request)
    band = next((one for one in AgeBand if one.value == age_band), None)
    if band is None:
        return _terms_page(
            request, mentee, sentence=said_to(request, "Choose how old you are."), status=422
        )
    if agrees != "yes":
        sentence = said_to(
            request, "Tick the box if you agree. If not, you can still talk to a person."
        )
        return _terms_page(request, mentee, band=band, sentence=sentence, status=422)
    try:
        with line.database.writing() as session:
            person = session.get_one(Person, mentee.id)
            agree(session, person, band, now=line.clock())
            counts = get_consent(session, person, line.rules.policy.consent) is not None
    except BandChosenBefore as refused:
        chosen = said_to(request, refused.band)
        sentence = said_to(request, refused.SENTENCE, band=chosen)
        return _terms_page(request, mentee, sentence=sentence, status=409)
    return go_to(request, "/chat" if counts else "/chat/terms")


@router.post("/terms/person")
def person_without_terms(request: Request, mentee: Mentee) -> Response:
    """A person is always to be had: with terms or without, and with whatever guardian."""

    def ask(session: Session, line: Line, conversation: Conversation) -> None:
        conversation.channel = Channel.WEB
        if get_open_handoff(session, conversation) is None:
            ask_for_a_person(session, line, conversation, message=None, now=line.clock())

    _act(request, mentee, ask)
    return go_to(request, "/chat")


def _terms_page(
    request: Request,
    mentee: Person,
    *,
    band: AgeBand | None = None,
    sentence: str = "",
    status: int = 200,
) -> Response:
    line = get_line(request)
    policy = line.rules.policy
    with line.database.reading() as session:
        given: Consent | None = given_by(session, mentee)
        counts = get_consent(session, mentee, policy.consent) is not None
    return page(
        request,
        "chat/terms.html",
        viewer=mentee,
        status=status,
        person=mentee,
        given=given,
        counts=counts,
        bands=BANDS,
        band=band,
        guardian_below=policy.consent.guardian_below,
        needs_guardian={one: needs_guardian(one, policy.consent) for one in AgeBand},
        sentence=sentence,
        **_terms(policy),
    )


def _terms(policy: Policy) -> dict[str, Any]:
    """What the words of the terms hold of the policy."""
    return {
        "erase_after_days": policy.personal_data.erase_after_days,
        "words_by_text": policy.relay.mentor_sms == "words",
    }


# --- the page ---


@router.get("/you")
def you(request: Request, mentee: Mentee, done: str = "") -> Response:
    return _you_page(request, mentee, done=said_to(request, DONE.get(done, "")))


@router.post("/you/language")
def choose_language(
    request: Request,
    mentee: Mentee,
    language: Annotated[str, Form()] = "",
    then: Annotated[str, Form()] = "",
) -> Response:
    """What the line says from now on, here and by text. `then` is where the page stood."""
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
def share(request: Request, mentee: Mentee, whole: Annotated[str, Form()] = "") -> Response:
    if whole not in ("yes", "no"):
        raise PageRefused(422, said_to(request, "Choose what whoever comes may read."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        if person.shares_whole is not (whole == "yes"):
            person.shares_whole = whole == "yes"
            action = "sharing.whole" if whole == "yes" else "sharing.summary"
            note_about(session, person, action, by=person, now=line.clock())
    return _done(request, "whole" if whole == "yes" else "summary", "sharing")


@router.post("/you/decline")
def decline(request: Request, mentee: Mentee, number: Annotated[int, Form()] = 0) -> Response:
    """Call one handoff off, the one that was looked at and no later one."""

    def call_off(session: Session, line: Line, conversation: Conversation) -> str:
        handoff = get_open_handoff(session, conversation)
        if handoff is None or handoff.id != number:
            return "ended"
        try:
            withdraw(session, handoff, now=line.clock(), rules=line.rules)
        except Closed:
            return "ended"
        except OnlyAPersonCloses as refused:
            sentence = said_to(
                request,
                "This one cannot be called off: a person will still write to you. "
                "You need not answer.",
            )
            raise PageRefused(409, sentence) from refused
        return "declined"

    return _done(request, _act(request, mentee, call_off), "talks")


@router.post("/you/check-ins")
def pause_check_ins(
    request: Request, mentee: Mentee, pause: Annotated[str, Form()] = ""
) -> Response:
    if pause not in ("yes", "no"):
        raise PageRefused(422, said_to(request, "Choose whether check-ins are paused."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        for schedule in list_schedules(session, person):
            schedule.paused = pause == "yes"
        action = "check_ins.paused" if pause == "yes" else "check_ins.resumed"
        note_about(session, person, action, by=person, now=line.clock())
    return _done(request, "paused" if pause == "yes" else "resumed", "pause")


@router.post("/you/texts")
def stop_texts(request: Request, mentee: Mentee, stop: Annotated[str, Form()] = "") -> Response:
    if stop not in ("yes", "no"):
        raise PageRefused(422, said_to(request, "Choose whether you get texts."))
    line = get_line(request)
    with line.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        if stop == "yes":
            person.opted_out_at = person.opted_out_at or line.clock()
            # Whoever answers them is read here from now on.
            get_thread(session, line.rules, person).channel = Channel.WEB
        else:
            person.opted_out_at = None
        action = "texts.stopped" if stop == "yes" else "texts.started"
        note_about(session, person, action, by=person, now=line.clock())
    return _done(request, "stopped" if stop == "yes" else "started", "stop")


@router.post("/you/delete")
def delete_everything(
    request: Request, mentee: Mentee, sure: Annotated[str, Form()] = ""
) -> Response:
    if sure != "yes":
        return _you_page(
            request,
            mentee,
            sentence=said_to(
                request, "Tick the box first: what is deleted cannot be brought back."
            ),
            about="delete",
            status=422,
        )

    def wish(session: Session, line: Line, conversation: Conversation) -> None:
        wish_erasure(session, line, conversation, now=line.clock())

    _act(request, mentee, wish)
    return _done(request, "deleting", "delete")


@router.post("/you/keep")
def download_everything(request: Request, mentee: Mentee) -> Response:
    def take_back(session: Session, line: Line, conversation: Conversation) -> None:
        take_back_wish(session, line, conversation, now=line.clock())

    _act(request, mentee, take_back)
    return _done(request, "kept", "delete")


@router.post("/you/concern")
def flag(
    request: Request,
    mentor: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
) -> Response:
    """Straight to the managers. Whoever was signed out meanwhile gets their words back."""
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
        return _you_page(
            request,
            mentee,
            sentence=said_to(
                request,
                "Keep it to {longest} characters. Nothing was sent yet.",
                longest=f"{LONGEST_CONCERN:,}",
            ),
            about="concern",
            words=words,
            chosen=mentor,
            status=422,
        )

    def tell(session: Session, line: Line, conversation: Conversation) -> str:
        known = {str(person.id): person for person in mentors_known_to(session, conversation)}
        if mentor not in ("", "nobody") and mentor not in known:
            raise PageRefused(
                422, said_to(request, "Choose whom it is about. Nothing was sent yet.")
            )
        record = raise_concern(
            session,
            line,
            conversation,
            words,
            mentor=known.get(mentor),
            now=line.clock(),
        )
        return "concern" if list_notified_managers(session, record) else "concern-kept"

    return _done(request, _act(request, mentee, tell), "concern")


@router.post("/you/follow-up")
def follow_up(
    request: Request,
    mentee: Mentee,
    number: Annotated[int, Form()] = 0,
    question: Annotated[str, Form()] = "",
    says: Annotated[str, Form()] = "",
) -> Response:
    """One answer. One that was given already, here or by text, stays as it is."""
    if says not in ("yes", "no"):
        raise PageRefused(422, said_to(request, "Choose yes or no."))

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
        answer = FollowUpAnswer(asked.id, following, says == "yes")
        opened = record_answer(session, line, conversation, answer, message=None, now=now)
        if following is Question.AGAIN:
            return "asked" if opened is not None else "nobody"
        return "answered"

    return _done(request, _act(request, mentee, take), "questions")


# --- put together ---


def _act(
    request: Request, mentee: Person, act: Callable[[Session, Line, Conversation], Done]
) -> Done:
    """Do one thing in the mentee's thread, holding it, by the rules of their program."""
    line = get_line(request)
    with acting(line) as session:
        person = session.get_one(Person, mentee.id)
        thread = get_thread(session, line.rules, person)
        return act(session, line, lock_conversation(session, thread.id))


def _done(request: Request, word: str, about: str) -> Response:
    return go_to(request, f"/chat/you?done={word}#{about}")


def _you_page(
    request: Request,
    mentee: Person,
    *,
    done: str = "",
    sentence: str = "",
    about: str = "",
    words: str = "",
    chosen: str = "",
    status: int = 200,
) -> Response:
    """The page; `sentence` is said where the form stands that it is `about`."""
    line = get_line(request)
    with line.database.reading() as session:
        view = _view(session, line, mentee)
    return page(
        request,
        "chat/privacy.html",
        viewer=mentee,
        status=status,
        view=view,
        person=view.person,
        done=done,
        sentence=sentence,
        about=about,
        words=words,
        chosen=chosen,
        longest=LONGEST_CONCERN,
    )


def _view(session: Session, line: Line, mentee: Person) -> You:
    person = session.get_one(Person, mentee.id)
    conversation = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
    mentors = _may_be_meant(session, person, conversation)
    kept_away = mentors_under_concern(session, person.id)
    policy = line.rules.policy
    return You(
        person=person,
        handoffs=own_handoffs(session, conversation),
        asked=_asked(session, line, conversation) if conversation else None,
        schedules=list_schedules(session, person),
        delete_at=erasure_due_at(session, line, conversation) if conversation else None,
        delete_waits=what_stands_in_the_way(session, person) is not None,
        mentors=mentors,
        kept_away=[mentor.name for mentor in mentors if mentor.id in kept_away],
        erase_after_days=policy.personal_data.erase_after_days,
        due_hours=policy.safeguarding.due_hours,
    )


def _may_be_meant(
    session: Session, person: Person, conversation: Conversation | None
) -> list[Person]:
    if conversation is None:
        return mentors_matched_with(session, person)
    return mentors_known_to(session, conversation)


def _asked(session: Session, line: Line, conversation: Conversation) -> Asked | None:
    asked = get_open_follow_up(session, conversation, line.rules.policy.follow_up, now=line.clock())
    question = next_question(asked) if asked else None
    if asked is None or question is None:
        return None
    who = who_came(session, session.get_one(Handoff, asked.handoff_id))
    return Asked(asked.handoff_id, who.name if who else "", question)
