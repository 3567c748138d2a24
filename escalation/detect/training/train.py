"""Train the classifiers from the example files: `python -m escalation.detect.training.train`.

Writes classifiers.json and its hash, and prints how the classifiers do on examples they did not
see. Takes about two minutes. Needs scikit-learn, which is not needed at run time.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from escalation.detect.classifiers import VECTOR, WEIGHTS, WEIGHTS_SHA256, build_inputs
from escalation.detect.detector import REMEMBERED
from escalation.detect.sentences import read
from escalation.detect.training.example_files import (
    Conversation,
    Example,
    fingerprint,
    read_conversations,
    read_examples,
)
from escalation.detect.wording import in_plain_words, join
from escalation.intervals import Numbers

# Each example is scored by a classifier that was trained without its part.
PARTS = 5
# Inverse of regularization, and how many of the inputs each classifier reads. The crisis classifier
# is regularized most: its examples say on purpose what no rule knows, and few of them are alike.
STRENGTH = {"crisis": 0.06, "connection": 0.15, "tools": 0.15}
READS = {"crisis": VECTOR, "connection": None, "tools": None}
# The raw scores of these are stretched to probabilities on our own examples, almost without
# regularization.
STRETCHED = ("connection", "tools")
LOOSE = 1000.0
# Written for crisis alone. Taught to the axes as well, they made the connection classifier miss
# lonely questions.
CRISIS_ONLY = frozenset(
    {"crisis_abuse", "crisis_imminent", "crisis_told", "crisis_veiled"}
    | {"hard_negatives_3", "hard_negatives_4"}
)

Inputs = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Lessons:
    """Examples, then the turns of conversations: `together`, with the turns before, and `alone`.

    `parts` keeps a conversation whole, so that no classifier scores a turn after it saw its
    neighbors.
    """

    examples: Sequence[Example]
    turns: Sequence[Example]
    words: Sequence[str]
    parts: Places

    @property
    def labels(self) -> dict[str, Numbers]:
        return targets([*self.examples, *self.turns])


def read_lessons(leaving_out: Collection[str] = ()) -> Lessons:
    examples, conversations = read_examples(leaving_out=leaving_out), read_conversations()
    turns = [turn for one in conversations for turn in in_context(one)]
    number = np.repeat(np.arange(len(conversations)), [len(one.turns) for one in conversations])
    return Lessons(
        examples,
        [turn for turn, _ in turns],
        [*plain(examples), *(words for _, words in turns)],
        np.r_[np.arange(len(examples)) % PARTS, number % PARTS],
    )


def targets(examples: Sequence[Example]) -> dict[str, Numbers]:
    return {
        "crisis": np.array([example.crisis for example in examples]),
        "connection": np.array([example.connection / 2 for example in examples]),
        "tools": np.array([example.tools / 2 for example in examples]),
    }


def features(texts: Iterable[str]) -> Inputs:
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.stack(list(threads.map(lambda text: read(text).whole, texts)))


def inputs_for(texts: Sequence[str]) -> Inputs:
    return np.stack([build_inputs(*one) for one in zip(features(texts), texts, strict=True)])


def plain(examples: Iterable[Example]) -> list[str]:
    return [in_plain_words(example.text).text for example in examples]


def in_context(conversation: Conversation) -> Iterator[tuple[Example, str]]:
    words = plain(conversation.turns)
    for place, turn in enumerate(conversation.turns):
        yield turn, join(words[max(0, place - REMEMBERED) : place + 1])


def fit(inputs: Inputs, target: Numbers, strength: float) -> tuple[Numbers, float]:
    """Weights and bias of a logistic regression on soft targets: each example counts once as a yes
    and once as a no, weighted by its target."""
    answers = np.r_[np.ones(len(target)), np.zeros(len(target))]
    share = np.r_[target, 1 - target]
    counts = share > 0
    model = LogisticRegression(C=strength, max_iter=5000)
    model.fit(np.r_[inputs, inputs][counts], answers[counts], sample_weight=share[counts])
    return np.round(model.coef_[0], 5), round(float(model.intercept_[0]), 5)


def fit_context(now: Numbers, together: Numbers, target: Numbers) -> dict[str, float]:
    weights, bias = fit(np.stack([now, together], axis=1).astype(np.float32), target, 1.0)
    return {"now": float(weights[0]), "together": float(weights[1]), "bias": bias}


def raw_unseen(
    name: str, inputs: Inputs, target: Numbers, parts: Places, *asked: Inputs
) -> list[Numbers]:
    """Raw scores of each of `asked`, row for row with `inputs`, by a classifier that saw none of
    the row's part."""
    raws = [np.zeros(len(target)) for _ in asked]
    for part in range(PARTS):
        mine = parts == part
        weights, bias = fit(inputs[~mine], target[~mine], STRENGTH[name])
        for raw, ask in zip(raws, asked, strict=True):
            raw[mine] = ask[mine] @ weights + bias
    return raws


def fit_stretch(raw: Numbers, target: Numbers) -> tuple[float, float]:
    """Slope and offset that turn raw scores of unseen examples into probabilities (Platt, 1999).

    A strongly regularized classifier is less sure than it could be.
    """
    (slope,), offset = fit(raw[:, None].astype(np.float32), target, LOOSE)
    return float(slope), offset


def unseen(name: str, inputs: Inputs, target: Numbers, parts: Places) -> Numbers:
    """Each row's probability by a classifier and a stretch that saw none of the row's part.

    Crisis gets its stretch together with the rules (calibration.toml), so none here.
    """
    read = inputs[:, : READS[name]]
    [raw] = raw_unseen(name, read, target, parts, read)
    if name in STRETCHED:
        kept = raw.copy()
        for part in range(PARTS):
            mine = parts == part
            slope, offset = fit_stretch(kept[~mine], target[~mine])
            raw[mine] = slope * kept[mine] + offset
    return np.asarray(1 / (1 + np.exp(-raw)), dtype=np.float64)


def calibration_error(target: Numbers, probability: Numbers, bins: int = 10) -> float:
    which = np.minimum((probability * bins).astype(int), bins - 1)
    return sum(
        float((which == b).mean() * abs(target[which == b].mean() - probability[which == b].mean()))
        for b in range(bins)
        if (which == b).any()
    )


def _report(
    inputs: Inputs,
    labels: Mapping[str, Numbers],
    taught: Mapping[str, NDArray[np.bool_]],
    parts: Places,
) -> Iterator[str]:
    said = {}
    for name, rows in taught.items():
        target = labels[name][rows]
        said[name] = unseen(name, inputs[rows], target, parts[rows])
        clear = (target == 0) | (target == 1)
        auroc = roc_auc_score(target[clear] == 1, said[name][clear])
        error = calibration_error(target, said[name])
        figures = f"AUROC {auroc:.3f}  calibration error {error:.3f}"
        yield f"{name:12} {figures}  (cross-validation, {PARTS} parts)"
    together = np.corrcoef(said["connection"], said["tools"])[0, 1]
    yield f"correlation of the two axes' scores: {together:.2f}"


def _taught(lessons: Lessons) -> dict[str, NDArray[np.bool_]]:
    both = set(read_examples(leaving_out=CRISIS_ONLY))
    axes = np.array([*(one in both for one in lessons.examples), *[True] * len(lessons.turns)])
    # The turns after a crisis are labeled with it too, so crisis is learned from messages alone.
    alone = np.arange(len(lessons.parts)) < len(lessons.examples)
    return {"crisis": alone, "connection": axes, "tools": axes}


def train() -> None:
    lessons = read_lessons()
    inputs, taught, labels = inputs_for(lessons.words), _taught(lessons), lessons.labels
    alone = np.r_[inputs[: len(lessons.examples)], inputs_for(plain(lessons.turns))]
    classifiers, context = {}, {}
    for name, rows in taught.items():
        read, target = inputs[rows, : READS[name]], labels[name][rows]
        weights, bias = fit(read, target, STRENGTH[name])
        if name in STRETCHED:
            now, together = raw_unseen(name, read, target, lessons.parts[rows], alone[rows], read)
            slope, offset = fit_stretch(together, target)
            weights, bias = np.round(slope * weights, 5), round(slope * bias + offset, 5)
            last = slice(-len(lessons.turns), None)
            now, together = (slope * raw[last] + offset for raw in (now, together))
            context[name] = fit_context(now, together, target[last])
        classifiers[name] = {"bias": bias, "weights": weights.tolist()}
    stored = {"examples_sha256": fingerprint(), "heads": classifiers, "context": context}
    content = json.dumps(stored, indent=0) + "\n"
    WEIGHTS.write_text(content, encoding="utf-8")
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    WEIGHTS_SHA256.write_text(f"{sha256}  {WEIGHTS.name}\n", encoding="ascii")
    print(f"{len(lessons.examples)} examples, {len(lessons.turns)} turns, weights {sha256[:8]}")
    for name, weighed in context.items():
        print(f"{name} in a conversation: {weighed}")
    for line in _report(inputs, labels, taught, lessons.parts):
        print(line)


if __name__ == "__main__":
    train()
