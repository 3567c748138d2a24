"""Signing in and out: by password, by passkey, or by a link sent as a text.

No response reveals whether a person exists: same words, same status, and slow work for an
existing person is done in the background.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from escalation.policy import Policy
from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys
from gateway.accounts.devices import (
    DEVICE_COOKIE,
    DEVICE_LASTS,
    describe_browser,
    find_device,
    remember_device,
)
from gateway.accounts.notices import tell_of_new_device
from gateway.accounts.passkeys import get_site, require_site, send_challenge
from gateway.accounts.passwords import check_password, renewed_hash, store_renewed
from gateway.accounts.rate_limit import (
    ATTEMPTS_PER_ADDRESS,
    attempt_limits,
    client_key,
    count_attempt,
    counted_attempt,
    counted_failure,
    remember_browser,
)
from gateway.accounts.sessions import (
    COOKIE,
    How,
    Limits,
    delete_cookie,
    end_session,
    finish_sign_in,
    limits_of,
    own_path,
    read_cookie,
    renew_token,
    set_cookie,
    start_session,
)
from gateway.messaging.outbox import acting
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.runtime.one_time_keys import KeyRefused, new_link, use_link
from gateway.runtime.user_input import as_e164
from gateway.web.rendering import Number, PageRefused, get_line, get_settings, go_to, page
from models import Person, Role, WebSession, phone_index

router = APIRouter()

LINKS_PER_NUMBER = 3
# ASVS 5.0, 6.5.5.
LINK_LASTS = timedelta(minutes=10)
LINK_MINUTES = LINK_LASTS // timedelta(minutes=1)
# For the second factor of a manager.
UNFINISHED = Limits(timedelta(minutes=15), timedelta(minutes=15))

WRONG = gettext_noop("Wrong number or password.")
NO_NUMBER = gettext_noop("Type your phone number with its area code, such as 202 555 0111.")
Text = Annotated[str, Form()]


class Begun(NamedTuple):
    """After somebody proved who they are: the tokens for the cookies of session and device."""

    token: str
    device: str
    lasts: timedelta


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "") -> Response:
    return _sign_in_page(request, next)


@router.post("/sign-in")
def sign_in(request: Request, phone: Text = "", password: Text = "", next: Text = "") -> Response:
    """A wrong number and a wrong password get the same response, after the same time."""
    line, index = get_line(request), _hash_phone(phone)
    try:
        with counted_attempt(request, attempt_limits(request, "password", index)):
            with line.database.reading() as session:
                person = _find_staff(session, index)
            if not check_password(person, password) or person is None:
                raise KeyRefused(WRONG, person.id if person else None)
    except (KeyRefused, PageRefused) as refused:
        return _sign_in_page(request, next, refused, how="password", phone=phone)
    stronger = renewed_hash(person, password)
    with acting(line) as session:
        if stronger:
            store_renewed(session, person, stronger)
        begun = begin(request, session, person, how="password")
    return remember_browser(request, _signed_in(request, begun, next), index)


@router.get("/sign-in/link")
def ask_for_link(request: Request, sent: bool = False) -> Response:
    return _link_page(request, sent=sent)


@router.post("/sign-in/link")
def send_link(request: Request, phone: Text = "") -> Response:
    """Every number gets the same response; the text is written after it was sent."""
    line, index = get_line(request), _hash_phone(phone)
    try:
        count_attempt(
            request, attempt_limits(request, "link", index, each=LINKS_PER_NUMBER, sends_text=True)
        )
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
            counted_failure(request, _limits_of_address(request, "link opened")),
            acting(line) as session,
        ):
            person = use_link(session, token, "sign_in", now=line.clock())
            begun = begin(request, session, person, how="link")
    except (KeyRefused, PageRefused) as refused:
        return _page(request, "accounts/sign_in_by_link.html", refused, how="link", token="")
    return remember_browser(request, _signed_in(request, begun, ""), _index(person))


@router.post("/sign-in/passkey/options")
def passkey_options(request: Request) -> Response:
    site, line = require_site(request), get_line(request)
    with line.database.writing() as session:
        challenge = passkeys.challenge_to_sign_in(session, site, now=line.clock())
    return send_challenge(request, challenge)


@router.post("/sign-in/passkey")
def sign_in_by_passkey(request: Request, answer: Text = "", next: Text = "") -> Response:
    line, site = get_line(request), require_site(request)
    try:
        with counted_failure(request, _limits_of_address(request, "passkey")):
            given = passkeys.take_answer(request, answer, passkeys.SIGN_IN)
            with acting(line) as session:
                person = passkeys.check_passkey(session, site, given, now=line.clock())
                begun = begin(request, session, person, how="passkey")
    except (KeyRefused, PageRefused) as refused:
        return _sign_in_page(request, next, refused, how="passkey")
    response = remember_browser(request, _signed_in(request, begun, next), _index(person))
    passkeys.forget_ticket(request, response)
    return response


@router.post("/sign-in/as/{person_id}")
def sign_in_as(request: Request, person_id: Number, next: Text = "") -> Response:
    with get_line(request).database.writing() as session:
        person = session.get(Person, person_id)
        if person is None or person not in _demo_people(request, session):
            raise PageRefused(404, gettext_noop("No one to sign in as."))
        begun = begin(request, session, person, how="demo")
    return _signed_in(request, begun, next)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with get_line(request).database.writing() as session:
        end_session(session, read_cookie(request, COOKIE))
    response = go_to(request, "/sign-in")
    delete_cookie(request, response, COOKIE)
    return response


def _hash_phone(phone: str) -> str:
    number = as_e164(phone) or phone
    return phone_index(number.encode("utf-8", "replace").decode())


def _index(person: Person) -> str:
    return person.phone_index or ""


def _limits_of_address(request: Request, what: str) -> dict[str, int]:
    return {f"{what} {client_key(request)}": ATTEMPTS_PER_ADDRESS}


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


def begin(request: Request, session: Session, person: Person, *, how: How) -> Begun:
    """Replace this browser's session with one of `person`, and tell them of a new device.

    `set_cookies` gives its tokens to the browser once the transaction is committed.
    """
    end_session(session, read_cookie(request, COOKIE))
    line = get_line(request).of(session, person.program_id)
    now, policy = line.clock(), line.rules.policy
    needs_second = _needs_second_factor(request, policy, person, how)
    note_about(session, person, "signed in", by=person, now=now, how=how)
    browser = describe_browser(request)
    device = find_device(session, person, read_cookie(request, DEVICE_COOKIE))
    # A click in the demo is not a real sign-in.
    if device.is_new and how != "demo":
        tell_of_new_device(line.at(session), person, browser)
    if not needs_second:
        remember_device(session, person, device, now=now)
    limits = UNFINISHED if needs_second else limits_of(policy, person)
    marks = {"browser": browser, "needs_second_factor": needs_second}
    token = start_session(session, person, now=now, how=how, limits=limits, **marks)
    return Begun(token, device.token, limits.lasts)


def renew(request: Request, session: Session, web_session: WebSession) -> Begun:
    """Go on with this browser's session after its person has proved again who they are.

    It gets a new token, and a second proof that was due counts as given.
    """
    line, person = get_line(request), web_session.person
    now, limits = line.clock(), limits_of(line.rules.policy, person)
    if web_session.needs_second_factor:
        finish_sign_in(web_session, limits, now=now)
    device = find_device(session, person, read_cookie(request, DEVICE_COOKIE))
    remember_device(session, person, device, now=now)
    return Begun(renew_token(web_session), device.token, limits.lasts)


def _needs_second_factor(request: Request, policy: Policy, person: Person, how: How) -> bool:
    """A passkey is two factors. The demo's phones are on a page that anybody can open."""
    if person.role is not Role.MANAGER or how in ("passkey", "demo"):
        return False
    return policy.sign_in.managers_second_factor and get_settings(request).sms == "twilio"


def _note_failed(line: Line, person_id: int | None, *, how: str) -> None:
    if person_id is None:
        return
    with line.database.writing() as session:
        person = session.get_one(Person, person_id)
        note_about(session, person, "failed to sign in", by=None, now=line.clock(), how=how)


def set_cookies(request: Request, response: Response, begun: Begun) -> None:
    set_cookie(request, response, begun.token, lasts=begun.lasts)
    set_cookie(request, response, begun.device, name=DEVICE_COOKIE, lasts=DEVICE_LASTS)


def _signed_in(request: Request, begun: Begun, wanted: str) -> Response:
    response = go_to(request, own_path(wanted) or "/console")
    set_cookies(request, response, begun)
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
