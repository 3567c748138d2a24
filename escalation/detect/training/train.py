"""Train the heads from the example files: `python -m escalation.detect.training.train`.

Reads the files in examples/, writes heads.json and its hash, and prints how the heads do on
examples they were not shown. Takes about two minutes. Needs scikit-learn, which is not needed at
run time.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalation.detect.classifiers import VECTOR, WEIGHTS, WEIGHTS_SHA256, build_inputs
from escalation.detect.detector import REMEMBERED
from escalation.detect.lexicon import load_lexicon
from escalation.detect.sentences import read
from escalation.detect.training.example_files import (
    Conversation,
    Example,
    fingerprint,
    read_conversations,
    read_examples,
)
from escalation.detect.wording import in_plain_words, join

# What is held back in turn, to see how a head does on examples that it was not shown.
PARTS = 5
# Inverse of regularisation, and how many of the inputs each head reads. The crisis head is held
# tightest: its examples say on purpose what no rule knows, and few of them are alike.
STRENGTH = {"crisis": 0.06, "connection": 0.15, "tools": 0.15}
READS = {"crisis": VECTOR, "connection": None, "tools": None}
# Whose raw scores are stretched to probabilities by our own examples, and how little that is held.
STRETCHED = ("connection", "tools")
LOOSE = 1000.0
# Written for crisis alone. Taught to the wishes as well, they drew the connection head from
# lonely questions.
CRISIS_ONLY = frozenset(
    {"crisis_abuse", "crisis_imminent", "crisis_told", "crisis_veiled"}
    | {"hard_negatives_3", "hard_negatives_4"}
)

Numbers = NDArray[np.float64]


def targets(examples: Sequence[Example]) -> dict[str, Numbers]:
    """What each head should say of each example, 0 to 1."""
    return {
        "crisis": np.array([example.crisis for example in examples]),
        "connection": np.array([example.connection / 2 for example in examples]),
        "tools": np.array([example.tools / 2 for example in examples]),
    }


def inputs_for(texts: Iterable[str]) -> NDArray[np.float32]:
    """What the heads read of plain words. The features of each text are its own, so that texts
    can be read side by side."""
    cues = load_lexicon().cues
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.stack(
            list(threads.map(lambda text: build_inputs(read(text).whole, text, cues), texts))
        )


def plain(examples: Iterable[Example]) -> list[str]:
    lexicon = load_lexicon()
    return [in_plain_words(example.text, lexicon).text for example in examples]


def in_context(conversation: Conversation) -> Iterator[tuple[Example, str]]:
    """Each turn with the plain words of it and of those before it, as the detector reads them."""
    turns = [turn.example for turn in conversation.turns]
    words = plain(turns)
    for place, turn in enumerate(turns):
        yield turn, join(words[max(0, place - REMEMBERED) : place + 1])


def fit(inputs: NDArray[np.float32], target: Numbers, strength: float) -> tuple[Numbers, float]:
    """Weights and bias of a logistic regression on soft targets: each example stands once as a
    yes and once as a no, weighted by its target."""
    from sklearn.linear_model import LogisticRegression

    answers = np.r_[np.ones(len(target)), np.zeros(len(target))]
    share = np.r_[target, 1 - target]
    counts = share > 0
    model = LogisticRegression(C=strength, max_iter=5000)
    model.fit(np.r_[inputs, inputs][counts], answers[counts], sample_weight=share[counts])
    return np.round(model.coef_[0], 5), round(float(model.intercept_[0]), 5)


def fit_context(now: Numbers, together: Numbers, target: Numbers) -> dict[str, float]:
    """How to weigh the two raw scores of each turn, as a Context."""
    weights, bias = fit(np.stack([now, together], axis=1).astype(np.float32), target, 1.0)
    return {"now": float(weights[0]), "together": float(weights[1]), "bias": bias}


def raw_unseen(
    inputs: NDArray[np.float32],
    target: Numbers,
    strength: float,
    parts: NDArray[np.int64],
    *asked: NDArray[np.float32],
) -> list[Numbers]:
    """Raw scores of each of `asked`, row for row with `inputs`, by a head that saw none of the
    row's part."""
    raws = [np.zeros(len(target)) for _ in asked]
    for part in range(PARTS):
        mine = parts == part
        weights, bias = fit(inputs[~mine], target[~mine], strength)
        for raw, ask in zip(raws, asked, strict=True):
            raw[mine] = ask[mine] @ weights + bias
    return raws


@dataclass(frozen=True)
class Stretch:
    """What turns raw scores of examples that a head was not shown into probabilities (Platt,
    1999). A head held tight by its regularisation is less sure than it could be."""

    slope: float
    offset: float

    def __call__(self, raw: Numbers) -> Numbers:
        return self.slope * raw + self.offset


def get_stretch(raw_of_unseen: Numbers, target: Numbers) -> Stretch:
    (slope,), offset = fit(raw_of_unseen[:, None].astype(np.float32), target, LOOSE)
    return Stretch(float(slope), offset)


def unseen(
    name: str, inputs: NDArray[np.float32], target: Numbers, parts: NDArray[np.int64]
) -> Numbers:
    """Each row's probability by a head of this name, and a stretch, that saw none of the row's
    part. Crisis gets its stretch together with the rules (calibration.toml), so none here."""
    read = inputs[:, : READS[name]]
    [raw] = raw_unseen(read, target, STRENGTH[name], parts, read)
    if name in STRETCHED:
        kept = raw.copy()
        for part in range(PARTS):
            mine = parts == part
            raw[mine] = get_stretch(kept[~mine], target[~mine])(kept[mine])
    return np.asarray(1 / (1 + np.exp(-raw)), dtype=np.float64)


def calibration_error(target: Numbers, probability: Numbers, bins: int = 10) -> float:
    """Mean distance between what was said and what was so, over equal-width bins."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    return sum(
        float((which == b).mean() * abs(target[which == b].mean() - probability[which == b].mean()))
        for b in range(bins)
        if (which == b).any()
    )


def _report(
    inputs: NDArray[np.float32],
    wanted: dict[str, Numbers],
    taught: dict[str, NDArray[np.bool_]],
    parts: NDArray[np.int64],
) -> Iterator[str]:
    from sklearn.metrics import roc_auc_score

    said = {}
    for name, target in wanted.items():
        said[name] = unseen(name, inputs[taught[name]], target, parts[taught[name]])
        clear = (target == 0) | (target == 1)
        auroc = roc_auc_score(target[clear] == 1, said[name][clear])
        error = calibration_error(target, said[name])
        figures = f"AUROC {auroc:.3f}  calibration error {error:.3f}"
        yield f"{name:12} {figures}  (held back, {PARTS} parts)"
    together = np.corrcoef(said["connection"], said["tools"])[0, 1]
    yield f"correlation of the two axes' scores: {together:.2f}"


def _taught(examples: Sequence[Example], turns: int) -> dict[str, NDArray[np.bool_]]:
    """Which rows, examples first and then turns, each head learns from."""
    wishful = set(read_examples(leaving_out=CRISIS_ONLY))
    wishes = np.array([*(one in wishful for one in examples), *[True] * turns])
    # A crisis is seen in the message that says it; the turns after it are labeled with it too.
    said = np.arange(len(examples) + turns) < len(examples)
    return {"crisis": said, "connection": wishes, "tools": wishes}


def train() -> None:
    examples = read_examples()
    conversations = read_conversations()
    turns = [turn for one in conversations for turn in in_context(one)]
    number = np.repeat(np.arange(len(conversations)), [len(one.turns) for one in conversations])
    inputs = inputs_for([*plain(examples), *(words for _, words in turns)])
    alone = np.r_[inputs[: len(examples)], inputs_for(plain(turn for turn, _ in turns))]
    taught = _taught(examples, len(turns))
    labels = targets([*examples, *(turn for turn, _ in turns)])
    wanted = {name: label[taught[name]] for name, label in labels.items()}
    # A conversation stays whole, so that no turn is scored by a head that saw its neighbors.
    parts = np.r_[np.arange(len(examples)) % PARTS, number % PARTS]
    heads, context = {}, {}
    for name, target in wanted.items():
        rows = taught[name]
        read = inputs[rows, : READS[name]]
        weights, bias = fit(read, target, STRENGTH[name])
        if name in STRETCHED:
            now, together = raw_unseen(read, target, STRENGTH[name], parts[rows], alone[rows], read)
            stretch = get_stretch(together, target)
            weights = np.round(stretch.slope * weights, 5)
            bias = round(stretch.slope * bias + stretch.offset, 5)
            last = slice(-len(turns), None)
            context[name] = fit_context(stretch(now[last]), stretch(together[last]), target[last])
        heads[name] = {"bias": bias, "weights": weights.tolist()}
    stored = {"examples_sha256": fingerprint(), "heads": heads, "context": context}
    content = json.dumps(stored, indent=0) + "\n"
    WEIGHTS.write_text(content, encoding="utf-8")
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    WEIGHTS_SHA256.write_text(f"{sha256}  {WEIGHTS.name}\n", encoding="ascii")
    print(f"{len(examples)} examples, {len(turns)} turns, heads {sha256[:8]}")
    for name, weighed in context.items():
        print(f"{name} in a conversation: {weighed}")
    for line in _report(inputs, wanted, taught, parts):
        print(line)


if __name__ == "__main__":
    train()
