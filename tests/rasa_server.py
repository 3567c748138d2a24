"""A real Rasa for tests: its own port, token and tracker file, the trained model."""

import os
import socket
import subprocess
import time
from pathlib import Path

from bot.client import Bot
from bot.environment import ROOT, environment
from bot.server import command
from bot.training import train_if_changed

# More than any line of a test has.
MOST_CONVERSATIONS = 20
# A key for tests only: 32 times the letter x.
TEST_KEY = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="


class RasaServer:
    """Rasa under test. Its tracker file and log in `folder` outlive it, so it can be restarted."""

    def __init__(self, folder: Path, *, key: str = TEST_KEY) -> None:
        self.tracker_db = folder / "tracker.db"
        self.log = folder / "rasa.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = "token-for-tests"
        self.key = key
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, patience_seconds: float = 90.0) -> "RasaServer":
        """Start Rasa and wait until it answers. Raises RuntimeError with its log otherwise."""
        train_if_changed()
        own = {"RASA_TRACKER_DB": str(self.tracker_db), "WARMLINE_KEY": self.key}
        own["RASA_TOKEN"] = self.token
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command(port=self.port),
                cwd=ROOT,
                env=environment(os.environ) | own,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        bot = Bot(self.url, token=self.token)
        give_up_at = time.monotonic() + patience_seconds
        while not bot.ready():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                self.kill()
                raise RuntimeError(f"Rasa did not start. Its log:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.2)
        return self

    def forget_everybody(self) -> None:
        """What was said so far: every line numbers its conversations from 1."""
        bot = Bot(self.url, token=self.token)
        for conversation in range(1, MOST_CONVERSATIONS + 1):
            bot.forget(conversation)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command_line(self) -> str:
        """As `ps` shows it to everyone on the machine."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/cmdline").read_text()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
