"""The account page of a mentor or manager: sessions, passkeys, password."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys
from gateway.accounts.devices import (
    DEVICE_COOKIE,
    describe_browser,
    find_device,
    remember_device,
)
from gateway.accounts.notices import tell_of_change
from gateway.accounts.passkeys import (
    MOST_PASSKEYS,
    get_site,
    list_passkeys,
    require_site,
    send_challenge,
)
from gateway.accounts.passwords import BadPassword, check_password, hash_password, set_password
from gateway.accounts.rate_limit import counted_attempt
from gateway.accounts.sessions import (
    COOKIE,
    Staff,
    audited,
    delete_cookie,
    end_access,
    end_sessions,
    find_session,
    is_recent,
    limits_of,
    list_sessions,
    read_cookie,
    require_recent,
    start_session,
)
from gateway.accounts.sign_in import Begun, renew, set_cookies
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
    require_recent(request)
    with audited(request, viewer, "signed out a browser") as session:
        web_session = session.get(WebSession, number)
        if web_session is None or web_session.person_id != viewer.id:
            raise PageRefused(404, NO_SUCH_SESSION)
        session.delete(web_session)
    return _done(request, "ended")


@router.post("/sessions/end-others")
def end_others(request: Request, viewer: Staff) -> Response:
    require_recent(request)
    with audited(request, viewer, "signed out all other browsers") as session:
        end_sessions(session, viewer, but=request.state.web_session)
    return _done(request, "others")


@router.post("/sessions/end-all")
def end_all(request: Request, viewer: Staff) -> Response:
    """Also forgets the devices, so that the next sign-in from each is announced again."""
    require_recent(request)
    with audited(request, viewer, "signed out everywhere") as session:
        end_access(session, viewer)
    response = go_to(request, "/sign-in")
    delete_cookie(request, response, COOKIE)
    return response


@router.post("/password")
def change_password(
    request: Request, viewer: Staff, old: Text = "", new: Text = "", again: Text = ""
) -> Response:
    """Signs out all other browsers; this one gets a new cookie."""
    try:
        if viewer.password_hash is None:
            require_recent(request)
        else:
            _check_old_password(request, viewer, old)
        if new != again:
            differing = gettext_noop("The two new passwords do not match. Type them again.")
            raise PageRefused(422, differing)
        hashed = hash_password(viewer, new)
    except PageRefused as refused:
        return _refuse(request, viewer, refused.status, str(refused))
    except BadPassword as bad:
        return _refuse(request, viewer, 422, str(bad))
    with audited(request, viewer, "changed the password") as session:
        begun = _store_password(request, session, session.get_one(Person, viewer.id), hashed)
    response = _done(request, "password")
    set_cookies(request, response, begun)
    return response


def _check_old_password(request: Request, viewer: Person, old: str) -> None:
    with counted_attempt(request, {f"password of {viewer.id}": PASSWORD_ATTEMPTS}):
        if not check_password(viewer, old):
            with audited(request, viewer, "failed to change the password"):
                pass
            raise PageRefused(403, gettext_noop("Wrong old password."))


def _store_password(request: Request, session: Session, person: Person, hashed: str) -> Begun:
    line = get_line(request)
    now, limits = line.clock(), limits_of(line.rules.policy, person)
    set_password(person, hashed)
    tell_of_change(line.at(session), person)
    device = find_device(session, person, read_cookie(request, DEVICE_COOKIE))
    remember_device(session, person, device, now=now)
    browser = describe_browser(request)
    token = start_session(session, person, now=now, how="password", limits=limits, browser=browser)
    return Begun(token, device.token, limits.lasts)


@router.post("/passkeys/options")
def passkey_options(request: Request, viewer: Staff) -> Response:
    site, line = require_site(request), get_line(request)
    require_recent(request)
    with line.database.writing() as session:
        challenge = passkeys.challenge_to_add(session, site, viewer, now=line.clock())
    return send_challenge(request, challenge)


@router.post("/passkeys")
def add_passkey(request: Request, viewer: Staff, answer: Text = "") -> Response:
    site, line, name = require_site(request), get_line(request), describe_browser(request)
    require_recent(request)
    begun = None
    try:
        given = passkeys.take_answer(request, answer, passkeys.adding(viewer))
        with audited(request, viewer, "added a passkey") as session:
            passkeys.add_passkey(session, site, viewer, given, name=name, now=line.clock())
            here = find_session(session, read_cookie(request, COOKIE), now=line.clock())
            if here and here.needs_second_factor:
                # A manager came by a link, and the new passkey is their second proof.
                begun = renew(request, session, here)
            tell_of_change(line.at(session), session.get_one(Person, viewer.id))
    except KeyRefused as refused:
        return _refuse(request, viewer, 409, str(refused))
    response = _done(request, "added")
    if begun:
        set_cookies(request, response, begun)
    passkeys.forget_ticket(request, response)
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
        require_recent(request)
        tell_of_change(get_line(request).at(session), session.get_one(Person, viewer.id))
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
        browsers = list_sessions(session, viewer, now=now)
        keys = list_passkeys(session, viewer)
    return page(
        request,
        "accounts/account.html",
        viewer=viewer,
        status=status,
        done=done,
        problem=problem,
        here=request.state.web_session.id,
        browsers=browsers,
        passkeys=keys,
        most_passkeys=MOST_PASSKEYS,
        site=get_site(get_settings(request).public_url),
        recent=is_recent(request),
    )
