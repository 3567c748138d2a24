"""The managers' policy editor: edit the text, preview the last four weeks with it, activate it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator
from sqlalchemy.orm import Session

from escalation.policy import Policy
from escalation.policy_file import POLICY_FILE, UnreadablePolicy, read_policy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager
from gateway.policy.backtest import Comparison, describe_decision, read_history
from gateway.policy.exports import TABLES
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.runtime.policy_versions import (
    LONGEST_REASON,
    CannotActivate,
    Draft,
    activate,
    check,
    difference,
    list_versions,
    newest_version,
    passed_over,
    warnings,
)
from gateway.web.downloads import NO_SUCH_TABLE, download, read_format
from gateway.web.lookup import row_number
from gateway.web.rendering import (
    Number,
    PageRefused,
    get_line,
    get_settings,
    go_to,
    page,
)
from models import Person, PolicyVersion, Program

router = APIRouter(prefix="/policy")

LOOKED_BACK = timedelta(days=28)
MOST_SHOWN = 100
PREVIEW_FIRST = gettext_noop(
    "Preview the policy first: you changed the text. Nothing was activated."
)
Done = Annotated[Literal["", "activated"], Query()]
VersionId = Annotated[int, Query(ge=1, le=2**31 - 1)]


def _plain(text: str) -> str:
    """The typed text with the line endings of a file: browsers send CRLF."""
    typed = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    return typed.encode("utf-8", "replace").decode("utf-8").rstrip() + "\n"


Text = Annotated[str, AfterValidator(_plain)]


class EditForm(BaseModel):
    """`seen` is the newest version the author saw, `tried` the text they previewed."""

    text: Text = ""
    reason: Text = ""
    seen: Annotated[int, BeforeValidator(row_number)] = 0
    tried: Text = ""


Edit = Annotated[EditForm, Form()]


@dataclass(frozen=True)
class Shown:
    text: str
    reason: str
    seen: int
    previewed: bool = False
    refusal: str = ""
    done: str = ""
    older: int | None = None


@router.get("")
def editor(
    request: Request, manager: Manager, done: Done = "", version: VersionId | None = None
) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        newest = newest_version(session, manager.program_id)
        shown = _version(session, manager, version) if version else newest
    text = shown.content if shown else _policy_file(request).read_text("utf-8")
    again = version and shown is not newest
    reason = phrase("Version {version} again", version=version) if again else ""
    seen = newest.id if newest else 0
    return _page(request, manager, Shown(text, reason, seen, done=done, older=version))


@router.get("/versions/{number}")
def one_version(request: Request, number: Number, manager: Manager) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        version = _version(session, manager, number)
        versions = list_versions(session, manager.program_id)
    earlier = [one for one in versions if one.id < number]
    before = earlier[0].content if earlier else _policy_file(request).read_text("utf-8")
    return page(
        request,
        "policy/policy_version.html",
        viewer=manager,
        version=version,
        before=earlier[0].id if earlier else None,
        lines=difference(before, version.content),
        in_use=versions[0].id == number,
        zone=manager.program.timezone,
    )


@router.post("/try")
def preview(request: Request, manager: Manager, form: Edit) -> Response:
    """Check the edited text and replay the last four weeks with it. Nothing changes."""
    shown = Shown(form.text, form.reason.strip(), form.seen, previewed=True)
    return _page(request, manager, shown)


@router.post("/try/{name}.{form}")
def download_preview(
    request: Request, manager: Manager, name: str, form: str, tried: Annotated[Text, Form()] = ""
) -> Response:
    """A table of the preview. A POST, because a policy is too long for a URL."""
    written = read_format(form)
    if name not in TABLES:
        raise PageRefused(404, NO_SUCH_TABLE)
    line = get_line(request)
    if check(tried, (line.file_rules or line.rules).policy):
        raise PageRefused(422, gettext_noop("This policy has errors. Go back and preview it."))
    with line.database.reading() as session:
        table = TABLES[name](_compare(session, line, manager, read_policy(tried)))
    return download(request, manager, table, written, about=f"replay:{name}", file=f"replay-{name}")


@router.post("")
def activate_policy(request: Request, manager: Manager, form: Edit) -> Response:
    line = get_line(request)
    reason = " ".join(form.reason.split())
    shown = Shown(form.text, reason, form.seen, previewed=True)
    if form.tried != form.text:
        return _page(request, manager, replace(shown, refusal=PREVIEW_FIRST), status=409)
    try:
        with line.database.writing() as session:
            by = session.get_one(Person, manager.id)
            _activate(session, line, Draft(form.text, reason, by, form.seen or None))
    except UnreadablePolicy:
        return _page(request, manager, shown, status=422)
    except CannotActivate as refused:
        with line.database.reading() as session:
            newest = newest_version(session, manager.program_id)
        # The page shows the newer version, so the manager may replace it now.
        shown = replace(shown, refusal=str(refused), seen=newest.id if newest else 0)
        return _page(request, manager, shown, status=409)
    return go_to(request, "/policy?done=activated")


def _activate(session: Session, line: Line, draft: Draft) -> None:
    program, now = session.get_one(Program, draft.by.program_id), line.clock()
    former = newest_version(session, program.id)
    file = (line.file_rules or line.rules).policy
    version = activate(session, program, draft, file=file, now=now)
    if former is None or former.id != version.id:
        instead_of = former.id if former else None
        note_about(
            session, version, "policy activated", by=draft.by, now=now, instead_of=instead_of
        )


def _page(request: Request, manager: Person, shown: Shown, *, status: int = 200) -> Response:
    line = get_line(request)
    file = (line.file_rules or line.rules).policy
    problems = check(shown.text, file) if shown.previewed else []
    compared, cautions = None, []
    with line.database.reading() as session:
        versions = list_versions(session, manager.program_id)
        unread = passed_over(session, manager.program_id, file)
        if shown.previewed and not problems:
            edited = read_policy(shown.text)
            compared = _compare(session, line, manager, edited)
            cautions = warnings(edited, file)
    active = versions[0].content if versions else _policy_file(request).read_text("utf-8")
    return page(
        request,
        "policy/policy.html",
        viewer=manager,
        status=422 if problems and status == 200 else status,
        shown=shown,
        problems=problems,
        tried=compared,
        cautions=cautions,
        lines=difference(active, shown.text) if shown.previewed else [],
        versions=versions,
        unread=unread,
        most_shown=MOST_SHOWN,
        longest_reason=LONGEST_REASON,
        describe=describe_decision,
        zone=manager.program.timezone,
    )


def _compare(session: Session, line: Line, manager: Person, edited: Policy) -> Comparison:
    program, now = session.get_one(Program, manager.program_id), line.clock()
    history = read_history(session, program, since=now - LOOKED_BACK, now=now)
    return Comparison.between(history, line.rules.policy, edited)


def _version(session: Session, manager: Person, number: int) -> PolicyVersion:
    version = session.get(PolicyVersion, number)
    if version is None or version.program_id != manager.program_id:
        raise PageRefused(
            404, phrase("Your program has no policy version {number}.", number=number)
        )
    return version


def _policy_file(request: Request) -> Path:
    return get_settings(request).policy_file or POLICY_FILE
