"""What the tests of the gateway share: the browser, and the running Warmline it opens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from gateway.runtime.database import Database, make_engine
from tests.browsers import CHROMIUM, FLAGS
from tests.line import MAYA, SAM, Talk
from tests.processes import KEY, OnRasa, Stack, demo_database
from tests.rasa_server import RasaServer
from tests.web_client import ASKS, Web


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack")).start()
    yield stack
    stack.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, rasa: RasaServer) -> Iterator[OnRasa]:
    folder = tmp_path_factory.mktemp("demo")
    with demo_database(folder):
        demo = OnRasa(folder, rasa).start()
    yield demo
    demo.kill()


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """The demo's people, in the database that tests.commands.warmline uses."""
    url = f"sqlite:///{tmp_path / 'warmline.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("RASA_URL", "http://127.0.0.1:9")
    database = Database(make_engine(url))
    database.migrate()
    yield Talk(database)
    database.engine.dispose()


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
def web(talk: Talk) -> Web:
    return Web(talk)


@pytest.fixture
def sam(talk: Talk, web: Web) -> Web:
    """Sam at the console, with Maya's conversation."""
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    assert web.posts("/console/1/take").status_code == 303
    return web


@pytest.fixture
def trouble() -> list[str]:
    """What the browsers complained of: scripts that failed, things refused, other hosts asked."""
    return []
