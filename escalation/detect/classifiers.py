"""Three small classifiers over sentence features and cues: one for crisis, one for each axis.

Each is a logistic regression. `python -m escalation.detect.training.train` writes the weights to
classifiers.json, and their hash beside them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from escalation.detect.lexicon import load_lexicon
from escalation.detect.sentences import Vector

WEIGHTS = Path(__file__).with_name("classifiers.json")
WEIGHTS_SHA256 = Path(__file__).with_name("classifiers.sha256")

# The sentence features, which are the first inputs of a classifier.
VECTOR = 384
# The weight of a cue beside a unit vector of 384 numbers. We began with 0.7; twice that works
# better on texts by other people (docs/evidence.md).
CUE_WEIGHT = 1.4
# Messages of this many words or more count as long.
LONG = 80


class WeightsDamaged(Exception):
    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{WEIGHTS}: {problem}. "
            "Run `python -m escalation.detect.training.train` and start again."
        )


@dataclass(frozen=True)
class Classifier:
    """Reads as many of the inputs as it has weights. The crisis classifier reads only the sentence
    features, because the rules read the words."""

    weights: Vector
    bias: float

    def raw(self, inputs: Vector) -> float:
        return float(inputs[: len(self.weights)] @ self.weights) + self.bias


@dataclass(frozen=True)
class Context:
    """Weighs the raw score of a message alone against that of the message with those before it.

    Learned from conversations labeled turn by turn.
    """

    now: float
    together: float
    bias: float

    def raw(self, now: float, together: float) -> float:
        return self.now * now + self.together * together + self.bias


@dataclass(frozen=True)
class Classifiers:
    """`version` changes with every training that changes a number."""

    crisis: Classifier
    connection: Classifier
    tools: Classifier
    connection_in_context: Context
    tools_in_context: Context
    version: str


def build_inputs(vector: Vector, text: str) -> Vector:
    """A unit vector, whether each cue matches the plain words, and their length."""
    seen = [1.0 if cue.pattern.search(text) else 0.0 for cue in load_lexicon().cues]
    length = min(len(text.split()), LONG) / LONG
    beside = CUE_WEIGHT * np.array([*seen, length], dtype=np.float32)
    return np.concatenate([vector, beside])


def _classifier(numbers: Mapping[str, Any]) -> Classifier:
    return Classifier(np.array(numbers["weights"], dtype=np.float32), float(numbers["bias"]))


@cache
def load_classifiers() -> Classifiers:
    """Raises WeightsDamaged if the file is missing or its hash is another."""
    try:
        content, expected = WEIGHTS.read_bytes(), WEIGHTS_SHA256.read_text("ascii").split()[0]
    except (OSError, IndexError) as error:
        raise WeightsDamaged("cannot be read") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != expected:
        raise WeightsDamaged("is not the file that was trained")
    numbers = json.loads(content)
    classifiers, context = numbers["heads"], numbers["context"]
    return Classifiers(
        crisis=_classifier(classifiers["crisis"]),
        connection=_classifier(classifiers["connection"]),
        tools=_classifier(classifiers["tools"]),
        connection_in_context=Context(**context["connection"]),
        tools_in_context=Context(**context["tools"]),
        version=sha256[:8],
    )
