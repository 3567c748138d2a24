"""Warmline's own processes, started as they are in earnest, for tests that need the real thing."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from gateway.demo import seed_demo
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import use_key
from tests.keys import KEYS
from tests.rasa_server import RasaServer, free_port

ROOT = Path(__file__).parents[1]
KEY = "dGVzdHMtb25seS1ub3QtYS1zZWNyZXQtMzItYnl0ZXM="


@contextlib.contextmanager
def demo_database(folder: Path) -> Iterator[Database]:
    """The demo program, in the database of a process in this folder."""
    use_key(KEY, KEYS)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    with database.writing() as session:
        seed_demo(session, now=utc_now())
    yield database
    database.engine.dispose()


class Process:
    """A command of `warmline`, with an environment of its own and its words in a file."""

    def __init__(self, folder: Path, *command: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [sys.executable, "-m", "gateway", *command]
        self.log = folder / f"{command[0]}.log"
        self.environment = {
            **os.environ,
            "WARMLINE_KEY": KEY,
            "DATABASE_URL": f"sqlite:///{folder / 'warmline.db'}",
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "SMS": "phones",
            "RASA_TOKEN": "token-for-tests",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: str = "/healthz", patience_seconds: float = 60) -> "Process":
        """Start it and wait until it answers. Raises RuntimeError with its log otherwise."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Tests that run in the background of a shell ignore Ctrl-C, and so would it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        give_up_at = time.monotonic() + patience_seconds
        while not self.answers(ready):
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                self.kill()
                raise RuntimeError(f"It did not start. Its log:\n{self.log.read_text()[-6000:]}")
            time.sleep(0.05)
        return self

    def runs(self, **environment: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **environment}
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 120}
        return subprocess.run(self.command, cwd=ROOT, env=environment, **options)

    def answers(self, path: str = "/healthz") -> bool:
        try:
            return httpx.get(self.url + path, timeout=3).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        try:
            return self.process.wait(timeout=60)
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


class OnRasa(Process):
    def __init__(self, folder: Path, rasa: RasaServer) -> None:
        super().__init__(folder, "serve", RASA_URL=rasa.url, RASA_TOKEN=rasa.token, SMS="phones")
        self.rasa = rasa

    def start(self, *, ready: str = "/readyz", patience_seconds: float = 60) -> "OnRasa":
        self.rasa.forget_everybody()
        super().start(ready=ready, patience_seconds=patience_seconds)
        return self

    def kill(self) -> None:
        super().kill()
        self.rasa.forget_everybody()


class Stack(Process):
    def __init__(self, folder: Path, **environment: str) -> None:
        own = {
            "RASA_URL": f"http://127.0.0.1:{free_port()}",
            "RASA_TRACKER_DB": str(folder / "tracker.db"),
        }
        super().__init__(folder, "up", **(own | environment))
        self.supervisor_log = folder / "log" / "supervisor.log"

    def start(self, *, ready: str = "/readyz", patience_seconds: float = 240) -> "Stack":
        super().start(ready=ready, patience_seconds=patience_seconds)
        give_up_at = time.monotonic() + 90
        while httpx.get(f"{self.url}/readyz", timeout=5).json()["bot"] != "ok":
            if time.monotonic() > give_up_at:
                self.kill()
                raise RuntimeError(f"Rasa did not start:\n{self.log.read_text()[-6000:]}")
            time.sleep(0.3)
        return self

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
        super().kill()
