"""Every page for everybody: no violation of WCAG 2.2 AA that axe-core can see, and no sideways
scrolling on a small phone."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from tests.browsers import CHROMIUM, FLAGS
from tests.faces import FACES, Evening, Face
from tests.processes import Stack

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Evening]:
    stack = Stack(tmp_path_factory.mktemp("stack")).start()
    try:
        evening = Evening(stack, browser)
        evening.happens()
        yield evening
        evening.ends()
    finally:
        stack.kill()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_everybody_can_use_it(face: Face, theme: str, evening: Evening) -> None:
    context = evening.context(face.who, width=1280, theme=theme)
    page = context.new_page()
    page.goto(face.path)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)  # parts that are read afterwards, and charts
        seen = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
        found = [
            f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
            for one in seen.response["violations"]
        ]
        assert found == [], f"{face.path} for {face.who} at {width} px, {theme}"
    context.close()


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_nothing_sticks_out_sideways(face: Face, evening: Evening) -> None:
    for width in (320, 390):
        context = evening.context(face.who, width=width, theme="light")
        page = context.new_page()
        page.goto(face.path)
        page.wait_for_timeout(150)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{face.path} is {wide} px wide on a phone of {width} px"
        context.close()
