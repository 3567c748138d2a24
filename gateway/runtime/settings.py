"""What the environment says. A missing or impossible value is named, with what to do."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
# No path and no star: each site that may frame the chat is named.
ORIGIN = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.IGNORECASE)


class BadSettings(Exception):
    """Every setting that is missing or wrong, one a line, each with what to do."""


class Settings(BaseSettings):
    """The environment, and `.env` beside it; the environment wins.

    PUBLIC_URL is the address the outside world uses: Twilio signs its requests with it, and the
    links in alerts begin with it.
    """

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = f"sqlite:///{ROOT / 'var' / 'warmline.db'}"
    warmline_key: str
    sms: Literal["phones", "twilio"] = "phones"
    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = None
    twilio_from: str | None = None
    twilio_messaging_service_sid: str | None = None
    twilio_base_url: str | None = None
    public_url: str = "http://127.0.0.1:8000"
    rasa_url: str = "http://127.0.0.1:5005"
    rasa_token: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    policy_file: Path | None = None
    chat_origins: Annotated[tuple[str, ...], NoDecode] = ()

    @model_validator(mode="before")
    @classmethod
    def at_its_port(cls, given: Any) -> Any:
        """Without PUBLIC_URL links lead to this machine, and there to the port that is served."""
        if isinstance(given, dict) and given.get("port") and not given.get("public_url"):
            return {**given, "public_url": f"http://127.0.0.1:{given['port']}"}
        return given

    @field_validator("public_url")
    @classmethod
    def without_a_slash_at_its_end(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://")
        return url.rstrip("/")

    @field_validator("chat_origins", mode="before")
    @classmethod
    def named_one_by_one(cls, written: Any) -> Any:
        """The sites that may show the chat in a frame: `https://school.example`, with commas."""
        if not isinstance(written, str):
            return written
        origins = tuple(each.strip().rstrip("/") for each in written.split(",") if each.strip())
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no site; write it like https://school.example")
        return origins

    @field_validator("database_url")
    @classmethod
    def with_its_driver(cls, url: str) -> str:
        """Hosts hand out postgres:// addresses; the driver here is psycopg 3."""
        for scheme in ("postgres://", "postgresql://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("it must begin with sqlite:/// or postgresql://")
        return url

    @model_validator(mode="after")
    def twilio_is_complete(self) -> "Settings":
        if self.sms == "twilio":
            missing = [
                key
                for key in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
                if not getattr(self, key.lower())
            ]
            if not (self.twilio_from or self.twilio_messaging_service_sid):
                missing.append("TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID")
            if missing:
                raise ValueError(
                    f"SMS=twilio needs {', '.join(missing)}. "
                    "Set it in .env, or set SMS=phones to try the line without an account"
                )
        return self


ADVICE = {
    "warmline_key": "run `make up` once, which writes one into .env, or `warmline key`",
    "public_url": "give the address under which Twilio and mentors reach this server",
    "database_url": "for example sqlite:///var/warmline.db",
    "chat_origins": "name the sites that may show the chat, with commas between them",
}


def load_settings(**given: Any) -> Settings:
    """Raises BadSettings, naming each key that is missing or wrong and what to do."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise BadSettings("\n".join(_say(problem) for problem in error.errors())) from None


def _say(problem: Any) -> str:
    if not problem["loc"]:
        return str(problem["msg"]).removeprefix("Value error, ") + "."
    key = str(problem["loc"][0])
    what = (
        "is missing"
        if problem["type"] == "missing"
        else "cannot be used: " + str(problem["msg"]).removeprefix("Value error, ")
    )
    advice = ADVICE.get(key, "see .env.example")
    return f"{key.upper()} {what}. To mend it: {advice}."
