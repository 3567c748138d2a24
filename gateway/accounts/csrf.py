"""Refuses requests that another site's page makes with a visitor's cookies."""

from urllib.parse import urlsplit

from fastapi import Request

from gateway.runtime.settings import Settings

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


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
