"""The language of a page, and how templates write times and durations in it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from escalation.speech.i18n import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    LANGUAGES_OF_STAFF,
    best_language,
    get_locale,
    gettext_noop,
    how_long,
    in_language,
    in_language_counted,
    keyword_in,
    known,
    known_to_staff,
    language_name,
    written,
)
from gateway.runtime.labels import in_words
from gateway.web.cookies import cookie_name
from models import Person, Role

COOKIE = "warmline_language"
CHOSEN_FOR = 180 * 24 * 3600
PLACE_TIME = gettext_noop("{place} time ({zone})")


def request_language(request: Request, viewer: Person | None = None) -> str:
    """The language of the signed-in person; before that, the one chosen on the chat pages or the
    one the browser prefers."""
    state = request.state
    who: Person | None = viewer or getattr(state, "mentee", None) or getattr(state, "viewer", None)
    if who is not None:
        return (known if who.role is Role.MENTEE else known_to_staff)(who.language)
    asked_for = _accepted(request.headers.get("Accept-Language", ""))
    if not request.url.path.startswith("/chat"):
        return best_language(asked_for, LANGUAGES_OF_STAFF) or DEFAULT_LANGUAGE
    for chosen in (
        request.query_params.get("language"),
        request.cookies.get(cookie_name(request, COOKIE)),
    ):
        if chosen in LANGUAGES:
            return str(chosen)
    return best_language(asked_for) or DEFAULT_LANGUAGE


def _accepted(header: str) -> list[str]:
    wanted = []
    for part in header[:500].split(","):
        tag, _, weight = part.partition(";")
        try:
            wanted.append((float(weight.strip().removeprefix("q=") or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(wanted, key=lambda one: -one[0]) if weight > 0 and tag]


def remember_language(request: Request, response: Response) -> None:
    chosen = request.query_params.get("language")
    if chosen in LANGUAGES and request.url.path.startswith("/chat"):
        name = cookie_name(request, COOKIE)
        secure = "; Secure" if name != COOKIE else ""
        kept = f"{name}={chosen}; Max-Age={CHOSEN_FOR}; Path=/; HttpOnly; SameSite=Lax{secure}"
        response.headers.append("Set-Cookie", kept)


def said_to(request: Request, words: str, **blanks: object) -> str:
    """The sentence with msgid `words`, in the reader's language."""
    said = in_language(request_language(request), words)
    return said.format(**blanks) if blanks else said


def language_values(request: Request, viewer: Person | None) -> dict[str, Any]:
    language = request_language(request, viewer)
    return {
        "language": language,
        "direction": get_locale(language).text_direction,
        "languages": [(one, language_name(one)) for one in LANGUAGES],
        # The URL of a page that answers a form may not accept GET.
        "languages_at": request.url.path if request.method == "GET" else "/chat/sign-in",
    }


# --- in templates ---


def local(language: str, at: datetime, zone: str, form: str = "%H:%M") -> Markup:
    """A `<time>` in a time zone, with the exact time in its attributes."""
    there = at.astimezone(ZoneInfo(zone))
    exactly = (
        f"{there:%A %d %B %Y, %H:%M:%S %Z}"
        if language == DEFAULT_LANGUAGE
        else f"{written(there, '%A %d %B %Y, %H:%M', language)}{there:%z}"
    )
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        there.isoformat(timespec="seconds"), exactly, written(there, form, language)
    )


def zone_name(language: str, zone: str, at: datetime) -> str:
    place = zone.rsplit("/", 1)[-1].replace("_", " ")
    there = f"{at.astimezone(ZoneInfo(zone)):%Z}"
    return in_language(language, PLACE_TIME).format(place=place, zone=there)


def length_in_words(time: timedelta, language: str = DEFAULT_LANGUAGE) -> str:
    return in_words(time) if language == DEFAULT_LANGUAGE else how_long(time, language)


def with_language(make: Callable[..., str]) -> Callable[..., str]:
    """A filter that calls `make` with the page's language first."""

    @pass_context
    def filtered(context: Context, *given: object) -> str:
        return make(context.get("language", DEFAULT_LANGUAGE), *given)

    return filtered


def in_its_language(make: Callable[..., str]) -> Callable[..., str]:
    return with_language(lambda language, *given: in_language(language, make(*given)))


def add_languages(env: Environment) -> None:
    env.add_extension("jinja2.ext.do")
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(  # type: ignore[attr-defined]
        with_language(in_language), with_language(in_language_counted), newstyle=True
    )
    filters: dict[str, Callable[..., str]] = {
        "day": lambda language, at, zone: written(
            at.astimezone(ZoneInfo(zone)), "%A %d %B %Y", language
        ),
        "in_words": lambda language, time: length_in_words(time, language),
        "keyword": keyword_in,
        "local": local,
        # For text from Python. It may contain names, so unlike `_` it is not markup.
        "translated": in_language,
        "written": lambda language, at, form: written(at, form, language),
        "zone_name": zone_name,
    }
    env.filters.update({name: with_language(make) for name, make in filters.items()})
