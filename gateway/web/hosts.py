"""Answers only requests for the host in PUBLIC_URL.

Otherwise a site whose name is pointed at this server (DNS rebinding) could read our pages with a
visitor's browser.
"""

import ipaddress
from urllib.parse import urlsplit

from fastapi.responses import PlainTextResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.runtime.settings import is_loopback

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": 80, "https": 443}
# Asked by monitors, which know the address of a machine or container and not our name.
PROBED = ("/healthz", "/readyz", "/metrics")


class OnlyOurHost:
    """An ASGI layer. Twilio's requests pass: their signature covers PUBLIC_URL."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._ours = urlsplit(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_answered(scope):
            await self._app(scope, receive, send)
            return
        said = (
            f"Warmline answers only at {self._ours.netloc}. "
            "A proxy in front of it must pass on the Host header.\n"
        )
        await PlainTextResponse(said, 400)(scope, receive, send)

    def _is_answered(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if path.startswith("/twilio/"):
            return True
        try:
            asked = urlsplit("//" + Headers(scope=scope).get("host", ""))
            host, port = asked.hostname or "", asked.port
        except ValueError:
            return False
        return self._is_ours(host, port) or (path in PROBED and _is_address(host))

    def _is_ours(self, host: str, port: int | None) -> bool:
        if is_loopback(self._ours.hostname or ""):
            # A container's port may be another outside.
            return host in LOOPBACK_NAMES
        usual = DEFAULT_PORTS.get(self._ours.scheme)
        return host == self._ours.hostname and (port or usual) == (self._ours.port or usual)


def _is_address(host: str) -> bool:
    """An IP address, or a name in a private network such as `gateway`. Sites' names have dots."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and "." not in host
    return True
