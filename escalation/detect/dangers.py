"""What kind of danger a message is about, by the rules that matched it."""

from collections.abc import Sequence

from escalation.detect.lexicon import load_dangers
from escalation.detect.rules import Found, Hit
from models import Danger

# A weaker match says too little. A plain wish to die outweighs what led to it.
SAYS_ENOUGH = 0.3
PLAIN = 0.6


def name_danger(found: Sequence[Found]) -> Danger | None:
    """By the strongest match that no guard weakened, or else by the strongest."""
    hits = [
        (hit, _danger_of(hit, one.plain.text))
        for one in found
        for hit in one.crisis
        if hit.score >= SAYS_ENOUGH
    ]
    hits.sort(key=lambda entry: (bool(entry[0].guards), -entry[0].score))
    plain = [danger for hit, danger in hits if not hit.guards and hit.score >= PLAIN]
    if Danger.SUICIDE in plain:
        return Danger.SUICIDE
    return hits[0][1] if hits else None


def _danger_of(hit: Hit, text: str) -> Danger:
    assert hit.kind is not None  # every crisis rule has one
    dangers = load_dangers()
    for one in dangers.narrower:
        denied = one.unless is not None and one.unless.search(text)
        if hit.kind in one.kinds and one.pattern.search(text) and not denied:
            return one.danger
    return dangers.of_kind[hit.kind]
