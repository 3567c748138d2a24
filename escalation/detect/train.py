"""Train the heads from the example files: `python -m escalation.detect.train`.

Reads examples/*.tsv, writes heads.json and its hash, and prints how the heads do on examples
they were not shown. Takes about a minute. Needs scikit-learn, which is not needed at run time.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from escalation.detect.example_files import Example, fingerprint, read_examples
from escalation.detect.heads import VECTOR, WEIGHTS, WEIGHTS_SHA256, inputs_of
from escalation.detect.lexicon import load_lexicon
from escalation.detect.sentences import read
from escalation.detect.wording import in_plain_words

# Inverse of regularisation, and how many of the inputs each head reads.
STRENGTH = {"crisis": 0.3, "connection": 3.0, "tools": 3.0}
READS = {"crisis": VECTOR, "connection": None, "tools": None}

Numbers = NDArray[np.float64]


def targets(examples: Sequence[Example]) -> dict[str, Numbers]:
    """What each head should say of each example, 0 to 1."""
    return {
        "crisis": np.array([example.crisis for example in examples]),
        "connection": np.array([example.connection / 2 for example in examples]),
        "tools": np.array([example.tools / 2 for example in examples]),
    }


def inputs_for(examples: Sequence[Example]) -> NDArray[np.float32]:
    lexicon = load_lexicon()
    texts = (in_plain_words(example.text, lexicon).text for example in examples)
    return np.stack([inputs_of(read(text).whole, text, lexicon.cues) for text in texts])


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


def _held_back(inputs: NDArray[np.float32], target: Numbers, strength: float) -> Numbers:
    """Each example's probability by a head that did not see it, in five parts."""
    probability = np.zeros(len(target))
    part = np.arange(len(target)) % 5
    for held in range(5):
        weights, bias = fit(inputs[part != held], target[part != held], strength)
        probability[part == held] = 1 / (1 + np.exp(-(inputs[part == held] @ weights + bias)))
    return probability


def calibration_error(target: Numbers, probability: Numbers, bins: int = 10) -> float:
    """Mean distance between what was said and what was so, over equal-width bins."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    return sum(
        float((which == b).mean() * abs(target[which == b].mean() - probability[which == b].mean()))
        for b in range(bins)
        if (which == b).any()
    )


def _report(inputs: NDArray[np.float32], wanted: dict[str, Numbers]) -> Iterator[str]:
    from sklearn.metrics import roc_auc_score

    said = {
        name: _held_back(inputs[:, : READS[name]], wanted[name], STRENGTH[name]) for name in wanted
    }
    for name, target in wanted.items():
        clear = (target == 0) | (target == 1)
        auroc = roc_auc_score(target[clear] == 1, said[name][clear])
        error = calibration_error(target, said[name])
        yield f"{name:12} AUROC {auroc:.3f}  calibration error {error:.3f}  (held back, 5 parts)"
    together = np.corrcoef(said["connection"], said["tools"])[0, 1]
    yield f"correlation of the two axes' scores: {together:.2f}"


def train() -> None:
    examples = read_examples()
    inputs, wanted = inputs_for(examples), targets(examples)
    heads = {}
    for name, target in wanted.items():
        weights, bias = fit(inputs[:, : READS[name]], target, STRENGTH[name])
        heads[name] = {"bias": bias, "weights": weights.tolist()}
    content = json.dumps({"examples_sha256": fingerprint(), "heads": heads}, indent=0) + "\n"
    WEIGHTS.write_text(content, encoding="utf-8")
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    WEIGHTS_SHA256.write_text(f"{sha256}  {WEIGHTS.name}\n", encoding="ascii")
    print(f"{len(examples)} examples, heads {sha256[:8]}")
    for line in _report(inputs, wanted):
        print(line)


if __name__ == "__main__":
    train()
