"""The figures that join the rules and the classifier into one probability of crisis."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from escalation.detect.rules import Hit

FILE = Path(__file__).with_name("calibration.toml")


def sigmoid(raw: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, raw))))


@dataclass(frozen=True)
class Calibration:
    """calibration.toml says what each figure is and where it comes from."""

    rule_weight: float
    slope: float
    offset: float
    denied_below: float
    denied_at_most: float
    doubted_at_most: float
    never_below: float
    sure_from: float

    def crisis(self, classifier: float, hits: Sequence[Hit]) -> float:
        """`classifier`: its raw score. `hits`: strongest first."""
        strongest = hits[0].score if hits else 0.0
        joined = sigmoid(self.slope * (classifier + self.rule_weight * strongest) + self.offset)
        if hits and strongest <= self.denied_below:
            return min(joined, self.denied_at_most)
        if hits and all(hit.guards for hit in hits):
            joined = min(joined, self.doubted_at_most)
        sure = [hit.score for hit in hits if hit.score >= self.sure_from]
        return max([joined, min(strongest, self.never_below), *sure])


@cache
def load_calibration() -> Calibration:
    return Calibration(**tomllib.loads(FILE.read_text("utf-8"))["crisis"])
