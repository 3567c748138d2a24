"""The account page of a mentor or manager: sessions, passkeys, password."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys, sessions
from gateway.accounts.passkeys import MOST_PASSKEYS, PasskeyRefused, get_site, list_passkeys
from gateway.accounts.passwords import BadPassword, check_password, set_password
from gateway.accounts.rate_limit import get_rate_limits, too_many
from gateway.accounts.session_store import end_sessions, find_session, list_sessions
from gateway.accounts.sessions import COOKIE, Staff, describe_browser
from gateway.accounts.sign_in import TICKET_COOKIE, forget_ticket, require_site, send_challenge
from gateway.runtime.audit import note_about
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

DONE = {
    "ended": gettext_noop("Browser signed out."),
    "others": gettext_noop("All other browsers signed out."),
    "password": gettext_noop("Password changed. All other browsers signed out."),
    "added": gettext_noop("Passkey added. You can sign in with it from now on."),
    "renamed": gettext_noop("Passkey renamed."),
    "removed": gettext_noop("Passkey removed. It no longer signs you in."),
}
NO_SUCH_SESSION = gettext_noop("You have no such browser. It may be signed out already.")
NO_SUCH_PASSKEY = gettext_noop("You have no such passkey. It may be removed already.")


@router.get("")
def account(request: Request, viewer: Staff, done: str = "") -> Response:
    return _account(request, viewer, said=DONE.get(done, ""))


@router.post("/sessions/{number}/end")
def end_one(request: Request, number: Number, viewer: Staff) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.writing() as session:
        web_session = session.get(WebSession, number)
        if web_session is None or web_session.person_id != viewer.id:
            raise PageRefused(404, NO_SUCH_SESSION)
        session.delete(web_session)
        note_about(session, viewer, "signed out a browser", by=viewer, now=now)
    return go_to(request, "/account?done=ended")


@router.post("/sessions/end-others")
def end_others(request: Request, viewer: Staff) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.writing() as session:
        here = find_session(session, request.cookies.get(COOKIE, ""), now=now)
        end_sessions(session, viewer, but=here)
        note_about(session, viewer, "signed out all other browsers", by=viewer, now=now)
    return go_to(request, "/account?done=others")


@router.post("/password")
def change_password(
    request: Request,
    viewer: Staff,
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Signs out all other browsers; this one gets a new cookie."""
    line = get_line(request)
    now = line.clock()
    limits = {f"password of {viewer.id}": PASSWORD_ATTEMPTS}
    if wait := get_rate_limits(request).take(limits, now=now):
        return _refuse(request, viewer, 429, too_many(wait))
    if viewer.password_hash is not None and not check_password(viewer, old):
        with line.database.writing() as session:
            note_about(session, viewer, "failed to change the password", by=viewer, now=now)
        return _refuse(request, viewer, 403, gettext_noop("Wrong old password."))
    get_rate_limits(request).give_back(limits)
    if new != again:
        return _refuse(
            request,
            viewer,
            422,
            gettext_noop("The two new passwords do not match. Type them again."),
        )
    try:
        with line.database.writing() as session:
            person = session.get_one(Person, viewer.id)
            set_password(person, new)
            note_about(session, viewer, "changed the password", by=viewer, now=now)
            token = sessions.begin(request, session, person)
    except BadPassword as bad:
        return _refuse(request, viewer, 422, str(bad))
    response = go_to(request, "/account?done=password")
    sessions.set_cookie(request, response, token)
    return response


@router.post("/passkeys/options")
def passkey_options(request: Request, viewer: Staff) -> Response:
    site, line = require_site(request), get_line(request)
    with line.database.reading() as session:
        known = list_passkeys(session, viewer)
    return send_challenge(request, passkeys.challenge_to_add(site, viewer, known, now=line.clock()))


@router.post("/passkeys")
def add_passkey(request: Request, viewer: Staff, answer: Annotated[str, Form()] = "") -> Response:
    site, now = require_site(request), get_line(request).clock()
    given = passkeys.Response(answer, request.cookies.get(TICKET_COOKIE, ""))
    name = describe_browser(request)
    try:
        with get_line(request).database.writing() as session:
            passkeys.add_passkey(session, site, viewer, given, name=name, now=now)
            note_about(session, viewer, "added a passkey", by=viewer, now=now)
    except PasskeyRefused as refused:
        return _refuse(request, viewer, 409, str(refused))
    response = go_to(request, "/account?done=added")
    forget_ticket(request, response)
    return response


@router.post("/passkeys/{number}/rename")
def rename_passkey(
    request: Request, number: Number, viewer: Staff, name: Annotated[str, Form()] = ""
) -> Response:
    name = passkeys.clean_name(name)
    if not name:
        return _refuse(
            request, viewer, 422, gettext_noop("Give the passkey a name, such as My phone.")
        )
    now = get_line(request).clock()
    with get_line(request).database.writing() as session:
        _own_passkey(session, viewer, number).name = name
        note_about(session, viewer, "renamed a passkey", by=viewer, now=now)
    return go_to(request, "/account?done=renamed")


@router.post("/passkeys/{number}/remove")
def remove_passkey(request: Request, number: Number, viewer: Staff) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.writing() as session:
        session.delete(_own_passkey(session, viewer, number))
        note_about(session, viewer, "removed a passkey", by=viewer, now=now)
    return go_to(request, "/account?done=removed")


def _own_passkey(session: Session, viewer: Person, number: int) -> Passkey:
    passkey = session.get(Passkey, number)
    if passkey is None or passkey.person_id != viewer.id:
        raise PageRefused(404, NO_SUCH_PASSKEY)
    return passkey


def _refuse(request: Request, viewer: Person, status: int, sentence: str) -> Response:
    """The sentence alone for htmx, which shows it beside the form; else the page with it."""
    if wants_part(request):
        return PlainTextResponse(sentence, status)
    return _account(request, viewer, problem=sentence, status=status)


def _account(
    request: Request, viewer: Person, *, said: str = "", problem: str = "", status: int = 200
) -> Response:
    line = get_line(request)
    now, token = line.clock(), request.cookies.get(COOKIE, "")
    with line.database.reading() as session:
        here = find_session(session, token, now=now)
        browsers = list_sessions(session, viewer, now=now)
        keys = list_passkeys(session, viewer)
    return page(
        request,
        "accounts/account.html",
        viewer=viewer,
        status=status,
        said=said,
        problem=problem,
        here=here.id if here else None,
        browsers=browsers,
        passkeys=keys,
        most_passkeys=MOST_PASSKEYS,
        site=get_site(get_settings(request).public_url),
    )
