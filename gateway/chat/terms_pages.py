"""The terms of the chat: reading them, agreeing to them, and asking for a person without them."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from escalation.handoffs.handoffs import get_open_handoff
from gateway.chat.chat_page import locked_thread
from gateway.chat.sign_in import Mentee, get_mentee
from gateway.conversations.person_requests import ask_for_a_person
from gateway.privacy.terms import BANDS, BandChosenBefore, agree, get_consent, given_by
from gateway.web.i18n import said_to
from gateway.web.rendering import get_line, go_to, page
from models import AgeBand, Channel, Person

router = APIRouter(prefix="/chat")


@router.get("/terms")
def terms(request: Request, mentee: Mentee) -> Response:
    return _show(request, mentee)


@router.get("/terms/read")
def read_terms(request: Request) -> Response:
    """The terms without a sign-in, as the text that asks for agreement links to them."""
    viewer, policy = get_mentee(request), get_line(request).rules.policy
    return page(request, "chat/terms_read.html", viewer=viewer, person=None, policy=policy)


@router.post("/terms")
def agree_to_terms(
    request: Request,
    mentee: Mentee,
    age_band: Annotated[str, Form()] = "",
    agrees: Annotated[bool, Form()] = False,
) -> Response:
    line = get_line(request)
    if age_band not in list(AgeBand):
        return _show(request, mentee, sentence=said_to(request, "Choose how old you are."))
    band = AgeBand(age_band)
    if not agrees:
        sentence = said_to(
            request, "Check the box if you agree. If not, you can still talk to a person."
        )
        return _show(request, mentee, band=band, sentence=sentence)
    try:
        with line.database.writing() as session:
            person = session.get_one(Person, mentee.id)
            agree(session, person, band, now=line.clock())
            counts = get_consent(session, person, line.rules.policy.consent) is not None
    except BandChosenBefore as refused:
        sentence = said_to(request, refused.SENTENCE, band=said_to(request, refused.band))
        return _show(request, mentee, sentence=sentence, status=409)
    return go_to(request, "/chat" if counts else "/chat/terms")


@router.post("/terms/person")
def person_without_terms(request: Request, mentee: Mentee) -> Response:
    """A mentee can always ask for a person, also without any agreement."""
    with locked_thread(request, mentee) as (session, line, conversation):
        conversation.channel = Channel.WEB
        if get_open_handoff(session, conversation) is None:
            ask_for_a_person(line.at(session), conversation, message=None)
    return go_to(request, "/chat")


def _show(
    request: Request,
    mentee: Person,
    *,
    band: AgeBand | None = None,
    sentence: str = "",
    status: int = 422,
) -> Response:
    policy = get_line(request).rules.policy
    with get_line(request).database.reading() as session:
        given = given_by(session, mentee)
        counts = get_consent(session, mentee, policy.consent) is not None
    return page(
        request,
        "chat/terms.html",
        viewer=mentee,
        status=status if sentence else 200,
        person=mentee,
        given=given,
        counts=counts,
        bands=BANDS,
        band=band,
        policy=policy,
        sentence=sentence,
    )
