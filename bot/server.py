"""Starts Rasa, in the same way for `warmline bot`, Docker, and the tests."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bot.environment import ROOT, BotProblem, environment, find_python, rasa
from bot.training import trained_model

DEFAULT_URL = "http://127.0.0.1:5005"


def command(root: Path = ROOT, port: int = 5005, *, host: str = "127.0.0.1") -> list[str]:
    """The command that serves the trained model. Run it in `root` with `environment()`.

    Rasa's token comes from RASA_TOKEN there, never from the command line, which `ps` shows.

    Raises BotProblem when no model was trained from the current sources.
    """
    model = trained_model(root)
    if not model.exists():
        raise BotProblem(
            f"The bot must be trained again, because its sources changed: {model} is missing. "
            "Run `python -m bot.training`."
        )
    served = [*rasa(find_python(root)), "run", "--enable-api"]
    served += ["--interface", host, "--port", str(port), "--model", str(model)]
    served += ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
    served += ["--logging-config-file", "logging.yml"]
    return served


def main() -> None:
    """Replace this process with Rasa. RASA_URL sets the port, HOST the address to listen on."""
    if not os.environ.get("WARMLINE_KEY"):
        sys.exit("WARMLINE_KEY is missing. Copy .env.example to .env; it says how to make one.")
    if not os.environ.get("RASA_TOKEN"):
        sys.exit("RASA_TOKEN is missing. Set a long random one in .env, for the gateway, too.")
    os.umask(0o077)  # the tracker's file is for this user alone
    port = urlsplit(os.environ.get("RASA_URL", DEFAULT_URL)).port or 5005
    host = os.environ.get("HOST", "127.0.0.1")
    try:
        served = command(port=port, host=host)
    except BotProblem as problem:
        sys.exit(str(problem))
    os.chdir(ROOT)
    os.execvpe(served[0], served, environment())  # noqa: S606 # nosec # no shell is the point


if __name__ == "__main__":
    main()
