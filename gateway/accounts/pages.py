"""The account page of a mentor or manager: sessions, passkeys, password."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys, sessions
from gateway.accounts.passkeys import MOST_PASSKEYS, get_site, list_passkeys
from gateway.accounts.passwords import BadPassword, check_password, set_password
from gateway.accounts.rate_limit import counted_attempt
from gateway.accounts.sessions import (
    COOKIE,
    Staff,
    audited,
    describe_browser,
    end_sessions,
    find_session,
    list_sessions,
)
from gateway.accounts.sign_in import TICKET_COOKIE, read_answer, require_site, send_challenge
from gateway.runtime.one_time_keys import KeyRefused
from gateway.web.rendering import (
    Number,
    PageRefused,
    get_line,
    get_settings,
    go_to,
    page,
    wants_part,
)
from models import Passkey, Person, WebSession

router = APIRouter(prefix="/account")

PASSWORD_ATTEMPTS = 5

NO_SUCH_SESSION = gettext_noop("You have no such browser. It may be signed out already.")
NO_SUCH_PASSKEY = gettext_noop("You have no such passkey. It may be removed already.")
Text = Annotated[str, Form()]


@router.get("")
def account(request: Request, viewer: Staff, done: str = "") -> Response:
    return _account(request, viewer, done=done)


@router.post("/sessions/{number}/end")
def end_one(request: Request, number: Number, viewer: Staff) -> Response:
    with audited(request, viewer, "signed out a browser") as session:
        web_session = session.get(WebSession, number)
        if web_session is None or web_session.person_id != viewer.id:
            raise PageRefused(404, NO_SUCH_SESSION)
        session.delete(web_session)
    return _done(request, "ended")


@router.post("/sessions/end-others")
def end_others(request: Request, viewer: Staff) -> Response:
    now = get_line(request).clock()
    with audited(request, viewer, "signed out all other browsers") as session:
        here = find_session(session, request.cookies.get(COOKIE, ""), now=now)
        end_sessions(session, viewer, but=here)
    return _done(request, "others")


@router.post("/password")
def change_password(
    request: Request, viewer: Staff, old: Text = "", new: Text = "", again: Text = ""
) -> Response:
    """Signs out all other browsers; this one gets a new cookie."""
    try:
        with counted_attempt(request, {f"password of {viewer.id}": PASSWORD_ATTEMPTS}):
            if viewer.password_hash is not None and not check_password(viewer, old):
                with audited(request, viewer, "failed to change the password"):
                    pass
                raise PageRefused(403, gettext_noop("Wrong old password."))
        if new != again:
            differing = gettext_noop("The two new passwords do not match. Type them again.")
            raise PageRefused(422, differing)
        with audited(request, viewer, "changed the password") as session:
            person = session.get_one(Person, viewer.id)
            set_password(person, new)
            token = sessions.begin(request, session, person)
    except PageRefused as refused:
        return _refuse(request, viewer, refused.status, str(refused))
    except BadPassword as bad:
        return _refuse(request, viewer, 422, str(bad))
    response = _done(request, "password")
    sessions.set_cookie(request, response, token)
    return response


@router.post("/passkeys/options")
def passkey_options(request: Request, viewer: Staff) -> Response:
    site, line = require_site(request), get_line(request)
    with line.database.reading() as session:
        known = list_passkeys(session, viewer)
    return send_challenge(request, passkeys.challenge_to_add(site, viewer, known, now=line.clock()))


@router.post("/passkeys")
def add_passkey(request: Request, viewer: Staff, answer: Text = "") -> Response:
    site, given, name = (
        require_site(request),
        read_answer(request, answer),
        describe_browser(request),
    )
    now = get_line(request).clock()
    try:
        with audited(request, viewer, "added a passkey") as session:
            passkeys.add_passkey(session, site, viewer, given, name=name, now=now)
    except KeyRefused as refused:
        return _refuse(request, viewer, 409, str(refused))
    response = _done(request, "added")
    response.delete_cookie(TICKET_COOKIE)
    return response


@router.post("/passkeys/{number}/rename")
def rename_passkey(request: Request, number: Number, viewer: Staff, name: Text = "") -> Response:
    name = passkeys.clean_name(name)
    if not name:
        no_name = gettext_noop("Give the passkey a name, such as My phone.")
        return _refuse(request, viewer, 422, no_name)
    with audited(request, viewer, "renamed a passkey") as session:
        _get_passkey(session, viewer, number).name = name
    return _done(request, "renamed")


@router.post("/passkeys/{number}/remove")
def remove_passkey(request: Request, number: Number, viewer: Staff) -> Response:
    with audited(request, viewer, "removed a passkey") as session:
        session.delete(_get_passkey(session, viewer, number))
    return _done(request, "removed")


def _get_passkey(session: Session, viewer: Person, number: int) -> Passkey:
    passkey = session.get(Passkey, number)
    if passkey is None or passkey.person_id != viewer.id:
        raise PageRefused(404, NO_SUCH_PASSKEY)
    return passkey


def _done(request: Request, word: str) -> Response:
    return go_to(request, f"/account?done={word}")


def _refuse(request: Request, viewer: Person, status: int, sentence: str) -> Response:
    """The sentence alone for htmx, which shows it beside the form; else the page with it."""
    if wants_part(request):
        return PlainTextResponse(sentence, status)
    return _account(request, viewer, problem=sentence, status=status)


def _account(
    request: Request, viewer: Person, *, done: str = "", problem: str = "", status: int = 200
) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.reading() as session:
        here = find_session(session, request.cookies.get(COOKIE, ""), now=now)
        browsers = list_sessions(session, viewer, now=now)
        keys = list_passkeys(session, viewer)
    return page(
        request,
        "accounts/account.html",
        viewer=viewer,
        status=status,
        done=done,
        problem=problem,
        here=here.id if here else None,
        browsers=browsers,
        passkeys=keys,
        most_passkeys=MOST_PASSKEYS,
        site=get_site(get_settings(request).public_url),
    )
