"""No log line has what a person wrote, no matter which library logs it."""

import subprocess
import sys
import time

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.runtime.database import Database
from tests.processes import KEY, ROOT
from tests.rasa_server import free_port

WORDS = "i took the pills last night"
# A served application with faults that quote Maya's words: in a page, a task, a thread, and DBOS.
FAULTY = f"""
import asyncio, gc, logging, threading
from gateway.runtime.logging import set_up_logs
set_up_logs()
from fastapi import FastAPI
from gateway.runtime.settings import load_settings
from gateway.serve import run

app = FastAPI()

def fail():
    raise ValueError("Maya wrote: {WORDS}")

async def fail_later():
    fail()

@app.get("/page")
async def page():
    task = asyncio.create_task(fail_later())
    await asyncio.sleep(0.1)
    del task
    gc.collect()
    threading.Thread(target=fail, name="faulty").start()
    try:
        fail()
    except ValueError as error:
        logging.getLogger("dbos").error(f"It failed: {{error}}", exc_info=error)
    fail()

run(app, load_settings())
"""


def test_faults_in_the_served_process_are_logged_without_words() -> None:
    port = free_port()
    environment = {"WARMLINE_KEY": KEY, "PORT": str(port), "SMS": "phones", "PATH": "/usr/bin:/bin"}
    served = subprocess.Popen(
        [sys.executable, "-c", FAULTY],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/page", timeout=30)
                break
            except httpx.ConnectError:
                time.sleep(0.2)
    finally:
        served.terminate()
        logged = served.communicate(timeout=30)[1]
    assert answer.status_code == 500
    for said in (answer.text, logged):
        assert "pills" not in said
        assert "Maya wrote" not in said
    lines = [line for line in logged.splitlines() if '"error": "ValueError"' in line]
    assert len(lines) == 4, logged
    assert all("fail" in line and '"where"' in line for line in lines)


def test_a_database_error_does_not_quote_the_row(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as failed, database.reading() as session:
        session.execute(text("SELECT :words FROM nowhere"), {"words": WORDS})
    assert "nowhere" in str(failed.value)
    assert "pills" not in str(failed.value)
