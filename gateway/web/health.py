"""Health checks for operators."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.runtime.line import Line
from models import Message, Person, Program, Role

router = APIRouter()

# A message that is unhandled for this long means that no worker runs.
STALE = timedelta(seconds=60)
# Programs with someone on the team who can be texted.
REACHABLE = select(Person.program_id).where(
    Person.role != Role.MENTEE,
    Person.left_at.is_(None),
    Person.phone.is_not(None),
    Person.opted_out_at.is_(None),
    Person.unreachable_code.is_(None),
)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    # On the event loop, so that it waits for no thread.
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> JSONResponse:
    """503 if messages wait.

    Only reports the bot, without which mentees still reach a person, and programs in which nobody
    can be texted: no restart would help.
    """
    line: Line = request.app.state.line
    try:
        with line.database.reading() as session:
            stale = session.scalar(
                select(func.count())
                .select_from(Message)
                .where(Message.handled_at.is_(None), Message.at < line.clock() - STALE)
            )
            unreachable = session.scalar(
                select(func.count(Program.id)).where(Program.id.not_in(REACHABLE))
            )
    except SQLAlchemyError:
        return JSONResponse({"database": "unreachable"}, 503)
    state = {
        "database": "ok",
        "unhandled": stale or 0,
        "bot": "ok" if line.bot.ready() else "away",
        "programs_without_anyone_to_text": unreachable or 0,
    }
    return JSONResponse(state, 503 if stale else 200)
