"""Spanish by rules alone: a crisis, a request for a person, a plain yes or no.

No classifier was trained on Spanish, so we say nothing about connection and tools, and a rule's
score is the probability itself. Messages in English are left alone, so their signals do not change.
"""

from collections.abc import Sequence

from escalation.detect.calibration import load_calibration
from escalation.detect.coverage import may_be_spanish
from escalation.detect.lexicon import SPANISH, load_lexicon
from escalation.detect.normalize import normalize
from escalation.detect.rules import Found, Hit, find
from escalation.detect.wording import in_plain_spanish


def in_spanish(text: str) -> Found | None:
    """None for a message of English words. Never raises."""
    normalized = normalize(text)
    if not may_be_spanish(normalized.text):
        return None
    return find(in_plain_spanish(normalized), load_lexicon(SPANISH))


def spanish_crisis(hits: Sequence[Hit]) -> float:
    """Probability of crisis from at least one hit, strongest first."""
    if all(hit.guards for hit in hits):
        return min(hits[0].score, load_calibration().doubted_at_most)
    return hits[0].score
