"""How every Rasa process is started."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent

FIXED = {
    "FORCE_JSON_LOGGING": "1",  # components/log_filter.py reads what Rasa is about to log
    "ORT_DISABLE_TELEMETRY": "1",  # escalation/detect/sentences.py says why
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class BotProblem(Exception):
    """The bot cannot be trained or started. The message says why and what to do."""


def environment(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a Rasa process: quiet, and without telemetry.

    `RASA_TRACKER_DB` is ../var/tracker.db (relative to bot/) unless it is set.
    """
    inherited = os.environ if inherited is None else inherited
    # An activated environment of the gateway would lead Rasa's Python to the wrong packages.
    kept = {name: value for name, value in inherited.items() if name != "VIRTUAL_ENV"}
    return {"RASA_TRACKER_DB": "../var/tracker.db"} | kept | FIXED


def find_python(root: Path = ROOT) -> Path:
    # In Docker there is only one Python.
    own = root / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def rasa(python: Path) -> list[str]:
    """The beginning of every Rasa command. Run it in the bot's folder."""
    return [str(python), "-m", "components.slim_rasa"]


def run_to_end(
    command: Sequence[str], *, cwd: Path = ROOT, own: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**environment(), **(own or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def read_yaml(folder: Path, files: str = "*.yml") -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and content of each YAML file that has any."""
    import yaml  # not in the gateway's image

    for file in sorted(folder.glob(files)):
        if content := yaml.safe_load(file.read_text("utf-8")):
            yield file.stem, content
