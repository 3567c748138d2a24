"""The cast and the databases.

Maya is a mentee; Sam is her own mentor; Noor is her back-up, on duty, and mentors Jo; Ruth is
the program's manager. Nobody enrolled the stranger.
"""

import gc
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from sqlalchemy import Dialect, Engine, select
from sqlalchemy.util import LRUCache

from gateway.runtime.database import Database, make_engine
from models import Person, use_key
from tests.keys import KEYS
from tests.line import Talk
from tests.memory import roomy
from tests.postgres import PostgresServer
from tests.rasa_server import RasaServer

# All engines of one kind share a dialect and its compiled statements. Compiling them again for
# each test's own engine took a quarter of the time.
COMPILED: dict[str, tuple[Dialect, LRUCache[Any, Any]]] = {}


def engine_for_a_test(url: str) -> Engine:
    engine = make_engine(url)
    own: tuple[Dialect, LRUCache[Any, Any]] = (engine.dialect, LRUCache(5_000))
    engine.dialect, engine._compiled_cache = COMPILED.setdefault(engine.dialect.name, own)
    return engine


ORDER = tomllib.loads(Path(__file__).with_name("order.toml").read_text("utf-8"))


def pytest_addoption(parser: pytest.Parser) -> None:
    help = "run every test that uses a database on SQLite and on PostgreSQL"
    parser.addoption("--every-database", action="store_true", help=help)
    help = "run axe-core on every page at both widths in both themes, all four together"
    parser.addoption("--every-look", action="store_true", help=help)


def pytest_collection_finish() -> None:
    # The collector otherwise goes through every imported module again: a tenth of the time.
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(ORDER["longest"])}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
    if config.getoption("--every-database") or _one_is_named(config):
        return
    left_out = {item for item in items if _belongs_to_the_other_database(item)}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _one_is_named(config: pytest.Config) -> bool:
    """A developer who names a test gets it on both databases."""
    return bool(config.getoption("keyword")) or any("::" in one for one in config.args)


def _belongs_to_the_other_database(item: pytest.Item) -> bool:
    """The choice depends on the test's name alone, so that each run makes the same one."""
    database = getattr(getattr(item, "callspec", None), "params", {}).get("database_url")
    if database is None or item.nodeid.startswith(tuple(ORDER["on_both"])):
        return False
    name = item.nodeid.replace(str(database), "")
    return bool(database != ("sqlite", "postgres")[crc32(name.encode()) % 2])


# Made for the tests; it opens nothing else.
KEY = "dGVzdHMtb25seS1ub3QtYS1zZWNyZXQtMzItYnl0ZXM="


@pytest.fixture(autouse=True)
def a_key() -> None:
    use_key(KEY, KEYS)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


class Templates:
    """Databases with our tables, of which each test gets its own copy: empty, or with the cast."""

    def __init__(self, postgres: Callable[[], PostgresServer], folder: Path) -> None:
        self._postgres = postgres
        self._folder = folder
        self._keys: dict[Path, bytes] = {}

    @cache  # noqa: B019  (one object a run)
    def file(self, with_cast: bool) -> Path:
        file = self._folder / f"{with_cast}.db"
        self._make(f"sqlite:///{file}", with_cast)
        return file

    @cache  # noqa: B019
    def url(self, with_cast: bool) -> str:
        url = self._postgres().new_database()
        self._make(url, with_cast)
        return url

    def _make(self, url: str, with_cast: bool) -> None:
        use_key(KEY, KEYS)
        database = Database(engine_for_a_test(url))
        database.migrate()
        if with_cast:
            Talk(database)
            with database.reading() as session:
                names = session.scalars(select(Person.key_id)).all()
            self._keys |= {KEYS / name: (KEYS / name).read_bytes() for name in names}
        database.engine.dispose()

    def put_keys_back(self) -> None:
        """All copies share the cast's keys, and the test before this one may have erased Maya."""
        for file, content in self._keys.items():
            if not file.exists():
                file.write_bytes(content)


@pytest.fixture(scope="session")
def templates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Templates:
    return Templates(
        lambda: request.getfixturevalue("postgres"), tmp_path_factory.mktemp("templates")
    )


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, templates: Templates) -> Iterator[str]:
    """A database with our tables, and with the cast in it if the test talks to Warmline."""
    with_cast = "talk" in request.fixturenames
    templates.file(with_cast) if request.param == "sqlite" else templates.url(with_cast)
    templates.put_keys_back()
    if request.param == "sqlite":
        with tempfile.TemporaryDirectory(prefix="warmline-sqlite-", dir=roomy()) as folder:
            file = Path(folder) / "warmline.db"
            shutil.copyfile(templates.file(with_cast), file)
            yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(template=templates.url(with_cast))
    yield url
    server.drop_database(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(engine_for_a_test(database_url))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="session")
def rasa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RasaServer]:
    server = RasaServer(tmp_path_factory.mktemp("rasa")).start()
    yield server
    server.stop()


@pytest.fixture
def talk(database: Database) -> Talk:
    return Talk(database)
