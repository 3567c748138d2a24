"""Health checks for operators."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.runtime.line import Line
from gateway.runtime.overdue import find_overdue
from models import CAN_BE_TEXTED, Person, Program, Role

router = APIRouter()

# Programs with someone on the team who can be texted.
REACHABLE = select(Person.program_id).where(
    Person.role != Role.MENTEE, Person.left_at.is_(None), CAN_BE_TEXTED
)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    # On the event loop, so that it waits for no thread.
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> JSONResponse:
    """503 if messages, rungs, or texts wait for longer than a minute.

    Only reports the bot, without which mentees still reach a person, and programs in which nobody
    can be texted: no restart would help.
    """
    line: Line = request.app.state.line
    try:
        with line.database.reading() as session:
            overdue = find_overdue(session, now=line.clock())
            unreachable = session.scalar(
                select(func.count(Program.id)).where(Program.id.not_in(REACHABLE))
            )
    except SQLAlchemyError:
        return JSONResponse({"database": "unreachable"}, 503)
    state = {
        "database": "ok",
        "unhandled": overdue.unhandled,
        "rungs_overdue": overdue.rungs,
        "texts_stuck": overdue.texts,
        "calls_stuck": overdue.calls,
        "bot": "ok" if line.bot.ready() else "away",
        "programs_without_anyone_to_text": unreachable or 0,
    }
    return JSONResponse(state, 503 if overdue else 200)
