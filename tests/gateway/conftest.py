"""What the tests of the gateway share: the browser, and the line it looks at."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from gateway.demo import seed_demo
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import use_key
from tests.browsers import CHROMIUM, FLAGS
from tests.processes import KEY, OnRasa, Stack
from tests.rasa_server import RasaServer


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All of `warmline up`, with the real bot."""
    stack = Stack(tmp_path_factory.mktemp("stack")).start()
    yield stack
    stack.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, rasa: RasaServer) -> Iterator[OnRasa]:
    """The gateway with the demo's people and the real bot."""
    folder = tmp_path_factory.mktemp("demo")
    use_key(KEY)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    with database.writing() as session:
        seed_demo(session, now=utc_now())
    database.engine.dispose()
    demo = OnRasa(folder, rasa).start()
    yield demo
    demo.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        # On a machine that is busy with other tests.
        expect.set_options(timeout=15_000)
        yield browser
        expect.set_options(timeout=5_000)
        browser.close()


@pytest.fixture
def trouble() -> list[str]:
    """What the browsers complained of: scripts that failed, things refused, other hosts asked."""
    return []
