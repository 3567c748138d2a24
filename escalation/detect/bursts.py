"""Texts a few seconds apart, read as the one message they are.

Long texts arrive in numbered parts, hasty ones in pieces: "i wanna", "kill", "myself". A danger
that only the joined words show counts where a rule's match crosses an unfinished end. Classifiers
alone do not count here: they would add up what unrelated texts say.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from escalation.detect.detector import detect, quote_rules
from escalation.detect.lexicon import load_bursts
from escalation.detect.wording import in_plain_words
from escalation.signals import Axis, Evidence, Signals

# "(1/2) ..." and "1 of 3: ...", never "24/7" or "1 of my friends".
IN_FRONT = re.compile(
    r"\s*[(\[]\s*(\d)\s*(?:/|of|de)\s*(\d)\s*[)\]]\s*"
    r"|\s*(\d)\s*(?:/|of|de)\s*(\d)[:.)]?\s+"
)
AT_END = re.compile(r"\s+[(\[]?(\d)\s*(?:/|of|de)\s*(\d)[)\]]?\s*$")
SENTENCE_ENDS = re.compile(r"(?<!\.)[.!?][\"')\s]*$")


@dataclass(frozen=True)
class Part:
    """Part `number` of `of`, and its words without that number."""

    number: int
    of: int
    words: str


@dataclass(frozen=True)
class _Reading:
    """Texts as one. `open_ends`: where, in `words`, a text ended in the middle of a sentence."""

    words: str
    open_ends: tuple[int, ...]


def part_of(text: str) -> Part | None:
    for found in (IN_FRONT.match(text), AT_END.search(text)):
        if found is not None:
            number, of = (int(digit) for digit in found.groups() if digit)
            words = text[: found.start()] or text[found.end() :]
            if 1 <= number <= of and of > 1 and words.strip():
                return Part(number, of, words)
    return None


def detect_together(texts: Sequence[str]) -> Signals | None:
    """The strongest signals of the last text, joined with those before it; None if they say no
    more than each says alone. Evidence is in the joined words. Never raises."""
    found = [signals for one in _readings(texts) if (signals := _crossing(one)) is not None]
    return max(found, key=lambda signals: signals.crisis, default=None)


def read_with_burst(alone: Signals, words: str, texts: Sequence[str]) -> Signals:
    """The signals of the text `words`, which is one of `texts`, with what only all of them show."""
    together = detect_together(texts)
    if together is None:
        return alone
    seen = [one for one in together.evidence if one.axis in (Axis.CRISIS, Axis.PERSON)]
    quote = words.strip()
    start = words.find(quote)
    here = {Evidence(one.axis, start, start + len(quote), quote, one.rule) for one in seen}
    evidence = (*alone.evidence, *sorted(here, key=lambda one: one.rule)) if quote else ()
    return replace(
        alone,
        crisis=max(alone.crisis, together.crisis),
        danger=together.danger or alone.danger,
        asked_for_person=(alone.asked_for_person or together.asked_for_person)
        and not together.declines_person,
        declines_person=alone.declines_person or together.declines_person,
        evidence=evidence,
        version=f"{alone.version} bursts-{load_bursts().version}",
    )


def _crossing(reading: _Reading) -> Signals | None:
    """What a reading shows, if a rule matches words on both sides of an open end."""
    crossing = {
        one.axis
        for one in (quote_rules(reading.words) if reading.open_ends else ())
        for end in reading.open_ends
        if one.start < end < one.end
    }
    if not crossing:
        return None
    signals = detect(reading.words)
    return replace(
        signals,
        crisis=signals.crisis if Axis.CRISIS in crossing else 0.0,
        asked_for_person=signals.asked_for_person and Axis.PERSON in crossing,
    )


def _readings(texts: Sequence[str]) -> Iterator[_Reading]:
    """The texts from each one on to the last: with spaces between them, with the last end taken
    for a cut in a word, and with every end taken so."""
    parts = [part for text in texts if (part := part_of(text)) is not None]
    if parts and len(parts) == len(texts):
        ordered = sorted(parts, key=lambda part: part.number)
        yield from _joined([part.words for part in ordered], [True] * (len(parts) - 1))
        return
    stripped = [text.strip() for text in texts]
    unfinished = [_is_unfinished(before, after) for before, after in pairwise(stripped)]
    for first in range(len(texts) - 2, -1, -1):
        yield from _joined(stripped[first:], unfinished[first:])


def _joined(texts: Sequence[str], unfinished: Sequence[bool]) -> Iterator[_Reading]:
    """`unfinished`: whether each text but the last stops in the middle of its sentence."""
    cut = {end for end, pair in enumerate(pairwise(texts)) if _may_be_cut(*pair)}
    last = len(unfinished) - 1
    for cuts in dict.fromkeys((frozenset(), frozenset(cut & {last}), frozenset(cut))):
        words, open_ends = texts[0].rstrip(), []
        for end, after in enumerate(texts[1:]):
            if end in cuts or unfinished[end]:
                open_ends.append(len(words))
            words += ("" if end in cuts else " ") + after.strip()
        yield _Reading(words, tuple(open_ends))


def _may_be_cut(before: str, after: str) -> bool:
    """Whether both may be halves of one word."""
    return before[-1:].isalpha() and after[:1].isalpha() and after[:1].islower()


def _is_unfinished(before: str, after: str) -> bool:
    if SENTENCE_ENDS.search(before):
        return False
    bursts, first, second = load_bursts(), in_plain_words(before).text, in_plain_words(after).text
    return any(rule.pattern.search(first) for rule in bursts.unfinished) or any(
        rule.pattern.search(second) for rule in bursts.goes_on
    )
