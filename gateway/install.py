"""Installs one requirements file with uv and shows how far it is: the Makefile calls it.

It imports nothing but the standard library: nothing else is installed yet.
"""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "var" / "log" / "install.log"
LAST_LINES = 12


def install(title: str, environment: str, requirements: str) -> int:
    """Return uv's exit status. Its whole output goes to var/log/install.log."""
    count = len(re.findall(r"^\S+==", (ROOT / requirements).read_text("utf-8"), re.MULTILINE))
    title = f"Installing {title} ({count} packages)"
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "--no-deps", "--require-hashes"]
    uv += ["--python", environment, "--requirements", requirements]
    lines: list[str] = []
    began = time.monotonic()
    with subprocess.Popen(
        uv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
        reader.start()
        show(title)
        while reader.is_alive():
            reader.join(0.2)
            if sys.stdout.isatty():
                show(f"\r\x1b[K{title}: {step(lines)}, {time.monotonic() - began:.0f} s")
    if sys.stdout.isatty():
        show(f"\r\x1b[K{title}")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("".join(lines), "utf-8")
    if process.returncode == 0:
        show(f": done in {time.monotonic() - began:.0f} s\n")
    else:
        said = "".join(f"  {line}" for line in lines[-LAST_LINES:])
        show(f": failed\n{said}All of it is in {LOG}. Is there a network? Then try again.\n")
    return process.returncode


def step(lines: list[str]) -> str:
    downloading = re.findall(r"^ *Downloading (\S+ \(.+\))$", "".join(lines), re.MULTILINE)
    downloaded = re.findall(r"^ *Downloaded (\S+)$", "".join(lines), re.MULTILINE)
    if any(line.startswith("Prepared ") for line in lines):
        return "installing"
    if downloading:
        pending = [name for name in downloading if name.split()[0] not in downloaded]
        what = f" {pending[0]}" if pending else ""
        return f"downloading{what}, {len(downloaded)} of {len(downloading)} large ones done"
    return "resolving" if not lines else "preparing"


def show(text: str) -> None:
    print(text, end="", flush=True)


if __name__ == "__main__":
    sys.exit(install(*sys.argv[1:]))
