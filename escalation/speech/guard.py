"""The authenticity guard: finds what the bot must not claim in what it is about to send.

Bot and script text can reflect and sum up what a mentee wrote. It must not claim feelings, care,
worry, friendship, humanity, watching over, memory of caring, or a promise it cannot keep. It can
deny them ("I am a program, I cannot feel that"), attribute them to others ("a mentor can care"),
and give words for the mentee to use ("you could say: I am worried about you").

Two checks. Rules find claims by kind. They cannot know every wording, so every other first-person
statement that is neither denied nor on the list of allowed ones is a claim of kind `first_person`.
That stops some harmless sentences. Their authors learn it when `warmline check` reads the texts.

The rules are in guard.toml. `python -m escalation.speech.guard_errors` prints the error rates.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

from escalation.lookalikes import latin, simplify

RULES_FILE = Path(__file__).with_name("guard.toml")
HEART = "<heart>"
HEARTS = frozenset("♥❣❤💌💓💔💕💖💗💘💙💚💛💜💝💞🖤🤍🤎🧡🩷🩵🩶🤗🥰😍😘😚😙😗💋🫂🫶😻")
TOKEN = re.compile(r"<3+|\.{2,}|\d+(?:[.,:]\d+)*|\{\w+\}|[^\W_]+(?:['-][^\W_]+)*|\S|\n")
ENDS = frozenset(".!?;\n")


class Kind(StrEnum):
    FEELING = "feeling"
    CARE = "care"
    WORRY = "worry"
    FRIENDSHIP = "friendship"
    HUMANITY = "humanity"
    WATCHING = "watching"
    MEMORY_OF_CARING = "memory_of_caring"
    PROMISE = "promise"
    FIRST_PERSON = "first_person"


@dataclass(frozen=True)
class Claim:
    """`span` is a substring of the text; `rule` names what found it."""

    kind: Kind
    rule: str
    span: str


@lru_cache(maxsize=1024)
def claims(text: str) -> tuple[Claim, ...]:
    """Everything that the bot must not claim and `text` does. Never raises."""
    guard = load_guard()
    found: list[Claim] = []
    before = ""
    for sentence in _sentences(_tokens(text)):
        line = _Line(sentence)
        is_item, before = guard.matches("numbered", before), line.words
        named = [(rule, match) for rule in guard.claims for match in line.claimed_by(rule)]
        for rule, match in named:
            found.append(Claim(rule.kind, rule.name, line.quote(text, match)))
        if not named and not is_item:
            for match in line.claims_about_itself():
                found.append(Claim(Kind.FIRST_PERSON, "first_person", line.quote(text, match)))
    return tuple(found)


# --- the rules ---


@dataclass(frozen=True)
class Rule:
    """`deniable` is False where a "not" is part of the claim: "I will not tell anyone"."""

    kind: Kind
    name: str
    pattern: re.Pattern[str]
    deniable: bool


class Guard:
    def __init__(self) -> None:
        read = tomllib.loads(RULES_FILE.read_text("utf-8"))
        self._fragments = {"heart_sign": HEART}
        for name, entry in read["fragments"].items():
            self._fragments[name] = self._filled(entry)
        self.spellings: dict[str, str] = read["spellings"]
        self.endings: dict[str, str] = read["endings"]
        self._patterns = {
            name: re.compile(self._filled(entry))
            for name, entry in (read["reading"] | read["denials"]).items()
        }
        self.claims = tuple(
            Rule(Kind(kind), f"{kind}.{name}", re.compile(self._filled(entry)), deniable)
            for table, deniable in (("claims", True), ("claims_in_denials", False))
            for kind, entries in read[table].items()
            for name, entry in entries.items()
        )
        closed = read["first_person"]
        self.harmless = re.compile(self._filled(closed["harmless"]))
        self.first_person = re.compile(
            self._filled(r"\b(?:i|we) {between}")
            + f"(?!(?:{self._filled(closed['may_go_on'])})\\b)"
            + r"(?:[\w'-]+|$|[,.!?:])|\b(?:me|my|mine|myself|us|our|ours|ourselves)\b"
        )

    def _filled(self, entry: str | list[str]) -> str:
        joined = entry if isinstance(entry, str) else "".join(entry)
        return re.sub(r"\{([a-z]\w*)\}", lambda name: self._fragments[name[1]], joined)

    def matches(self, name: str, words: str) -> bool:
        return self._patterns[name].fullmatch(words) is not None

    def finds(self, name: str, words: str, start: int = 0) -> bool:
        return self._patterns[name].search(words, start) is not None

    def without(self, name: str, words: str) -> str:
        return self._patterns[name].sub("", words)

    def ends(self, name: str, words: str) -> list[int]:
        return [match.end() for match in self._patterns[name].finditer(words)]


@cache
def load_guard() -> Guard:
    # Not at import: it takes 0.15 s of CPU, and few commands write texts.
    return Guard()


# --- reading ---


@dataclass(frozen=True)
class _Token:
    plain: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    normalized, places = _normalized(text)
    tokens = []
    for match in TOKEN.finditer(normalized):
        start, end = places[match.start()], places[match.end() - 1] + 1
        tokens += [_Token(plain, start, end) for plain in _in_plain_words(match.group())]
    following = [token.plain for token in tokens[1:]] + [""]
    return [_as_meant(token, after) for token, after in zip(tokens, following, strict=False)]


def _normalized(text: str) -> tuple[str, list[int]]:
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = " <3 " if character in HEARTS else latin(simplify(character))
        letters += plain
        places += [place] * len(plain)
    return "".join(letters), places


def _in_plain_words(word: str) -> list[str]:
    guard = load_guard()
    if word.startswith("<3"):
        return [HEART]
    if word.startswith("{"):
        return ["sam"]  # a blank for a name or a number
    if set(word) == {"."}:
        return [","] if len(word) > 1 else ["."]
    word = re.sub(r"([^\W\d])\1{2,}", r"\1", word)
    if word in guard.spellings:
        return guard.spellings[word].split()
    if word.endswith("n't"):
        return [{"ca": "can", "wo": "will", "ai": "is"}.get(word[:-3], word[:-3]), "not"]
    for ending, full in guard.endings.items():
        if word.endswith(ending):
            return [*_in_plain_words(word.removesuffix(ending)), full]
    if word.endswith("'s"):
        owner = word.removesuffix("'s")
        return [owner, "is"] if guard.matches("is_after", owner) else [owner]
    return [word]


def _as_meant(token: _Token, after: str) -> _Token:
    if token.plain == "ill" and load_guard().matches("after_will", after):
        return replace(token, plain="i will")
    if token.plain == "id" and load_guard().matches("after_would", after):
        return replace(token, plain="i would")
    return token


def _sentences(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The sentences, without words that are quoted or given to the mentee."""
    sentence: list[_Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = _closing(tokens, position)
        if end is not None and _is_theirs(sentence, tokens[end + 1 :]):
            position = end
        elif token.plain in ENDS:
            yield [*sentence, token]
            sentence = []
        elif token.plain == ":" and _gives_words(sentence):
            if _closing(tokens, position + 1) is None:
                while position + 1 < len(tokens) and tokens[position + 1].plain not in ENDS:
                    position += 1
        else:
            sentence.append(token)
        position += 1
    yield sentence


def _closing(tokens: list[_Token], opening: int) -> int | None:
    if opening >= len(tokens) or tokens[opening].plain not in ('"', "'"):
        return None
    for position in range(opening + 1, len(tokens)):
        if tokens[position].plain == tokens[opening].plain:
            return position
    return None


def _is_theirs(before: list[_Token], after: list[_Token]) -> bool:
    """Whether a quotation is someone else's: not introduced by the bot, and not the whole text."""
    intro = " ".join(token.plain for token in before)
    outside = intro or any(token.plain.isalpha() for token in after)
    return bool(outside) and not load_guard().finds("ours", intro)


def _gives_words(intro: list[_Token]) -> bool:
    words = " ".join(token.plain for token in intro)
    return load_guard().finds("gives_words", words) and not load_guard().finds("ours", words)


class _Line:
    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._starts: list[int] = []
        length = 0
        for token in tokens:
            self._starts.append(length)
            length += len(token.plain) + 1
        self.words = " ".join(token.plain for token in tokens)

    def quote(self, text: str, match: re.Match[str]) -> str:
        inside = [
            token
            for token, start in zip(self._tokens, self._starts, strict=True)
            if start < match.end() and start + len(token.plain) > match.start()
        ]
        return text[inside[0].start : inside[-1].end]

    def claimed_by(self, rule: Rule) -> Iterator[re.Match[str]]:
        for match in rule.pattern.finditer(self.words):
            if not (rule.deniable and self._denies(match)) and not self._is_theirs(match):
                yield match

    def claims_about_itself(self) -> Iterator[re.Match[str]]:
        """First-person statements that are not on the list of allowed ones."""
        harmless = [match.span() for match in load_guard().harmless.finditer(self.words)]
        for match in load_guard().first_person.finditer(self.words):
            on_the_list = any(start <= match.start() < end for start, end in harmless)
            if not on_the_list and not self._denies(match):
                yield match

    def _denies(self, match: re.Match[str]) -> bool:
        """Within itself, before it in its clause, or as untrue."""
        if _says_no(match.group()) or load_guard().finds("untrue", self.words, match.end()):
            return True
        before = self._clause_before(match)
        if load_guard().matches("asks", before) and self.words.endswith("?"):
            return True
        denies = _says_no(load_guard().without("empty_no_before", before))
        return denies and not re.match(r"(?:you|do not|never|please)\b", before)

    def _is_theirs(self, match: re.Match[str]) -> bool:
        """Whether someone else hopes or says it: "you hope that it gets better"."""
        if re.search(r"\b(?:i|we|me|us|my|our)\b", match.group()):
            return False
        before = self._clause_before(match)
        return load_guard().finds("thinks", before) and not re.search(r"\b(?:i|we)\b", before)

    def _clause_before(self, match: re.Match[str]) -> str:
        before = self.words[: match.start()]
        return before[max(load_guard().ends("clause", before), default=0) :].strip()


def _says_no(words: str) -> bool:
    return load_guard().finds("no", load_guard().without("empty_no", words))
