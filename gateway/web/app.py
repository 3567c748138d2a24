"""The web application: its routes, its headers, and how it starts and ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

from gateway.line import Line
from gateway.settings import Settings
from gateway.web import console, health, live, log, phones, sign_in, twilio

STATIC = Path(__file__).with_name("static")

# Nothing from elsewhere, no inline script: what a message contains is never executed.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

errors = structlog.get_logger()


def create_app(
    line: Line, settings: Settings, *, start: Callable[[], None], stop: Callable[[], None]
) -> FastAPI:
    """The application around one line. `start` and `stop` frame its life."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        start()
        app.state.pulse = live.Pulse(line)
        app.state.pulse.start()
        yield
        await app.state.pulse.stop()
        stop()

    app = FastAPI(title="Warmline", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.line = line
    app.state.settings = settings

    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if sign_in.comes_from_another_site(request, settings):
            return Response("This request came from another site.", status_code=403)
        response = await call_next(request)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(Exception)
    async def say_sorry(request: Request, error: Exception) -> Response:
        errors.error("request failed", path=request.url.path, kind=type(error).__name__)
        return Response("Something went wrong here. Nothing was lost; please try again.", 500)

    app.include_router(twilio.router)
    app.include_router(health.router)
    app.include_router(sign_in.router)
    app.include_router(console.router)
    app.include_router(log.router)
    app.include_router(live.router)
    if settings.sms == "phones":
        app.include_router(phones.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/")
    def home() -> RedirectResponse:
        return RedirectResponse("/phones" if settings.sms == "phones" else "/console", 303)

    return app
