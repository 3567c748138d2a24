"""The trained layer: three small heads over sentence features and cues.

A head is a logistic regression. The two axes are separate heads that share nothing but their
inputs. Weights are plain numbers in classifiers.json, written by
`python -m escalation.detect.training.train` and checked by their hash.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from escalation.detect.lexicon import Cue
from escalation.detect.sentences import Vector

WEIGHTS = Path(__file__).with_name("classifiers.json")
WEIGHTS_SHA256 = Path(__file__).with_name("classifiers.sha256")

# Numbers in a sentence's features, which come first in a head's inputs.
VECTOR = 384
# What a cue counts beside a unit vector of 384 numbers. Twice as much as at first carried over
# better to messages of others (docs/evidence.md).
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
class Head:
    """Reads as many of the inputs as it has weights: the crisis head only the sentence features,
    since the words of crisis are the rules' part."""

    weights: Vector
    bias: float

    def raw(self, inputs: Vector) -> float:
        return float(inputs[: len(self.weights)] @ self.weights) + self.bias


@dataclass(frozen=True)
class Context:
    """How much a wish in the message itself counts beside the same wish in the message together
    with those before it. Learned from conversations labeled turn by turn."""

    now: float
    together: float
    bias: float

    def raw(self, now: float, together: float) -> float:
        return self.now * now + self.together * together + self.bias


@dataclass(frozen=True)
class Heads:
    """`version` names the weights; it changes with every training that changes a number."""

    crisis: Head
    connection: Head
    tools: Head
    connection_in_context: Context
    tools_in_context: Context
    version: str


def build_inputs(vector: Vector, text: str, cues: Sequence[Cue]) -> Vector:
    """What a head reads: a unit vector, whether each cue's words are there, and the length."""
    seen = [1.0 if cue.pattern.search(text) else 0.0 for cue in cues]
    length = min(len(text.split()), LONG) / LONG
    beside = CUE_WEIGHT * np.array([*seen, length], dtype=np.float32)
    return np.concatenate([vector, beside])


def _head(numbers: Mapping[str, Any]) -> Head:
    return Head(np.array(numbers["weights"], dtype=np.float32), float(numbers["bias"]))


@cache
def load_heads() -> Heads:
    """Raises WeightsDamaged when the file is missing, or is not the one that was trained."""
    try:
        content, expected = WEIGHTS.read_bytes(), WEIGHTS_SHA256.read_text("ascii").split()[0]
    except (OSError, IndexError) as error:
        raise WeightsDamaged("cannot be read") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != expected:
        raise WeightsDamaged("is not the file that was trained")
    numbers = json.loads(content)
    heads, context = numbers["heads"], numbers["context"]
    return Heads(
        crisis=_head(heads["crisis"]),
        connection=_head(heads["connection"]),
        tools=_head(heads["tools"]),
        connection_in_context=Context(**context["connection"]),
        tools_in_context=Context(**context["tools"]),
        version=sha256[:8],
    )
