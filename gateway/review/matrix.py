"""Decisions against verdicts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from escalation.intervals import Rate
from gateway.review.judgments import Judged
from models import Verdict


@dataclass(frozen=True)
class Matrix:
    """`late` counts handoffs that should have come earlier; `handed_over_needed` includes them."""

    handed_over_needed: int
    handed_over_not_needed: int
    left_needed: int
    left_not_needed: int
    late: int

    @property
    def judged(self) -> int:
        return self.handed_over.of + self.missed.of

    @property
    def handed_over(self) -> Rate:
        """Of the handoffs, those in which a person was needed."""
        needed = self.handed_over_needed
        return Rate(needed, needed + self.handed_over_not_needed)

    @property
    def came_late(self) -> Rate:
        """Of the handoffs in which a person was needed, those that should have come earlier."""
        return Rate(self.late, self.handed_over_needed)

    @property
    def missed(self) -> Rate:
        """Of the conversations without a handoff, those in which a person was needed."""
        return Rate(self.left_needed, self.left_needed + self.left_not_needed)


def build_matrix(judged: Iterable[Judged]) -> Matrix:
    counts = Counter((one.handed_over, one.verdict) for one in judged)
    right, late = counts[True, Verdict.RIGHT], counts[True, Verdict.SHOULD_EARLIER]
    return Matrix(
        handed_over_needed=right + late,
        handed_over_not_needed=counts[True, Verdict.SHOULD_NOT],
        left_needed=counts[False, Verdict.SHOULD_EARLIER],
        left_not_needed=counts[False, Verdict.RIGHT],
        late=late,
    )
