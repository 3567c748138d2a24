"""One-word answers, and buttons for those that the bot's last words offer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from escalation.speech.i18n import keyword_meant, without_accents

# Words in capitals that the bot's texts give as an answer (bot/domain, escalation/script.toml).
# PERSON has its own button on the page. STOP and other carriers' words are not answers.
WORDS = """
MENU MORE SKIP LEAVE DONE OK NO PAUSE RESUME
STRESS WORRY PANIC LOW SLEEP LONELY ANGER GRIEF FRIENDS FAMILY BULLYING BODY SCHOOL MOTIVATION
LOVE ASKING SCREENS DRINK
BREATHE GROUND RELAX THOUGHT WORRYTIME PLAN PROBLEM GOAL BEDTIME PREPARE KIND
MOOD PHQ GAD WELLBEING CONTACT MATCH
"""
KEYWORDS = frozenset(WORDS.split())
GO_ON = "GO ON"
CAPITALS = re.compile(r"GO ON|(?<![\w-])[A-ZÁÉÍÓÚÜÑ]{2,}(?![\w-])")
# "0 not at all, 1 several days, 2 more than half the days"
NUMBERED = re.compile(r"(?<=[:?.,] )(\d) ([a-zà-ÿ][a-zà-ÿ ]*[a-zà-ÿ])(?=,|\.?$)")
# "from 0 (very bad) to 10 (very good)"; in Spanish "de 0 (muy mal) a 10 (muy bien)"
RANGE = re.compile(r"(?:from|de) (\d)(?: \([^)]*\))? (?:to|a) (\d{1,2})\b")
GOAL_ANSWERS = {"goal": ("done", "partly", "not yet"), "meta": ("hecho", "en parte", "todavía no")}


@dataclass(frozen=True)
class Choice:
    """A button: the `words` it sends, and what it shows."""

    words: str
    label: str


def one_word(words: str) -> str:
    """The words in lower case without punctuation; a keyword of any language in English."""
    return (keyword_meant(words) or without_punctuation(words)).casefold()


def without_punctuation(words: str) -> str:
    return words.strip().strip(".!")


def choices_in(said: Iterable[str]) -> list[Choice]:
    found: dict[str, Choice] = {}
    for words in said:
        for choice in _choices_in(words):
            found.setdefault(choice.words, choice)
    return list(found.values())


def answer_meant(asked: str, words: str) -> str | None:
    """The number of the answer that `words` name, if `asked` numbers its answers."""
    for number, label in NUMBERED.findall(asked):
        if _bare(words) in (_bare(label), _bare(f"{number} {label}")):
            return str(number)
    return None


def _bare(words: str) -> str:
    return without_accents(words.strip(" .!¡"))


def _choices_in(words: str) -> list[Choice]:
    numbered = NUMBERED.findall(words)
    if len(numbered) > 1:
        return [Choice(number, f"{number} {label}") for number, label in numbered]
    choices: list[Choice] = []
    if asked := RANGE.search(words):
        lowest, highest = int(asked[1]), int(asked[2])
        if lowest < highest <= 10:
            choices = [Choice(str(n), str(n)) for n in range(lowest, highest + 1)]
    lower = words.casefold()
    for goal, answers in GOAL_ANSWERS.items():
        if goal in lower and all(answer in lower for answer in answers):
            choices = [Choice(answer, answer.capitalize()) for answer in answers]
    named = [
        word
        for word in CAPITALS.findall(words)
        if (keyword_meant(word) or word) in {*KEYWORDS, GO_ON}
    ]
    return [*choices, *(Choice(word, word.capitalize()) for word in named)]
