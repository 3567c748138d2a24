"""Telling open pages that something has changed, so that they read their own part anew.

Only that something changed is sent, never what. A page that lost its connection is told at
once when it comes back, so nothing is missed. Waking is a convenience: what is true is in the
database, and every page also reads again by itself now and then.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gateway.accounts.sessions import may_listen
from gateway.runtime.pulse import Pulse

router = APIRouter()


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request, _: Annotated[None, Depends(may_listen)]
) -> AsyncIterator[ServerSentEvent]:
    """`changed` now and after every change. Heartbeats come from the framework."""
    pulse: Pulse = request.app.state.pulse
    async for seen in pulse.changes():
        yield ServerSentEvent(event="changed", id=seen or None, raw_data="", retry=1000)
