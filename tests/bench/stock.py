"""Rasa as `rasa init` makes it: its project, its default pipeline, and its REST channel.

Its tracker is in SQLite, as ours is. It needs TensorFlow, in an environment of its own, which
`make bench` installs.
"""

import os
import subprocess
import time
from pathlib import Path

import httpx
import yaml

from bot.benchmark import SCRATCH, STOCK_PYTHON
from tests.rasa_server import free_port

PROJECT = SCRATCH / "rasa-init"
PATIENCE_SECONDS = 900  # TensorFlow takes minutes to start on a busy machine
QUIET = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}


class NotInstalled(Exception):
    def __init__(self) -> None:
        super().__init__("Rasa with TensorFlow is not installed. Run `make bench`, which does it.")


class Stock:
    """Stock Rasa, with an empty tracker."""

    def __init__(self) -> None:
        if not STOCK_PYTHON.exists():
            raise NotInstalled
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stock":
        if not any((PROJECT / "models").glob("*.tar.gz")):
            print("Making the project of `rasa init`, which trains it", flush=True)
            PROJECT.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                [*_rasa("init"), "--no-prompt", "--init-dir", str(PROJECT)],
                cwd=PROJECT,
                env=os.environ | QUIET,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        tracker = PROJECT / "tracker.db"
        tracker.unlink(missing_ok=True)
        store = {"type": "SQL", "dialect": "sqlite", "db": str(tracker)}
        (PROJECT / "endpoints.yml").write_text(yaml.safe_dump({"tracker_store": store}))
        (PROJECT / "credentials.yml").write_text("rest:\n")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        with (PROJECT / "rasa.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*_rasa("run"), "--interface", "127.0.0.1", "--port", str(port)],
                cwd=PROJECT,
                env=os.environ | QUIET,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=60)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _wait(self) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                self._process.kill()
                raise RuntimeError(f"Stock Rasa did not start; {PROJECT / 'rasa.log'} says why.")
            time.sleep(0.5)

    def _answers(self) -> bool:
        """It listens only when its model is loaded."""
        try:
            return httpx.get(self.url, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def _rasa(command: str) -> list[str]:
    return [str(Path(STOCK_PYTHON)), "-m", "rasa", command]
