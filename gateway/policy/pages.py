"""The managers' policy editor: the text, what is wrong with it, and what it would have done.

Nothing is taken up without having been seen beside the replay of the last four weeks, by whoever
takes it up; then it counts from the program's next message on, in every process.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.orm import Session

from escalation.policy import POLICY_FILE, Policy, PolicyProblem, UnreadablePolicy, read_policy
from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager
from gateway.policy.backtest import differences, load_by_hour, read_history, replay, taken_again
from gateway.policy.backtest_text import describe_difference
from gateway.policy.exports import REPLAY_SHEETS, Compared
from gateway.runtime.audit import note
from gateway.runtime.line import Line
from gateway.runtime.policy_versions import (
    LONGEST_REASON,
    CannotActivate,
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
from gateway.web.rendering import Number, PageRefused, get_line, get_settings, go_to, page
from models import Conversation, Person, PolicyVersion, Program

router = APIRouter(prefix="/policy")

LOOKED_BACK = timedelta(days=28)
MOST_SHOWN = 100
LOOK_FIRST = gettext_noop(
    "Look first at what it would have done: the text was changed after that. Nothing was taken up."
)
Text = Annotated[str, Form()]
Done = Annotated[Literal["", "taken"], Query()]
Of = Annotated[int, Query(ge=1, le=2**31 - 1)]


@router.get("")
def editor(
    request: Request, manager: Manager, done: Done = "", version: Of | None = None
) -> Response:
    """The policy in use, or an older version of it, ready to be edited."""
    line = get_line(request)
    with line.database.reading() as session:
        newest = newest_version(session, manager.program_id)
        shown = _version(session, manager, version) if version else newest
    text = shown.content if shown else _policy_file(request).read_text("utf-8")
    reason = (
        phrase("Version {version} again", version=version)
        if version and shown is not newest
        else ""
    )
    return _page(
        request,
        manager,
        text=text,
        reason=reason,
        seen=newest.id if newest else 0,
        done=done,
        older=version,
    )


@router.get("/versions/{number}")
def one_version(request: Request, number: Number, manager: Manager) -> Response:
    """One version, beside the one before it."""
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
def try_out(
    request: Request, manager: Manager, text: Text = "", reason: Text = "", seen: Text = ""
) -> Response:
    """Check the edited text, and run it over the last four weeks. Nothing is changed."""
    text = _plain(text)
    return _page(
        request, manager, text=text, reason=reason.strip(), seen=row_number(seen), tries=True
    )


@router.post("/try/{name}.{form}")
def take_away_the_replay(
    request: Request, manager: Manager, name: str, form: str, tried: Text = ""
) -> Response:
    """A table of what the tried text would have done. It is sent, as an address holds no policy."""
    written = read_format(form)
    if name not in REPLAY_SHEETS:
        raise PageRefused(404, NO_SUCH_TABLE)
    line, text = get_line(request), _plain(tried)
    if check(text, (line.file_rules or line.rules).policy):
        raise PageRefused(
            422, gettext_noop("The text cannot be read as a policy. Go back and try it first.")
        )
    with line.database.reading() as session:
        table = REPLAY_SHEETS[name](_try(session, line, manager, read_policy(text)))
    return download(request, manager, table, written, about=f"replay:{name}", file=f"replay-{name}")


@router.post("")
def take_up_policy(
    request: Request,
    manager: Manager,
    text: Text = "",
    reason: Text = "",
    seen: Text = "",
    tried: Text = "",
) -> Response:
    line = get_line(request)
    text, why = _plain(text), " ".join(_plain(reason).split())
    saw = row_number(seen)

    def again(status: int, sentence: str = "") -> Response:
        """The same page with all that was written, and why it was not taken up."""
        return _page(
            request,
            manager,
            text=text,
            reason=why,
            seen=saw,
            tries=True,
            sentence=sentence,
            status=status,
        )

    if _plain(tried) != text:
        return again(409, LOOK_FIRST)
    file = (line.file_rules or line.rules).policy
    try:
        with line.database.writing() as session:
            program = session.get_one(Program, manager.program_id)
            by = session.get_one(Person, manager.id)
            former = newest_version(session, program.id)
            version = activate(
                session,
                program,
                text,
                reason=why,
                by=by,
                instead_of=saw or None,
                file=file,
                now=line.clock(),
            )
            if former is None or former.id != version.id:
                note(
                    session,
                    program_id=program.id,
                    by=by,
                    action="policy taken up",
                    about=f"policy:{version.id}",
                    now=line.clock(),
                    instead_of=former.id if former else None,
                )
    except UnreadablePolicy:
        return again(422)
    except CannotActivate as refused:
        with line.database.reading() as session:
            newest = newest_version(session, manager.program_id)
        # Whoever sees the newer one now may replace it.
        saw = newest.id if newest else 0
        return again(409, str(refused))
    return go_to(request, "/policy?done=taken")


def _page(
    request: Request,
    manager: Person,
    *,
    text: str,
    reason: str,
    seen: int,
    tries: bool = False,
    done: str = "",
    sentence: str = "",
    older: int | None = None,
    status: int = 200,
) -> Response:
    line = get_line(request)
    file = (line.file_rules or line.rules).policy
    problems: list[PolicyProblem] = check(text, file) if tries else []
    with line.database.reading() as session:
        versions = list_versions(session, manager.program_id)
        unread = passed_over(session, manager.program_id, file)
        tried = cautions = None
        if tries and not problems:
            edited = read_policy(text)
            tried, cautions = _try(session, line, manager, edited), warnings(edited, file)
    in_use = versions[0].content if versions else _policy_file(request).read_text("utf-8")
    return page(
        request,
        "policy/policy.html",
        viewer=manager,
        status=422 if problems and status == 200 else status,
        text=text,
        reason=reason,
        seen=seen,
        problems=problems,
        tried=tried,
        cautions=cautions or [],
        lines=difference(in_use, text) if tries else [],
        versions=versions,
        unread=unread,
        older=older,
        done=done,
        sentence=sentence,
        most_shown=MOST_SHOWN,
        longest_reason=LONGEST_REASON,
        describe_difference=describe_difference,
        zone=manager.program.timezone,
    )


def _try(session: Session, line: Line, manager: Person, edited: Policy) -> Compared:
    program = session.get_one(Program, manager.program_id)
    now = line.clock()
    history = read_history(session, program, since=now - LOOKED_BACK, now=now)
    one, two = replay(history, line.rules.policy), replay(history, edited)
    parted = differences(history, one, two)
    names = {}
    for difference_ in parted:
        conversation = session.get_one(Conversation, difference_.step.conversation)
        person = conversation.person
        names[conversation.id] = person.name if person else gettext_noop("Unknown number")
    loads = [
        pair
        for pair in zip(load_by_hour(history, one), load_by_hour(history, two), strict=True)
        if any(load.opened or load.at_once for load in pair)
    ]
    return Compared(history, one, two, parted, names, loads, taken_again(history, one))


def _version(session: Session, manager: Person, number: int) -> PolicyVersion:
    version = session.get(PolicyVersion, number)
    if version is None or version.program_id != manager.program_id:
        raise PageRefused(
            404, phrase("There is no version {number} of your program's policy.", number=number)
        )
    return version


def _policy_file(request: Request) -> Path:
    return get_settings(request).policy_file or POLICY_FILE


def _plain(text: str) -> str:
    """As it was typed, with the line ends of a file; a browser sends those of a letter."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    return kept.encode("utf-8", "replace").decode("utf-8").rstrip() + "\n"
