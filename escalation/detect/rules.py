"""The rule layer: what the phrase lists see, and what the guards leave of it."""

import re
from dataclasses import dataclass

from escalation.detect.lexicon import CrisisRule, Guard, Lexicon, Where
from escalation.signals import YesOrNo

# Words this far from a match, in the same sentence, may deny it or take it back.
REACH = 60
SENTENCE_END = re.compile(r"[.!?\n]")
QUOTED = re.compile(r'"[^"\n]{3,200}"')


@dataclass(frozen=True)
class Hit:
    """One rule's match in the plain words. `score` is what the guards left of the rule's own."""

    rule: str
    start: int
    end: int
    score: float
    guards: tuple[str, ...] = ()


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Bounds of the sentence, or sentences, that hold `start:end`."""
    first = max(
        (m.end() for m in SENTENCE_END.finditer(text, max(0, start - 400), start)), default=0
    )
    past = SENTENCE_END.search(text, end)
    return max(first, start - 400), min(past.end() if past else len(text), end + 400)


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
    # What cancels a denial may reach into the match itself: "not [just] thinking about it".
    wider = around if guard.where is not Where.BEFORE else around + text[start:end]
    return guard.unless is None or not guard.unless.search(wider)


def _weigh(rule: CrisisRule, text: str, start: int, end: int, guards: tuple[Guard, ...]) -> Hit:
    against = [
        guard
        for guard in guards
        if rule.kind in guard.kinds and _speaks_against(guard, text, start, end)
    ]
    score = min([rule.score, *(guard.leaves for guard in against)])
    return Hit(rule.name, start, end, score, tuple(guard.name for guard in against))


def crisis_hits(text: str, lexicon: Lexicon) -> tuple[Hit, ...]:
    """The strongest match of each crisis rule, strongest first."""
    hits = []
    for rule in lexicon.crisis:
        found = [
            _weigh(rule, text, match.start(), match.end(), lexicon.guards)
            for _, match in zip(range(4), rule.pattern.finditer(text), strict=False)
            if match.end() > match.start()
        ]
        if found:
            hits.append(max(found, key=lambda hit: hit.score))
    return tuple(sorted(hits, key=lambda hit: -hit.score))


def request_hits(text: str, lexicon: Lexicon) -> tuple[Hit, ...]:
    matches = ((rule, rule.pattern.search(text)) for rule in lexicon.requests)
    return tuple(Hit(rule.name, m.start(), m.end(), 1.0) for rule, m in matches if m)


def plain_answer(text: str, lexicon: Lexicon) -> YesOrNo | None:
    """The yes or no that the whole message is, or None when it says anything else."""
    answers = (answer for answer, pattern in lexicon.answers.items() if pattern.search(text))
    return next(answers, None)
