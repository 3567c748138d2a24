"""How the two wishes are told apart on our own examples, by heads that were not shown them.

Every example is scored by a head that saw neither it nor, of a conversation, any of its turns.
Beside them stands one axis, as a product that knows only sentiment would have it: VADER's compound
score (Hutto and Gilbert, 2014). Needs scikit-learn and vaderSentiment, which are not needed at run
time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from escalation.detect.training.example_files import read_conversations, read_examples
from escalation.detect.training.train import (
    CRISIS_ONLY,
    PARTS,
    calibration_error,
    in_context,
    inputs_for,
    plain,
    targets,
    unseen,
)
from escalation.intervals import Numbers

AXES = ("connection", "tools")
CORNERS = ("neither", "tools", "connection", "both")
RESAMPLINGS = 300
SEED = 4


@dataclass(frozen=True)
class HeldBack:
    """What one way of scoring said, 0 to 1, of each message whose wish is known: `wished` holds
    the labels (0, 0.5 or 1) of each axis, `said` the scores."""

    wished: Mapping[str, Numbers]
    said: Mapping[str, Numbers]

    def auroc(self, axis: str) -> tuple[float, float, float]:
        """With its 95% interval (bootstrap). "Some" (0.5) is neither yes nor no, and left out."""
        clear = self.wished[axis] != 0.5
        wished, said = self.wished[axis][clear] == 1, self.said[axis][clear]
        dice = np.random.default_rng(SEED)
        drawn = [dice.integers(0, len(said), len(said)) for _ in range(RESAMPLINGS)]
        seen = [roc_auc_score(wished[draw], said[draw]) for draw in drawn]
        low, high = np.percentile(seen, [2.5, 97.5])
        return float(roc_auc_score(wished, said)), float(low), float(high)

    def error(self, axis: str) -> float:
        return calibration_error(self.wished[axis], self.said[axis])

    @property
    def correlation(self) -> float:
        return float(np.corrcoef(self.said["connection"], self.said["tools"])[0, 1])

    def corners(self) -> NDArray[np.int64]:
        """Counts: a row for each corner that was labeled, a column for each that was said. Only
        messages that are clear on both axes."""
        clear = (self.wished["connection"] != 0.5) & (self.wished["tools"] != 0.5)
        counts = np.zeros((4, 4), dtype=np.int64)
        np.add.at(counts, (_corner(self.wished)[clear], _corner(self.said)[clear]), 1)
        return counts


def _corner(scores: Mapping[str, Numbers]) -> NDArray[np.int64]:
    """By 0.5 on each axis: more likely than not."""
    wishes = 2 * (scores["connection"] > 0.5) + (scores["tools"] > 0.5)
    return np.asarray(wishes, dtype=np.int64)


def held_back() -> tuple[HeldBack, HeldBack]:
    """By our heads, and by sentiment alone. Takes two minutes."""
    # The files that train only the crisis head are no measure of the wishes.
    examples, conversations = read_examples(leaving_out=CRISIS_ONLY), read_conversations()
    turns = [turn for one in conversations for turn in in_context(one)]
    number = np.repeat(np.arange(len(conversations)), [len(one.turns) for one in conversations])
    parts = np.r_[np.arange(len(examples)) % PARTS, number % PARTS]
    words = [*plain(examples), *(together for _, together in turns)]
    wished = targets([*examples, *(turn for turn, _ in turns)])
    wished = {axis: wished[axis] for axis in AXES}
    ours = _said(inputs_for(words), wished, parts)
    return HeldBack(wished, ours), HeldBack(wished, _said(_sentiment(words), wished, parts))


def _said(
    inputs: NDArray[np.float32], wished: Mapping[str, Numbers], parts: NDArray[np.int64]
) -> dict[str, Numbers]:
    return {axis: unseen(axis, inputs, target, parts) for axis, target in wished.items()}


def _sentiment(words: Sequence[str]) -> NDArray[np.float32]:
    """One number a message, and its distance from neither good nor bad."""
    analyzer = SentimentIntensityAnalyzer()
    compound = [analyzer.polarity_scores(one)["compound"] for one in words]
    return np.array([[score, abs(score)] for score in compound], dtype=np.float32)


def table(ours: HeldBack, sentiment: HeldBack) -> Iterator[str]:
    yield f"{len(ours.said['tools'])} messages and turns of our own, {PARTS} parts, each unseen"
    for name, way in (("two heads", ours), ("sentiment alone", sentiment)):
        for axis in AXES:
            value, low, high = way.auroc(axis)
            figures = f"AUROC {value:.3f} [{low:.3f}-{high:.3f}]  ECE {way.error(axis):.3f}"
            yield f"{name:16} {axis:11} {figures}"
    yield f"correlation of the two scores: two heads {ours.correlation:.2f}"
    for name, way in (("two heads", ours), ("sentiment alone", sentiment)):
        counts = way.corners()
        right = counts.trace() / counts.sum()
        yield f"corners by {name}: {right:.1%} right of {counts.sum()} that are clear on both axes"
        yield f"  {'labeled / said':18}" + "".join(f"{corner:>12}" for corner in CORNERS)
        for corner, row in zip(CORNERS, counts, strict=True):
            yield f"  {corner:18}" + "".join(f"{count:12}" for count in row)
