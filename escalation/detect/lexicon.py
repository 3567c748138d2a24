"""The phrase lists under escalation/lexicon, read and checked once.

The files are meant to be read and edited by a clinician; a mistake in one is named with its
file and rule, and nothing starts.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from escalation.signals import Axis, YesOrNo

FOLDER = Path(__file__).parent.parent / "lexicon"
FILES = ("spellings", "idioms", "crisis", "requests", "guards", "wishes")

# English is the language that the heads were trained on, and the only one with cues for them. The
# files of another are named after it: es_crisis.toml.
ENGLISH, SPANISH = "en", "es"

LONG_FORM = 6

LIST_NAME = re.compile(r"<([a-z_0-9]+)>")


class Kind(StrEnum):
    """What a crisis sentence speaks of."""

    IDEATION = "ideation"
    PASSIVE = "passive"
    PLAN = "plan"
    ACT = "act"
    URGE = "urge"
    SELF_HARM = "self_harm"
    ABUSE = "abuse"
    VIOLENCE = "violence"
    OTHER = "other"
    PAST = "past"


class Where(StrEnum):
    """Which words around a match a guard looks at."""

    BEFORE = "before"
    AFTER = "after"
    SENTENCE = "sentence"
    MESSAGE = "message"
    QUOTED = "quoted"


class BadLexicon(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


@dataclass(frozen=True)
class Spellings:
    """`sought` are those of the words that a slip of the finger may have meant."""

    words: Mapping[str, str]
    sought: frozenset[str]
    phrases: tuple[tuple[re.Pattern[str], str], ...]


@dataclass(frozen=True)
class Idiom:
    name: str
    pattern: re.Pattern[str]
    means: str


@dataclass(frozen=True)
class CrisisRule:
    name: str
    kind: Kind
    score: float
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class RequestRule:
    name: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Guard:
    name: str
    where: Where
    leaves: float
    kinds: frozenset[Kind]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None


@dataclass(frozen=True)
class Cue:
    name: str
    axis: Axis
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Lexicon:
    """Every phrase list of one language. `version` changes with any edit of any of its files.

    `signs` are words by which a message is known to be in this language; English needs none.
    """

    spellings: Spellings
    idioms: tuple[Idiom, ...]
    crisis: tuple[CrisisRule, ...]
    requests: tuple[RequestRule, ...]
    answers: Mapping[YesOrNo, re.Pattern[str]]
    guards: tuple[Guard, ...]
    cues: tuple[Cue, ...]
    signs: frozenset[str]
    version: str


@dataclass(frozen=True)
class RelianceLexicon:
    """`denied` is looked for in the words before a match of a rule."""

    rules: tuple[RequestRule, ...]
    denied: re.Pattern[str]


def _compile(
    file: Path, name: str, pattern: str, lists: Mapping[str, list[str]]
) -> re.Pattern[str]:
    def alternatives(match: re.Match[str]) -> str:
        if match[1] not in lists:
            raise BadLexicon(file, f"{name}: there is no word list <{match[1]}>")
        words = (LIST_NAME.sub(alternatives, word) for word in lists[match[1]])
        return f"(?:{'|'.join(words)})"

    try:
        return re.compile(LIST_NAME.sub(alternatives, pattern))
    except re.error as error:
        raise BadLexicon(file, f"{name}: the pattern does not read: {error}") from error


@dataclass(frozen=True)
class _Source:
    """One file, and the way its entries are read."""

    file: Path
    content: Mapping[str, Any]

    def entries(self, table: str) -> list[dict[str, Any]]:
        return list(self.content.get(table, []))

    def text(self, entry: Mapping[str, Any], key: str) -> str:
        if not isinstance(entry.get(key), str):
            raise BadLexicon(self.file, f"{entry.get('name', 'an entry')}: {key} is missing")
        return str(entry[key])

    def share(self, entry: Mapping[str, Any], key: str) -> float:
        value = entry.get(key)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise BadLexicon(self.file, f"{entry['name']}: {key} must be between 0 and 1")
        return float(value)

    def pattern(self, entry: Mapping[str, Any], key: str = "pattern") -> re.Pattern[str]:
        return _compile(
            self.file,
            self.text(entry, "name"),
            self.text(entry, key),
            self.content.get("words", {}),
        )

    def kind(self, entry: Mapping[str, Any], word: str) -> Kind:
        if word not in set(Kind):
            raise BadLexicon(self.file, f"{entry['name']}: there is no kind {word!r}")
        return Kind(word)


def _source(name: str) -> _Source:
    file = FOLDER / f"{name}.toml"
    try:
        return _Source(file, tomllib.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise BadLexicon(file, str(error)) from error


def _spellings(source: _Source) -> Spellings:
    words, phrases = source.content["words"], source.content["phrases"]
    return Spellings(
        words=dict(words),
        # Of a short form, too little is left to tell what it would be one slip away from.
        sought=frozenset(w for w, plain in words.items() if w == plain or len(w) >= LONG_FORM),
        phrases=tuple((_compile(source.file, p, p, {}), plain) for p, plain in phrases.items()),
    )


def _crisis(source: _Source) -> tuple[CrisisRule, ...]:
    return tuple(
        CrisisRule(
            source.text(entry, "name"),
            source.kind(entry, source.text(entry, "kind")),
            source.share(entry, "score"),
            source.pattern(entry),
        )
        for entry in source.entries("rule")
    )


def _guards(source: _Source) -> tuple[Guard, ...]:
    return tuple(
        Guard(
            source.text(entry, "name"),
            Where(source.text(entry, "where")),
            source.share(entry, "leaves"),
            frozenset(source.kind(entry, word) for word in entry.get("kinds", list(Kind))),
            source.pattern(entry),
            source.pattern(entry, "unless") if "unless" in entry else None,
        )
        for entry in source.entries("guard")
    )


def _cues(source: _Source) -> tuple[Cue, ...]:
    return tuple(
        Cue(source.text(e, "name"), Axis(source.text(e, "axis")), source.pattern(e))
        for e in source.entries("cue")
    )


@cache
def load_lexicon(language: str = ENGLISH) -> Lexicon:
    """Raises BadLexicon, naming the file, the rule and what is wrong with it."""
    named = {
        name: name if language == ENGLISH else f"{language}_{name}"
        for name in FILES
        if language == ENGLISH or name != "wishes"
    }
    sources = {name: _source(file) for name, file in named.items()}
    idioms, requests, spellings = sources["idioms"], sources["requests"], sources["spellings"]
    content = b"".join((FOLDER / f"{file}.toml").read_bytes() for file in named.values())
    return Lexicon(
        spellings=_spellings(spellings),
        idioms=tuple(
            Idiom(idioms.text(e, "name"), idioms.pattern(e), idioms.text(e, "means"))
            for e in idioms.entries("idiom")
        ),
        crisis=_crisis(sources["crisis"]),
        requests=tuple(
            RequestRule(requests.text(e, "name"), requests.pattern(e))
            for e in requests.entries("rule")
        ),
        answers={
            answer: _compile(requests.file, answer, requests.content["answers"][answer], {})
            for answer in YesOrNo
        },
        guards=_guards(sources["guards"]),
        cues=_cues(sources["wishes"]) if "wishes" in sources else (),
        signs=frozenset(spellings.content.get("signs", {}).get("words", "").split()),
        version=hashlib.sha256(content).hexdigest()[:8],
    )


@cache
def load_reliance() -> RelianceLexicon:
    """Apart from `load_lexicon`, whose version names what the scores were made with.

    Raises BadLexicon.
    """
    source = _source("reliance")
    denied = {"name": "denied", **source.content.get("denied", {})}
    return RelianceLexicon(
        tuple(
            RequestRule(source.text(e, "name"), source.pattern(e)) for e in source.entries("rule")
        ),
        source.pattern(denied),
    )
