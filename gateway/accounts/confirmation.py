"""The page where a mentor or manager proves again who they are, and the second factor of managers.

Pages that change how somebody signs in raise ConfirmFirst without a recent proof. The form that was
sent travels through this page in hidden fields, and a redirect with status 307 sends it again.
"""

from datetime import timedelta
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop
from gateway.accounts import passkeys
from gateway.accounts.passkeys import get_site, list_passkeys
from gateway.accounts.passwords import check_password
from gateway.accounts.permissions import Action, allow
from gateway.accounts.rate_limit import count_attempt, counted_attempt
from gateway.accounts.sessions import (
    COOKIE,
    ConfirmFirst,
    How,
    SetUpFirst,
    find_session,
    get_viewer,
    own_path,
    read_cookie,
)
from gateway.accounts.sign_in import Begun, renew, set_cookies
from gateway.accounts.signed_out import sent_with
from gateway.messaging.outbox import acting
from gateway.messaging.sealed_codes import CODE_LASTS, text_code
from gateway.runtime.audit import note_about
from gateway.runtime.one_time_keys import KeyRefused, use_code
from gateway.web.rendering import (
    PageRefused,
    get_line,
    get_settings,
    go_to,
    page,
    refusal,
    wants_part,
)
from models import Person, WebSession

PATH = "/sign-in/confirm"
router = APIRouter(prefix=PATH)

ATTEMPTS = 5
CODES = 3
CODE_MINUTES = CODE_LASTS // timedelta(minutes=1)
# The fields of this page itself; all others belong to the form that continues.
OWN_FIELDS = {"confirm_next", "confirm_resend", "confirm_password", "confirm_code", "answer"}

WRONG = gettext_noop("That was not right. Try again, or choose another way.")
OTHER_PROOF = gettext_noop("Use a different proof from the one you just signed in with.")
CANNOT_TEXT = gettext_noop(
    "We cannot text you, because you opted out (STOP) or your number does not work. Text START, or "
    "ask your operator."
)
Text = Annotated[str, Form()]


class Continues(NamedTuple):
    """Where the person was going; with `fields`, the form that they had sent there."""

    path: str
    fields: tuple[tuple[str, str], ...] | None = None


def signed_in(request: Request) -> Person:
    """A dependency: mentors and managers, also those who still owe a second factor."""
    return allow(get_viewer(request), Action.OWN_ACCOUNT)


Anyone = Annotated[Person, Depends(signed_in)]


async def read_continues(request: Request) -> Continues:
    """A dependency: the form or page to continue with."""
    form = await request.form()
    path = own_path(str(form.get("confirm_next", ""))) or "/console"
    if not form.get("confirm_resend"):
        return Continues(path)
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return Continues(path, tuple(field for field in fields if field[0] not in OWN_FIELDS))


Carried = Annotated[Continues, Depends(read_continues)]


async def confirm_first(request: Request, refused: ConfirmFirst) -> Response:
    """The handler of ConfirmFirst."""
    if wants_part(request):
        return await run_in_threadpool(refusal, request, refused)
    path = request.url.path
    if request.method == "GET":
        asked = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{PATH}?{urlencode({'next': asked})}", 303)
    fields = tuple((field.name, field.value) for field in await sent_with(request))
    return await run_in_threadpool(_page, request, Continues(path, fields), status=403)


def set_up_first(request: Request, refused: SetUpFirst) -> Response:
    """The handler of SetUpFirst."""
    if wants_part(request) or request.method != "GET":
        return refusal(request, refused)
    return RedirectResponse("/account?done=set-up", 303)


@router.get("")
def confirm_page(request: Request, viewer: Anyone, next: str = "") -> Response:
    return _page(request, Continues(own_path(next) or "/console"))


@router.post("")
def confirm(
    request: Request,
    viewer: Anyone,
    continues: Carried,
    confirm_password: Text = "",
    confirm_code: Text = "",
    answer: Text = "",
) -> Response:
    try:
        with counted_attempt(request, {f"confirm {viewer.id}": ATTEMPTS}):
            how = _check(request, viewer, confirm_password, confirm_code, answer)
    except (KeyRefused, PageRefused) as refused:
        return _refuse(request, viewer, continues, refused)
    with acting(get_line(request)) as session:
        begun = _note_confirmed(request, session, viewer, how)
    if continues.fields is None:
        response = go_to(request, continues.path)
    else:
        # The browser sends the form again, as it was.
        response = RedirectResponse(continues.path, 307)
    set_cookies(request, response, begun)
    return response


@router.post("/code")
def send_code(request: Request, viewer: Anyone, continues: Carried) -> Response:
    try:
        count_attempt(request, {f"code {viewer.id}": CODES})
    except PageRefused as refused:
        return _page(request, continues, problem=str(refused), status=refused.status)
    if not viewer.can_be_texted:
        return _page(request, continues, problem=CANNOT_TEXT, status=409)
    line, browser = get_line(request), str(request.state.web_session.id)
    with acting(line) as session:
        person = session.get_one(Person, viewer.id)
        text_code(session, line, person, now=line.clock(), purpose="confirm", browser=browser)
    return _page(request, continues, sent=True)


def _check(request: Request, viewer: Person, password: str, code: str, answer: str) -> How:
    """How the viewer proved who they are. Raises KeyRefused or PageRefused."""
    line = get_line(request)
    web_session: WebSession = request.state.web_session
    how: How = "passkey" if answer else "code" if code else "password"
    if how == _used(web_session):
        raise PageRefused(422, OTHER_PROOF)
    if how == "passkey":
        given = passkeys.take_answer(request, answer, passkeys.SIGN_IN)
        with line.database.writing() as session:
            site = passkeys.require_site(request)
            person = passkeys.check_passkey(session, site, given, now=line.clock())
        is_right = person.id == viewer.id
    elif how == "code":
        with line.database.writing() as session:
            person = session.get_one(Person, viewer.id)
            browser = str(web_session.id)
            use_code(session, person, code, "confirm", now=line.clock(), browser=browser)
        is_right = True
    else:
        is_right = check_password(viewer, password)
    if not is_right:
        raise KeyRefused(WRONG, viewer.id)
    return how


def _used(web_session: WebSession) -> str:
    """The proof that no longer counts, because the person began to sign in with it; or empty."""
    if not web_session.needs_second_factor:
        return ""
    # A link by text and a code by text prove the same: who has the phone.
    return "code" if web_session.how == "link" else web_session.how


def _note_confirmed(request: Request, session: Session, viewer: Person, how: How) -> Begun:
    now = get_line(request).clock()
    web_session = find_session(session, read_cookie(request, COOKIE), now=now)
    if web_session is None:
        raise PageRefused(409, WRONG)
    web_session.confirmed_at = now
    note_about(session, viewer, "confirmed", by=viewer, now=now, how=how)
    return renew(request, session, web_session)


def _refuse(
    request: Request, viewer: Person, continues: Continues, refused: KeyRefused | PageRefused
) -> Response:
    line = get_line(request)
    status = 401
    if isinstance(refused, PageRefused):
        status = refused.status
    else:
        with line.database.writing() as session:
            note_about(session, viewer, "failed to confirm", by=viewer, now=line.clock())
    return _page(request, continues, problem=str(refused), status=status)


def _page(
    request: Request,
    continues: Continues,
    *,
    problem: str = "",
    sent: bool = False,
    status: int = 200,
) -> Response:
    viewer: Person = request.state.viewer
    web_session: WebSession = request.state.web_session
    site = get_site(get_settings(request).public_url)
    with get_line(request).database.reading() as session:
        has_passkey = bool(list_passkeys(session, viewer))
    used = _used(web_session)
    return page(
        request,
        "accounts/confirm.html",
        viewer=viewer,
        status=status,
        continues=continues,
        problem=problem,
        sent=sent,
        second=web_session.needs_second_factor,
        by_password=viewer.password_hash is not None and used != "password",
        by_code=viewer.phone is not None and used != "code",
        site=site if has_passkey else None,
        minutes=CODE_MINUTES,
    )
