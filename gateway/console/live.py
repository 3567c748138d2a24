"""Tell open pages that something changed, so that they reload their own part.

The event never says what changed. A page that reconnects gets one at once, so it misses nothing.
Pages also reload by themselves now and then.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gateway.accounts.sessions import may_listen
from gateway.web.pulse import Listener, Pulse
from models import Person

router = APIRouter()


async def listening(
    request: Request, _: Annotated[None, Depends(may_listen)]
) -> AsyncIterator[Listener]:
    viewer: Person | None = getattr(request.state, "viewer", None)
    pulse: Pulse = request.app.state.pulse
    with pulse.listen(f"person {viewer.id}" if viewer else None) as listener:
        yield listener


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request, listener: Annotated[Listener, Depends(listening)]
) -> AsyncIterator[ServerSentEvent]:
    """`changed` now and after every change. Heartbeats come from the framework."""
    pulse: Pulse = request.app.state.pulse
    async for seen in pulse.changes(listener):
        yield ServerSentEvent(event="changed", id=seen or None, raw_data="", retry=1000)
