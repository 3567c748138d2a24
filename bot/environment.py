"""What every Rasa process is started with, and the one error they share."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent

FIXED = {
    "FORCE_JSON_LOGGING": "1",  # components/log_filter.py reads what Rasa is about to log
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class BotProblem(Exception):
    """The bot cannot be trained or started; the message says why and what to do, for a person."""


def environment(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a Rasa process: quiet, without telemetry, with a tracker file.

    `RASA_TRACKER_DB` is kept when set; otherwise it is ../var/tracker.db, seen from bot/.
    """
    inherited = os.environ if inherited is None else inherited
    # An activated house environment would lead Rasa's Python to the wrong packages.
    kept = {name: value for name, value in inherited.items() if name != "VIRTUAL_ENV"}
    return {"RASA_TRACKER_DB": "../var/tracker.db"} | kept | FIXED


def python_of(root: Path = ROOT) -> Path:
    """Rasa's own Python: bot/.venv here, the image's only one in Docker."""
    own = root / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def rasa(python: Path) -> list[str]:
    """How every Rasa command starts; run it in the bot's folder."""
    return [str(python), "-m", "components.slim_rasa"]
