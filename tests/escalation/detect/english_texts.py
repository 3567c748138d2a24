"""Our own English sentences, by what detection must find in them (english.toml)."""

import tomllib
from pathlib import Path
from typing import Any

TEXTS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("english.toml").read_text("utf-8")
)


def all_texts(group: str) -> list[str]:
    return [text for texts in TEXTS[group].values() for text in texts]
