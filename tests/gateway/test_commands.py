"""The `warmline` commands."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer import Context
from typer.main import get_command
from typer.testing import CliRunner

from gateway.cli import COMMANDS, app
from gateway.runtime.database import Database, make_engine
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.processes import KEY


@pytest.fixture
def warmline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'warmline.db'}")
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    return CliRunner()


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'warmline.db'}"))
    database.migrate()
    return Talk(database)


def test_waiting_exits_0_without_waiting_handoffs(talk: Talk, warmline: CliRunner) -> None:
    ran = warmline.invoke(app, ["waiting"])
    assert (ran.exit_code, ran.stdout) == (0, "No handoff is waiting.\n")


def test_waiting_lists_by_urgency_and_exits_1(talk: Talk, warmline: CliRunner) -> None:
    talk.texts(MAYA, "can i talk to a real person please")
    talk.texts("+12025550102", "i want to kill myself tonight")
    ran = warmline.invoke(app, ["waiting"])
    assert ran.exit_code == 1
    assert [line.split()[:2] for line in ran.stdout.splitlines()] == [
        ["2", "crisis"],
        ["1", "soon"],
    ]


def test_log_shows_every_step_of_one_handoff(talk: Talk, warmline: CliRunner) -> None:
    talk.texts(MAYA, "can i talk to a real person please")
    talk.passes(minutes=1)
    talk.texts(SAM, "take")
    talk.passes(minutes=2)
    talk.texts(SAM, "Hi Maya")
    talk.texts(SAM, "done")
    told = warmline.invoke(app, ["log", "1"]).stdout
    assert "times in America/New_York" in told
    for step in ("can i talk to a real person please", "Sam", "10:01:00", "10:03:00"):
        assert step in told
    assert warmline.invoke(app, ["log"]).exit_code == 0
    csv = warmline.invoke(app, ["log", "--csv"]).stdout
    assert len(csv.splitlines()) == 2


def test_log_names_an_unknown_handoff(talk: Talk, warmline: CliRunner) -> None:
    ran = warmline.invoke(app, ["log", "99"])
    assert ran.exit_code == 2
    assert "There is no handoff 99" in ran.stderr


def test_check_lists_unreachable_people_without_names(talk: Talk, warmline: CliRunner) -> None:
    assert warmline.invoke(app, ["check"]).stdout == "Everyone can be reached.\n"
    talk.texts(NOOR, "STOP")
    ran = warmline.invoke(app, ["check"])
    assert ran.exit_code == 1
    assert "Nobody on duty can be texted" in ran.stdout
    assert "cannot be texted (opted out)" in ran.stdout
    assert "Noor" not in ran.stdout


def test_duty_turns_on_and_off(talk: Talk, warmline: CliRunner) -> None:
    assert warmline.invoke(app, ["duty", SAM, "--on"]).stdout == "Sam is on duty.\n"
    assert talk.person(SAM).on_duty
    assert warmline.invoke(app, ["duty", SAM, "--off"]).stdout == "Sam is off duty.\n"
    assert warmline.invoke(app, ["duty", MAYA]).exit_code == 2


def test_assess_answers_each_line_and_reports_a_bad_one(warmline: CliRunner) -> None:
    lines = '{"id": 1, "text": "how can i sleep better"}\nnot json\n'
    ran = warmline.invoke(app, ["assess"], input=lines)
    first, second = ran.stdout.splitlines()
    assert '"urgency": "none"' in first or '"urgency":"none"' in first
    assert "error" in second


def test_away_lists_absences_in_local_time(talk: Talk, warmline: CliRunner) -> None:
    assert warmline.invoke(app, ["away"]).stdout == "No one is away.\n"
    talk.clock.now = datetime.now(UTC)
    talk.texts(SAM, "AWAY 2 weeks")
    talk.texts(RUTH, "OFF")
    sam, ruth = warmline.invoke(app, ["away"]).stdout.splitlines()
    assert "Sam is away until " in sam
    assert sam.endswith("(America/New_York)")
    assert ruth.endswith("Ruth is away until they text ON")


def test_check_lists_absences_and_their_gaps(talk: Talk, warmline: CliRunner) -> None:
    talk.clock.now = datetime.now(UTC)
    talk.texts(SAM, "AWAY 2 weeks")
    told = warmline.invoke(app, ["check"]).stdout
    assert "Sam is away until" in told
    assert "is away now" not in told
    talk.texts(RUTH, "OFF")
    ran = warmline.invoke(app, ["check"])
    assert ran.exit_code == 1
    assert "Everybody who manages is away now." in ran.stdout
    assert "Everybody on duty is away now." not in ran.stdout


def test_help_lists_each_command_with_the_summary_of_its_docstring() -> None:
    group = get_command(app)
    for name, (_, summary) in COMMANDS.items():
        command = group.get_command(Context(group), name)  # type: ignore[attr-defined]
        assert command.name == name
        assert command.help.splitlines()[0] == summary, name


def test_help_imports_no_heavy_modules() -> None:
    script = "import sys, gateway.cli; print({'rich', 'sqlalchemy'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
