"""A missing or invalid setting is reported with what to do."""

import pytest

from gateway.runtime.settings import BadSettings, Settings, load_settings
from tests.processes import KEY


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def problem(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as refused:
        load_settings()
    return str(refused.value)


def test_a_missing_key_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problem(monkeypatch)
    assert said.startswith("WARMLINE_KEY is missing")
    assert "make up" in said


def test_twilio_without_its_token_names_each_missing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problem(monkeypatch, WARMLINE_KEY=KEY, SMS="twilio", TWILIO_ACCOUNT_SID="AC1")
    assert "TWILIO_AUTH_TOKEN" in said
    assert "TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID" in said
    assert "TWILIO_ACCOUNT_SID" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PUBLIC_URL", "warmline.example"),
        ("DATABASE_URL", "mysql://x"),
        ("SMS", "pigeon"),
    ],
)
def test_an_invalid_value_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert problem(monkeypatch, WARMLINE_KEY=KEY, **{name: value}).startswith(name)


def test_a_postgres_url_gets_our_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@host/db")
    assert load_settings().database_url == "postgresql+psycopg://u:p@host/db"


def test_public_url_loses_its_trailing_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("PUBLIC_URL", "https://warmline.example/")
    assert load_settings().public_url == "https://warmline.example"


def test_links_follow_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("PORT", "8123")
    assert load_settings().public_url == "http://127.0.0.1:8123"
    monkeypatch.setenv("PUBLIC_URL", "https://warmline.example")
    assert load_settings().public_url == "https://warmline.example"
