"""Medians, spreads, ratios, and percentiles, and how they are printed."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.least)}-{short(self.most)})"


def spread(numbers: Sequence[float]) -> Spread:
    return Spread(statistics.median(numbers), min(numbers), max(numbers))


def percentile(numbers: Sequence[float], percent: float) -> float:
    """The smallest of the numbers that `percent` of them do not exceed: never between two."""
    place = math.ceil(len(numbers) * percent / 100)
    return sorted(numbers)[max(place, 1) - 1]


@dataclass(frozen=True)
class Goal:
    """What a figure of ours is to be, as a part or a multiple of the other's."""

    limit: float
    at_least: bool = False

    def is_met(self, figure: float) -> bool:
        return figure >= self.limit if self.at_least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


@dataclass(frozen=True)
class Comparison:
    """One figure of both systems in each round; those at one place are of the same round."""

    what: str
    ours: Sequence[float]
    stock: Sequence[float]
    goal: Goal | None

    @property
    def ratio(self) -> Spread:
        """Of the ratios in each round, because the machine's speed drifts between rounds."""
        return spread([a / b for a, b in zip(self.ours, self.stock, strict=True)])

    @property
    def is_met(self) -> bool:
        return self.goal is None or self.goal.is_met(self.ratio.median)

    def row(self) -> tuple[str, ...]:
        ours, stock, ratio = spread(self.ours), spread(self.stock), self.ratio
        goal = f"{self.goal}{'' if self.is_met else ': NOT met'}" if self.goal else ""
        return self.what, str(ours), str(stock), str(ratio), goal


def short(number: float) -> str:
    """Three figures that say something."""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
