"""Every page for everybody: no violation of WCAG 2.2 AA that axe-core can see, and no sideways
scrolling on a small phone.

Which pages there are, the application says: what answers to GET is among the faces, or below
with the reason why it is no page.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Browser, Page

from gateway.runtime.database import Database, make_engine
from tests.browsers import fits, violations
from tests.faces import FACES, Evening, Face
from tests.line import Talk
from tests.processes import OnRasa
from tests.rasa_server import RasaServer
from tests.web_client import Web


class NoPage(StrEnum):
    """Why something that answers to GET has no face of its own."""

    REDIRECT = "it sends the browser on"
    STREAM = "events for a page that is open"
    DOWNLOAD = "a file to keep"
    PART = "a part of a page, which is looked at there"
    SCRIPT = "a script for the page of another site"
    MACHINES = "for programs that watch the line"


# Each with the address that is asked for, as Ruth, to see that the reason is true.
NO_PAGES = {
    "/": (NoPage.REDIRECT, "/"),
    "/live": (NoPage.STREAM, "/live"),
    "/chat/live": (NoPage.STREAM, "/chat/live"),
    "/log.csv": (NoPage.DOWNLOAD, "/log.csv"),
    "/log.xlsx": (NoPage.DOWNLOAD, "/log.xlsx"),
    "/log/tables/{name}.{form}": (NoPage.DOWNLOAD, "/log/tables/load.csv"),
    "/log/{number}/steps.{form}": (NoPage.DOWNLOAD, "/log/1/steps.csv"),
    "/safeguarding.{form}": (NoPage.DOWNLOAD, "/safeguarding.csv"),
    "/people.{form}": (NoPage.DOWNLOAD, "/people.csv"),
    "/people/template.csv": (NoPage.DOWNLOAD, "/people/template.csv"),
    "/program/tables/{name}.{form}": (NoPage.DOWNLOAD, "/program/tables/week.csv"),
    "/console/lists": (NoPage.PART, "/console/lists"),
    "/console/{number}/now": (NoPage.PART, "/console/2/now"),
    "/console/{number}/notes": (NoPage.PART, "/console/2/notes"),
    "/log/rows": (NoPage.PART, "/log/rows"),
    "/log/{number}/steps": (NoPage.PART, "/log/2/steps"),
    "/phones/all": (NoPage.PART, "/phones/all"),
    "/static/widget.js": (NoPage.SCRIPT, "/static/widget.js"),
    "/healthz": (NoPage.MACHINES, "/healthz"),
    "/readyz": (NoPage.MACHINES, "/readyz"),
    "/metrics": (NoPage.MACHINES, "/metrics"),
}
# What no route is for is answered with a page, too.
NOWHERE = {"/nowhere", "/chat/nowhere"}


@pytest.fixture
def every_look(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--every-look"))


@pytest.fixture(scope="module")
def evening(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, rasa: RasaServer
) -> Iterator[Evening]:
    evening = Evening(OnRasa(tmp_path_factory.mktemp("evening"), rasa), browser)
    try:
        evening.happens()
        yield evening
    finally:
        evening.ends()


def test_every_page_is_checked(tmp_path: Path) -> None:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'warmline.db'}"))
    database.migrate()
    app = Web(Talk(database)).app
    database.engine.dispose()
    routes = {
        str(route.path)
        for route in iter_route_contexts(app.routes)
        if "GET" in (route.methods or ())
    }
    faces = {face.route.partition("?")[0] for face in FACES} - NOWHERE
    assert sorted(routes - faces - set(NO_PAGES)) == [], "pages that nobody looks at"
    assert sorted((faces | set(NO_PAGES)) - routes) == [], "these are no routes any more"
    assert sorted(faces & set(NO_PAGES)) == [], "a page, and said to be none"
    assert not NOWHERE & routes


def test_the_routes_listed_as_no_page_are_none(evening: Evening) -> None:
    cookies = {
        str(cookie["name"]): str(cookie["value"])
        for name in ("Ruth", "Maya")
        for cookie in evening.cookies[name]
    }
    seen = {}
    with httpx.Client(base_url=evening.stack.url, cookies=cookies, timeout=20) as client:
        for route, (_, address) in NO_PAGES.items():
            with client.stream("GET", address, headers={"Accept": "text/html"}) as answer:
                seen[route] = what_it_is(answer)
    assert seen == {route: reason for route, (reason, _) in NO_PAGES.items()}


def what_it_is(answer: httpx.Response) -> NoPage | str:
    kind = answer.headers.get("Content-Type", "")
    if answer.is_redirect and "sign-in" not in answer.headers["Location"]:
        return NoPage.REDIRECT
    if answer.status_code != 200:
        return f"answered {answer.status_code}"
    if kind.startswith("text/event-stream"):
        return NoPage.STREAM
    if answer.headers.get("Content-Disposition", "").startswith("attachment"):
        return NoPage.DOWNLOAD
    if kind.startswith("text/javascript"):
        return NoPage.SCRIPT
    if kind.startswith(("application/json", "text/plain")):
        return NoPage.MACHINES
    return "a page" if b"<html" in answer.read() else NoPage.PART


# Each page in both themes and at both widths; the parts that pages share, in all four.
LOOKS = [((1280, "light"), (390, "dark")), ((390, "light"), (1280, "dark"))]
UNNAMED = "button:not([aria-label]):empty, input:not([type=hidden]):not(label *)"


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_the_page_is_accessible(face: Face, evening: Evening, every_look: bool) -> None:
    context = evening.context(face.who, width=390, theme="light")
    page = evening.opens(face, context)
    page.wait_for_timeout(150)  # parts that are read afterwards, and charts
    for width, theme in sum(LOOKS, ()) if every_look else LOOKS[FACES.index(face) % 2]:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        is_drawn_at(page, width)
        assert violations(page) == [], f"{face.name} for {face.who} at {width} px, {theme}"
    for width in (1280, 390, 320):
        is_drawn_at(page, width)
        fits(page)
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.locator(UNNAMED).count() == 0
    context.close()


def is_drawn_at(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(150)  # charts are drawn anew
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))")


def test_hidden_elements_stay_hidden(evening: Evening) -> None:
    context = evening.context(None, width=390, theme="light")
    page = context.new_page()
    for path in ("/sign-in", "/chat/sign-in"):
        page.goto(path)
        for layout in ("stack", "row", "card", "button", "words", "columns", "items", "choice"):
            shown = page.evaluate(
                """layout => {
                    const one = document.createElement("form");
                    one.className = layout;
                    one.hidden = true;
                    document.querySelector("main").append(one);
                    return getComputedStyle(one).display;
                }""",
                layout,
            )
            assert shown == "none", f"a hidden .{layout} of {path}"
    context.close()
