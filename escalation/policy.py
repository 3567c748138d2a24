"""The policy file, read and checked once."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models import Urgency

POLICY_FILE = Path(__file__).with_name("policy.toml")

Probability = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[float, Field(gt=0)]
Group = Literal["own", "back_up", "duty", "managers"]


class BadPolicy(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Thresholds(Part):
    crisis: Probability
    concern: Probability
    connection: Probability
    tools: Probability

    @model_validator(mode="after")
    def concern_comes_first(self) -> "Thresholds":
        if self.concern > self.crisis:
            raise ValueError("thresholds.concern must not be above thresholds.crisis")
        return self


class BotPatience(Part):
    timeout_seconds: Annotated[float, Field(gt=0, le=10)]
    stuck_after: Annotated[int, Field(ge=1)]
    skills_by_name: tuple[str, ...]

    def names_a_skill(self, words: str) -> bool:
        return any(name in words.casefold() for name in self.skills_by_name)


class Repeat(Part):
    bot_away_minutes: Minutes
    still_waiting_minutes: Minutes
    unknown_number_minutes: Minutes
    new_message_minutes: Minutes


class Disclosure(Part):
    again_after_idle_days: Annotated[float, Field(gt=0)]
    again_every_hours: Annotated[float, Field(gt=0)]


class AnswerWithin(Part):
    routine: Minutes
    soon: Minutes
    crisis: Minutes


class Claim(Part):
    answer_within_minutes: AnswerWithin


class AlertTimes(Part):
    delivered_within_minutes: Minutes
    give_up_after_minutes: Minutes


class Relay(Part):
    mentor_sms: Literal["link", "words"]


class Rung(Part):
    page: Annotated[tuple[Group, ...], Field(min_length=1)]
    wait_minutes: Minutes

    @property
    def wait(self) -> timedelta:
        return timedelta(minutes=self.wait_minutes)


class Ladder(Part):
    outside_hours: Literal["wait", "skip", "page"]
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1)]

    def at(self, rung: int) -> Rung:
        """The rung with this index, from 0; beyond the last one, the last one again."""
        return self.rungs[min(rung, len(self.rungs) - 1)]


class Ladders(Part):
    routine: Ladder
    soon: Ladder
    crisis: Ladder


class Policy(Part):
    thresholds: Thresholds
    bot: BotPatience
    repeat: Repeat
    disclosure: Disclosure
    claim: Claim
    alert: AlertTimes
    relay: Relay
    ladder: Ladders

    def ladder_for(self, urgency: Urgency) -> Ladder:
        ladder: Ladder = getattr(self.ladder, urgency.name.lower())
        return ladder

    def answer_within(self, urgency: Urgency) -> timedelta:
        minutes: float = getattr(self.claim.answer_within_minutes, urgency.name.lower())
        return timedelta(minutes=minutes)


def load_policy(file: Path = POLICY_FILE) -> Policy:
    """Raises BadPolicy, naming the key and what is wrong with it."""
    try:
        return Policy.model_validate(tomllib.loads(file.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise BadPolicy(file, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadPolicy(file, f"{key}: {first['msg']}" if key else first["msg"]) from error
