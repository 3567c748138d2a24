"""The web application: its routes, its headers, and how it starts and ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware

from gateway import demo_phones
from gateway.accounts import pages as account_pages
from gateway.accounts import sign_in
from gateway.accounts.csrf import is_cross_site
from gateway.accounts.rate_limit import RateLimits
from gateway.accounts.sessions import get_viewer
from gateway.accounts.signed_out import sent_with, signed_out
from gateway.chat import pages as chat_pages
from gateway.chat import privacy_pages, widget
from gateway.chat.sign_in import chat_refusal, frame_ancestors, get_mentee, is_chat_path
from gateway.console import canned_reply_pages, caseload_pages, handover_pages, live
from gateway.console import pages as console_pages
from gateway.integrations import pages as integration_pages
from gateway.integrations.api.app import MOUNTED_AT, create_api
from gateway.messaging import twilio_webhooks
from gateway.people import pages as people_pages
from gateway.people import rota_pages
from gateway.policy import pages as policy_pages
from gateway.reporting import pages as reporting_pages
from gateway.review import pages as review_pages
from gateway.runtime.line import Line
from gateway.runtime.pulse import Pulse
from gateway.runtime.settings import Settings
from gateway.safeguarding import pages as safeguarding_pages
from gateway.web import health, metrics
from gateway.web.i18n import said_to
from gateway.web.rendering import (
    CANNOT_BE_READ,
    NO_SUCH_PAGE,
    NotSignedIn,
    PageRefused,
    refusal,
    wants_part,
)

ROUTERS = (
    twilio_webhooks.router,
    health.router,
    metrics.router,
    sign_in.router,
    account_pages.router,
    # Before the console, whose addresses are numbers.
    canned_reply_pages.router,
    caseload_pages.router,
    console_pages.router,
    handover_pages.router,
    reporting_pages.router,
    people_pages.router,
    rota_pages.router,
    integration_pages.router,
    policy_pages.router,
    safeguarding_pages.router,
    review_pages.router,
    live.router,
    chat_pages.router,
    privacy_pages.router,
)

STATIC = Path(__file__).parent / "web" / "static"

# Nothing from elsewhere, no inline script: what a message contains is never executed.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it a browser names no Origin when a form of ours is sent.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

errors = structlog.get_logger()


def create_app(
    line: Line, settings: Settings, *, start: Callable[[], None], stop: Callable[[], None]
) -> FastAPI:
    """The application around one line. `start` and `stop` frame its life."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        # The engine blocks, and refuses to be used from inside an event loop.
        await run_in_threadpool(start)
        app.state.pulse = Pulse(line)
        app.state.pulse.start()
        yield
        await app.state.pulse.stop()
        await run_in_threadpool(stop)

    app = FastAPI(title="Warmline", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.line = line
    app.state.settings = settings
    chat_policy = SECURITY_HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", frame_ancestors(settings.chat_origins)
    )
    app.state.rate_limits = RateLimits()

    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if is_cross_site(request, settings):
            return Response(said_to(request, "This request came from another site."), 403)
        response = await call_next(request)
        if is_chat_path(request.url.path):
            response.headers.setdefault("Content-Security-Policy", chat_policy)
        if request.url.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-cache")
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    # Events are never held back: their type is not compressed.
    app.add_middleware(GZipMiddleware, minimum_size=600, compresslevel=6)

    def refuse(request: Request, refused: PageRefused) -> Response:
        """In the look of the page that was asked for: a mentee's or everybody else's."""
        if is_chat_path(request.url.path):
            return chat_refusal(request, refused)
        return refusal(request, refused)

    @app.exception_handler(Exception)
    async def say_sorry(request: Request, error: Exception) -> Response:
        # The route and not the address, which may hold a key that signs somebody in.
        route = getattr(request.scope.get("route"), "path", "none")
        errors.error("request failed", route=route, kind=type(error).__name__)
        # In English: what failed may be what the reader's language stands in.
        return Response("Something went wrong here. Nothing was lost; please try again.", 500)

    @app.exception_handler(PageRefused)
    def say_why_not(request: Request, refused: PageRefused) -> Response:
        return refuse(request, refused)

    @app.exception_handler(NotSignedIn)
    async def say_where_to_sign_in(request: Request, refused: NotSignedIn) -> Response:
        if (
            request.method == "POST"
            and not wants_part(request)
            and not is_chat_path(request.url.path)
        ):
            # The words may be nowhere else any more: they come back with the answer.
            return await run_in_threadpool(signed_out, request, await sent_with(request))
        return await run_in_threadpool(refuse, request, refused)

    @app.exception_handler(StarletteHTTPException)
    async def say_what_is_missing(request: Request, error: StarletteHTTPException) -> Response:
        if error.status_code == 404 and "text/html" in request.headers.get("Accept", ""):
            # No route has asked yet who is signed in, and the page's head says it.
            asked = get_mentee if is_chat_path(request.url.path) else get_viewer
            await run_in_threadpool(asked, request)
            return await run_in_threadpool(refuse, request, PageRefused(404, NO_SUCH_PAGE))
        return await http_exception_handler(request, error)

    @app.exception_handler(RequestValidationError)
    async def say_what_cannot_be_read(request: Request, error: RequestValidationError) -> Response:
        if "text/html" in request.headers.get("Accept", ""):
            return refuse(request, PageRefused(422, CANNOT_BE_READ))
        return await request_validation_exception_handler(request, error)

    for router in ROUTERS:
        app.include_router(router)
    if settings.sms == "phones":
        app.include_router(demo_phones.router)
    app.mount(MOUNTED_AT, create_api(line))
    app.include_router(widget.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/")
    def home() -> RedirectResponse:
        return RedirectResponse("/phones" if settings.sms == "phones" else "/console", 303)

    return app
