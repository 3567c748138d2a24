"""Parameters and fields that several API routes share."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gateway.integrations.api.problems import Problem

LARGEST = 2**31 - 1


class FromRow(BaseModel):
    """A part of an answer that is filled from the attributes of a row."""

    # The answer always has every field, so the description lists all of them as required.
    model_config = ConfigDict(
        from_attributes=True, json_schema_serialization_defaults_required=True
    )


class PageQuery(BaseModel):
    """Which page of a list to return."""

    limit: int = Field(50, ge=1, le=200, description="Maximum number of results")
    cursor: int | None = Field(
        None, ge=1, le=LARGEST, description="`next_cursor` of the previous page"
    )


# A row number in a URL.
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Weeks = Annotated[int, Query(ge=1, le=104, description="Number of weeks, with the current one")]


def _in_utc(at: datetime) -> datetime:
    # Converting the first or last days of the calendar to UTC would overflow.
    if not 1 < at.year < 9999:
        raise ValueError("the year must be between 2 and 9998")
    return at.astimezone(UTC)


# The offset is required, as in 2026-11-10T15:00:00Z.
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


def not_there(what: str, number: int) -> Problem:
    """The same answer for a row that does not exist and for one of another program."""
    return Problem(
        404, f"There is no {what} {number} in this program. List them to get valid numbers."
    )
