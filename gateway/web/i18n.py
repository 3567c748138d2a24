"""The language that a page is in, and how it writes times and lengths."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
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
from models import Person, Role

COOKIE = "warmline_language"
CHOSEN_FOR = 180 * 24 * 3600
PLACE_TIME = gettext_noop("{place} time ({zone})")


def request_language(request: Request, viewer: Person | None = None) -> str:
    """The reader's own; before anybody is signed in what was chosen on a mentee's page, or what
    the browser asks for."""
    state = request.state
    who: Person | None = viewer or getattr(state, "mentee", None) or getattr(state, "viewer", None)
    if who is not None:
        return (known if who.role is Role.MENTEE else known_to_staff)(who.language)
    asked_for = _accepted(request.headers.get("Accept-Language", ""))
    if not request.url.path.startswith("/chat"):
        return best_language(asked_for, LANGUAGES_OF_STAFF) or DEFAULT_LANGUAGE
    for chosen in (request.query_params.get("language"), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return str(chosen)
    return best_language(asked_for) or DEFAULT_LANGUAGE


def _accepted(header: str) -> list[str]:
    """The tags of Accept-Language, the most wanted first; what cannot be read is left out."""
    wanted = []
    for part in header[:500].split(","):
        tag, _, weight = part.partition(";")
        try:
            wanted.append((float(weight.strip().removeprefix("q=") or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(wanted, key=lambda one: -one[0]) if weight > 0 and tag]


def keep_choice(request: Request, response: Response) -> None:
    """Remember in the browser which language was chosen on a page before the sign-in."""
    chosen = request.query_params.get("language")
    if chosen in LANGUAGES and request.url.path.startswith("/chat"):
        kept = f"{COOKIE}={chosen}; Max-Age={CHOSEN_FOR}; Path=/chat; HttpOnly; SameSite=Lax"
        response.headers.append("Set-Cookie", kept)


def said_to(request: Request, words: str, **blanks: object) -> str:
    """A sentence for whoever asks, in their language. Its msgid is `words`."""
    said = in_language(request_language(request), words)
    return said.format(**blanks) if blanks else said


def about_language(request: Request, viewer: Person | None) -> dict[str, Any]:
    """What each page is given to know its language by."""
    language = request_language(request, viewer)
    return {
        "language": language,
        "direction": get_locale(language).text_direction,
        "languages": [(one, language_name(one)) for one in LANGUAGES],
        # A page that answers a form may have no address to come back to.
        "languages_at": request.url.path if request.method == "GET" else "/chat/sign-in",
    }


# --- in templates ---


def local(
    at: datetime, zone: str, form: str = "%H:%M", *, language: str = DEFAULT_LANGUAGE
) -> Markup:
    """A `<time>` in a time zone; the exact moment stands in its attributes."""
    there = at.astimezone(ZoneInfo(zone))
    exactly = written(there, "%A %d %B %Y, %H:%M", language)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        there.isoformat(timespec="seconds"),
        f"{exactly}{there:%z}"
        if language != DEFAULT_LANGUAGE
        else f"{there:%A %d %B %Y, %H:%M:%S %Z}",
        written(there, form, language),
    )


def zone_name(zone: str, at: datetime, *, language: str = DEFAULT_LANGUAGE) -> str:
    """A zone as a reader knows it: New York time (EST)."""
    place = zone.rsplit("/", 1)[-1].replace("_", " ")
    there = f"{at.astimezone(ZoneInfo(zone)):%Z}"
    return in_language(language, PLACE_TIME).format(place=place, zone=there)


def length_in_words(time: timedelta, language: str = DEFAULT_LANGUAGE) -> str:
    return in_words(time) if language == DEFAULT_LANGUAGE else how_long(time, language)


@pass_context
def _gettext(context: Context, words: str) -> str:
    return in_language(_language(context), words)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return in_language_counted(_language(context), one, many, count)


@pass_context
def _local(context: Context, at: datetime, zone: str, form: str = "%H:%M") -> Markup:
    return local(at, zone, form, language=_language(context))


@pass_context
def _translated(context: Context, words: str) -> str:
    """What Python gives, in the page's language. It may hold names: no markup, unlike `_`."""
    return in_language(_language(context), words)


@pass_context
def _day(context: Context, at: datetime, zone: str) -> str:
    return written(at.astimezone(ZoneInfo(zone)), "%A %d %B %Y", _language(context))


@pass_context
def _written(context: Context, at: date, form: str) -> str:
    return written(at, form, _language(context))


@pass_context
def _zone_name(context: Context, zone: str, at: datetime) -> str:
    return zone_name(zone, at, language=_language(context))


@pass_context
def _in_words(context: Context, time: timedelta) -> str:
    return length_in_words(time, _language(context))


@pass_context
def _keyword(context: Context, word: str) -> str:
    return keyword_in(_language(context), word)


def _language(context: Context) -> str:
    return str(context.get("language", DEFAULT_LANGUAGE))


def in_its_language(make: Callable[..., str]) -> Callable[..., str]:
    """A filter whose words are in the page's language, of a function that gives a Phrase."""

    @pass_context
    def filtered(context: Context, *given: object) -> str:
        return in_language(_language(context), make(*given))

    return filtered


def speak_languages(env: Environment) -> None:
    """Give templates `_`, `{% trans %}` and the filters whose words have a language."""
    env.add_extension("jinja2.ext.do")
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(  # type: ignore[attr-defined]
        _gettext, _ngettext, newstyle=True
    )
    env.filters.update(
        day=_day,
        in_words=_in_words,
        keyword=_keyword,
        local=_local,
        translated=_translated,
        written=_written,
        zone_name=_zone_name,
    )
