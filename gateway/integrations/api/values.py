"""Values that several answers and addresses of the API share."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime

from gateway.integrations.api.problems import Problem
from models import Urgency

UrgencyName = Literal["routine", "soon", "crisis"]

LARGEST = 2**31 - 1
# The number of a row, as an address carries it.
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Cursor = Annotated[
    int | None,
    Query(ge=1, le=LARGEST, description="The `next_cursor` of the page before"),
]
Weeks = Annotated[int, Query(ge=1, le=104, description="So many weeks, this one among them")]


def _in_utc(at: datetime) -> datetime:
    # The calendar's first and last days have no neighbors in every time zone.
    if not 1 < at.year < 9999:
        raise ValueError("the year is too far away")
    return at.astimezone(UTC)


# With its offset, as in 2026-11-10T15:00:00Z; one without could mean any place.
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


def urgency_name(urgency: Urgency) -> UrgencyName:
    names: dict[Urgency, UrgencyName] = {
        Urgency.ROUTINE: "routine",
        Urgency.SOON: "soon",
        Urgency.CRISIS: "crisis",
    }
    return names[urgency]


def urgency_named(name: UrgencyName) -> Urgency:
    return Urgency[name.upper()]


def not_there(what: str, number: int) -> Problem:
    """The same for what is nowhere and for what another program has."""
    return Problem(
        404, f"There is no {what} {number} in this program. List them to see which there are."
    )
