"""Crisis lines that answer at any hour: one file for each language."""

import tomllib
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOLDER = Path(__file__).parent
DEFAULT_LANGUAGE = "en"
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
    # What a text must begin with to get this language.
    sms_words: str = ""
    verified: date
    source: Annotated[str, Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    line: Annotated[tuple[CrisisLine, ...], Field(min_length=1)]


@cache
def crisis_lines(language: str = DEFAULT_LANGUAGE) -> tuple[CrisisLine, ...]:
    """In `language` (BCP 47) if it has a file, otherwise in English. Raises BadCrisisLines."""
    files = {file.stem: file for file in FOLDER.glob("*.toml")}
    file = files.get(language) or files.get(language.split("-")[0]) or files[DEFAULT_LANGUAGE]
    return read_crisis_lines(file)


def read_crisis_lines(file: Path) -> tuple[CrisisLine, ...]:
    """Raises BadCrisisLines."""
    try:
        return _File.model_validate(tomllib.loads(file.read_text("utf-8"))).line
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
