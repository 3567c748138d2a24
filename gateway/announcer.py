"""Watches a start from beside the supervisor and reports it on the terminal.

It imports nothing but the standard library, because it runs while the gateway and the bot load.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from gateway.supervise import START_FAILED

PATIENCE_SECONDS = 240.0
LAST_LINES = 12
# Locally, whatever proxy the environment names.
_open = build_opener(ProxyHandler({})).open


def announce(url: str, log: Path, *, demo: bool) -> int:
    """Wait for the gateway and the bot; if one fails or takes too long, stop the supervisor."""
    supervisor, began = os.getppid(), time.monotonic()
    while os.getppid() == supervisor:
        waited = time.monotonic() - began
        missing = missing_part(url)
        if missing is None:
            show_progress("")
            print(addresses(url, waited, demo=demo), flush=True)
            return 0
        failed = ended_with_an_error(log / "supervisor.log")
        if failed is None and waited > PATIENCE_SECONDS:
            failed = missing
        if failed:
            show_progress("")
            print(failure(failed, log / f"{failed}.log"), file=sys.stderr, flush=True)
            os.kill(supervisor, START_FAILED)
            return 1
        show_progress(f"Starting the {missing}: {waited:.0f} s")
        time.sleep(0.5)
    return 1


def missing_part(url: str) -> str | None:
    try:
        try:
            with _open(f"{url}/readyz", timeout=5) as answer:
                state = json.load(answer)
        except HTTPError as error:
            # 503 while messages wait; its body still tells about the bot.
            state = json.load(error)
    except (OSError, ValueError):
        return "gateway"
    return None if state.get("bot") == "ok" else "bot"


def ended_with_an_error(supervisor_log: Path) -> str | None:
    found = re.search(r"exited: (\w+) \(exit status \d+", supervisor_log.read_text("utf-8"))
    return found[1] if found else None


def failure(part: str, log: Path) -> str:
    lines = log.read_text("utf-8", "replace").rstrip().splitlines()[-LAST_LINES:]
    said = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
    return (
        f"The {part} did not start. The end of {log}:\n{said}\n"
        "Fix the cause and run `make up` again."
    )


def addresses(url: str, seconds: float, *, demo: bool) -> str:
    lines = [
        f"Warmline is up ({seconds:.0f} s).",
        f"  Console  {url}/console   mentors answer",
        f"  Log      {url}/log       managers read",
        "Ctrl-C ends everything.",
    ]
    if demo:
        lines.insert(1, f"  Phones   {url}/phones    the demo's phones")
        lines.insert(-1, f"Open {url}/phones, write as Maya, and answer as Sam.")
    return "\n".join(lines)


def show_progress(text: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", flush=True)


def main() -> None:
    url, log, *options = sys.argv[1:]
    try:
        sys.exit(announce(url, Path(log), demo="--demo" in options))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
