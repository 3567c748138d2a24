"""Signing in and out: by password, by passkey, or by a link sent as a text.

No response reveals whether a person exists: same words, same status, and slow work for an
existing person is done after the response was sent.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from escalation.speech.i18n import gettext_noop
from escalation.speech.message_writer import get_thread, say
from gateway.accounts import passkeys, sessions
from gateway.accounts.passkeys import TICKET_LASTS, Challenge, PasskeyRefused, Site, get_site
from gateway.accounts.passwords import check_password
from gateway.accounts.rate_limit import client_address, get_rate_limits, too_many
from gateway.accounts.session_store import end_session
from gateway.accounts.sessions import COOKIE, cookie_options, own_path
from gateway.messaging.outbox import acting
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import KeyRefused, new_link, use_link
from gateway.runtime.user_input import as_e164
from gateway.web.rendering import Number, PageRefused, get_line, get_settings, go_to, page
from models import Person, Role, phone_index

router = APIRouter()

ATTEMPTS_PER_NUMBER = 5
ATTEMPTS_PER_ADDRESS = 20
LINKS_PER_NUMBER = 3
LINK_LASTS = timedelta(minutes=15)
TICKET_COOKIE = "warmline_passkey"

WRONG = gettext_noop("Wrong number or password.")
NO_PASSKEYS_HERE = gettext_noop(
    "Passkeys do not work at this address: they need https and a domain name. "
    "Use your password or a link by text."
)


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "") -> Response:
    return _sign_in_page(request, next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    phone: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """A wrong number and a wrong password get the same response, after the same time."""
    line, index = get_line(request), _hash_phone(phone)
    limits = {f"number {index}": ATTEMPTS_PER_NUMBER, client_address(request): ATTEMPTS_PER_ADDRESS}
    if wait := get_rate_limits(request).take(limits, now=line.clock()):
        return _sign_in_page(request, next, phone=phone, sentence=too_many(wait), status=429)
    with line.database.reading() as session:
        person = _find_staff(session, index)
    if not check_password(person, password) or person is None:
        answer = _sign_in_page(request, next, phone=phone, sentence=WRONG, status=401)
        answer.background = BackgroundTask(
            _note_failed, line, person.id if person else None, how="password"
        )
        return answer
    get_rate_limits(request).give_back(limits)
    with line.database.writing() as session:
        token = _begin(request, session, person, how="password")
    return _signed_in(request, token, next)


@router.get("/sign-in/link")
def ask_for_link(request: Request, sent: bool = False) -> Response:
    return _link_page(request, sent=sent)


@router.post("/sign-in/link")
def send_link(request: Request, phone: Annotated[str, Form()] = "") -> Response:
    """Every number gets the same response; the text is written after it was sent."""
    line, index = get_line(request), _hash_phone(phone)
    limits = {f"link {index}": LINKS_PER_NUMBER, client_address(request): ATTEMPTS_PER_ADDRESS}
    if wait := get_rate_limits(request).take(limits, now=line.clock()):
        return _link_page(request, sentence=too_many(wait), status=429)
    if as_e164(phone) is None:
        sentence = gettext_noop("Type your phone number with its area code, such as 202 555 0111.")
        return _link_page(request, sentence=sentence, status=422)
    answer = go_to(request, "/sign-in/link?sent=true")
    answer.background = BackgroundTask(
        _text_link, line, index, address=f"{get_settings(request).public_url}/sign-in/link/"
    )
    return answer


@router.get("/sign-in/link/{token}")
def open_link(request: Request, token: str) -> Response:
    """A page with a button, so that link previews do not use up the link."""
    return page(request, "accounts/sign_in_by_link.html", viewer=None, token=token, sentence="")


@router.post("/sign-in/link/{token}")
def sign_in_by_link(request: Request, token: str) -> Response:
    line = get_line(request)
    limits = {client_address(request): ATTEMPTS_PER_ADDRESS}
    if wait := get_rate_limits(request).take(limits, now=line.clock()):
        return _link_refused(request, too_many(wait), status=429)
    try:
        with line.database.writing() as session:
            person = use_link(session, token, "sign_in", now=line.clock())
            session_token = _begin(request, session, person, how="link")
    except KeyRefused as refused:
        answer = _link_refused(request, str(refused), status=410)
        answer.background = BackgroundTask(_note_failed, line, refused.person_id, how="link")
        return answer
    get_rate_limits(request).give_back(limits)
    return _signed_in(request, session_token, "")


@router.post("/sign-in/passkey/options")
def passkey_options(request: Request) -> Response:
    site, now = require_site(request), get_line(request).clock()
    return send_challenge(request, passkeys.challenge_to_sign_in(site, now=now))


@router.post("/sign-in/passkey")
def sign_in_by_passkey(
    request: Request,
    answer: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    line, site = get_line(request), require_site(request)
    limits = {client_address(request): ATTEMPTS_PER_ADDRESS}
    if wait := get_rate_limits(request).take(limits, now=line.clock()):
        return _sign_in_page(request, next, sentence=too_many(wait), status=429)
    given = passkeys.Response(answer, request.cookies.get(TICKET_COOKIE, ""))
    try:
        with line.database.writing() as session:
            person = passkeys.check_passkey(session, site, given, now=line.clock())
            token = _begin(request, session, person, how="passkey")
    except PasskeyRefused as refused:
        said = _sign_in_page(request, next, sentence=str(refused), status=401)
        said.background = BackgroundTask(_note_failed, line, refused.person_id, how="passkey")
        return said
    get_rate_limits(request).give_back(limits)
    response = _signed_in(request, token, next)
    forget_ticket(request, response)
    return response


@router.post("/sign-in/as/{person_id}")
def sign_in_as(
    request: Request,
    person_id: Number,
    next: Annotated[str, Form()] = "",
) -> Response:
    """One-click sign-in, only in the demo."""
    with get_line(request).database.writing() as session:
        person = _demo_people(session).get(person_id)
        if get_settings(request).sms != "phones" or person is None:
            raise PageRefused(404, gettext_noop("No one to sign in as."))
        token = _begin(request, session, person, how="demo")
    return _signed_in(request, token, next)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with get_line(request).database.writing() as session:
        end_session(session, request.cookies.get(COOKIE, ""))
    response = go_to(request, "/sign-in")
    sessions.delete_cookie(request, response)
    return response


def require_site(request: Request) -> Site:
    """Raises PageRefused where browsers do not allow passkeys."""
    site = get_site(get_settings(request).public_url)
    if site is None:
        raise PageRefused(409, NO_PASSKEYS_HERE)
    return site


def send_challenge(request: Request, challenge: Challenge) -> Response:
    response = Response(challenge.options, media_type="application/json")
    response.set_cookie(
        TICKET_COOKIE,
        challenge.ticket,
        max_age=int(TICKET_LASTS.total_seconds()),
        **cookie_options(request),
    )
    return response


def forget_ticket(request: Request, response: Response) -> None:
    response.delete_cookie(TICKET_COOKIE, **cookie_options(request))


def _hash_phone(phone: str) -> str:
    number = as_e164(phone) or phone
    return phone_index(number.encode("utf-8", "replace").decode())


def _find_staff(session: Session, index: str) -> Person | None:
    return session.scalar(
        select(Person).where(
            Person.phone_index == index, Person.role != Role.MENTEE, Person.left_at.is_(None)
        )
    )


def _text_link(line: Line, index: str, *, address: str) -> None:
    """Text a link to the mentor or manager with this number, if there is one."""
    now = line.clock()
    with acting(line) as session:
        person = _find_staff(session, index)
        if person is None:
            return
        token = new_link(session, person, "sign_in", now=now, lasts=LINK_LASTS)
        thread = get_thread(session, line.rules, person)
        minutes = int(LINK_LASTS.total_seconds() // 60)
        say(
            session,
            line.rules,
            thread,
            "sign_in_link",
            now=now,
            link=address + token,
            minutes=minutes,
        )


def _begin(request: Request, session: Session, person: Person, *, how: str) -> str:
    now = get_line(request).clock()
    note_about(session, person, "signed in", by=person, now=now, how=how)
    return sessions.begin(request, session, person)


def _note_failed(line: Line, person_id: int | None, *, how: str) -> None:
    if person_id is None:
        return
    with line.database.writing() as session:
        person = session.get_one(Person, person_id)
        note_about(session, person, "failed to sign in", by=None, now=line.clock(), how=how)


def _signed_in(request: Request, token: str, wanted: str) -> Response:
    response = go_to(request, own_path(wanted) or "/console")
    sessions.set_cookie(request, response, token)
    return response


def _sign_in_page(
    request: Request,
    wanted: str,
    *,
    phone: str = "",
    sentence: str = "",
    status: int = 200,
) -> Response:
    people: list[Person] = []
    if get_settings(request).sms == "phones":
        with get_line(request).database.reading() as session:
            people = list(_demo_people(session).values())
    return page(
        request,
        "accounts/sign_in.html",
        viewer=None,
        status=status,
        next=own_path(wanted) or "",
        phone=phone,
        sentence=sentence,
        people=people,
        site=get_site(get_settings(request).public_url),
    )


def _link_page(
    request: Request, *, sent: bool = False, sentence: str = "", status: int = 200
) -> Response:
    minutes = int(LINK_LASTS.total_seconds() // 60)
    return page(
        request,
        "accounts/sign_in_link.html",
        viewer=None,
        status=status,
        sent=sent,
        sentence=sentence,
        minutes=minutes,
    )


def _link_refused(request: Request, sentence: str, *, status: int) -> Response:
    return page(
        request,
        "accounts/sign_in_by_link.html",
        viewer=None,
        status=status,
        token="",
        sentence=sentence,
    )


def _demo_people(session: Session) -> dict[int, Person]:
    staff = session.scalars(
        select(Person)
        .where(Person.role != Role.MENTEE, Person.left_at.is_(None))
        .order_by(Person.role.desc(), Person.id)
    )
    return {person.id: person for person in staff}
