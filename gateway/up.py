"""`warmline up`: everything on one machine, under one supervisor."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography.fernet import Fernet
from rich.console import Console

from bot.training import train_if_changed
from gateway.demo import seed_demo
from gateway.runtime.line import utc_now
from gateway.runtime.settings import ROOT, Settings, load_settings
from gateway.serve import open_database

CONFIG = """\
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
loglevel = info
pidfile = {folder}/supervisord.pid
{user}

[program:bot]
command = {python} -m gateway bot
priority = 1

[program:gateway]
command = {python} -m gateway serve
priority = 2
"""
# The same for every program: restarted however it ends, its words shown here.
EVERY_PROGRAM = """\
directory = {root}
autorestart = true
startsecs = 3
startretries = 1000000
stopwaitsecs = 10
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = /dev/stdout
stdout_logfile_maxbytes = 0
"""
out = Console(highlight=False)


def run() -> int:
    """Prepare and start everything; return the exit status once it has all ended.

    Raises:
        BadSettings: .env or the environment cannot be used.
    """
    if not os.environ.get("WARMLINE_KEY"):
        write_env_if_missing(ROOT / ".env")
    settings = load_settings()
    taken = _taken_ports(settings)
    if taken:
        print(f"{taken} is in use already. Stop what uses it, or set {_key_of(taken)} in .env.")
        return 2
    train_if_changed()
    database = open_database(settings)
    if settings.sms == "phones":
        with database.writing() as session:
            seed_demo(session, now=utc_now())
    database.engine.dispose()
    with tempfile.TemporaryDirectory(prefix="warmline-") as folder:
        config = _write_config(Path(folder))
        supervisor = subprocess.Popen(
            [str(Path(sys.executable).with_name("supervisord")), "-c", str(config)], cwd=ROOT
        )
        threading.Thread(target=_announce, args=(settings, supervisor), daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: supervisor.terminate())
        while True:
            try:
                return supervisor.wait()
            except KeyboardInterrupt:
                # It ends its programs, then itself. On a terminal Ctrl-C told it already.
                out.print("Stopping.")
                supervisor.terminate()


def write_env_if_missing(file: Path) -> None:
    """Write .env from .env.example with fresh secrets; an existing one is never touched."""
    if file.exists():
        return
    text = (ROOT / ".env.example").read_text("utf-8")
    text = text.replace("WARMLINE_KEY=\n", f"WARMLINE_KEY={Fernet.generate_key().decode()}\n")
    text = text.replace("RASA_TOKEN=\n", f"RASA_TOKEN={os.urandom(16).hex()}\n")
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
    out.print("Wrote .env with a new key. Keep it: what is stored cannot be read without it.")


def _write_config(folder: Path) -> Path:
    config = CONFIG.format(
        folder=folder, python=sys.executable, user="user = root" if os.geteuid() == 0 else ""
    )
    each = EVERY_PROGRAM.format(root=ROOT)
    config = config.replace("priority = 1\n", f"priority = 1\n{each}")
    config = config.replace("priority = 2\n", f"priority = 2\n{each}")
    file = folder / "supervisord.conf"
    file.write_text(config, "utf-8")
    return file


def _taken_ports(settings: Settings) -> str | None:
    rasa = urlsplit(settings.rasa_url)
    wanted = [(settings.host, settings.port)]
    if rasa.hostname and rasa.port:
        wanted.append((rasa.hostname, rasa.port))
    for host, port in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return f"{host}:{port}"
    return None


def _key_of(address: str) -> str:
    return "RASA_URL" if address.endswith(":5005") else "PORT"


def _announce(settings: Settings, supervisor: subprocess.Popen[bytes]) -> None:
    """Print the addresses once both programs answer; the bot needs a while to load."""
    began = time.monotonic()
    here = f"http://{settings.host}:{settings.port}"
    while supervisor.poll() is None:
        try:
            if httpx.get(f"{here}/readyz", timeout=5).json().get("bot") == "ok":
                break
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.5)
    else:
        return
    width = min(shutil.get_terminal_size().columns, 72)
    out.rule(f"Warmline is up ({time.monotonic() - began:.0f} s)", characters="-")
    pages = [("Console", "/console", "mentors answer"), ("Log", "/log", "managers read")]
    if settings.sms == "phones":
        pages.insert(0, ("Phones", "/phones", "the demo's phones, to try it all"))
    for name, path, what in pages:
        out.print(f"  {name:<8} {here}{path:<10} {what}")
    out.print("  Ctrl-C ends everything.")
    out.print("-" * width)
