"""People: list them, read one, and enroll a mentee.

A token never enrolls or changes a mentor or manager: its holder could become one by naming their
own phone (docs/decisions/0018-who-changes-sign-in.md).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import known
from gateway.integrations.api.auth import Caller, ReadsPeople, WritesPeople
from gateway.integrations.api.problems import Problem
from gateway.integrations.api.values import LARGEST, FromRow, Number, PageQuery, not_there
from gateway.people.details.refusals import BadDetails
from gateway.people.details.row import Details, Row, check_details, check_name
from gateway.people.directory import person_in
from gateway.people.enrollment import carry_out
from gateway.people.membership import match
from gateway.people.people_file.import_plan import Plan, plan
from gateway.people.people_file.reading import PeopleFile
from gateway.people.questions import Answer
from gateway.reporting.load import NAMES
from gateway.runtime.audit import note_about
from gateway.runtime.database import lock_program
from models import AuditEntry, Match, MatchKind, Program, Role, fingerprint
from models import Person as PersonRow

router = APIRouter(prefix="/people", tags=["people"])

# How long a repeated request with the same Idempotency-Key gets the first answer.
REMEMBERED = timedelta(hours=24)
KNOWN_NUMBER = {"new_person": Answer.NEW, "shares_phone": Answer.SHARES}
# One answer for every number in use, so that it does not reveal who is enrolled in other programs.
NUMBER_IN_USE = (
    "This phone number cannot be used here. No one was enrolled or changed. If a mentee of yours "
    "had it and it is the new person's now, close that mentee's open handoff and send known_number "
    "as new_person. If both use one phone, send shares_phone. To change a person or enroll them "
    "again, use the page /people."
)


def _only_mentee(role: object) -> object:
    if role in (Role.MENTOR, Role.MANAGER):
        raise PydanticCustomError(
            "only_mentees",
            "A token enrolls mentees only. A manager enrolls mentors and managers on the page "
            "/people/new",
        )
    return role


class Person(FromRow):
    """A mentee, mentor, or manager."""

    id: int
    role: Role
    name: str | None = Field(description=f"The first name. {NAMES}")
    phone: str | None = Field(description=f"E.164. {NAMES}")
    timezone: str
    language: Annotated[str, BeforeValidator(known)] = Field(
        description="Language of texts to a mentee, such as en or es"
    )
    enrolled_at: datetime
    left_at: datetime | None
    can_be_texted: bool = Field(description="The number works and has not opted out with STOP")
    own_mentor_id: int | None = Field(None, description="Only for mentees")
    back_up_ids: list[int] = Field([], description="Backup mentors; only for mentees")


class PeoplePage(BaseModel):
    """One page of people, by number. `next_cursor` is null on the last page."""

    people: list[Person]
    next_cursor: int | None


class NewPerson(BaseModel):
    """A mentee to enroll, checked like a line of the people file."""

    model_config = ConfigDict(extra="forbid")

    role: Annotated[Literal[Role.MENTEE], BeforeValidator(_only_mentee)]
    name: Annotated[str, Field(max_length=200, description="First name, as others will see it")]
    phone: Annotated[str, Field(max_length=40, description="For example, +12025550101")]
    timezone: Annotated[
        str | None,
        Field(max_length=64, description="For example, America/New_York. Default: the program's"),
    ] = None
    language: Annotated[
        str | None,
        Field(max_length=8, description="Default: en"),
    ] = None
    own_mentor_id: Annotated[
        int | None, Field(ge=1, le=LARGEST, description="A mentor of the program")
    ] = None
    known_number: Annotated[
        Literal["new_person", "shares_phone"] | None,
        Field(
            description=(
                "If a mentee of your program has this number under another name. new_person: the "
                "number is the new person's now; the other mentee leaves, and their messages stay "
                "theirs. shares_phone: both use the phone; texts go to the other mentee, and the "
                "new person uses the web chat"
            )
        ),
    ] = None


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=8,
        max_length=255,
        description=(
            "A new text for each person, such as a UUID. If you repeat a request with it within 24 "
            "hours, no one is enrolled twice and you get the first answer again."
        ),
    ),
]


class PeopleQuery(PageQuery):
    role: list[Role] | None = None
    left: bool = Field(False, description="Include people who left")


@router.get("")
def list_people(caller: ReadsPeople, query: Annotated[PeopleQuery, Query()]) -> PeoplePage:
    """List everyone in the program, by number."""
    people = (
        select(PersonRow)
        .where(PersonRow.program_id == caller.program.id, PersonRow.id > (query.cursor or 0))
        .order_by(PersonRow.id)
        .limit(query.limit + 1)
    )
    if query.role:
        people = people.where(PersonRow.role.in_(query.role))
    if not query.left:
        people = people.where(PersonRow.left_at.is_(None))
    caller.has_read("people")
    with caller.line.database.reading() as session:
        found = session.scalars(people).all()
        shown = _answers(session, found[: query.limit], caller)
    more = len(found) > query.limit
    return PeoplePage(people=shown, next_cursor=shown[-1].id if more else None)


@router.get("/{number}")
def one_person(number: Number, caller: ReadsPeople) -> Person:
    """Read one person of the program, including one who left."""
    with caller.line.database.reading() as session:
        person = person_in(session, caller.program.id, number)
        if person is None:
            raise not_there("person", number)
        [shown] = _answers(session, [person], caller)
    caller.has_read(f"person:{number}")
    return shown


@router.post("", status_code=201)
def enroll_person(
    new: NewPerson,
    caller: WritesPeople,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Person:
    """Enroll one mentee.

    This changes nobody who is already enrolled, with one exception: if `known_number` is
    `new_person`, the mentee who had the number leaves the program.
    """
    marks = _marks(new, caller, idempotency_key)
    with caller.line.database.writing() as session:
        # If a request comes twice at once, the second waits here and finds the person.
        lock_program(session, caller.program.id)
        person = _enrolled_before(session, caller, marks) or _enroll(session, new, caller, marks)
        [answer] = _answers(session, [person], caller)
    response.headers["Location"] = f"/api/v1/people/{person.id}"
    return answer


def _marks(new: NewPerson, caller: Caller, key: str | None) -> dict[str, str]:
    """Keyed hashes for the audit log, which reveal nothing. Empty without a key."""
    if key is None:
        return {}
    about = f"idempotency of token {caller.token_id}"
    values = {"key": key, "request": new.model_dump_json()}
    return {name: fingerprint(about, value).hex() for name, value in values.items()}


def _enrolled_before(
    session: Session, caller: Caller, marks: Mapping[str, str]
) -> PersonRow | None:
    """The person that this request enrolled before. Raises Problem if the key was for another."""
    if not marks:
        return None
    before = session.scalar(
        select(AuditEntry).where(
            AuditEntry.program_id == caller.program.id,
            AuditEntry.action == "person added",
            AuditEntry.at > caller.now - REMEMBERED,
            AuditEntry.detail["key"].as_string() == marks["key"],
        )
    )
    if before is None:
        return None
    if before.detail["request"] != marks["request"]:
        raise Problem(
            422,
            "You used this Idempotency-Key for another person. Use a new key for each person.",
        )
    return session.get_one(PersonRow, int(before.about.removeprefix("person:")))


def _enroll(
    session: Session, new: NewPerson, caller: Caller, marks: Mapping[str, str]
) -> PersonRow:
    program = session.get_one(Program, caller.program.id)
    details = Details(new.role.value, new.name, new.phone, new.timezone or "", new.language or "")
    try:
        row = check_details(details, default_timezone=program.timezone)
        check_name(row.name, program.name)
    except BadDetails as bad:
        raise Problem(422, f"No one was enrolled: {bad.reason}.") from None
    mentor = _own_mentor(session, new, caller)
    planned = _plan(session, program, row, KNOWN_NUMBER.get(new.known_number or ""))
    [person] = carry_out(session, program, planned, by=None, now=caller.now)
    if mentor is not None:
        match(session, person, [mentor])
    detail = {"role": row.role.value, "token": caller.token_id, **marks}
    note_about(session, person, "person added", by=None, now=caller.now, **detail)
    return person


def _plan(session: Session, program: Program, row: Row, answer: Answer | None) -> Plan:
    """Raises Problem if the number is in use and the answer is not enough."""
    answers = {row.line: answer} if answer else {}
    planned = plan(session, program, PeopleFile(rows=[row]), answers)
    if planned.questions and planned.questions[0].is_about_name:
        # First names repeat, and a token must not learn who is enrolled by trying names.
        planned = plan(session, program, PeopleFile(rows=[row]), {row.line: Answer.NEW})
    if not planned.steps or planned.steps[0].person is not None:
        raise Problem(409, NUMBER_IN_USE)
    return planned


def _own_mentor(session: Session, new: NewPerson, caller: Caller) -> PersonRow | None:
    number = new.own_mentor_id
    if number is None:
        return None
    mentor = person_in(session, caller.program.id, number)
    if mentor is None or mentor.role is Role.MENTEE or mentor.left_at is not None:
        raise Problem(422, f"Person {number} is not a mentor here. Enroll the mentor first.")
    return mentor


def _answers(session: Session, people: Sequence[PersonRow], caller: Caller) -> list[Person]:
    answers = {one.id: Person.model_validate(one) for one in people}
    for one in session.scalars(
        select(Match).where(Match.mentee_id.in_(answers)).order_by(Match.id)
    ):
        if one.kind is MatchKind.OWN:
            answers[one.mentee_id].own_mentor_id = one.mentor_id
        else:
            answers[one.mentee_id].back_up_ids.append(one.mentor_id)
    if not caller.reads_names:
        for answer in answers.values():
            answer.name = answer.phone = None
    return list(answers.values())
