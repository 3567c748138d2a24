"""How well we tell connection and tools apart on our own examples, in cross-validation.

Each example is scored by classifiers that saw neither it nor, of a conversation, any of its turns.
For comparison: one axis, as in a product that knows only sentiment (VADER's compound score, Hutto
and Gilbert, 2014). Needs scikit-learn and vaderSentiment, which are not needed at run time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from escalation.detect.training.train import (
    CRISIS_ONLY,
    PARTS,
    Inputs,
    calibration_error,
    inputs_for,
    read_lessons,
    unseen,
)
from escalation.intervals import Numbers

AXES = ("connection", "tools")
CORNERS = ("neither", "tools", "connection", "both")
RESAMPLINGS = 300
SEED = 4


@dataclass(frozen=True)
class CrossValidation:
    """For each axis, the labels (0, 0.5 or 1) of all messages and their scores (0 to 1)."""

    labels: Mapping[str, Numbers]
    scores: Mapping[str, Numbers]

    def auroc(self, axis: str) -> tuple[float, float, float]:
        """With its 95% interval (bootstrap). Leaves "some" (0.5) out: it is neither yes nor no."""
        clear = self.labels[axis] != 0.5
        labels, scores = self.labels[axis][clear] == 1, self.scores[axis][clear]
        dice = np.random.default_rng(SEED)
        drawn = [dice.integers(0, len(scores), len(scores)) for _ in range(RESAMPLINGS)]
        seen = [roc_auc_score(labels[draw], scores[draw]) for draw in drawn]
        low, high = np.percentile(seen, [2.5, 97.5])
        return float(roc_auc_score(labels, scores)), float(low), float(high)

    def error(self, axis: str) -> float:
        return calibration_error(self.labels[axis], self.scores[axis])

    @property
    def correlation(self) -> float:
        return float(np.corrcoef(self.scores["connection"], self.scores["tools"])[0, 1])

    def corners(self) -> NDArray[np.int64]:
        """Counts of the messages with clear labels on both axes: a row for each labeled corner, a
        column for each scored one."""
        clear = (self.labels["connection"] != 0.5) & (self.labels["tools"] != 0.5)
        counts = np.zeros((4, 4), dtype=np.int64)
        np.add.at(counts, (_corner(self.labels)[clear], _corner(self.scores)[clear]), 1)
        return counts


def _corner(scores: Mapping[str, Numbers]) -> NDArray[np.int64]:
    corners = 2 * (scores["connection"] > 0.5) + (scores["tools"] > 0.5)
    return np.asarray(corners, dtype=np.int64)


def cross_validate() -> tuple[CrossValidation, CrossValidation]:
    """By our classifiers, and by sentiment alone. Takes two minutes."""
    lessons = read_lessons(leaving_out=CRISIS_ONLY)
    labels = {axis: lessons.labels[axis] for axis in AXES}

    def validated(inputs: Inputs) -> CrossValidation:
        scores = {axis: unseen(axis, inputs, labels[axis], lessons.parts) for axis in AXES}
        return CrossValidation(labels, scores)

    return validated(inputs_for(lessons.words)), validated(_sentiment(lessons.words))


def _sentiment(words: Sequence[str]) -> Inputs:
    analyzer = SentimentIntensityAnalyzer()
    compound = [analyzer.polarity_scores(one)["compound"] for one in words]
    return np.array([[score, abs(score)] for score in compound], dtype=np.float32)


def table(ours: CrossValidation, sentiment: CrossValidation) -> Iterator[str]:
    ways = (("two classifiers", ours), ("sentiment alone", sentiment))
    yield f"{len(ours.scores['tools'])} messages and turns of our own, {PARTS} parts, each unseen"
    for name, way in ways:
        for axis in AXES:
            value, low, high = way.auroc(axis)
            figures = f"AUROC {value:.3f} [{low:.3f}-{high:.3f}]  ECE {way.error(axis):.3f}"
            yield f"{name:16} {axis:11} {figures}"
    yield f"correlation of the two scores: two classifiers {ours.correlation:.2f}"
    for name, way in ways:
        counts = way.corners()
        right = counts.trace() / counts.sum()
        yield f"corners by {name}: {right:.1%} right of {counts.sum()} that are clear on both axes"
        yield f"  {'labeled / scored':18}" + "".join(f"{corner:>12}" for corner in CORNERS)
        for corner, row in zip(CORNERS, counts, strict=True):
            yield f"  {corner:18}" + "".join(f"{count:12}" for count in row)
