"""The fixed sentences of script.toml."""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from escalation.speech.i18n import DEFAULT_LANGUAGE, Phrase

SCRIPT_FILE = Path(__file__).parents[1] / "script.toml"


class BadScript(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


@dataclass(frozen=True)
class Script:
    lines: Mapping[str, str]

    def line(self, key: str, *, language: str = DEFAULT_LANGUAGE, **blanks: object) -> str:
        """The sentence `key` in `language` with its blanks filled.

        Raises:
            KeyError: there is no such line, or a blank of it was not given.
        """
        return Phrase(self.lines[key], blanks).said_in(language)

    def blanks(self, key: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(self.lines[key]) if name}


def load_script(file: Path = SCRIPT_FILE) -> Script:
    """Raises BadScript, naming a line without text or source."""
    try:
        entries = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadScript(file, str(error)) from error
    for key, entry in entries.items():
        for part in ("text", "source"):
            if not isinstance(entry, dict) or not str(entry.get(part, "")).strip():
                raise BadScript(file, f"the line [{key}] has no {part}")
    return Script({key: entry["text"] for key, entry in entries.items()})
