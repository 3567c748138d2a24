"""Every text that Warmline can send: the script and the bot's responses, read from their files."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from gateway.authoring import readability
from gateway.messaging.outbox import LABEL_OF_BOT

ROOT = Path(__file__).resolve().parents[2]

LABEL = f"{LABEL_OF_BOT}: "
# The longest value of each placeholder, so that a text fits with it.
BLANKS = {
    "age": "18",
    "also": "muscle relaxation",
    "before": "Alexandra",
    "code": "12345",
    "codes": "#12345, #12346 and #12347",
    "date": "Wednesday 30 September",
    "days": "30",
    "error_code": "30007",
    "example": "12345",
    "holder": "Maximilian",
    "keyword": "WELLBEING",
    "link": "https://warmline.example.org/console/12345",
    "mentor": "Maximilian",
    "mentors": "Maximilian, Alexandra and Christina",
    "minutes": "45",
    "outcome": "not needed",
    "program": "Harbor Mentoring",
    "start": "Wed 30 Sep 2027 12:00",
    "time": "Wednesday 12:00",
    "tongue": "ESPAÑOL",
    "until": "Wed 30 Sep 2027 12:00",
    "who": "Maximilian",
    "whose": "your mentee",
    "why": "Maximilian already has enough to carry. These can: "
    "Alexandra, Benjamin, Christina, Dominique, Elizabeth and others.",
}
RATING = re.compile(r"\w+_(?:before|after|score)")
# Hold a mentee's own words of any length, so their length is not measured.
OTHERS_WORDS = frozenset({("mentee_words", "words"), ("goal_reminder", "goal")})

# Words in capitals that are not keywords.
NO_KEYWORDS = frozenset({"OK", "TV", "PM", "AM", "US", "UK", "WHO", "CDC", "CC"})
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
    """One text. A response with variants has one for each."""

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
        return LABEL + re.sub(r"\{(\w+)\}", lambda blank: self._longest(blank[1]), self.words)

    def _longest(self, blank: str) -> str:
        if (self.key, blank) in OTHERS_WORDS:
            return ""
        return "10" if RATING.fullmatch(blank) else BLANKS.get(blank, "")

    @property
    def unknown_blanks(self) -> list[str]:
        return [
            blank
            for blank in re.findall(r"\{(\w+)\}", self.words)
            if not (blank in BLANKS or RATING.fullmatch(blank) or (self.key, blank) in OTHERS_WORDS)
        ]

    @property
    def prose(self) -> str:
        """The text to grade. A placeholder counts like a keyword, since its value is not ours."""
        return re.sub(r"\{\w+\}", "KEY", self.words)

    @cached_property
    def grade(self) -> float | None:
        return readability.grade(self.prose)

    @property
    def keywords(self) -> set[str]:
        return set(KEYWORD.findall(self.words)) - NO_KEYWORDS


@dataclass
class Content:
    """All texts and training data, and the files that could not be read."""

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


# --- reading ---


def read_content(root: Path = ROOT) -> Content:
    """Read escalation/script.toml and bot/domain and bot/data below `root`."""
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
        words, source = str(line.get("text", "")), str(line.get("source", ""))
        content.texts.append(Text(name, key, words, source))
        if not words.strip():
            content.faults.append(Fault(f"{name}, {key}", 'has no words. Add: text = "..."'))
    for first, second in _said_together(lines):
        words = f"{lines[first].get('text')} {lines[second].get('text')}"
        source = str(lines[first].get("source", ""))
        content.texts.append(Text(name, f"{first} + {second}", words, source))


def _said_together(lines: Iterable[str]) -> list[tuple[str, str]]:
    """The reason for a handoff and who was asked are sent as one text."""
    whys = [key for key in lines if key.startswith("why_")]
    whos = [key for key in lines if key.startswith("who_") or key == "raised"]
    return [(why, who) for why in whys for who in whos]


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
        for variant in variants or []:
            about = variant.get("metadata") or {}
            if "text" in variant:
                source = str(about.get("source") or "")
                official = bool(about.get("official"))
                content.texts.append(Text(name, key, str(variant["text"]), source, official))


def _read_training(content: Content, file: Path) -> None:
    read, name = _yaml(content, file), _name(content, file)
    for block in read.get("nlu") or []:
        if intent := block.get("intent"):
            content.trained_in.setdefault(intent, name)
            lines = re.findall(r"^\s*- (.+)$", block.get("examples") or "", re.MULTILINE)
            content.examples[intent] += [_without_entities(line) for line in lines]


def _without_entities(line: str) -> str:
    return re.sub(r"\[(.+?)\](?:\(.+?\)|\{.+?\})", r"\1", line).strip()


def _yaml(content: Content, file: Path) -> Mapping[str, Any]:
    try:
        read = yaml.safe_load(file.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        content.faults.append(
            Fault(
                _name(content, file),
                f"cannot be read{line}: {problem}. Compare with a file that works; often a quote "
                "is missing, or a line is not indented like the one above it.",
            )
        )
        return {}
    return read if isinstance(read, dict) else {}


def _name(content: Content, file: Path) -> str:
    return file.relative_to(content.root).as_posix()
