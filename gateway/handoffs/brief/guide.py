"""What escalation/brief.toml says: advice by need, danger, and quadrant, and what ratings mean."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from escalation.decide import Quadrant
from models import Danger, Handoff, Need, Urgency

# Suicide and a kind that is not known are what [need.crisis] is about.
WITH_ADVICE = frozenset(Danger) - {Danger.SUICIDE, Danger.OTHER}
BRIEF_FILE = Path(__file__).resolve().parents[3] / "escalation" / "brief.toml"

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class BadBrief(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Advice(_Part):
    text: Words
    source: Words


class Guidance(_Part):
    do: Annotated[tuple[Advice, ...], Field(min_length=1)]
    do_not: Annotated[tuple[Advice, ...], Field(min_length=1)]
    first_line: Advice


class QuadrantGuidance(Guidance):
    in_words: Words


class Rating(_Part):
    """What the numbers before and after a skill rate, and whether a higher number is better."""

    rates: Words
    more_is_better: bool = False


class Guide(_Part):
    need: Mapping[Need, Guidance]
    danger: Mapping[Danger, Guidance]
    quadrant: Mapping[Quadrant, QuadrantGuidance]
    rating: Mapping[str, Rating]

    def about(self, handoff: Handoff) -> Guidance:
        """By the kind of danger if it is known and has advice of its own, or else by the need."""
        need = Need.CRISIS if handoff.urgency is Urgency.CRISIS else handoff.need
        danger = handoff.danger if need in (Need.CRISIS, Need.CONCERN) else None
        return (self.danger.get(danger) if danger else None) or self.need[need]


@cache
def load_guide(file: Path = BRIEF_FILE) -> Guide:
    """Raises BadBrief, naming what is missing."""
    try:
        guide = Guide.model_validate(tomllib.loads(file.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise BadBrief(file, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadBrief(file, f"{key}: {first['msg']}") from error
    missing = [f"[need.{one}]" for one in Need if one not in guide.need]
    missing += [f"[danger.{one}]" for one in WITH_ADVICE if one not in guide.danger]
    missing += [f"[quadrant.{one}]" for one in Quadrant if one not in guide.quadrant]
    if missing:
        raise BadBrief(file, f"there is no {missing[0]}")
    return guide
