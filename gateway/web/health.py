"""For operators: is the process alive, and can it do its work."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.runtime.line import Line
from models import Message

router = APIRouter()

# A message nobody handled for this long means that nothing works it off.
STALE = timedelta(seconds=60)


@router.get("/healthz")
def alive() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> JSONResponse:
    """200 when messages are recorded and handled; 503 otherwise. Rasa away is not an outage.

    Without Rasa a person is still reached, so `bot` is reported and changes nothing.
    """
    line: Line = request.app.state.line
    try:
        with line.database.reading() as session:
            stale = session.scalar(
                select(func.count())
                .select_from(Message)
                .where(Message.handled_at.is_(None), Message.at < line.clock() - STALE)
            )
    except SQLAlchemyError:
        return JSONResponse({"database": "unreachable"}, 503)
    state = {
        "database": "ok",
        "unhandled": stale or 0,
        "bot": "ok" if line.bot.ready() else "away",
    }
    return JSONResponse(state, 503 if stale else 200)
