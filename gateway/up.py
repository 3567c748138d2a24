"""`warmline up`: prepare everything on one machine, then become its supervisor."""

import base64
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from bot.training import train_if_changed
from gateway.runtime.settings import ROOT, Settings, load_settings

SUPERVISOR = """\
[supervisord]
nodaemon = true
silent = true
logfile = {log}/supervisor.log
logfile_maxbytes = 1MB
logfile_backups = 1
loglevel = info
pidfile = {var}/supervisord.pid
{user}
"""
# The output goes to a file, so that the terminal stays readable.
PROGRAM = """
[program:{name}]
command = {command}
directory = {root}
autorestart = true
startsecs = 3
startretries = 1000000
stopwaitsecs = 10
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}/{name}.log
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 1
"""


def run() -> int:
    """Prepare everything, then replace this process with supervisord; return only on failure.

    Raises:
        BadSettings: .env or the environment cannot be used.
        BotProblem: the bot cannot be trained.
    """
    if not os.environ.get("WARMLINE_KEY"):
        write_env_if_missing(ROOT / ".env")
    settings = load_settings()
    taken = _find_taken_port(settings)
    if taken:
        print(f"Another program uses {taken}. Stop it, or change {_setting_for(taken)} in .env.")
        return 2
    train_if_changed()
    if settings.sms == "phones" and not _has_people(settings):
        print("Setting up the demo program")
        _seed_demo(settings)
    config = write_config(_data_folder(settings))
    os.environ.update(_bot_environment(settings))
    url = f"http://{settings.host}:{settings.port}"
    become_supervisor(config, url, demo=settings.sms == "phones")


def become_supervisor(config: Path, url: str, *, demo: bool) -> NoReturn:
    """Replace this process with supervisord, and start the announcer as its child."""
    os.chdir(ROOT)
    announcer = [sys.executable, "-m", "gateway.announcer", url, str(config.parent / "log")]
    subprocess.Popen([*announcer, "--demo"] if demo else announcer)
    # Starting the gateway and the bot from here would keep this process's memory for nothing.
    supervisor = [sys.executable, "-W", "ignore", "-m", "gateway.supervise", "-c", str(config)]
    os.execv(sys.executable, supervisor)  # noqa: S606 # no shell is the point


def write_env_if_missing(file: Path) -> None:
    """Write .env from .env.example with fresh secrets."""
    if file.exists():
        return
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    text = (ROOT / ".env.example").read_text("utf-8")
    text = text.replace("WARMLINE_KEY=\n", f"WARMLINE_KEY={key}\n")
    text = text.replace("RASA_TOKEN=\n", f"RASA_TOKEN={os.urandom(16).hex()}\n")
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
    print("Wrote .env with a new key. Keep it: without it, stored data cannot be read.")


def write_config(var: Path) -> Path:
    """Write supervisord's configuration into `var`, and empty the logs of the last run."""
    log = var / "log"
    log.mkdir(parents=True, exist_ok=True)
    for name in ("supervisor", "bot", "gateway"):
        (log / f"{name}.log").write_text("")
    user = "user = root" if os.geteuid() == 0 else ""
    folders = {"log": _escaped(log), "var": _escaped(var), "root": _escaped(ROOT)}
    python = _escaped(Path(sys.executable))
    commands = {"bot": f"{python} -m bot.server", "gateway": f"{python} -m gateway serve"}
    parts = [SUPERVISOR.format(user=user, **folders)]
    parts += [PROGRAM.format(name=name, command=commands[name], **folders) for name in commands]
    config = var / "supervisord.conf"
    config.write_text("".join(parts), "utf-8")
    return config


def _escaped(path: Path) -> str:
    """supervisord expands %(name)s everywhere in its configuration."""
    return str(path).replace("%", "%%")


def _data_folder(settings: Settings) -> Path:
    scheme, _, file = settings.database_url.partition(":///")
    return Path(file).resolve().parent if scheme == "sqlite" and file else ROOT / "var"


def _has_people(settings: Settings) -> bool:
    """Whether the SQLite file has people. False for PostgreSQL, where `seed_demo` checks again."""
    scheme, _, file = settings.database_url.partition(":///")
    if scheme != "sqlite" or not Path(file).exists():
        return False
    try:
        with closing(sqlite3.connect(file)) as database:
            return database.execute("SELECT 1 FROM person LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False


def _seed_demo(settings: Settings) -> None:
    # Half the gateway is imported for this; only the first start needs it.
    from gateway.demo import seed_demo
    from gateway.runtime.line import utc_now
    from gateway.serve import open_database

    database = open_database(settings)
    with database.writing() as session:
        seed_demo(session, now=utc_now())
    database.engine.dispose()


def _bot_environment(settings: Settings) -> dict[str, str]:
    wanted = {
        "RASA_URL": settings.rasa_url,
        "WARMLINE_KEY": settings.warmline_key,
        "RASA_TRACKER_DB": str(ROOT / "var" / "tracker.db"),
        "RASA_TOKEN": settings.rasa_token or "",
    }
    return {name: os.environ.get(name, value) for name, value in wanted.items() if value}


def _find_taken_port(settings: Settings) -> str | None:
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


def _setting_for(address: str) -> str:
    return "RASA_URL" if address.endswith(":5005") else "PORT"
