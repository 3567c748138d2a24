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
from gateway.runtime.settings import ROOT, Settings, check_for_serving, load_settings

TEMPLATE = Path(__file__).with_name("supervisord.ini")


def run() -> int:
    """Replace this process with supervisord. Raises BadSettings or BotProblem."""
    if not os.environ.get("WARMLINE_KEY"):
        write_env_if_missing(ROOT / ".env")
    if load_settings().sms is None:
        os.environ["SMS"] = "phones"  # for the gateway, too, which has no default
    settings = load_settings()
    check_for_serving(settings)
    taken = _find_taken_port(settings)
    if taken:
        print("Another program uses {}. Stop it, or change {} in .env.".format(*taken))
        return 2
    train_if_changed()
    file = _sqlite_file(settings)
    if settings.sms == "phones" and not _has_people(file):
        print("Setting up the demo program")
        _seed_demo(settings)
    config = write_config(file.parent if file else ROOT / "var")
    os.environ.update(bot_environment(settings))
    url = f"http://{settings.host}:{settings.port}"
    become_supervisor(config, url, demo=settings.sms == "phones")


def become_supervisor(config: Path, url: str, *, demo: bool) -> NoReturn:
    os.chdir(ROOT)
    announcer = [sys.executable, "-m", "gateway.announcer", url, str(config.parent / "log")]
    subprocess.Popen([*announcer, "--demo"] if demo else announcer)
    # Starting the gateway and the bot from here would keep this process's memory for nothing.
    supervisor = [sys.executable, "-W", "ignore", "-m", "gateway.supervise", "-c", str(config)]
    os.execv(sys.executable, supervisor)  # noqa: S606 # nosec # no shell is the point


def write_env_if_missing(file: Path) -> None:
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
    log = var / "log"
    log.mkdir(parents=True, exist_ok=True)
    for name in ("supervisor", "bot", "gateway"):
        (log / f"{name}.log").write_text("")
    paths = {"log": log, "var": var, "root": ROOT, "python": sys.executable}
    # supervisord expands %(name)s everywhere in its configuration.
    blanks = {name: str(path).replace("%", "%%") for name, path in paths.items()}
    blanks["user"] = "user = root" if os.geteuid() == 0 else ""
    config = var / "supervisord.conf"
    config.write_text(TEMPLATE.read_text("utf-8").format(**blanks), "utf-8")
    return config


def _sqlite_file(settings: Settings) -> Path | None:
    scheme, _, file = settings.database_url.partition(":///")
    return Path(file).resolve() if scheme == "sqlite" and file else None


def _has_people(file: Path | None) -> bool:
    """Whether the SQLite file has people. False for PostgreSQL, where `seed_demo` checks again."""
    if file is None or not file.exists():
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


def bot_environment(settings: Settings) -> dict[str, str]:
    wanted = {
        "RASA_URL": settings.rasa_url,
        "WARMLINE_KEY": settings.warmline_key,
        "WARMLINE_OLD_KEY": settings.warmline_old_key or "",
        "RASA_TRACKER_DB": str(ROOT / "var" / "tracker.db"),
        "RASA_TOKEN": settings.rasa_token or "",
    }
    return {name: os.environ.get(name, value) for name, value in wanted.items() if value}


def _find_taken_port(settings: Settings) -> tuple[str, str] | None:
    """An address that another program uses, and the setting to change."""
    rasa = urlsplit(settings.rasa_url)
    for setting, host, port in (
        ("PORT", settings.host, settings.port),
        ("RASA_URL", rasa.hostname, rasa.port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                if host and port:
                    probe.bind((host, port))
            except OSError:
                return f"{host}:{port}", setting
    return None
