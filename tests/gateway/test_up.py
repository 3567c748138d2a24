"""`warmline up`, for real: a child that dies comes back, and one Ctrl-C ends them all."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx

from gateway.up import write_env_if_missing
from tests.processes import KEY, ROOT, Process, Stack, free_port


def pid_of(log: str, program: str) -> int:
    return int(re.findall(rf"spawned: '{program}' with pid (\d+)", log)[-1])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_it_answers(url: str, *, seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            if httpx.get(f"{url}/healthz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def wait_until_it_says(log: Path, words: str, *, seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while words not in log.read_text():
        assert time.monotonic() < give_up_at, f"{words!r} is not in {log}"
        time.sleep(0.2)


def test_a_gateway_that_dies_is_started_again_and_ctrl_c_ends_everything(tmp_path: Path) -> None:
    stack = Stack(tmp_path).start()
    try:
        first = pid_of(stack.log.read_text(), "gateway")
        os.kill(first, signal.SIGKILL)
        time.sleep(1)
        wait_until_it_answers(stack.url)
        wait_until_it_says(stack.log, "Phones")
        log = stack.log.read_text()
        assert "exited: gateway (terminated by SIGKILL" in log
        again = pid_of(log, "gateway")
        assert again != first
        rasa = pid_of(log, "bot")
        assert stack.stop(signal.SIGINT) == 0
        assert not is_alive(again)
        assert not is_alive(rasa)
    finally:
        stack.kill()


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
