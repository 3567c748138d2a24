"""Refuses requests that another site's page makes with a visitor's cookies."""

from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.runtime.settings import Settings
from gateway.web.i18n import said_to

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class RefuseCrossSite:
    """An ASGI layer."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_cross_site(Request(scope), self._settings):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        said = said_to(request, "This request came from another site.")
        await Response(said, 403, {"Connection": "close"})(scope, receive, send)


def is_cross_site(request: Request, settings: Settings) -> bool:
    # Twilio's requests have a signature.
    if request.method in SAFE_METHODS or request.url.path.startswith("/twilio/"):
        return False
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    # Only old browsers lack Sec-Fetch-Site. API clients send neither header and no cookie.
    if origin := request.headers.get("Origin"):
        ours = (request.headers.get("Host"), urlsplit(settings.public_url).netloc)
        return urlsplit(origin).netloc not in ours
    return False
