"""Every text that Warmline can send: the script and the bot's responses, read from their files."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from gateway.authoring import readability
from gateway.messaging.marking import LABEL_OF_BOT

ROOT = Path(__file__).resolve().parents[2]

LABEL = f"{LABEL_OF_BOT}: "
# What the checks need to know about texts.
KNOWN: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("texts.toml").read_text("utf-8")
)
BLANKS = KNOWN["blanks"]
BLANK = re.compile(r"\{(\w+)\}")
RATING = re.compile(r"\w+_(?:before|after|score)")
# Hold a mentee's own words of any length, so their length is not measured.
OTHERS_WORDS = frozenset({("mentee_words", "words"), ("goal_reminder", "goal")})

KEYWORD = re.compile(r"(?<![\w-])[A-Z]{2,}(?: [A-Z]{2,})*(?![\w-])")


@dataclass(frozen=True)
class Fault:
    """`where` is a file, with the key in it if there is one. `problem` says what to do."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True)
class Text:
    file: str
    key: str
    words: str
    source: str
    official: bool = False

    @property
    def where(self) -> str:
        return f"{self.file}, {self.key}"

    @cached_property
    def as_sent(self) -> str:
        """With its label and the longest values of its placeholders."""
        return LABEL + BLANK.sub(lambda blank: self._longest(blank[1]) or "", self.words)

    def _longest(self, blank: str) -> str | None:
        if (self.key, blank) in OTHERS_WORDS:
            return ""
        return "10" if RATING.fullmatch(blank) else BLANKS.get(blank)

    @property
    def unknown_blanks(self) -> list[str]:
        return [blank for blank in BLANK.findall(self.words) if self._longest(blank) is None]

    @property
    def prose(self) -> str:
        """The text to grade. A placeholder counts like a keyword, since its value is not ours."""
        return BLANK.sub("KEY", self.words)

    @cached_property
    def grade(self) -> float | None:
        return readability.grade(self.prose)

    @property
    def keywords(self) -> set[str]:
        return set(KEYWORD.findall(self.words)) - {*KNOWN["words"]["no_keywords"]}


@dataclass
class Content:
    texts: list[Text] = field(default_factory=list)
    responses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    file_of: dict[str, str] = field(default_factory=dict)
    forms: dict[str, list[str]] = field(default_factory=dict)
    intents: dict[str, str] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    trained_in: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    root: Path = ROOT

    @property
    def topics(self) -> list[str]:
        return sorted(name[6:] for name in self.intents if name.startswith("topic_"))


def read_content(root: Path = ROOT) -> Content:
    content = Content(root=root)
    _read_script(content, root / "escalation" / "script.toml")
    for file in sorted((root / "bot" / "domain").glob("*.yml")):
        _read_domain(content, file)
    for file in sorted((root / "bot" / "data").glob("*.yml")):
        _read_training(content, file)
    return content


def _read_script(content: Content, file: Path) -> None:
    name = _name(content, file)
    try:
        lines = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        content.faults.append(Fault(name, f"cannot be read: {error}."))
        return
    for key, line in lines.items():
        words = str(line.get("text", ""))
        content.texts.append(Text(name, key, words, str(line.get("source", ""))))
        if not words.strip():
            content.faults.append(Fault(f"{name}, {key}", 'has no words. Add: text = "..."'))
    # The reason for a handoff and who was asked are sent as one text.
    for why, who in product(lines, lines):
        if why.startswith("why_") and (who.startswith("who_") or who == "raised"):
            words = f"{lines[why].get('text')} {lines[who].get('text')}"
            source = str(lines[why].get("source", ""))
            content.texts.append(Text(name, f"{why} + {who}", words, source))


def _read_domain(content: Content, file: Path) -> None:
    read, name = _yaml(content, file), _name(content, file)
    for intent in read.get("intents") or []:
        content.intents[intent if isinstance(intent, str) else next(iter(intent))] = name
    for form, told in (read.get("forms") or {}).items():
        content.forms[form.removesuffix("_form")] = list((told or {}).get("required_slots") or [])
        content.file_of[form] = name
    for key, variants in (read.get("responses") or {}).items():
        if key in content.responses:
            other = content.file_of[key]
            content.faults.append(Fault(f"{name}, {key}", f"is in {other}, too. Keep one of them."))
        content.responses[key], content.file_of[key] = list(variants or []), name
        for variant in content.responses[key]:
            about = variant.get("metadata") or {}
            if "text" in variant:
                source, official = str(about.get("source") or ""), bool(about.get("official"))
                content.texts.append(Text(name, key, str(variant["text"]), source, official))


def _read_training(content: Content, file: Path) -> None:
    read, name = _yaml(content, file), _name(content, file)
    for block in read.get("nlu") or []:
        if intent := block.get("intent"):
            content.trained_in.setdefault(intent, name)
            # Without the marks of entities: [Sam](name) is Sam.
            plain = re.sub(r"\[(.+?)\](?:\(.+?\)|\{.+?\})", r"\1", block.get("examples") or "")
            content.examples[intent] += re.findall(r"^\s*- (.+?)\s*$", plain, re.MULTILINE)


def _yaml(content: Content, file: Path) -> Mapping[str, Any]:
    try:
        read = yaml.safe_load(file.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        sentence = (
            f"cannot be read{line}: {problem}. Compare with a file that works; often a quote is "
            "missing, or a line is not indented like the one above it."
        )
        content.faults.append(Fault(_name(content, file), sentence))
        return {}
    return read if isinstance(read, dict) else {}


def _name(content: Content, file: Path) -> str:
    return file.relative_to(content.root).as_posix()
