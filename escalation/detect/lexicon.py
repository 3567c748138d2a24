"""The phrase lists under escalation/lexicon, read and checked once.

Clinicians edit them. A mistake stops the start, and the error names the file and the entry.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo

from escalation.signals import Axis, YesOrNo
from models import Danger

FOLDER = Path(__file__).parent.parent / "lexicon"

# The classifiers were trained on English, so only English has cues for them. The files of another
# language are named after it: es_crisis.toml.
ENGLISH, SPANISH = "en", "es"

# In a shorter form, such as "idk", too little is left to tell which word a slip comes from.
LONG_FORM = 6

LIST_NAME = re.compile(r"<([a-z_0-9]+)>")


class Kind(StrEnum):
    """What a crisis sentence is about."""

    IDEATION = "ideation"
    PASSIVE = "passive"
    PLAN = "plan"
    ACT = "act"
    URGE = "urge"
    SELF_HARM = "self_harm"
    ABUSE = "abuse"
    EATING = "eating"
    SUBSTANCES = "substances"
    VIOLENCE = "violence"
    OTHER = "other"
    PAST = "past"


class Where(StrEnum):
    """Which words around a match a guard reads."""

    BEFORE = "before"
    AFTER = "after"
    SENTENCE = "sentence"
    MESSAGE = "message"
    QUOTED = "quoted"


class BadLexicon(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


def _compile(pattern: object, info: ValidationInfo) -> re.Pattern[str]:
    """With the word lists of the file, which the context holds, in place of their <names>."""
    lists: Mapping[str, Any] = info.context or {}

    def alternatives(match: re.Match[str]) -> str:
        if not isinstance(lists.get(match[1]), list):
            raise ValueError(f"there is no word list <{match[1]}>")
        words = (LIST_NAME.sub(alternatives, word) for word in lists[match[1]])
        return f"(?:{'|'.join(words)})"

    try:
        return re.compile(LIST_NAME.sub(alternatives, str(pattern)))
    except re.error as error:
        raise ValueError(f"the pattern does not compile: {error}") from error


Pattern = Annotated[re.Pattern[str], PlainValidator(_compile)]
Share = Annotated[float, Field(ge=0, le=1)]


class Rule(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    pattern: Pattern


class Saying(Rule):
    means: str


class CrisisRule(Rule):
    kind: Kind
    score: Share


class Guard(Rule):
    where: Where
    leaves: Share
    kinds: frozenset[Kind] = frozenset(Kind)
    unless: Pattern | None = None


class Narrower(Rule):
    """Words of a message that make the danger that follows from a rule's kind more exact."""

    kinds: frozenset[Kind]
    danger: Danger
    unless: Pattern | None = None


class Cue(Rule):
    axis: Axis


@dataclass(frozen=True)
class Spellings:
    """`sought` are those of the words that a slip of the finger may come from."""

    words: Mapping[str, str]
    sought: frozenset[str]
    phrases: tuple[Saying, ...]


@dataclass(frozen=True)
class Lexicon:
    """Every phrase list of one language. `version` changes with any edit of any of its files.

    `signs` are words that show that a message is in this language; English needs none.
    """

    spellings: Spellings
    idioms: tuple[Saying, ...]
    crisis: tuple[CrisisRule, ...]
    requests: tuple[Rule, ...]
    declines: tuple[Rule, ...]
    takes_back: tuple[Rule, ...]
    answers: Mapping[YesOrNo, re.Pattern[str]]
    guards: tuple[Guard, ...]
    cues: tuple[Cue, ...]
    signs: frozenset[str]
    version: str


@dataclass(frozen=True)
class RelianceLexicon:
    """`denied` is looked for in the words before a match of a rule."""

    rules: tuple[Rule, ...]
    denied: re.Pattern[str]


@dataclass(frozen=True)
class DangerLexicon:
    """What kind of danger the kind of a rule means. The first narrower one that matches counts."""

    of_kind: Mapping[Kind, Danger]
    narrower: tuple[Narrower, ...]


@dataclass(frozen=True)
class BurstLexicon:
    """How a text shows that its sentence is not over, or that it began in the text before."""

    unfinished: tuple[Rule, ...]
    goes_on: tuple[Rule, ...]
    version: str


R = TypeVar("R", bound=Rule)


class _File:
    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"{name}.toml"
        try:
            self.text = self.path.read_text("utf-8")
            self.content: Mapping[str, Any] = tomllib.loads(self.text)
        except (OSError, ValueError) as error:
            raise BadLexicon(self.path, str(error)) from error

    def entries(self, kind: type[R], table: str = "rule") -> tuple[R, ...]:
        return tuple(self.entry(kind, one) for one in self.content.get(table, ()))

    def entry(self, kind: type[R], entry: Mapping[str, Any]) -> R:
        try:
            return kind.model_validate(entry, context=self.content.get("words"))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            problem = first["msg"].removeprefix("Value error, ")
            name = entry.get("name", "an entry")
            raise BadLexicon(self.path, f"{name}: {key}: {problem}") from error


def _spellings(file: _File) -> Spellings:
    words, phrases = file.content["words"], file.content["phrases"].items()
    return Spellings(
        words=words,
        sought=frozenset(w for w, plain in words.items() if w == plain or len(w) >= LONG_FORM),
        phrases=tuple(
            file.entry(Saying, {"name": p, "pattern": p, "means": m}) for p, m in phrases
        ),
    )


@cache
def load_lexicon(language: str = ENGLISH) -> Lexicon:
    """Raises BadLexicon."""
    prefix = "" if language == ENGLISH else f"{language}_"
    names = ("spellings", "idioms", "crisis", "requests", "guards")
    files = {name: _File(f"{prefix}{name}") for name in names}
    if language == ENGLISH:
        files["cues"] = _File("cues")
    spellings, requests = files["spellings"], files["requests"]
    answers = requests.content["answers"]
    content = "".join(file.text for file in files.values())
    return Lexicon(
        spellings=_spellings(spellings),
        idioms=files["idioms"].entries(Saying, "idiom"),
        crisis=files["crisis"].entries(CrisisRule),
        requests=requests.entries(Rule),
        declines=requests.entries(Rule, "declines"),
        takes_back=requests.entries(Rule, "takes_back"),
        answers={
            answer: requests.entry(Rule, {"name": answer, "pattern": answers[answer]}).pattern
            for answer in YesOrNo
        },
        guards=files["guards"].entries(Guard, "guard"),
        cues=files["cues"].entries(Cue, "cue") if "cues" in files else (),
        signs=frozenset(spellings.content.get("signs", {}).get("words", "").split()),
        version=hashlib.sha256(content.encode()).hexdigest()[:8],
    )


@cache
def load_reliance() -> RelianceLexicon:
    """Not part of `load_lexicon`, whose version names what the scores were made with.

    Raises BadLexicon.
    """
    file = _File("reliance")
    denied = {"name": "denied", **file.content.get("denied", {})}
    return RelianceLexicon(file.entries(Rule), file.entry(Rule, denied).pattern)


@cache
def load_bursts() -> BurstLexicon:
    """Raises BadLexicon."""
    file = _File("bursts")
    version = hashlib.sha256(file.text.encode()).hexdigest()[:8]
    return BurstLexicon(file.entries(Rule, "unfinished"), file.entries(Rule, "goes_on"), version)


@cache
def load_dangers() -> DangerLexicon:
    """Not part of `load_lexicon` either: no score depends on it. Raises BadLexicon."""
    file = _File("dangers")
    named = file.content.get("of_kind", {})
    missing = [kind.value for kind in Kind if named.get(kind.value) not in list(Danger)]
    if missing:
        raise BadLexicon(file.path, f"[of_kind] names no danger for {missing[0]}")
    return DangerLexicon(
        {kind: Danger(named[kind.value]) for kind in Kind}, file.entries(Narrower, "narrower")
    )
