"""The authenticity guard: finds what the bot must not claim in what it is about to send.

Bot and script text can reflect and sum up what a mentee wrote. It must not claim feelings, care,
worry, friendship, humanity, watching over, memory of caring, or a promise it cannot keep. It can
deny them ("I am a program, I cannot feel that"), attribute them to others ("a mentor can care"),
and give words for the mentee to use ("you could say: I am worried about you").

Two checks. Rules find claims by kind. They cannot know every wording, so every other first-person
statement that is neither denied nor on the list of allowed ones is a claim of kind `first_person`.
That stops some harmless sentences; their authors learn it when texts are checked, before anything
runs.

The rules are in guard.toml. `python -m escalation.speech.guard_errors` prints the error rates.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from escalation.lookalikes import latin, simplify

RULES_FILE = Path(__file__).with_name("guard.toml")


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
    """One thing claimed. `span` is a substring of the text; `rule` names what found it."""

    kind: Kind
    rule: str
    span: str


@lru_cache(maxsize=1024)
def claims(text: str) -> tuple[Claim, ...]:
    """Everything `text` claims and must not, if the bot says it. Never raises."""
    found: list[Claim] = []
    before = ""
    for sentence in _sentences(_tokens(text)):
        line = _Line(sentence)
        is_item, before = bool(_NUMBERED.fullmatch(before)), line.words
        named = [(rule, match) for rule in RULES for match in line.claimed_by(rule)]
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


class _Fragments:
    """Expressions with the fragments they name put in."""

    def __init__(self, entries: Mapping[str, str | list[str]]) -> None:
        self._known: dict[str, str] = {"heart_sign": HEART}
        for name, entry in entries.items():
            self._known[name] = self.put_into(entry)

    def put_into(self, entry: str | list[str]) -> str:
        joined = entry if isinstance(entry, str) else "".join(entry)
        return re.sub(r"\{([a-z]\w*)\}", lambda name: self._known[name[1]], joined)


def _rules(read: Mapping[str, Any], fragments: _Fragments) -> Iterator[Rule]:
    for table, deniable in (("claims", True), ("claims_in_denials", False)):
        for kind, entries in read[table].items():
            for name, entry in entries.items():
                pattern = re.compile(fragments.put_into(entry))
                yield Rule(Kind(kind), f"{kind}.{name}", pattern, deniable)


HEART = "<heart>"
_READ = tomllib.loads(RULES_FILE.read_text("utf-8"))
_FRAGMENTS = _Fragments(_READ["fragments"])
RULES = tuple(_rules(_READ, _FRAGMENTS))
_FIRST_PERSON = re.compile(
    _FRAGMENTS.put_into(r"\b(?:i|we) {between}")
    + f"(?!(?:{_FRAGMENTS.put_into(_READ['first_person']['may_go_on'])})\\b)"
    + r"(?:[\w'-]+|$|[,.!?:])|\b(?:me|my|mine|myself|us|our|ours|ourselves)\b"
)
_HARMLESS = re.compile(_FRAGMENTS.put_into(_READ["first_person"]["harmless"]))
# "2/4. I can be honest with my mentor.": an item of a questionnaire, in the mentee's person.
_NUMBERED = re.compile(r"\d+ / \d+ \.")


# --- reading ---


@dataclass(frozen=True)
class _Token:
    """A word or mark in plain form, and where it stood in the text."""

    plain: str
    start: int
    end: int


_HEARTS = frozenset("♥❣❤💌💓💔💕💖💗💘💙💚💛💜💝💞🖤🤍🤎🧡🩷🩵🩶🤗🥰😍😘😚😙😗💋🫂🫶😻")
_TOKEN = re.compile(r"<3+|\.{2,}|\d+(?:[.,:]\d+)*|\{\w+\}|[^\W_]+(?:['-][^\W_]+)*|\S|\n")

# Spelled as people type; each stands for the words behind it.
_SPELLINGS = {
    "im": "i am", "ive": "i have", "youre": "you are", "youve": "you have", "theyre": "they are",
    "thats": "that is", "whats": "what is", "theres": "there is", "everythings": "everything is",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "cant": "can not",
    "cannot": "can not", "wont": "will not", "isnt": "is not", "arent": "are not",
    "wasnt": "was not", "werent": "were not", "havent": "have not", "hasnt": "has not",
    "hadnt": "had not", "wouldnt": "would not", "couldnt": "could not", "shouldnt": "should not",
    "aint": "is not", "lets": "let us", "let's": "let us", "gonna": "going to",
    "wanna": "want to", "youll": "you will", "itll": "it will", "theyll": "they will",
    "u": "you", "ya": "you", "ur": "your", "r": "are", "luv": "love", "abt": "about",
    "ok": "okay", "k": "okay", "alright": "okay", "anybody": "anyone", "somebody": "someone",
    "nobody": "no one", "everybody": "everyone", "n": "and", "tho": "though", "rly": "really",
}  # fmt: skip
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}
_IS_AFTER = re.compile(
    r"it|that|this|what|there|here|who|how|everything|everyone|he|she|someone|nobody|help"
)
# What makes "ill" mean "I'll", and "id" mean "I'd".
_AFTER_WILL = re.compile(
    r"always|never|be|keep|stay|make|miss|pray|fix|protect|watch|wait|check|remember|take|hold|not"
    r"|love|look|listen|help"
)
_AFTER_WOULD = re.compile(r"love|like|never|miss")


def _tokens(text: str) -> list[_Token]:
    folded, places = _folded(text)
    tokens = []
    for match in _TOKEN.finditer(folded):
        start, end = places[match.start()], places[match.end() - 1] + 1
        tokens += [_Token(plain, start, end) for plain in _in_plain_words(match.group())]
    following = [token.plain for token in tokens[1:]] + [""]
    return [_as_meant(token, after) for token, after in zip(tokens, following, strict=False)]


def _folded(text: str) -> tuple[str, list[int]]:
    """The text in lower case and plain letters, and where each of its characters came from."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = " <3 " if character in _HEARTS else latin(simplify(character))
        letters += plain
        places += [place] * len(plain)
    return "".join(letters), places


def _in_plain_words(word: str) -> list[str]:
    if word.startswith("<3"):
        return [HEART]
    if word.startswith("{"):
        return ["sam"]  # a blank for a name or a number
    if set(word) == {"."}:
        return [","] if len(word) > 1 else ["."]
    word = re.sub(r"([^\W\d])\1{2,}", r"\1", word)
    if word in _SPELLINGS:
        return _SPELLINGS[word].split()
    if word.endswith("n't"):
        return [{"ca": "can", "wo": "will", "ai": "is"}.get(word[:-3], word[:-3]), "not"]
    for ending, full in _ENDINGS.items():
        if word.endswith(ending):
            return [*_in_plain_words(word.removesuffix(ending)), full]
    if word.endswith("'s"):
        owner = word.removesuffix("'s")
        return [owner, "is"] if _IS_AFTER.fullmatch(owner) else [owner]
    return [word]


def _as_meant(token: _Token, after: str) -> _Token:
    if token.plain == "ill" and _AFTER_WILL.fullmatch(after):
        return _Token("i will", token.start, token.end)
    if token.plain == "id" and _AFTER_WOULD.fullmatch(after):
        return _Token("i would", token.start, token.end)
    return token


_ENDS = frozenset(".!?;\n")
# "Say it with I: ..." is not the bot's I.
_OURS = re.compile(r"(?<!with )\b(?:i|we|me|us|my|bot|let)\b(?!-)")
# "You could write: I miss you": what stands after the colon are not the bot's words.
_GIVES_WORDS = re.compile(
    r"\b(?:say|says|said|saying|write|wrote|writes|text|tell|told|ask|asks|answer|answers|reply"
    r"|send|begin|begins|start|starts|end|like|example|line|lines|words|thought|thoughts|sentence"
    r"|message|i-message|mind|think|thinks|maybe|perhaps|try|repeat|note|add|put it|finish|voice"
    r"|be)\b"
    r"|\bover the (?:last|past) \d+ weeks\b"  # an item of a questionnaire, in the mentee's person
)


def _sentences(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The sentences, without what is quoted or put into somebody else's mouth."""
    sentence: list[_Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = _closing(tokens, position)
        if end is not None and _is_theirs(sentence, tokens[end + 1 :]):
            position = end
        elif token.plain in _ENDS:
            yield [*sentence, token]
            sentence = []
        elif token.plain == ":" and _hands_over(sentence):
            if _closing(tokens, position + 1) is None:
                while position + 1 < len(tokens) and tokens[position + 1].plain not in _ENDS:
                    position += 1
        else:
            sentence.append(token)
        position += 1
    yield sentence


def _closing(tokens: list[_Token], opening: int) -> int | None:
    """Where the quotation that begins at `opening` ends; None if none begins there."""
    if opening >= len(tokens) or tokens[opening].plain not in ('"', "'"):
        return None
    for position in range(opening + 1, len(tokens)):
        if tokens[position].plain == tokens[opening].plain:
            return position
    return None


def _is_theirs(before: list[_Token], after: list[_Token]) -> bool:
    """Whether a quotation is somebody else's: not introduced by the bot, and not all that is
    said."""
    intro = " ".join(token.plain for token in before)
    outside = intro or any(token.plain.isalpha() for token in after)
    return bool(outside) and not _OURS.search(intro)


def _hands_over(intro: list[_Token]) -> bool:
    words = " ".join(token.plain for token in intro)
    return bool(_GIVES_WORDS.search(words)) and not _OURS.search(words)


# --- denying ---

_NO = re.compile(r"\b(?:not|never|no|none|neither|nor|without|nothing|hardly|lie|lying)\b")
# A "not" that denies nothing; the second, only where it stands before the claim.
_EMPTY_NO = re.compile(
    r"\b(?:can|could) not (?:help|stop)\b|\bnot help but\b|\bnever stop(?:ped)?\b"
    r"|\bnot (?:just|only|merely|simply)\b|\b(?:not (?:going to )?lie|no lie)\b"
    r"|\bno (?:doubt|matter|need)\b|\b(?:not|never) far\b|\bnothing but\b"
    r"|\bnever been (?:so|more)\b"
)
_EMPTY_NO_BEFORE = re.compile(
    r"\b(?:not|never) (?:forget|doubt|deny|underestimate|worry|fear|think)\b"
    r"|\b(?:not know|no idea) how\b"
)
_CLAUSE = re.compile(r",|:| - |\b(?:but|yet|although|though|because|still)\b|\band (?=i\b|we\b)")
_UNTRUE = re.compile(r"\b(?:not be (?:true|honest)|be (?:a lie|untrue|lying)|not true)\b")
# "Do I love you? No": the answer says it, the question claims nothing.
_ASKS = re.compile(r"(?:do|did|am|was|will|would|can|could|have|should)")
_THINKS = re.compile(
    r"\b(?:hope|hopes|fear|think|thinks|feel|feels|say|says|said|wrote|believe|wish|want|doubt|told"
    r"|ask|true|make sure|makes sure|whether|if)(?: you| me)?(?: that)?$"
)


class _Line:
    """A sentence as one string of plain words."""

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
        """Where the bot speaks of itself in a way that is not on the list."""
        harmless = [match.span() for match in _HARMLESS.finditer(self.words)]
        for match in _FIRST_PERSON.finditer(self.words):
            on_the_list = any(start <= match.start() < end for start, end in harmless)
            if not on_the_list and not self._denies(match):
                yield match

    def _denies(self, match: re.Match[str]) -> bool:
        """Whether it is denied: within itself, before it in its clause, or as untrue."""
        if _says_no(match.group()) or _UNTRUE.search(self.words, match.end()):
            return True
        before = self._clause_before(match)
        if _ASKS.fullmatch(before) and self.words.endswith("?"):
            return True
        denies = _says_no(_EMPTY_NO_BEFORE.sub("", before))
        return denies and not re.match(r"(?:you|do not|never|please)\b", before)

    def _is_theirs(self, match: re.Match[str]) -> bool:
        """Whether it is what somebody else hopes or says: "you hope that it gets better"."""
        if re.search(r"\b(?:i|we|me|us|my|our)\b", match.group()):
            return False
        before = self._clause_before(match)
        return bool(_THINKS.search(before)) and not re.search(r"\b(?:i|we)\b", before)

    def _clause_before(self, match: re.Match[str]) -> str:
        before = self.words[: match.start()]
        ends = [boundary.end() for boundary in _CLAUSE.finditer(before)]
        return before[max(ends, default=0) :].strip()


def _says_no(words: str) -> bool:
    return bool(_NO.search(_EMPTY_NO.sub("", words)))
