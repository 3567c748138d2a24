"""The `warmline` commands."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer import Context
from typer.main import get_command
from typer.testing import CliRunner

from gateway.cli import COMMANDS, app
from models import Message
from tests.commands import warmline
from tests.line import MAYA, NOOR, RUTH, SAM, Talk


def test_waiting_lists_by_urgency_and_exits_1(local: Talk) -> None:
    ran = warmline("waiting")
    assert (ran.exit_code, ran.stdout) == (0, "No handoff is waiting.\n")
    local.texts(MAYA, "can i talk to a real person please")
    local.texts("+12025550102", "i want to kill myself tonight")
    ran = warmline("waiting")
    assert ran.exit_code == 1
    listed = [line.split()[:2] for line in ran.stdout.splitlines()]
    assert listed == [["2", "crisis"], ["1", "soon"]]


def test_log_shows_every_step_of_one_handoff(local: Talk) -> None:
    local.texts(MAYA, "can i talk to a real person please")
    local.passes(minutes=1)
    local.texts(SAM, "take {}")
    local.passes(minutes=2)
    local.texts(SAM, "Hi Maya")
    local.texts(SAM, "done {}")
    told = warmline("log", "1").stdout
    assert "times in America/New_York" in told
    for step in ("can i talk to a real person please", "Sam", "10:01:00", "10:03:00"):
        assert step in told
    assert warmline("log").exit_code == 0
    assert len(warmline("log", "--csv").stdout.splitlines()) == 2
    ran = warmline("log", "99")
    assert ran.exit_code == 2
    assert "There is no handoff 99" in ran.stderr


def test_check_lists_unreachable_people_without_names(local: Talk) -> None:
    assert warmline("check").stdout == "Everyone can be reached.\n"
    local.texts(NOOR, "STOP")
    ran = warmline("check")
    assert ran.exit_code == 1
    assert "No one on duty can be texted" in ran.stdout
    assert "cannot be texted (opted out)" in ran.stdout
    assert "Noor" not in ran.stdout


def test_check_contradicts_itself_nowhere_if_nobody_can_be_texted(local: Talk) -> None:
    for number in (SAM, NOOR, RUTH):
        local.texts(number, "STOP")
    told = warmline("check").stdout
    assert "a crisis would alert no one" in told
    assert "a crisis reaches managers only" not in told
    assert "No manager can be texted" in told


def test_a_command_that_changes_who_signs_in_is_texted_to_the_managers(
    local: Talk, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("role,name,phone\nmentor,Ana,+12025550130\nmentee,Ida,+12025550177\n")
    assert warmline("enroll", str(file)).exit_code == 0
    chosen = CliRunner().invoke(app, ["set-password", SAM], input="maple tuba seventeen\n")
    assert chosen.exit_code == 0
    told = [(message.conversation_id, message.script) for message in local.rows(Message)]
    [ruth, *_] = (thread for thread, script in told if script == "sign_in_changed_told")
    assert [script for thread, script in told if thread == ruth] == ["sign_in_changed_told"] * 2
    assert [script for thread, script in told if thread != ruth] == ["sign_in_changed"]
    easy = CliRunner().invoke(app, ["set-password", SAM], input="1234567890\n")
    assert (easy.exit_code, "easy to guess" in easy.output) == (2, True)


def test_maya_is_answered_while_the_operator_types_a_password(
    local: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def type_slowly(*_: object, **__: object) -> str:
        local.texts(MAYA, "hello")
        return "maple tuba seventeen"

    monkeypatch.setattr("typer.prompt", type_slowly)
    assert warmline("set-password", SAM).exit_code == 0
    assert [message.outgoing for message in local.thread(MAYA)][:2] == [False, True]
    assert local.person(SAM).password_hash


def test_duty_turns_on_and_off(local: Talk) -> None:
    assert warmline("duty", SAM, "--on").stdout == "Sam is on duty.\n"
    assert local.person(SAM).on_duty
    assert warmline("duty", SAM, "--off").stdout == "Sam is off duty.\n"
    assert warmline("duty", MAYA).exit_code == 2


def test_assess_answers_each_line_and_reports_a_bad_one() -> None:
    lines = '{"id": 1, "text": "how can i sleep better"}\nnot json\n'
    ran = CliRunner().invoke(app, ["assess"], input=lines)
    first, second = ran.stdout.splitlines()
    assert json.loads(first)["urgency"] == "none"
    assert "error" in second


def test_away_lists_absences_in_local_time(local: Talk) -> None:
    assert warmline("away").stdout == "No one is away.\n"
    local.clock.now = datetime.now(UTC)
    local.texts(SAM, "AWAY 2 weeks")
    local.texts(RUTH, "OFF")
    sam, ruth = warmline("away").stdout.splitlines()
    assert "Sam is away until " in sam
    assert sam.endswith("(America/New_York)")
    assert ruth.endswith("Ruth is away until they text ON")


def test_check_lists_absences_and_their_gaps(local: Talk) -> None:
    local.clock.now = datetime.now(UTC)
    local.texts(SAM, "AWAY 2 weeks")
    told = warmline("check").stdout
    assert "Sam is away until" in told
    assert "is away now" not in told
    local.texts(RUTH, "OFF")
    ran = warmline("check")
    assert ran.exit_code == 1
    assert "Every manager is away now." in ran.stdout
    assert "Everyone on duty is away now." not in ran.stdout


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
