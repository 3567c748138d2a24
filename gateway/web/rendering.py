"""Rendering a page, or part of one; and saying no in words that a person can use."""

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
from gateway.runtime.labels import (
    NEEDS,
    OUTCOMES,
    STATUSES,
    URGENCIES,
    WHY_DROPPED,
    called,
    finely,
    how_far,
    masked,
)
from gateway.runtime.line import Line
from gateway.runtime.settings import Settings
from gateway.web.i18n import (
    about_language,
    in_its_language,
    keep_choice,
    request_language,
    speak_languages,
)
from models import Person


class PageRefused(Exception):
    """A request that is not granted. Its text is a sentence for the person who asked."""

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


# The number of a row, as an address carries it.
Number = Annotated[int, PathValue(ge=1, le=2**31 - 1)]

NO_SUCH_PAGE = gettext_noop("There is no such page here.")
CANNOT_BE_READ = gettext_noop("This address, or what was sent with it, cannot be read.")

env = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def get_line(request: Request) -> Line:
    """The line; once somebody is signed in, with the rules that their program goes by."""
    line: Line = request.app.state.line
    state = request.state
    who: Person | None = getattr(state, "viewer", None) or getattr(state, "mentee", None)
    if who is None:
        return line
    if not hasattr(request.state, "line"):
        # Once in a request, so that nothing changes in the middle of it.
        with line.database.reading() as session:
            request.state.line = line.of(session, who.program_id)
    its_line: Line = request.state.line
    return its_line


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def wants_part(request: Request) -> bool:
    """Whether the page itself asks, for a part of it, and not the browser for a whole page."""
    return "HX-Request" in request.headers


def page(
    request: Request, template: str, *, viewer: Person | None, status: int = 200, **values: object
) -> Response:
    """A page, or a part of one, as `viewer` sees it."""
    html = env.get_template(template).render(
        viewer=viewer,
        demo=get_settings(request).sms == "phones",
        path=request.url.path,
        now=get_line(request).clock(),
        public_url=get_settings(request).public_url,
        **about_language(request, viewer),
        **values,
    )
    # Half of a surrogate pair may come in with broken UTF-8; it has no bytes to go out with.
    response = HTMLResponse(html.encode("utf-8", "replace"), status)
    keep_choice(request, response)
    return response


# What stands above the sentence; for all else, and for an address that leads nowhere, "Not here".
HEADINGS = {
    403: gettext_noop("Not open to you"),
    409: gettext_noop("Not done"),
    413: gettext_noop("Too much"),
    503: gettext_noop("Not just now"),
}


def refusal(request: Request, refused: PageRefused) -> Response:
    """The answer to a request that is not granted: a sentence, a page, or the sign-in."""
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
        heading=HEADINGS.get(refused.status, gettext_noop("Not here")),
        sentence=str(refused),
    )


def go_to(request: Request, path: str) -> Response:
    """Send the browser to a page after something was done, so that reloading repeats nothing."""
    if wants_part(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def with_links(words: str, public_url: str) -> Markup:
    """`words` with links to our own pages, and to no others, made clickable."""
    ours = re.compile(rf"({re.escape(public_url)}/[\w/-]*)")
    link = Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>')
    parts = ours.split(words)
    return Markup("").join(
        link.format(part) if at % 2 else Markup.escape(part) for at, part in enumerate(parts)
    )


env.filters.update(
    called=in_its_language(called),
    finely=in_its_language(finely),
    how_far=in_its_language(how_far),
    masked=in_its_language(masked),
    with_links=with_links,
)
speak_languages(env)
env.globals.update(
    needs=NEEDS,
    outcomes=OUTCOMES,
    statuses=STATUSES,
    urgencies=URGENCIES,
    why_dropped=WHY_DROPPED,
)
