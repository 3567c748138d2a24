"""Settings from the environment and `.env`."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
# No path and no wildcard: list each site that may embed the chat.
ORIGIN = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class BadSettings(Exception):
    """One line for each missing or invalid setting: which one, and what to do."""


class Settings(BaseSettings):
    """The environment takes precedence over `.env`.

    PUBLIC_URL is the URL that others use: Twilio signs its requests with it, and links in alerts
    start with it.
    """

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = f"sqlite:///{ROOT / 'var' / 'warmline.db'}"
    warmline_key: str
    sms: Literal["phones", "twilio"] | None = None
    warmline_old_key: str | None = None
    key_folder: Path | None = None
    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = None
    twilio_from: str | None = None
    twilio_messaging_service_sid: str | None = None
    twilio_voice_from: str | None = None
    smtp_url: str | None = None
    alert_from: str | None = None
    operator_webhook: str | None = None
    operator_email: str | None = None
    heartbeat_url: str | None = None
    twilio_base_url: str | None = None
    public_url: str = "http://127.0.0.1:8000"
    rasa_url: str = "http://127.0.0.1:5005"
    rasa_token: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    policy_file: Path = ROOT / "escalation" / "policy.toml"
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    chat_origins: Annotated[tuple[str, ...], NoDecode] = ()

    @property
    def keys(self) -> Path:
        """Where the keys are: KEY_FOLDER, or `keys` beside the SQLite file, or var/keys."""
        if self.key_folder is not None:
            return self.key_folder
        scheme, _, file = self.database_url.partition(":///")
        return Path(file).parent / "keys" if scheme == "sqlite" else ROOT / "var" / "keys"

    @model_validator(mode="before")
    @classmethod
    def default_public_url(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("port") and not given.get("public_url"):
            return {**given, "public_url": f"http://127.0.0.1:{given['port']}"}
        return given

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @field_validator("public_url")
    @classmethod
    def clean_public_url(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("it must start with http:// or https://")
        if url.startswith("http://") and not is_loopback(urlsplit(url).hostname or ""):
            raise ValueError("http:// works only on this machine; other addresses need https://")
        return url.rstrip("/")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def split_proxies(cls, written: Any) -> Any:
        """Addresses or networks of our own proxies, separated by commas."""
        if not isinstance(written, str):
            return written
        proxies = tuple(each.strip() for each in written.split(",") if each.strip())
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy!r} is neither an address like 10.0.0.5 nor a network like 10.0.0.0/24"
                ) from None
        return proxies

    @field_validator("chat_origins", mode="before")
    @classmethod
    def split_origins(cls, written: Any) -> Any:
        """Sites that may embed the chat: `https://school.example`, separated by commas."""
        if not isinstance(written, str):
            return written
        origins = tuple(each.strip().rstrip("/") for each in written.split(",") if each.strip())
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not a site. Write it like https://school.example")
        return origins

    @field_validator("database_url")
    @classmethod
    def select_driver(cls, url: str) -> str:
        """Hosting services give postgres:// URLs; we use psycopg 3."""
        for scheme in ("postgres://", "postgresql://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("it must start with sqlite:/// or postgresql://")
        return url

    @field_validator("smtp_url")
    @classmethod
    def check_smtp(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        if url and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("write it like smtp://user:password@mail.example:587, or smtps://…")
        return url

    @field_validator("operator_webhook", "heartbeat_url")
    @classmethod
    def check_url(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        secure = parts.scheme == "https" or is_loopback(parts.hostname or "")
        if url and (parts.scheme not in ("http", "https") or not secure):
            raise ValueError("it must start with https://")
        return url

    @model_validator(mode="after")
    def mail_is_complete(self) -> "Settings":
        if self.smtp_url and not self.alert_from:
            raise ValueError("SMTP_URL needs ALERT_FROM, the address that our e-mail comes from")
        if self.operator_email and not self.smtp_url:
            raise ValueError("OPERATOR_EMAIL needs SMTP_URL, the server that sends our e-mail")
        return self

    @model_validator(mode="after")
    def twilio_is_complete(self) -> "Settings":
        needed = {
            "TWILIO_ACCOUNT_SID": self.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": self.twilio_auth_token,
            "TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID": (
                self.twilio_from or self.twilio_messaging_service_sid
            ),
        }
        missing = [name for name, value in needed.items() if not value]
        if self.sms == "phones" and not is_loopback(self.host):
            raise ValueError(
                f"SMS=phones is the demo: everyone who reaches it can read and write as anyone, so "
                f"it does not listen on HOST={self.host}. Set HOST=127.0.0.1, or SMS=twilio"
            )
        if self.sms == "twilio" and missing:
            raise ValueError(
                f"SMS=twilio needs {', '.join(missing)}. "
                "Set it in .env, or set SMS=phones to try Warmline without a Twilio account"
            )
        return self


def check_for_serving(settings: Settings) -> None:
    """Raises BadSettings for what has no safe default. Only `make up` chooses the demo itself."""
    if not settings.rasa_token:
        raise BadSettings(
            "RASA_TOKEN is missing. Set a long random one in .env: the bot refuses others with it."
        )
    if settings.sms is None:
        raise BadSettings(
            "SMS is missing. Set SMS=twilio for real texts, or SMS=phones for the demo, in which "
            "anyone on this machine can text as anyone."
        )


ADVICE = {
    "warmline_key": "run `make up` once, which writes a key to .env, or run `warmline key`",
    "public_url": "set the URL at which Twilio and mentors reach this server",
    "database_url": "for example sqlite:///var/warmline.db",
    "trusted_proxies": "list the addresses from which your own proxies connect, or leave it empty",
    "chat_origins": "list the sites that may embed the chat, separated by commas",
}


def load_settings(**given: Any) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        raise BadSettings("\n".join(_say(problem) for problem in error.errors())) from None


def _say(problem: Any) -> str:
    said = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{said}."
    key = str(problem["loc"][0])
    what = "is missing" if problem["type"] == "missing" else f"is not valid: {said}"
    return f"{key.upper()} {what}. To fix it: {ADVICE.get(key, 'see .env.example')}."
