"""The rule layer: matches of the phrase lists, weakened by the guards."""

import re
from dataclasses import dataclass
from itertools import islice

from escalation.detect.lexicon import CrisisRule, Guard, Kind, Lexicon, Where
from escalation.detect.normalize import Normalized
from escalation.signals import YesOrNo

# Characters around a match, in the same sentence, in which it can be denied or taken back.
REACH = 60
SENTENCE_END = re.compile(r"[.!?\n]")
# A sentence is read this far from the match, and a rule up to this many times.
FARTHEST, MATCHES = 400, 4
QUOTED = re.compile(r'"[^"\n]{3,200}"')


@dataclass(frozen=True)
class Hit:
    """One rule's match in the plain words, with its score after the guards."""

    rule: str
    start: int
    end: int
    score: float = 1.0
    guards: tuple[str, ...] = ()
    kind: Kind | None = None


@dataclass(frozen=True)
class Found:
    plain: Normalized
    crisis: tuple[Hit, ...]
    requests: tuple[Hit, ...]
    declines: bool
    takes_back: bool
    says: YesOrNo | None


def find(plain: Normalized, lexicon: Lexicon) -> Found:
    return Found(
        plain,
        crisis_hits(plain.text, lexicon),
        request_hits(plain.text, lexicon),
        any(rule.pattern.search(plain.text) for rule in lexicon.declines),
        any(rule.pattern.search(plain.text) for rule in lexicon.takes_back),
        plain_answer(plain.text, lexicon),
    )


def crisis_hits(text: str, lexicon: Lexicon) -> tuple[Hit, ...]:
    """The strongest match of each crisis rule, strongest first."""
    hits = []
    for rule in lexicon.crisis:
        found = [
            _weigh(rule, text, match, lexicon.guards)
            for match in islice(rule.pattern.finditer(text), MATCHES)
            if match[0]
        ]
        if found:
            hits.append(max(found, key=lambda hit: hit.score))
    return tuple(sorted(hits, key=lambda hit: -hit.score))


def request_hits(text: str, lexicon: Lexicon) -> tuple[Hit, ...]:
    matches = ((rule, rule.pattern.search(text)) for rule in lexicon.requests)
    return tuple(Hit(rule.name, *match.span()) for rule, match in matches if match)


def plain_answer(text: str, lexicon: Lexicon) -> YesOrNo | None:
    """The yes or no that the whole message is, or None when it says anything else."""
    answers = (answer for answer, pattern in lexicon.answers.items() if pattern.search(text))
    return next(answers, None)


def _weigh(rule: CrisisRule, text: str, match: re.Match[str], guards: tuple[Guard, ...]) -> Hit:
    against = [
        guard
        for guard in guards
        if rule.kind in guard.kinds and _speaks_against(guard, text, *match.span())
    ]
    score = min([rule.score, *(guard.leaves for guard in against)])
    return Hit(rule.name, *match.span(), score, tuple(guard.name for guard in against), rule.kind)


def _speaks_against(guard: Guard, text: str, start: int, end: int) -> bool:
    first, past = _sentence(text, start, end)
    match guard.where:
        case Where.BEFORE:
            around = text[max(first, start - REACH) : start]
        case Where.AFTER:
            around = text[end : min(past, end + REACH)]
        case Where.SENTENCE:
            around = text[first:past]
        case Where.MESSAGE:
            around = text
        case Where.QUOTED:
            return any(
                quote.start() <= start and end <= quote.end() for quote in QUOTED.finditer(text)
            )
    if not guard.pattern.search(around):
        return False
    # What cancels a denial can reach into the match itself: "not [just] thinking about it".
    wider = around if guard.where is not Where.BEFORE else around + text[start:end]
    return guard.unless is None or not guard.unless.search(wider)


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Bounds of the sentence, or sentences, that hold `start:end`."""
    farthest = max(0, start - FARTHEST)
    ends = (found.end() for found in SENTENCE_END.finditer(text, farthest, start))
    past = SENTENCE_END.search(text, end)
    return max(ends, default=farthest), min(past.end() if past else len(text), end + FARTHEST)
