"""Logs every refused request, so that operators see attempts to get in or around a limit."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Not signed in, not allowed, too large, too often, invalid, or a link that was used.
REFUSED = {400, 401, 403, 408, 410, 413, 422, 429}

log = structlog.get_logger()


class LogRefusals:
    """An ASGI layer. The client's address is the only trace of somebody who is not signed in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_log(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in REFUSED:
                _note(scope, message["status"])
            await send(message)

        await self._app(scope, receive, send_and_log if scope["type"] == "http" else send)


def _note(scope: Scope, status: int) -> None:
    state = scope.get("state", {})
    person = state.get("viewer") or state.get("mentee")
    log.warning(
        "request refused",
        status=status,
        method=scope["method"],
        # Not the path, which may contain a one-time link.
        route=getattr(scope.get("route"), "path", "none"),
        person=person.id if person else None,
        client=scope["client"][0] if scope.get("client") else None,
    )
