"""Starts a Rasa to measure it."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

from bot.client import Bot
from bot.environment import ROOT, BotProblem, environment
from bot.server import command

PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Served:
    url: str
    process: subprocess.Popen[bytes]
    http: httpx.Client
    ready_after_seconds: float

    def read_intent(self, text: str) -> str:
        """The intent of `text`, or "nlu_fallback" when Rasa is not sure."""
        answer = self.http.post(f"{self.url}/model/parse", json={"text": text})
        return str(answer.raise_for_status().json()["intent"]["name"])


@contextmanager
def serve(root: Path = ROOT) -> Iterator[Served]:
    port = free_port()
    with run(command(root, port), port, root) as served:
        yield served


@contextmanager
def run(rasa: Sequence[str], port: int, root: Path) -> Iterator[Served]:
    """Run the command `rasa`, which serves on `port`, in `root`, and stop it afterwards.

    Raises BotProblem with the end of the log if Rasa does not start.
    """
    with tempfile.TemporaryDirectory() as scratch, httpx.Client(timeout=60) as http:
        log = Path(scratch) / "rasa.log"
        own = {
            "RASA_TRACKER_DB": f"{scratch}/tracker.db",
            "WARMLINE_KEY": Fernet.generate_key().decode(),
            "RASA_TOKEN": "",  # nosec B105 # nobody else reaches it here
        }
        began = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                rasa,
                cwd=root,
                env=environment(os.environ) | own,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(Bot(url), process, log)
            yield Served(url, process, http, time.monotonic() - began)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(bot: Bot, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not bot.ready():
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise BotProblem(f"Rasa did not start. Its log ends:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
