"""Rendering pages and parts of pages, redirects, and refusals."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path as PathValue
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from escalation.speech.i18n import gettext_noop, in_language
from gateway.runtime import labels
from gateway.runtime.line import Line
from gateway.runtime.settings import Settings
from gateway.web.i18n import (
    add_languages,
    in_its_language,
    language_values,
    remember_language,
    request_language,
)
from models import Person


class PageRefused(Exception):
    """A refused request. Its text is a sentence for the person who sent it."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


class NotSignedIn(PageRefused):
    def __init__(self) -> None:
        super().__init__(
            401,
            gettext_noop(
                "You are signed out. Sign in again in another tab and come back; "
                "what you wrote stays here."
            ),
        )


# A row number in a URL.
Number = Annotated[int, PathValue(ge=1, le=2**31 - 1)]

NO_SUCH_PAGE = gettext_noop("This page does not exist.")
CANNOT_BE_READ = gettext_noop("This address or form cannot be read.")

env = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def get_line(request: Request) -> Line:
    """The running Warmline; after sign-in, with the rules of the person's program."""
    line: Line = request.app.state.line
    state = request.state
    who: Person | None = getattr(state, "viewer", None) or getattr(state, "mentee", None)
    if who is not None and not hasattr(state, "line"):
        # Once per request, so that the rules do not change during it.
        with line.database.reading() as session:
            state.line = line.of(session, who.program_id)
    return state.line if who is not None else line


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def wants_part(request: Request) -> bool:
    return "HX-Request" in request.headers


def page(
    request: Request, template: str, *, viewer: Person | None, status: int = 200, **values: object
) -> Response:
    html = env.get_template(template).render(
        viewer=viewer,
        demo=get_settings(request).sms == "phones",
        path=request.url.path,
        now=get_line(request).clock(),
        public_url=get_settings(request).public_url,
        **language_values(request, viewer),
        **values,
    )
    # Broken UTF-8 in a text may have left a lone surrogate, which cannot be encoded.
    response = HTMLResponse(html.encode("utf-8", "replace"), status)
    remember_language(request, response)
    return response


# Headings above the sentence. Any other status gets "Not found".
HEADINGS = {
    400: gettext_noop("Not done"),
    403: gettext_noop("No access"),
    408: gettext_noop("Not done"),
    409: gettext_noop("Not done"),
    413: gettext_noop("Too long"),
    503: gettext_noop("Temporarily unavailable"),
}


def refusal(request: Request, refused: PageRefused) -> Response:
    if wants_part(request):
        said = in_language(request_language(request), str(refused))
        return PlainTextResponse(said, refused.status)
    if isinstance(refused, NotSignedIn) and request.method == "GET":
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?{urlencode({'next': asked})}", 303)
    viewer: Person | None = getattr(request.state, "viewer", None)
    return page(
        request,
        "refused.html",
        viewer=viewer,
        status=refused.status,
        heading=HEADINGS.get(refused.status, gettext_noop("Not found")),
        sentence=str(refused),
    )


def go_to(request: Request, path: str) -> Response:
    if wants_part(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def with_links(words: str, public_url: str) -> Markup:
    """`words` with clickable links, but only to our own pages."""
    ours = re.compile(rf"({re.escape(public_url)}/[\w/-]*)")
    link = Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>')
    parts = ours.split(words)
    return Markup("").join(
        link.format(part) if at % 2 else Markup.escape(part) for at, part in enumerate(parts)
    )


env.filters.update(
    display_name=in_its_language(labels.display_name),
    precise_duration=in_its_language(labels.precise_duration),
    delivery_status=in_its_language(labels.delivery_status),
    masked=in_its_language(labels.masked),
    with_links=with_links,
)
add_languages(env)
env.globals.update(
    needs=labels.NEEDS,
    outcomes=labels.OUTCOMES,
    statuses=labels.STATUSES,
    text_kinds=labels.TEXT_KINDS,
    urgencies=labels.URGENCIES,
    why_dropped=labels.WHY_DROPPED,
)
