"""The crisis numbers on the chat pages are verified again in time."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from escalation import crisis_lines as lines
from tests.conftest import KEY
from tests.line import MAYA, SAM


def test_old_crisis_numbers_are_reported(tmp_path: Path) -> None:
    verified = max(line.verified for line in lines.crisis_lines("en"))
    assert lines.to_look_up_again(verified + timedelta(days=180)) == []
    found = lines.to_look_up_again(verified + timedelta(days=181))
    assert len(found) >= 1
    assert "last verified on" in found[0]
    assert lines.crisis_lines("pt-BR") == lines.crisis_lines("en")
    bad = tmp_path / "en.toml"
    bad.write_text('[[line]]\nnumber = "nine"\n', "utf-8")
    with pytest.raises(lines.BadCrisisLines, match="number"):
        lines.read_crisis_lines(bad)


def test_warmline_check_reports_old_crisis_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway import cli

    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'line.db'}")
    run = CliRunner()
    assert run.invoke(cli.app, ["demo"]).exit_code == 0
    assert "last verified" not in run.invoke(cli.app, ["check"]).output
    monkeypatch.setattr(lines, "LOOK_AGAIN_AFTER", timedelta(days=-10_000))
    checked = run.invoke(cli.app, ["check"])
    assert checked.exit_code == 1
    assert "988" in checked.output

    link = run.invoke(cli.app, ["invite", MAYA])
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/chat/in/[\w-]{40,}\n", link.output)
    assert run.invoke(cli.app, ["invite", SAM]).exit_code == 2
