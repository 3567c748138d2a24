"""The table of requirements is complete, and what it names exists."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.asvs import ROOT, levels, main

Change = Callable[[str], str]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "*.png")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "SECURITY.md", tmp_path)
    return tmp_path


def says(copy: Path, capsys: pytest.CaptureFixture[str], change: Change) -> str:
    file = copy / "docs" / "asvs.toml"
    before = file.read_text("utf-8")
    after = change(before)
    assert after != before
    file.write_text(after, "utf-8")
    assert main("--check", root=copy) == 1
    file.write_text(before, "utf-8")
    return capsys.readouterr().out


def test_the_table_is_complete_and_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(levels()) == 253
    assert main("--check") == 0, capsys.readouterr().out


def test_each_mistake_in_the_table_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def without(number: str) -> Change:
        return lambda text: "".join(
            line for line in text.splitlines(True) if not line.startswith(f'"{number}"')
        )

    def instead(old: str, new: str) -> Change:
        return lambda text: text.replace(old, new)

    def twice(text: str) -> str:
        [line] = [line for line in text.splitlines() if line.startswith('"3.4.1"')]
        return text.replace(line, f"{line}\n{line}")

    for change, sentence in (
        (without("3.4.1"), "3.4.1 (level 1) is missing. Add it to docs/asvs.toml."),
        (twice, "has a requirement twice"),
        (instead('"3.4.1" =', '"3.4.9" ='), "3.4.9 is not a requirement of level 1 or 2."),
        (
            instead("::test_cross_site_requests_are_refused", "::test_nobody_wrote"),
            "3.5.1: the test tests/gateway/web/test_access.py::test_nobody_wrote does not exist.",
        ),
        (instead("#Data map", "#No map"), "docs/security.md has no heading 'No map'"),
        (instead("level_2 = 95", "level_2 = 100"), "the goal is 100 %"),
        (instead("No SQL injection", "No SQL injection at all"), "docs/asvs.md is out of date."),
    ):
        assert sentence in says(copy, capsys, change), sentence
