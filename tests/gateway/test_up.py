"""Starting: a second gateway, a missing key, the first .env. `warmline up` is in test_browser."""

import re
import subprocess
from pathlib import Path

from gateway.up import write_env_if_missing
from tests.processes import KEY, ROOT, Process, free_port


def test_a_second_gateway_on_the_same_sqlite_file_is_refused(tmp_path: Path) -> None:
    first = Process(tmp_path, "serve", RASA_URL=f"http://127.0.0.1:{free_port()}").start()
    try:
        second = subprocess.run(
            first.command,
            cwd=ROOT,
            env={**first.environment, "PORT": str(free_port())},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 2
        assert "Another gateway already serves" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        first.kill()


def test_a_missing_key_is_named_without_a_traceback(tmp_path: Path) -> None:
    process = Process(tmp_path, "waiting")
    environment = {**process.environment, "WARMLINE_KEY": "not-a-key"}
    ran = subprocess.run(
        process.command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("WARMLINE_KEY is not a Fernet key")


def test_an_env_file_is_written_once_with_secrets_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    write_env_if_missing(file)
    written = file.read_text()
    assert re.search(r"^WARMLINE_KEY=\S{44}$", written, re.MULTILINE)
    assert KEY not in written
    assert file.stat().st_mode & 0o077 == 0
    write_env_if_missing(file)
    assert file.read_text() == written
