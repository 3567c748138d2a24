"""The files one deploys with say what is true of the code."""

import re
from pathlib import Path

import yaml

from gateway.cli import COMMANDS
from gateway.runtime.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")


def test_compose_starts_the_three_services_as_they_really_start() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "rasa", "gateway"}
    program, command = services["gateway"]["command"]
    assert program == "warmline"
    assert command in COMMANDS
    assert services["rasa"]["command"] == ["python", "-m", "bot.server"]
    assert (ROOT / "bot" / "server.py").exists()


def test_compose_builds_from_files_that_are_there() -> None:
    for service in COMPOSE["services"].values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).exists()


def test_nothing_but_the_gateway_is_reached_from_outside_and_only_from_here() -> None:
    ports = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    assert ports == {"postgres": [], "rasa": [], "gateway": ["127.0.0.1:8000:8000"]}


def test_every_setting_stands_in_the_example() -> None:
    named = set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields} | {"POSTGRES_PASSWORD"}
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    assert asked <= named


def test_no_committed_file_says_where_packages_come_from() -> None:
    """The machine's own settings of pip and uv do."""
    files = [ROOT / name for name in ("pyproject.toml", "Makefile", ".ci/run")]
    files += [*ROOT.glob("*/requirements.txt"), *ROOT.glob("*/Dockerfile")]
    assert len(files) == 8
    options = r"--(default-index|index|index-url|extra-index-url|find-links|trusted-host)\b"
    settings = r"^\s*\[*(tool\.uv\.index|tool\.uv\.sources)|^\s*(index-url|find-links)\s*="
    for file in files:
        text = file.read_text("utf-8")
        assert not re.search(f"{options}|{settings}", text, re.MULTILINE), file
        assert "requirements" not in file.name or not re.search(r"https?://", text), file


def test_every_pinned_package_has_a_hash() -> None:
    for file in ROOT.glob("*/requirements.txt"):
        pins = re.findall(r"^[a-z0-9].*(?:\n    .*)*", file.read_text("utf-8"), re.MULTILINE)
        assert len(pins) > 50
        assert all(re.match(r"\S+==\S+ \\\n    --hash=sha256:", pin) for pin in pins)
