"""The web application: routes, the layers in front of them, and error pages."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from gateway import demo_phones
from gateway.accounts import confirmation, sign_in
from gateway.accounts import pages as account_pages
from gateway.accounts.csrf import RefuseCrossSite
from gateway.accounts.permissions import Action, allow
from gateway.accounts.rate_limit import RateLimits
from gateway.accounts.sessions import ConfirmFirst, SetUpFirst, get_viewer
from gateway.accounts.signed_out import sent_with, signed_out
from gateway.chat import pages as chat_pages
from gateway.chat import privacy_pages, sign_in_pages, terms_pages, widget
from gateway.chat.sign_in import chat_refusal, frame_ancestors, get_mentee, is_chat_path
from gateway.console import canned_reply_pages, handover_pages, live, managing_pages, mentee_pages
from gateway.console import pages as console_pages
from gateway.integrations import pages as integration_pages
from gateway.integrations.api.app import MOUNTED_AT, create_api
from gateway.integrations.api.auth import refuse_unknown_token
from gateway.integrations.api.problems import problem
from gateway.messaging import twilio_voice, twilio_webhooks
from gateway.people import import_pages, rota_pages
from gateway.people import pages as people_pages
from gateway.people.people_file.reading import MOST_LINES
from gateway.policy import pages as policy_pages
from gateway.reporting import metrics_pages
from gateway.reporting import pages as reporting_pages
from gateway.review import pages as review_pages
from gateway.runtime.line import Line
from gateway.runtime.settings import Settings
from gateway.safeguarding import new_record_pages
from gateway.safeguarding import pages as safeguarding_pages
from gateway.web import health, metrics
from gateway.web.headers import CONTENT_POLICY, AddHeaders, security_headers
from gateway.web.hosts import OnlyOurHost
from gateway.web.i18n import said_to
from gateway.web.limits import Limit, Limits
from gateway.web.pulse import Pulse
from gateway.web.refusals import LogRefusals
from gateway.web.rendering import (
    CANNOT_BE_READ,
    NO_SUCH_PAGE,
    NotSignedIn,
    PageRefused,
    refusal,
    wants_part,
)

ROUTERS = (
    twilio_voice.router,
    twilio_webhooks.router,
    health.router,
    metrics.router,
    sign_in.router,
    confirmation.router,
    account_pages.router,
    # Before console_pages, whose /console/{number} would match first.
    canned_reply_pages.router,
    mentee_pages.router,
    console_pages.router,
    handover_pages.router,
    managing_pages.router,
    # Before the log, whose addresses are numbers.
    metrics_pages.router,
    review_pages.router,
    reporting_pages.router,
    # Before the pages of one person, whose addresses are numbers.
    import_pages.router,
    people_pages.router,
    rota_pages.router,
    integration_pages.router,
    policy_pages.router,
    # Before the records, whose addresses are numbers.
    new_record_pages.router,
    safeguarding_pages.router,
    live.router,
    chat_pages.router,
    privacy_pages.router,
    sign_in_pages.router,
    terms_pages.router,
)

STATIC = Path(__file__).parent / "web" / "static"

# The chat page says itself when a message is longer than it takes.
CHAT = Limit(bytes=256 * 1024)
TWILIO = Limit(bytes=32 * 1024, fields=100, first=twilio_webhooks.refuse_unsigned)
log = structlog.get_logger()


def create_app(
    line: Line, settings: Settings, *, start: Callable[[], None], stop: Callable[[], None]
) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # The job engine blocks and cannot run inside an event loop.
        await run_in_threadpool(start)
        app.state.pulse = Pulse(line)
        app.state.pulse.start()
        yield
        await app.state.pulse.stop()
        await run_in_threadpool(stop)

    app = FastAPI(
        title="Warmline", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.line = line
    app.state.settings = settings
    app.state.rate_limits = RateLimits(line)
    app.state.chat_limits = RateLimits(line, timedelta(minutes=1))
    _add_layers(app, line, settings)
    app.add_exception_handler(Exception, _report_failure)
    app.add_exception_handler(PageRefused, _refuse)  # type: ignore[arg-type]
    app.add_exception_handler(NotSignedIn, _ask_to_sign_in)  # type: ignore[arg-type]
    app.add_exception_handler(ConfirmFirst, confirmation.confirm_first)  # type: ignore[arg-type]
    app.add_exception_handler(SetUpFirst, confirmation.set_up_first)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _report_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _report_invalid)  # type: ignore[arg-type]
    _add_routes(app, line, settings)
    return app


def _add_layers(app: FastAPI, line: Line, settings: Settings) -> None:
    """The last one added is asked first."""
    app.add_middleware(Limits, routes=_limits(line), otherwise=Limit(), refuse=_refuse_body)
    app.add_middleware(RefuseCrossSite, settings=settings)
    app.add_middleware(OnlyOurHost, public_url=settings.public_url)
    # This does not buffer event streams: it leaves their media type uncompressed.
    app.add_middleware(GZipMiddleware, minimum_size=600, compresslevel=6)
    framed = CONTENT_POLICY.replace(
        "frame-ancestors 'none'", frame_ancestors(settings.chat_origins)
    )
    app.add_middleware(
        AddHeaders,
        headers=security_headers(settings),
        by_path={
            "/chat": {"Content-Security-Policy": framed},
            # Other sites load the chat's button from here.
            "/static/": {
                "Cache-Control": "no-cache",
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        },
    )
    app.add_middleware(LogRefusals)


def _limits(line: Line) -> dict[str, Limit]:
    # A file of 2 MB, which the second page sends in base64.
    large = Limit(bytes=4_000_000, seconds=60)
    return {
        "/twilio/": TWILIO,
        "/chat": CHAT,
        MOUNTED_AT: Limit(bytes=16 * 1024, first=partial(refuse_unknown_token, line)),
        # One field for each line that needs an answer.
        "/people/import": replace(
            large, fields=MOST_LINES, first=partial(_refuse_others, Action.OVERSEE)
        ),
        # It carries on the form that asked for a proof.
        "/sign-in/confirm": replace(large, first=partial(_refuse_others, Action.OWN_ACCOUNT)),
        "/policy": Limit(bytes=512 * 1024),
        "/phones": Limit(bytes=512 * 1024),
    }


def _refuse_others(action: Action, request: Request) -> Response | None:
    try:
        allow(get_viewer(request), action)
    except PageRefused as refused:
        return _refuse(request, refused)
    return None


def _refuse_body(request: Request, status: int, sentence: str) -> Response:
    if request.url.path.startswith(MOUNTED_AT):
        return problem(status, sentence)
    if "text/html" not in request.headers.get("Accept", ""):
        return PlainTextResponse(said_to(request, sentence), status)
    return _refuse_unrouted(request, PageRefused(status, sentence))


def _add_routes(app: FastAPI, line: Line, settings: Settings) -> None:
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


# --- errors ---


def _refuse(request: Request, refused: PageRefused) -> Response:
    if is_chat_path(request.url.path):
        return chat_refusal(request, refused)
    return refusal(request, refused)


def _refuse_unrouted(request: Request, refused: PageRefused) -> Response:
    """No route ran, so nothing has looked up the reader, whom the page header names."""
    find_reader = get_mentee if is_chat_path(request.url.path) else get_viewer
    find_reader(request)
    return _refuse(request, refused)


async def _report_failure(request: Request, error: Exception) -> Response:
    # Log the route, not the URL, which may contain a sign-in token.
    route = getattr(request.scope.get("route"), "path", "none")
    log.error("request failed", route=route, kind=type(error).__name__)
    # In English: looking up the reader's language may be what failed.
    said = "Something went wrong on our side. Nothing was lost; please try again."
    return Response(said, 500, security_headers(request.app.state.settings))


async def _ask_to_sign_in(request: Request, refused: NotSignedIn) -> Response:
    if request.method == "POST" and not wants_part(request) and not is_chat_path(request.url.path):
        # Give the text back: the sender may have no other copy.
        return await run_in_threadpool(signed_out, request, await sent_with(request))
    return await run_in_threadpool(_refuse, request, refused)


async def _report_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404 and "text/html" in request.headers.get("Accept", ""):
        refused = PageRefused(404, NO_SUCH_PAGE)
        return await run_in_threadpool(_refuse_unrouted, request, refused)
    return await http_exception_handler(request, error)


async def _report_invalid(request: Request, error: RequestValidationError) -> Response:
    if "text/html" in request.headers.get("Accept", ""):
        return _refuse(request, PageRefused(422, CANNOT_BE_READ))
    return await request_validation_exception_handler(request, error)
