"""From a message as written to plain words: folded, short forms opened, sayings replaced."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from escalation.detect.lexicon import Lexicon
from escalation.detect.normalize import Folded, fold
from escalation.detect.spelling import meant

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
SHORT_FORMS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'m": " am"}
IRREGULAR = {"can't": "can not", "won't": "will not", "ain't": "is not", "shan't": "shall not"}
# "'s" is "is" after these; after a name it is more often a possessive.
TAKES_IS = frozenset(
    {"he", "she", "it", "that", "there", "this", "what", "who", "where", "how", "here", "life"}
    | {"everyone", "everybody", "nobody", "someone"}
)
TAKES_WOULD = frozenset({"i", "you", "he", "she", "it", "we", "they", "that", "who"})


@dataclass(frozen=True)
class Plain:
    """Plain words with their place in the original, and the sayings that were replaced."""

    folded: Folded
    idioms: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.folded.text


def _opened(word: str) -> str | None:
    """A short form written out, or None for any other word."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    for ending, words in SHORT_FORMS.items():
        if word.endswith(ending):
            return word.removesuffix(ending) + words
    stem, _, ending = word.partition("'")
    if ending == "s" and stem in TAKES_IS:
        return f"{stem} is"
    if ending == "d" and stem in TAKES_WOULD:
        return f"{stem} would"
    return None


def _says(words: str, match: re.Match[str]) -> str:
    return match.expand(words)


def _phrases(folded: Folded, lexicon: Lexicon) -> Folded:
    for pattern, meaning in lexicon.spellings.phrases:
        folded = folded.replace(pattern, partial(_says, meaning))
    return folded


def in_plain_words(text: str, lexicon: Lexicon) -> Plain:
    """Of English, with slips of the finger read as what was meant. Never raises."""

    def plain(word: str) -> str:
        if "'" in word:
            return _opened(word) or word
        intended = meant(word, lexicon.spellings.sought)
        return lexicon.spellings.words.get(intended, intended)

    return _reworded(fold(text), lexicon, plain)


def in_words_for(folded: Folded, lexicon: Lexicon) -> Plain:
    """Of another language: the spellings and sayings that are listed. Never raises."""
    return _reworded(folded, lexicon, str)


def _reworded(folded: Folded, lexicon: Lexicon, otherwise: Callable[[str], str]) -> Plain:
    """`otherwise` reads a word that is not in the list of spellings."""
    words = lexicon.spellings.words

    def plain(match: re.Match[str]) -> str:
        return words.get(match[0]) or otherwise(match[0])

    folded = _phrases(folded, lexicon).replace(WORD, plain)
    # Once more: "kms" and "my self" only now read as the words the phrases look for.
    folded = _phrases(folded, lexicon)
    seen = []
    for idiom in lexicon.idioms:
        replaced = folded.replace(idiom.pattern, partial(_says, idiom.means))
        if replaced is not folded:
            seen.append(idiom.name)
            folded = replaced
    return Plain(folded, tuple(seen))


def join(messages: Iterable[str]) -> str:
    """Messages of one person, oldest first, as one text; each stays a sentence of its own."""
    return " \n ".join(messages)
