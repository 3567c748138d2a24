"""Requests that another site's page makes in a visitor's name are not acted on."""

from urllib.parse import urlsplit

from fastapi import Request

from gateway.runtime.settings import Settings

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def comes_from_another_site(request: Request, settings: Settings) -> bool:
    """Whether a request that changes something was made by another site's page.

    Browsers say so in Sec-Fetch-Site, or at least in Origin. Programs send neither, and carry
    nobody's cookie. Twilio signs its requests instead.
    """
    if request.method in SAFE_METHODS or request.url.path.startswith("/twilio/"):
        return False
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    if origin := request.headers.get("Origin"):
        return urlsplit(origin).netloc not in (
            request.headers.get("Host"),
            urlsplit(settings.public_url).netloc,
        )
    return False
