"""One's own account: where one is signed in, one's passkeys, one's password."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys, sessions
from gateway.accounts.passkeys import MOST_PASSKEYS, PasskeyRefused, get_site, list_passkeys
from gateway.accounts.passwords import (
    BadPassword,
    check_password,
    end_sign_ins,
    list_sessions,
    set_password,
    sign_in_with,
)
from gateway.accounts.rate_limit import get_rate_limits, too_many
from gateway.accounts.sessions import COOKIE, Staff, describe_browser
from gateway.accounts.sign_in import TICKET_COOKIE, forget_ticket, hand_out, site_at
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

TRIES_AT_PASSWORD = 5

DONE = {
    "ended": gettext_noop("That browser is signed out."),
    "others": gettext_noop("Every other browser is signed out."),
    "password": gettext_noop("Your password is changed. Every other browser is signed out."),
    "added": gettext_noop("The passkey is added. From now on it signs you in."),
    "renamed": gettext_noop("The passkey has its new name."),
    "removed": gettext_noop("The passkey is removed. It signs nobody in any more."),
}
NO_SUCH_SIGN_IN = gettext_noop(
    "There is no such browser among yours; perhaps it is signed out already."
)
NO_SUCH_PASSKEY = gettext_noop(
    "There is no such passkey among yours; perhaps it is removed already."
)


@router.get("")
def account(request: Request, viewer: Staff, done: str = "") -> Response:
    return _account(request, viewer, said=DONE.get(done, ""))


@router.post("/sessions/{number}/end")
def end_one(request: Request, number: Number, viewer: Staff) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.writing() as session:
        sign_in = session.get(WebSession, number)
        if sign_in is None or sign_in.person_id != viewer.id:
            raise PageRefused(404, NO_SUCH_SIGN_IN)
        session.delete(sign_in)
        note_about(session, viewer, "signed out a browser", by=viewer, now=now)
    return go_to(request, "/account?done=ended")


@router.post("/sessions/end-others")
def end_others(request: Request, viewer: Staff) -> Response:
    now = get_line(request).clock()
    with get_line(request).database.writing() as session:
        here = sign_in_with(session, request.cookies.get(COOKIE, ""), now=now)
        end_sign_ins(session, viewer, but=here)
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
    """The other browsers are signed out; this one stays, with a new cookie."""
    line = get_line(request)
    now = line.clock()
    limits = {f"password of {viewer.id}": TRIES_AT_PASSWORD}
    if wait := get_rate_limits(request).take(limits, now=now):
        return _refuse(request, viewer, 429, too_many(wait))
    if viewer.password_hash is not None and not check_password(viewer, old):
        with line.database.writing() as session:
            note_about(session, viewer, "failed to change the password", by=viewer, now=now)
        return _refuse(request, viewer, 403, gettext_noop("The old password is not right."))
    get_rate_limits(request).give_back(limits)
    if new != again:
        return _refuse(
            request, viewer, 422, gettext_noop("The two new passwords differ. Type them again.")
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
    sessions.keep(request, response, token)
    return response


@router.post("/passkeys/options")
def passkey_options(request: Request, viewer: Staff) -> Response:
    """What the browser is to make."""
    site, line = site_at(request), get_line(request)
    with line.database.reading() as session:
        known = list_passkeys(session, viewer)
    return hand_out(request, passkeys.ask_to_add(site, viewer, known, now=line.clock()))


@router.post("/passkeys")
def add_passkey(request: Request, viewer: Staff, answer: Annotated[str, Form()] = "") -> Response:
    site, now = site_at(request), get_line(request).clock()
    ticket = request.cookies.get(TICKET_COOKIE, "")
    try:
        with get_line(request).database.writing() as session:
            passkeys.add(
                session,
                site,
                viewer,
                answer=answer,
                ticket=ticket,
                name=describe_browser(request),
                now=now,
            )
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
    name = passkeys.called(name)
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
    """The sentence alone where the page itself asks, beside what was typed; or the page with it."""
    if wants_part(request):
        return PlainTextResponse(sentence, status)
    return _account(request, viewer, problem=sentence, status=status)


def _account(
    request: Request, viewer: Person, *, said: str = "", problem: str = "", status: int = 200
) -> Response:
    line = get_line(request)
    now, token = line.clock(), request.cookies.get(COOKIE, "")
    with line.database.reading() as session:
        here = sign_in_with(session, token, now=now)
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
