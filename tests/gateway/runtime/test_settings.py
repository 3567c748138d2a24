"""A missing or invalid setting is reported with what to do."""

import pytest

from gateway.runtime.settings import BadSettings, Settings, check_for_serving, load_settings
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


def test_an_invalid_value_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORT": "eighty",
        "PUBLIC_URL": "x.example",
        "DATABASE_URL": "mysql://x",
        "SMS": "dove",
    }
    for name, value in wrong.items():
        assert problem(monkeypatch, WARMLINE_KEY=KEY, **{name: value}).startswith(name)
        monkeypatch.delenv(name)


def test_urls_are_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@host/db")
    monkeypatch.setenv("PORT", "8123")
    settings = load_settings()
    assert settings.database_url == "postgresql+psycopg://u:p@host/db"
    assert settings.public_url == "http://127.0.0.1:8123", "links follow the port"
    monkeypatch.setenv("PUBLIC_URL", "https://warmline.example/")
    assert load_settings().public_url == "https://warmline.example"


def test_plain_http_is_refused_beyond_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("http://warmline.example", "http://10.0.0.7:8000", "http://localhost.evil.example"):
        said = problem(monkeypatch, WARMLINE_KEY=KEY, PUBLIC_URL=url)
        assert said.startswith("PUBLIC_URL is not valid: http:// works only on this machine")
        assert len(said.splitlines()) == 1
    for url in (
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:8000",
        "https://a.example",
    ):
        monkeypatch.setenv("PUBLIC_URL", url)
        assert load_settings().public_url == url


def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("*", "proxy.example", "10.0.0.0/99", "10.0.0.5;10.0.0.6"):
        said = problem(monkeypatch, WARMLINE_KEY=KEY, TRUSTED_PROXIES=wrong)
        assert said.startswith("TRUSTED_PROXIES is not valid"), wrong
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/16,fd00::/8")
    assert load_settings().trusted_proxies == ("10.0.0.5", "10.1.0.0/16", "fd00::/8")
    monkeypatch.delenv("TRUSTED_PROXIES")
    assert load_settings().trusted_proxies == ()


def test_the_demo_refuses_to_listen_beyond_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problem(monkeypatch, WARMLINE_KEY=KEY, SMS="phones", HOST="0.0.0.0")
    assert said.count("\n") == 0
    assert "HOST=127.0.0.1" in said
    assert "SMS=twilio" in said


def test_a_gateway_starts_only_with_sms_chosen_and_rasas_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    with pytest.raises(BadSettings, match="RASA_TOKEN is missing"):
        check_for_serving(load_settings())
    monkeypatch.setenv("RASA_TOKEN", "t")
    with pytest.raises(BadSettings, match="SMS=twilio for real texts, or SMS=phones"):
        check_for_serving(load_settings())
    monkeypatch.setenv("SMS", "phones")
    check_for_serving(load_settings())
