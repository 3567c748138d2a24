"""Every page for everybody: no violation of WCAG 2.2 AA that axe-core can see, and no sideways
scrolling on a small phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browsers import fits, violations
from tests.faces import FACES, Evening, Face
from tests.processes import Stack


@pytest.fixture(scope="module")
def evening(stack: Stack, browser: Browser) -> Iterator[Evening]:
    evening = Evening(stack, browser)
    evening.happens()
    yield evening
    evening.ends()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_everybody_can_use_it(face: Face, theme: str, evening: Evening) -> None:
    context = evening.context(face.who, width=1280, theme=theme)
    page = face.opened_in(context)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)  # parts that are read afterwards, and charts
        assert violations(page) == [], f"{face.path} for {face.who} at {width} px, {theme}"
    context.close()


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_nothing_sticks_out_sideways(face: Face, evening: Evening) -> None:
    for width in (320, 390):
        context = evening.context(face.who, width=width, theme="light")
        page = face.opened_in(context)
        page.wait_for_timeout(150)
        fits(page)
        context.close()
