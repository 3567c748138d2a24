"""Plain words: a message normalized, its short forms written out, its sayings replaced."""

import re
from collections.abc import Callable, Iterable
from operator import methodcaller

from escalation.detect.lexicon import SPANISH, Lexicon, Saying, load_lexicon
from escalation.detect.normalize import Normalized, normalize
from escalation.detect.spelling import meant

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
SHORT_FORMS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'m": " am"}
IRREGULAR = {"can't": "can not", "won't": "will not", "ain't": "is not", "shan't": "shall not"}
# "'s" is "is" after these. After a name it is more often a possessive.
TAKES_IS = frozenset(
    {"he", "she", "it", "that", "there", "this", "what", "who", "where", "how", "here", "life"}
    | {"everyone", "everybody", "nobody", "someone"}
)
TAKES_WOULD = frozenset({"i", "you", "he", "she", "it", "we", "they", "that", "who"})


def in_plain_words(text: str) -> Normalized:
    """English, with slips of the finger corrected. Never raises."""
    lexicon = load_lexicon()

    def plain(word: str) -> str:
        if "'" in word:
            return _written_out(word)
        intended = meant(word, lexicon.spellings.sought)
        return lexicon.spellings.words.get(intended, intended)

    return _reworded(normalize(text), lexicon, plain)


def in_plain_spanish(normalized: Normalized) -> Normalized:
    """With the listed spellings and sayings only. Never raises."""
    return _reworded(normalized, load_lexicon(SPANISH), str)


def join(messages: Iterable[str]) -> str:
    """One person's messages, oldest first, as one text in which each stays its own sentence."""
    return " \n ".join(messages)


def _written_out(word: str) -> str:
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
    return word


def _reworded(text: Normalized, lexicon: Lexicon, otherwise: Callable[[str], str]) -> Normalized:
    words, phrases = lexicon.spellings.words, lexicon.spellings.phrases

    def plain(match: re.Match[str]) -> str:
        return words.get(match[0]) or otherwise(match[0])

    text = _with_meanings(text, phrases).replace(WORD, plain)
    # The phrases once more: only now do "kms" and "my self" read as the words they look for.
    return _with_meanings(text, (*phrases, *lexicon.idioms))


def _with_meanings(text: Normalized, sayings: Iterable[Saying]) -> Normalized:
    for saying in sayings:
        text = text.replace(saying.pattern, methodcaller("expand", saying.means))
    return text
