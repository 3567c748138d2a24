"""Spanish, by rules alone: what is a crisis, who asks for a person, a plain yes or no.

There is no trained head for it, so nothing is said here of the two wishes, and a rule's score is
the probability itself. A message of English words is left alone, so that what English messages show
does not change.
"""

from dataclasses import dataclass

from escalation.detect.calibration import load_calibration
from escalation.detect.coverage import may_be_spanish
from escalation.detect.lexicon import SPANISH, load_lexicon
from escalation.detect.normalize import fold
from escalation.detect.rules import Hit, crisis_hits, plain_answer, request_hits
from escalation.detect.wording import Plain, in_words_for
from escalation.signals import YesOrNo


@dataclass(frozen=True)
class InSpanish:
    """What the Spanish rules see in a message, and the plain words that they saw it in."""

    plain: Plain
    crisis: tuple[Hit, ...]
    requests: tuple[Hit, ...]
    says: YesOrNo | None

    @property
    def score(self) -> float | None:
        """Probability of crisis, None where no rule speaks of it."""
        if not self.crisis:
            return None
        strongest = self.crisis[0].score
        if all(hit.guards for hit in self.crisis):
            return min(strongest, load_calibration().doubted_at_most)
        return strongest


def in_spanish(text: str) -> InSpanish | None:
    """None for a message of English words. Never raises."""
    folded = fold(text)
    if not may_be_spanish(folded.text):
        return None
    lexicon = load_lexicon(SPANISH)
    plain = in_words_for(folded, lexicon)
    return InSpanish(
        plain,
        crisis_hits(plain.text, lexicon),
        request_hits(plain.text, lexicon),
        plain_answer(plain.text, lexicon),
    )
