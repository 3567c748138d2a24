"""Crisis lines, by kind of danger: one file for each language."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models import Danger

FOLDER = Path(__file__).parent
DEFAULT_LANGUAGE = "en"
NUMBER = re.compile(r"\b\d{3}(?:-\d{3}-\d{4})?\b(?!-)")
LOOK_AGAIN_AFTER = timedelta(days=180)


class BadCrisisLines(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


class CrisisLine(BaseModel):
    """`ways`: tel for a call, sms for a text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")]
    ways: Annotated[tuple[Literal["tel", "sms"], ...], Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    says: Annotated[str, Field(min_length=1)]
    # Empty: at any hour, for everybody.
    dangers: frozenset[Danger] = frozenset()
    # What a text must begin with to get this language.
    sms_words: str = ""
    verified: date
    source: Annotated[str, Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    line: Annotated[tuple[CrisisLine, ...], Field(min_length=1)]
    by_text: Mapping[Danger, str]

    @model_validator(mode="after")
    def numbers_are_verified(self) -> "_File":
        known = {line.number for line in self.line}
        for danger in Danger:
            named = NUMBER.findall(self.by_text.get(danger, ""))
            if not named:
                raise ValueError(f"by_text.{danger.value} has no number")
            if unknown := [one for one in named if one.replace("-", "") not in known]:
                raise ValueError(f"by_text.{danger.value}: {unknown[0]} is in no [[line]]")
        return self


@cache
def crisis_lines(language: str = DEFAULT_LANGUAGE) -> tuple[CrisisLine, ...]:
    """Those for everybody. Raises BadCrisisLines."""
    return tuple(line for line in _read(_find(language)).line if not line.dangers)


@cache
def numbers_by_text(danger: Danger | None, language: str = DEFAULT_LANGUAGE) -> str:
    """The sentences that name them in a text message. Raises BadCrisisLines."""
    return _read(_find(language)).by_text[danger or Danger.OTHER]


def _find(language: str) -> Path:
    """For `language` (BCP 47) if it has a file, otherwise for English."""
    files = {file.stem: file for file in FOLDER.glob("*.toml")}
    return files.get(language) or files.get(language.split("-")[0]) or files[DEFAULT_LANGUAGE]


def read_crisis_lines(file: Path) -> tuple[CrisisLine, ...]:
    """All of them. Raises BadCrisisLines."""
    return _read(file).line


def _read(file: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(file.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise BadCrisisLines(file, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadCrisisLines(file, f"{key}: {first['msg']}") from error


def to_look_up_again(today: date, folder: Path = FOLDER) -> list[str]:
    """A sentence for each number whose check is too old."""
    return [
        f"The crisis number {line.number} ({file.name}) was last verified on {line.verified}. "
        f"Look it up at {line.source} and write the new date into escalation/crisis_lines."
        for file in sorted(folder.glob("*.toml"))
        for line in read_crisis_lines(file)
        if today - line.verified > LOOK_AGAIN_AFTER
    ]
