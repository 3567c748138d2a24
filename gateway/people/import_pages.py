"""Importing a people file: choose it, preview it line by line, import the valid lines."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, UploadFile
from pydantic import StringConstraints

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager, require_recent
from gateway.messaging.outbox import acting
from gateway.people.enrollment import enroll, is_sign_in, tell_of_sign_ins
from gateway.people.people_file.columns import COLUMNS
from gateway.people.people_file.decoding import GUESSES
from gateway.people.people_file.import_plan import Plan, plan
from gateway.people.people_file.reading import MOST_LINES, PeopleFile, read_people
from gateway.people.questions import Answer
from gateway.runtime.database import lock_program
from gateway.web.rendering import PageRefused, get_line, go_to, page
from models import Person, Program

router = APIRouter(prefix="/people")

LARGEST_FILE = 2_000_000
TOO_LARGE = phrase(
    "The file is larger than 2 MB. A people file has at most {most:,} lines; split it.",
    most=MOST_LINES,
)
NO_FILE = gettext_noop("Choose a CSV file first.")
ENDINGS = (".csv", ".tsv", ".txt")
NOT_CSV = gettext_noop("A people file ends in .csv. Save the table as CSV and choose that file.")
INCOMPLETE_FILE = gettext_noop("The previewed file did not arrive completely. Choose it again.")
CHANGED_MEANWHILE = gettext_noop(
    "Someone changed people since your preview, so nothing was imported. This is the new preview: "
    "check it, then import."
)
CHOOSE_ENCODING = gettext_noop("Choose how the names are written first.")
Text = Annotated[str, Form()]
Encoding = Annotated[str, Form(pattern=f"^({'|'.join(GUESSES)})?$")]

Who = Annotated[str, StringConstraints(pattern=rf"^[0-9]{{1,5}}=({'|'.join(Answer)})$|^$")]


@dataclass(frozen=True)
class Sent:
    """A file as it arrived, and the encoding that the manager chose for it, if any."""

    content: bytes
    encoding: str = ""


@router.get("/template.csv")
def template(manager: Manager) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="people.csv"'}
    content = (",".join(COLUMNS) + "\r\n").encode("utf-8-sig")
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/import")
def import_page(request: Request, manager: Manager) -> Response:
    return _import(request, manager)


@router.post("/import/preview")
def preview(
    request: Request,
    manager: Manager,
    file: UploadFile | None = None,
    content: Text = "",
    encoding: Encoding = "",
) -> Response:
    """Preview a chosen file, or the previewed one again in another encoding."""
    if content:
        return _preview(request, manager, Sent(_decode(content), encoding))
    if file is None or not file.filename:
        return _import(request, manager, sentence=NO_FILE, status=422)
    if not file.filename.lower().endswith(ENDINGS):
        return _import(request, manager, sentence=NOT_CSV, status=422)
    if (file.size or 0) > LARGEST_FILE:
        return _import(request, manager, sentence=TOO_LARGE, status=413)
    return _preview(request, manager, Sent(file.file.read(LARGEST_FILE + 1)))


@router.post("/import")
def import_file(
    request: Request,
    manager: Manager,
    content: Text = "",
    seen: Text = "",
    encoding: Encoding = "",
    who: Annotated[list[Who] | None, Form()] = None,
) -> Response:
    """Enroll the valid lines of the previewed file, which is read again.

    `who` are the answers to questions, such as 5=new for line 5.

    A second click finds everyone enrolled already and changes nothing.
    """
    line, sent = get_line(request), Sent(_decode(content), encoding)
    read = _read(sent, manager)
    if read.readings:
        return _preview(request, manager, sent, CHOOSE_ENCODING, status=422)
    with acting(line) as session:
        program = session.get_one(Program, manager.program_id)
        # Before anything is read, so that each answer belongs to the question that was shown.
        lock_program(session, program.id)
        planned = plan(session, program, read)
        is_new = bool(planned.to_do or planned.questions) and _fingerprint(planned) != seen
        if not is_new:
            answers = dict(_read_answer(said) for said in who or () if said)
            by = session.get_one(Person, manager.id)
            planned, enrolled = enroll(
                session, program, read, by=by, now=line.clock(), answers=answers
            )
            if any(is_sign_in(step) for step in planned.steps):
                require_recent(request)
            tell_of_sign_ins(line.at(session), planned, enrolled)
    if is_new:
        return _preview(request, manager, sent, CHANGED_MEANWHILE, status=409)
    new = sum(step.person is None for step in planned.to_do)
    return go_to(request, f"/people?done=imported&added={new}&changed={len(planned.to_do) - new}")


def _read(sent: Sent, manager: Person) -> PeopleFile:
    zone = manager.program.timezone
    return read_people(sent.content, timezone=zone, encoding=sent.encoding)


def _import(
    request: Request, manager: Person, *, sentence: str = "", status: int = 200
) -> Response:
    return page(
        request, "people/people_import.html", viewer=manager, status=status, sentence=sentence
    )


def _preview(
    request: Request, manager: Person, sent: Sent, sentence: str = "", status: int = 200
) -> Response:
    read = _read(sent, manager)
    with get_line(request).database.reading() as session:
        planned = plan(session, session.get_one(Program, manager.program_id), read)
    steps = [(step.row.line, step, "step") for step in planned.steps]
    problems = [(problem.line, problem, "problem") for problem in planned.problems]
    questions = [(question.row.line, question, "question") for question in planned.questions]
    return page(
        request,
        "people/people_preview.html",
        viewer=manager,
        status=status,
        lines=sorted([*steps, *problems, *questions], key=lambda one: one[0]),
        planned=planned,
        read=read,
        content=base64.b64encode(sent.content).decode("ascii"),
        encoding=sent.encoding,
        seen=_fingerprint(planned),
        sentence=sentence,
    )


def _fingerprint(planned: Plan) -> str:
    """What a preview showed, hashed, to detect changes before the import."""
    steps = [
        (step.row.line, step.effect.value, step.changes, [one.name for one in step.mentors])
        for step in planned.to_do
    ]
    asked = [(one.row.line, str(one.words), list(one.answers)) for one in planned.questions]
    return hashlib.sha256(repr((steps, asked)).encode("utf-8", "replace")).hexdigest()


def _read_answer(said: str) -> tuple[int, Answer]:
    line, _, answer = said.partition("=")
    return int(line), Answer(answer)


def _decode(content: str) -> bytes:
    try:
        unpacked = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        unpacked = b""
    if not unpacked or len(unpacked) > LARGEST_FILE:
        raise PageRefused(422, INCOMPLETE_FILE)
    return unpacked
