"""The chart of a mentee's check-ins in the brief."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from escalation.check_ins.scales import SCALES
from escalation.policy import CheckInCutOffs
from escalation.speech.i18n import phrase
from gateway.runtime.labels import CHECK_IN_NAMES
from models import CheckIn

MOST_POINTS = 12
# In the chart's own units; the page scales it.
WIDTH, HEIGHT, MARGIN = 280, 96, 10


@dataclass(frozen=True)
class Point:
    """One check-in; `x` and `y` are in the chart's units, with `y` counted from the top."""

    at: datetime
    score: int
    x: float
    y: float


@dataclass(frozen=True)
class Trend:
    """One kind of check-in over time. `worse` is higher or lower; `cut_off` is None for a mood."""

    name: str
    points: tuple[Point, ...]
    lowest: int
    highest: int
    unit: str
    worse: str
    cut_off: int | None
    cut_off_y: float | None

    @property
    def line(self) -> str:
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)

    @property
    def in_words(self) -> str:
        first, last = self.points[0].score, self.points[-1].score
        name, count = phrase(self.name), len(self.points)
        if count == 1:
            return phrase("{name}: {last}, from one check-in.", name=name, last=last)
        if first == last:
            return phrase(
                "{name}: {last} at first and now, over {count} check-ins.",
                name=name,
                last=last,
                count=count,
            )
        return phrase(
            "{name}: {direction} from {first} to {last} over {count} check-ins.",
            name=name,
            direction=phrase("up" if last > first else "down"),
            first=first,
            last=last,
            count=count,
        )


def build_trend(check_ins: Sequence[CheckIn], cut_offs: CheckInCutOffs) -> Trend | None:
    """Chart the kind of check-in with the most scores; at a tie mood, then the latest."""
    by_kind: dict[str, list[CheckIn]] = defaultdict(list)
    for check_in in check_ins:
        if check_in.score is not None:
            by_kind[check_in.kind].append(check_in)
    if not by_kind:
        return None
    kind = max(by_kind, key=lambda one: (len(by_kind[one]), one == "mood", by_kind[one][-1].at))
    scale = SCALES.get(kind)
    shown = by_kind[kind][-MOST_POINTS:]
    lowest, highest = (scale.lowest_total, scale.highest_total) if scale else (0, 10)
    cut_off = cut_offs.of(scale).cut_off if scale else None
    begin, end = shown[0].at, shown[-1].at
    lasted = (end - begin).total_seconds()

    def height(score: float) -> float:
        share = (min(max(score, lowest), highest) - lowest) / (highest - lowest)
        return round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)

    def across(at: datetime) -> float:
        share = (at - begin).total_seconds() / lasted if lasted else 0.5
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    scores = [(one.at, score_in_unit(one)) for one in shown]
    return Trend(
        name=CHECK_IN_NAMES.get(kind, kind),
        points=tuple(Point(at, score, across(at), height(score)) for at, score in scores),
        lowest=lowest,
        highest=highest,
        unit=scale.unit if scale else "points",
        worse=scale.worse if scale else "lower",
        cut_off=cut_off,
        cut_off_y=None if cut_off is None else height(cut_off),
    )


def score_in_unit(check_in: CheckIn) -> int:
    scale = SCALES.get(check_in.kind)
    return (check_in.score or 0) * (scale.unit_per_point if scale else 1)
