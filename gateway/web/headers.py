"""The headers that tell browsers what our pages may do, on every response."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.runtime.settings import Settings

# Only our own files, no inline script: what a message contains is never executed.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser would send no Origin with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
# One year. Warmline has a host name of its own, so no other service is under it.
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"


def security_headers(settings: Settings) -> dict[str, str]:
    if not settings.is_https:
        return SECURITY_HEADERS
    return {**SECURITY_HEADERS, "Strict-Transport-Security": STRICT_TRANSPORT}


class AddHeaders:
    """An ASGI layer. Adds what a response has not set itself.

    `by_path` has other values for paths that start with its keys; the first that matches counts.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        headers: Mapping[str, str],
        by_path: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._app = app
        self._headers = headers
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        others = (own for prefix, own in self._by_path.items() if scope["path"].startswith(prefix))
        added = {**self._headers, **next(others, {})}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
