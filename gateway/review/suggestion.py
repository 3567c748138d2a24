"""Suggest a threshold for connection from the verdicts. Nothing changes by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalation.intervals import Numbers, wilson
from escalation.speech.i18n import Phrase, phrase
from gateway.review.judgments import Judged

# With 30 verdicts, the 95% interval of one half is 0.33 to 0.67 (Wilson); fewer say too little.
AT_LEAST = 30
# Only conversations without a handoff can show that a threshold is too high.
AT_LEAST_NOT_HANDED_OVER = 10
RESAMPLINGS = 1000
# Any number will do; a fixed one gives everyone the same interval.
SEED = 4


@dataclass(frozen=True)
class Reach:
    """What a threshold would do, by the weighted verdicts (at least one of them needed a person).

    `needed`: of its handoffs, the share that needed a person; None if it makes none.
    `reached`: of those who needed a person, the share it hands off.
    """

    threshold: float
    needed: float | None
    reached: float


@dataclass(frozen=True)
class Suggestion:
    """A `connection` threshold, the 95% interval of its bootstrap, and what it would do.

    `holds_in` is the share of resamplings in which any threshold met the target.
    """

    judged: int
    suggested: Reach
    in_use: Reach
    low: float
    high: float
    holds_in: float


def suggest(
    judged: Iterable[Judged], *, in_use: float, needed_at_least: float
) -> Suggestion | Phrase:
    """The lowest threshold at which at least `needed_at_least` of the handoffs needed a person, or
    the reason why none is suggested.

    The lower bound of the share's 95% interval has to reach the target. Because weights differ,
    the interval uses Kish's effective sample size. The interval of the threshold comes from
    resampling verdicts with and without a handoff separately.
    """
    counted = [one for one in judged if one.connection is not None]
    left = sum(not one.handed_over for one in counted)
    if len(counted) < AT_LEAST:
        return phrase(
            "too few verdicts ({count}; {at_least} needed)",
            count=len(counted),
            at_least=AT_LEAST,
        )
    if left < AT_LEAST_NOT_HANDED_OVER:
        return phrase(
            "too few verdicts on conversations without a handoff ({left}; {at_least} needed)",
            left=left,
            at_least=AT_LEAST_NOT_HANDED_OVER,
        )
    table = _Table.of(counted)
    threshold = table.lowest(needed_at_least)
    if threshold is None:
        return phrase(
            "no threshold is sure to reach {share:.0%} of handoffs that needed a person",
            share=needed_at_least,
        )
    resampled = [one.lowest(needed_at_least) for one in table.resampled()]
    held = [one for one in resampled if one is not None]
    # Inverted CDF: each end is one of the thresholds found, not an average of two.
    ends = np.percentile([*held, threshold], [2.5, 97.5], method="inverted_cdf")
    return Suggestion(
        judged=len(counted),
        suggested=table.reach(threshold),
        in_use=table.reach(in_use),
        low=float(ends[0]),
        high=float(ends[1]),
        holds_in=len(held) / len(resampled),
    )


@dataclass(frozen=True)
class _Table:
    """The verdicts as columns. Scores are cut to hundredths, as the policy writes thresholds."""

    scores: Numbers
    needed: Numbers
    weights: Numbers
    handed_over: NDArray[np.bool_]

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> "_Table":
        scores = np.array([one.connection for one in judged], dtype=np.float64)
        return cls(
            np.floor(scores * 100 + 1e-9) / 100,
            np.array([one.needed for one in judged], dtype=np.float64),
            np.array([one.weight for one in judged], dtype=np.float64),
            np.array([one.handed_over for one in judged]),
        )

    def lowest(self, needed_at_least: float) -> float | None:
        order = np.argsort(-self.scores)
        scores, weights = self.scores[order], self.weights[order]
        brought = np.cumsum(weights)
        share = np.cumsum(weights * self.needed[order]) / brought
        effective = brought**2 / np.cumsum(weights**2)
        low, _ = wilson(np.clip(share, 0, 1), effective)
        # A threshold hands off everyone with its score, so only the last of equals counts.
        last = np.append(scores[1:] != scores[:-1], True)
        holds = scores[last & (low >= needed_at_least)]
        return float(holds.min()) if holds.size else None

    def reach(self, threshold: float) -> Reach:
        brought = self.scores >= threshold
        needed = float((self.weights * self.needed).sum())
        of = float(self.weights[brought].sum())
        hits = float((self.weights * self.needed)[brought].sum())
        return Reach(threshold, hits / of if of else None, hits / needed)

    def resampled(self) -> Iterable["_Table"]:
        lots = np.random.default_rng(SEED)
        groups = [np.flatnonzero(self.handed_over), np.flatnonzero(~self.handed_over)]
        for _ in range(RESAMPLINGS):
            drawn = np.concatenate(
                [lots.choice(group, group.size) for group in groups if group.size]
            )
            yield _Table(
                self.scores[drawn], self.needed[drawn], self.weights[drawn], self.handed_over[drawn]
            )
