"""Signing in and out: by password, by passkey, or by a link sent as a text.

No response reveals whether a person exists: same words, same status, and slow work for an
existing person is done in the background.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys, sessions
from gateway.accounts.passkeys import TICKET_LASTS, Answer, Challenge, Site, get_site
from gateway.accounts.passwords import check_password
from gateway.accounts.rate_limit import client_key, count_attempt, counted_attempt
from gateway.accounts.sessions import COOKIE, end_session, own_path, set_cookie
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
LINK_MINUTES = LINK_LASTS // timedelta(minutes=1)
TICKET_COOKIE = "warmline_passkey"

WRONG = gettext_noop("Wrong number or password.")
NO_PASSKEYS_HERE = gettext_noop(
    "Passkeys do not work at this address: they need https and a domain name. "
    "Use your password or a link by text."
)
NO_NUMBER = gettext_noop("Type your phone number with its area code, such as 202 555 0111.")
Text = Annotated[str, Form()]


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "") -> Response:
    return _sign_in_page(request, next)


@router.post("/sign-in")
def sign_in(request: Request, phone: Text = "", password: Text = "", next: Text = "") -> Response:
    """A wrong number and a wrong password get the same response, after the same time."""
    line, index = get_line(request), _hash_phone(phone)
    limits = {f"number {index}": ATTEMPTS_PER_NUMBER, client_key(request): ATTEMPTS_PER_ADDRESS}
    try:
        with counted_attempt(request, limits):
            with line.database.reading() as session:
                person = _find_staff(session, index)
            if not check_password(person, password) or person is None:
                raise KeyRefused(WRONG, person.id if person else None)
    except (KeyRefused, PageRefused) as refused:
        return _sign_in_page(request, next, refused, how="password", phone=phone)
    with line.database.writing() as session:
        token = _begin(request, session, person, how="password")
    return _signed_in(request, token, next)


@router.get("/sign-in/link")
def ask_for_link(request: Request, sent: bool = False) -> Response:
    return _link_page(request, sent=sent)


@router.post("/sign-in/link")
def send_link(request: Request, phone: Text = "") -> Response:
    """Every number gets the same response; the text is written after it was sent."""
    line, index = get_line(request), _hash_phone(phone)
    limits = {f"link {index}": LINKS_PER_NUMBER, client_key(request): ATTEMPTS_PER_ADDRESS}
    try:
        count_attempt(request, limits)
        if as_e164(phone) is None:
            raise PageRefused(422, NO_NUMBER)
    except PageRefused as refused:
        return _link_page(request, refused)
    answer = go_to(request, "/sign-in/link?sent=true")
    answer.background = BackgroundTask(
        _text_link, line, index, address=f"{get_settings(request).public_url}/sign-in/link/"
    )
    return answer


@router.get("/sign-in/link/{token}")
def open_link(request: Request, token: str) -> Response:
    """A page with a button, so that link previews do not use up the link."""
    return _page(request, "accounts/sign_in_by_link.html", token=token)


@router.post("/sign-in/link/{token}")
def sign_in_by_link(request: Request, token: str) -> Response:
    line = get_line(request)
    try:
        with (
            counted_attempt(request, {client_key(request): ATTEMPTS_PER_ADDRESS}),
            line.database.writing() as session,
        ):
            person = use_link(session, token, "sign_in", now=line.clock())
            session_token = _begin(request, session, person, how="link")
    except (KeyRefused, PageRefused) as refused:
        return _page(request, "accounts/sign_in_by_link.html", refused, how="link", token="")
    return _signed_in(request, session_token, "")


@router.post("/sign-in/passkey/options")
def passkey_options(request: Request) -> Response:
    site, now = require_site(request), get_line(request).clock()
    return send_challenge(request, passkeys.challenge_to_sign_in(site, now=now))


@router.post("/sign-in/passkey")
def sign_in_by_passkey(request: Request, answer: Text = "", next: Text = "") -> Response:
    line, site = get_line(request), require_site(request)
    try:
        with (
            counted_attempt(request, {client_key(request): ATTEMPTS_PER_ADDRESS}),
            line.database.writing() as session,
        ):
            given = read_answer(request, answer)
            person = passkeys.check_passkey(session, site, given, now=line.clock())
            token = _begin(request, session, person, how="passkey")
    except (KeyRefused, PageRefused) as refused:
        return _sign_in_page(request, next, refused, how="passkey")
    response = _signed_in(request, token, next)
    response.delete_cookie(TICKET_COOKIE)
    return response


@router.post("/sign-in/as/{person_id}")
def sign_in_as(request: Request, person_id: Number, next: Text = "") -> Response:
    with get_line(request).database.writing() as session:
        person = session.get(Person, person_id)
        if person is None or person not in _demo_people(request, session):
            raise PageRefused(404, gettext_noop("No one to sign in as."))
        token = _begin(request, session, person, how="demo")
    return _signed_in(request, token, next)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with get_line(request).database.writing() as session:
        end_session(session, request.cookies.get(COOKIE, ""))
    response = go_to(request, "/sign-in")
    response.delete_cookie(COOKIE)
    return response


def require_site(request: Request) -> Site:
    """Raises PageRefused where browsers do not allow passkeys."""
    site = get_site(get_settings(request).public_url)
    if site is None:
        raise PageRefused(409, NO_PASSKEYS_HERE)
    return site


def send_challenge(request: Request, challenge: Challenge) -> Response:
    response = Response(challenge.options, media_type="application/json")
    set_cookie(request, response, challenge.ticket, name=TICKET_COOKIE, lasts=TICKET_LASTS)
    return response


def read_answer(request: Request, credential: str) -> Answer:
    return Answer(credential, request.cookies.get(TICKET_COOKIE, ""))


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
    with acting(line) as session:
        person = _find_staff(session, index)
        if person is None:
            return
        tx = line.at(session)
        link = address + new_link(session, person, "sign_in", now=tx.now, lasts=LINK_LASTS)
        tx.tell(person, "sign_in_link", link=link, minutes=LINK_MINUTES)


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
    set_cookie(request, response, token)
    return response


def _page(
    request: Request,
    template: str,
    refused: KeyRefused | PageRefused | None = None,
    *,
    how: str = "",
    **values: object,
) -> Response:
    """With `refused`, the page says why the attempt failed, and the audit log notes it."""
    status, task = 200, None
    if isinstance(refused, PageRefused):
        status = refused.status
    elif refused is not None:
        status = 410 if how == "link" else 401
        task = BackgroundTask(_note_failed, get_line(request), refused.person_id, how=how)
    sentence = str(refused or "")
    response = page(request, template, viewer=None, status=status, sentence=sentence, **values)
    response.background = task
    return response


def _sign_in_page(
    request: Request,
    wanted: str,
    refused: KeyRefused | PageRefused | None = None,
    *,
    how: str = "",
    phone: str = "",
) -> Response:
    with get_line(request).database.reading() as session:
        people = _demo_people(request, session)
    return _page(
        request,
        "accounts/sign_in.html",
        refused,
        how=how,
        next=own_path(wanted) or "",
        phone=phone,
        people=people,
        site=get_site(get_settings(request).public_url),
    )


def _link_page(
    request: Request, refused: PageRefused | None = None, *, sent: bool = False
) -> Response:
    template = "accounts/sign_in_link.html"
    return _page(request, template, refused, sent=sent, minutes=LINK_MINUTES)


def _demo_people(request: Request, session: Session) -> Sequence[Person]:
    if get_settings(request).sms != "phones":
        return ()
    return session.scalars(
        select(Person)
        .where(Person.role != Role.MENTEE, Person.left_at.is_(None))
        .order_by(Person.role.desc(), Person.id)
    ).all()
