"""Requests that another site's page makes with a visitor's cookies are refused."""

from urllib.parse import urlsplit

from fastapi import Request

from gateway.runtime.settings import Settings

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def is_cross_site(request: Request, settings: Settings) -> bool:
    """Whether another site's page sent a request that changes something.

    Browsers say so in Sec-Fetch-Site, or at least in Origin. API clients send neither header and
    no cookie. Twilio's requests are checked by their signature.
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
