"""Every page for everybody: no violation of WCAG 2.2 AA that axe-core can see, and no sideways
scrolling on a small phone.

The application says which pages there are: each route that answers to GET is in faces.toml, as a
page or with the reason why it is none.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Browser, Page

from gateway.runtime.database import Database, make_engine
from tests.browsers import fits, violations
from tests.faces import FACES, PAGES, Evening, Face
from tests.line import Talk
from tests.processes import OnRasa
from tests.rasa_server import RasaServer
from tests.web_client import Web

# Each route that is no page, with the address to ask for and the reason.
NO_PAGES = {
    route: (address, reason)
    for reason, addresses in PAGES["no_pages"].items()
    for route, address in addresses.items()
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
        for route, (address, _) in NO_PAGES.items():
            with client.stream("GET", address, headers={"Accept": "text/html"}) as answer:
                seen[route] = what_it_is(answer)
    assert seen == {route: reason for route, (_, reason) in NO_PAGES.items()}


def what_it_is(answer: httpx.Response) -> str:
    kind = answer.headers.get("Content-Type", "")
    if answer.is_redirect and "sign-in" not in answer.headers["Location"]:
        return "redirect"
    if answer.status_code != 200:
        return f"answered {answer.status_code}"
    if kind.startswith("text/event-stream"):
        return "stream"
    if answer.headers.get("Content-Disposition", "").startswith("attachment"):
        return "download"
    if kind.startswith("text/javascript"):
        return "script"
    if kind.startswith(("application/json", "text/plain")):
        return "machines"
    return "a page" if b"<html" in answer.read() else "part"


# Each page in both themes and at both widths; the parts that pages share, in all four. The second
# look differs from the first in its colors and its width, so only the rules about those run again.
LOOKS = [((1280, "light"), (390, "dark")), ((390, "light"), (1280, "dark"))]
ABOUT_LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
UNNAMED = "button:not([aria-label]):empty, input:not([type=hidden]):not(label *)"


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_the_page_is_accessible(face: Face, evening: Evening, every_look: bool) -> None:
    context = evening.context(face.who, width=390, theme="light")
    page = evening.opens(face, context)
    page.wait_for_timeout(150)  # parts that are read afterwards, and charts
    for place, (width, theme) in enumerate(
        sum(LOOKS, ()) if every_look else LOOKS[FACES.index(face) % 2]
    ):
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        is_drawn_at(page, width)
        found = violations(page, rules=ABOUT_LOOKS if place and not every_look else None)
        assert found == [], f"{face.name} for {face.who} at {width} px, {theme}"
    for width in (1280, 390, 320):
        is_drawn_at(page, width)
        fits(page)
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.locator(UNNAMED).count() == 0
    context.close()


def is_drawn_at(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    if page.locator(".uplot").count():
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
