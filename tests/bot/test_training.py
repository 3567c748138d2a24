"""When the bot is trained, and the error when that fails."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.environment import ROOT, BotProblem, environment, find_python
from bot.progress import Progress
from bot.server import command
from bot.training import (
    FIRST_GUESS_SECONDS,
    SOURCES,
    complaint,
    expected_seconds,
    fingerprint,
    stage,
    train_if_changed,
    trained_model,
)

told: list[str] = []


@contextmanager
def quietly() -> Iterator[Progress]:
    told.clear()
    yield lambda doing, elapsed, expected: told.append(doing)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The bot's sources, to change."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def test_the_same_sources_have_the_same_fingerprint(copy: Path) -> None:
    assert fingerprint(copy) == fingerprint(ROOT)


CHANGED = ["config.yml", "requirements.txt", "components/detour_policy.py", "domain/sleep.yml"]


def test_a_changed_or_moved_source_changes_the_fingerprint(copy: Path) -> None:
    seen = {fingerprint(copy)}
    for changed in (*CHANGED, "data/sleep.yml"):
        with (copy / changed).open("a") as file:
            file.write("\n# a word more\n")
        seen.add(fingerprint(copy))
    (copy / "data" / "sleep.yml").rename(copy / "data" / "slumber.yml")
    assert len(seen | {fingerprint(copy)}) == 7


def test_nothing_is_done_when_nothing_changed(copy: Path) -> None:
    trained_model(copy).parent.mkdir()
    trained_model(copy).write_bytes(b"a model")
    no_python = copy / "no-python"
    assert train_if_changed(root=copy, python=no_python, report=quietly) == trained_model(copy)
    assert told == []


def test_a_broken_file_is_named_in_plain_words(copy: Path) -> None:
    broken = copy / "data" / "sleep.yml"
    broken.write_text(broken.read_text().replace("action: utter_sleep_why", "action: [utter"))
    with pytest.raises(BotProblem) as problem:
        train_if_changed(root=copy, python=find_python(ROOT), report=quietly)
    assert "could not train the bot" in str(problem.value)
    assert "data/sleep.yml" in str(problem.value)
    assert "Traceback" not in str(problem.value)
    assert not list((copy / "trained").glob("*"))


def test_a_missing_python_is_reported(copy: Path) -> None:
    with pytest.raises(BotProblem, match="to install it in bot"):
        train_if_changed(root=copy, python=copy / "no-python", report=quietly)


def test_the_stages_follow_rasas_log() -> None:
    log = [
        "INFO rasa.cli.train - Started validating domain and training data...",
        "INFO hooks - Starting to train component 'RegexFeaturizer'.",
        "INFO hooks - Starting to train component 'FastRulePolicy'.",
        "INFO hooks - Finished training component 'FastRulePolicy'.",
    ]
    assert [stage(log[:count]) for count in range(5)] == [
        "starting Rasa",
        "validating",
        "training intent model",
        "training dialogue",
        "packing",
    ]


def test_how_long_it_took_is_remembered(tmp_path: Path) -> None:
    assert expected_seconds(tmp_path) == FIRST_GUESS_SECONDS
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "last-seconds").write_text("31.4\n")
    assert expected_seconds(tmp_path) == 31.4


def test_a_complaint_is_never_empty() -> None:
    assert "(nothing)" in complaint([])


def test_an_untrained_bot_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(BotProblem, match=r"python -m bot\.training"):
        command(tmp_path)


def test_rasa_does_not_inherit_the_gateways_environment() -> None:
    env = environment({"VIRTUAL_ENV": "/gateway", "PATH": "/bin", "RASA_TRACKER_DB": "/tmp/t.db"})
    assert "VIRTUAL_ENV" not in env
    assert env["PATH"] == "/bin"
    assert env["RASA_TRACKER_DB"] == "/tmp/t.db"
    assert env["RASA_TELEMETRY_ENABLED"] == "false"
