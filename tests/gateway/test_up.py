"""Starting: a second gateway, a missing key, the first .env. `warmline up` is in test_browser."""

import re
import sys
import threading
from configparser import ConfigParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select

from escalation.detect import classifiers
from escalation.detect.classifiers import WeightsDamaged, load_classifiers
from gateway.announcer import addresses, ended_with_an_error, failure, missing_part
from gateway.install import step
from gateway.runtime.database import REVISION, migration_config
from gateway.runtime.settings import Settings
from gateway.serve import build_app
from gateway.up import write_config, write_env_if_missing
from models import Person, Role
from tests.processes import KEY, Process, demo_database
from tests.rasa_server import free_port


def test_a_second_gateway_on_the_same_sqlite_file_is_refused(tmp_path: Path) -> None:
    first = Process(tmp_path, "serve", RASA_URL=f"http://127.0.0.1:{free_port()}").start()
    try:
        second = first.runs(PORT=str(free_port()))
        assert second.returncode == 2
        assert "Another gateway already serves" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        first.kill()


def test_a_missing_key_is_named_without_a_traceback(tmp_path: Path) -> None:
    ran = Process(tmp_path, "waiting").runs(WARMLINE_KEY="not-a-key")
    assert ran.returncode == 2
    assert ran.stderr.startswith("WARMLINE_KEY is not a key")


def test_a_gateway_that_cannot_detect_a_crisis_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "classifiers.json"
    damaged.write_text("{}", "utf-8")
    monkeypatch.setattr(classifiers, "WEIGHTS", damaged)
    load_classifiers.cache_clear()
    url = f"sqlite:///{tmp_path / 'warmline.db'}"
    try:
        with pytest.raises(WeightsDamaged):
            build_app(Settings(warmline_key=KEY, database_url=url))
    finally:
        load_classifiers.cache_clear()


def test_the_database_and_its_files_are_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    url = f"sqlite:///{folder / 'warmline.db'}"
    gateway = Process(tmp_path, "serve", DATABASE_URL=url).start()
    try:
        modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    finally:
        gateway.kill()
    assert {"warmline.db", "warmline.db-wal", "warmline.db.lock"} <= modes.keys()
    assert {mode for name, mode in modes.items() if name.startswith("warmline.db")} == {0o600}


def test_the_demo_refuses_a_database_with_real_numbers(tmp_path: Path) -> None:
    """Anyone who reaches the demo can read and text as anyone."""
    with demo_database(tmp_path) as database, database.writing() as session:
        maya = session.scalars(select(Person).where(Person.role == Role.MENTEE)).first()
        assert maya is not None
        maya.phone = "+12125557890"
    ran = Process(tmp_path, "serve").runs()
    assert ran.returncode == 2
    assert "SMS=phones is the demo, and this database has real phone numbers" in ran.stderr
    assert "7890" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_env_file_is_written_once_with_secrets_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    write_env_if_missing(file)
    written = file.read_text()
    assert re.search(r"^WARMLINE_KEY=\S{44}$", written, re.MULTILINE)
    assert KEY not in written
    assert file.stat().st_mode & 0o077 == 0
    write_env_if_missing(file)
    assert file.read_text() == written


def test_each_part_writes_to_its_own_log_and_is_started_again(tmp_path: Path) -> None:
    config = ConfigParser(interpolation=None)
    config.read(write_config(tmp_path / "50% full"))
    assert config["supervisord"]["silent"] == "true"
    for part in ("bot", "gateway"):
        program = config[f"program:{part}"]
        assert program["autorestart"] == "true"
        assert program["stdout_logfile"] == str(tmp_path / "50%% full" / "log" / f"{part}.log")


def test_a_part_that_ends_with_an_error_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor_log = tmp_path / "supervisor.log"
    supervisor_log.write_text("INFO spawned: 'gateway' with pid 7\n")
    assert ended_with_an_error(supervisor_log) is None
    supervisor_log.write_text("WARN exited: gateway (terminated by SIGKILL; not expected)\n")
    assert ended_with_an_error(supervisor_log) is None, "supervisord starts it again"
    supervisor_log.write_text("WARN exited: gateway (exit status 2; not expected)\n")
    assert ended_with_an_error(supervisor_log) == "gateway"
    log = tmp_path / "gateway.log"
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    said = failure("gateway", log)
    for words in ("The gateway did not start", str(log), "line 29", "make up"):
        assert words in said
    assert "line 1\n" not in said


def test_the_demo_is_announced_with_what_to_try() -> None:
    url = "http://127.0.0.1:8000"
    said = addresses(url, 9.6, demo=True)
    assert f"Open {url}/phones, write as Maya, and answer as Sam." in said
    assert f"{url}/console" in said
    assert "/phones" not in addresses(url, 9.6, demo=False)


def test_the_installation_says_what_it_waits_for() -> None:
    output = ["Resolved 3 packages in 2ms\n", "Downloading numpy (16.0MiB)\n"]
    assert "numpy (16.0MiB)" in step(output)
    output += ["Downloading scipy (30.0MiB)\n", " Downloaded numpy\n"]
    assert step(output) == "downloading scipy (30.0MiB), 1 of 2 large ones done"
    assert step([*output, " Downloaded scipy\n", "Prepared 3 packages in 9s\n"]) == "installing"


def test_up_exits_with_an_error_when_a_part_does_not_start(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    parts = config.read_text().replace("-m gateway serve", "-m no_such_gateway")
    config.write_text(parts.replace("-m bot.server", "-m http.server --bind 127.0.0.1 0"))
    url = f"http://127.0.0.1:{free_port()}"
    become = f"become_supervisor(Path({str(config)!r}), {url!r}, demo=True)"
    start = Process(tmp_path, "start")
    script = f"from pathlib import Path; from gateway.up import become_supervisor; {become}"
    start.command = [sys.executable, "-c", script]
    ran = start.runs()
    assert "The gateway did not start" in ran.stderr
    assert "no_such_gateway" in ran.stderr
    assert ran.returncode == 1


def test_the_revision_that_a_start_compares_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(migration_config()).get_current_head() == REVISION


class Failing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500, "Something went wrong")


def test_a_gateway_that_answers_with_an_error_page_is_the_missing_part() -> None:
    with HTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.handle_request).start()
        assert missing_part(f"http://127.0.0.1:{server.server_port}") == "gateway"
