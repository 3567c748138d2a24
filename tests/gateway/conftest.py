"""What the tests of the gateway share: the browser, and the line it looks at."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browsers import CHROMIUM, FLAGS
from tests.processes import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All of `warmline up`, with the real bot."""
    stack = Stack(tmp_path_factory.mktemp("stack")).start()
    yield stack
    stack.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def trouble() -> list[str]:
    """What the browsers complained of: scripts that failed, things refused, other hosts asked."""
    return []
