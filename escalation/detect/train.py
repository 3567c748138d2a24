"""Train the heads from the example files: `python -m escalation.detect.train`.

Reads examples/*.tsv, writes heads.json and its hash, and prints how the heads do on examples
they were not shown. Takes about a minute. Needs scikit-learn, which is not needed at run time.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from escalation.detect.heads import VECTOR, WEIGHTS, WEIGHTS_SHA256, inputs_of
from escalation.detect.lexicon import Kind, load_lexicon
from escalation.detect.sentences import read
from escalation.detect.wording import in_plain_words

EXAMPLES = Path(__file__).with_name("examples")
COLUMNS = ["connection", "tools", "crisis", "text"]

# How much an example of each kind speaks for crisis. What is passive, about somebody else or
# over is not a crisis by itself, and not nothing.
CRISIS_SHARE = {Kind.PASSIVE: 0.4, Kind.OTHER: 0.4, Kind.PAST: 0.15}
# Inverse of regularisation, and how many of the inputs each head reads.
STRENGTH = {"crisis": 0.3, "connection": 3.0, "tools": 3.0}
READS = {"crisis": VECTOR, "connection": None, "tools": None}

Numbers = NDArray[np.float64]


class BadExample(Exception):
    def __init__(self, file: Path, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}. Correct it and train again.")


@dataclass(frozen=True)
class Example:
    """`connection` and `tools` are 0 (no), 1 (some) or 2 (strong); `kind` is None for no crisis."""

    connection: int
    tools: int
    kind: Kind | None
    text: str

    @property
    def crisis(self) -> float:
        return 0.0 if self.kind is None else CRISIS_SHARE.get(self.kind, 1.0)


def _example(file: Path, line: int, cells: Sequence[str]) -> Example:
    if len(cells) != len(COLUMNS):
        raise BadExample(file, line, f"{len(cells)} columns instead of {len(COLUMNS)}")
    connection, tools, kind, text = cells
    if connection not in "012" or tools not in "012":
        raise BadExample(file, line, "connection and tools are 0, 1 or 2")
    if kind != "-" and kind not in set(Kind):
        raise BadExample(file, line, f"there is no kind of crisis {kind!r}; write - for none")
    return Example(int(connection), int(tools), None if kind == "-" else Kind(kind), text)


def read_examples(folder: Path = EXAMPLES) -> list[Example]:
    """Raises BadExample, naming the file and line."""
    examples = []
    for file in sorted(folder.glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            next(rows, None)
            examples += [_example(file, line, cells) for line, cells in enumerate(rows, start=2)]
    return examples


def fingerprint(folder: Path = EXAMPLES) -> str:
    """Changes with any change to any example file."""
    content = b"".join(file.read_bytes() for file in sorted(folder.glob("*.tsv")))
    return hashlib.sha256(content).hexdigest()


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
