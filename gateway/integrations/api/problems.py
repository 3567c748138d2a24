"""Refusals as problem details (RFC 9457): what is wrong, which part, and what to do next."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"
SORRY = "Something went wrong on our side. Nothing was lost; try again later."


class InvalidPart(BaseModel):
    """One part of a request that is not valid."""

    where: str = Field(description="For example, query.since or body.phone")
    detail: str


class ProblemDetails(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="What the status means")
    status: int
    detail: str = Field(description="What is wrong with this request, and what to do next")
    errors: list[InvalidPart] = Field(default=[], description="Every part that is not valid")


class Problem(Exception):
    """A refused request. `detail` is a sentence for the developer of the calling system."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.detail = detail
        self.headers = headers
        super().__init__(detail)


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[InvalidPart] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    title = HTTPStatus(status).phrase
    details = ProblemDetails(title=title, status=status, detail=detail, errors=list(errors))
    content = details.model_dump(exclude={"errors"} if not errors else None)
    return JSONResponse(content, status, dict(headers or {}), MEDIA_TYPE)


def invalid_request(errors: Sequence[Any]) -> Response:
    """FastAPI's complaints without the values sent, which may be names or phone numbers."""
    wrong = [
        InvalidPart(where=".".join(str(part) for part in error["loc"]), detail=f"{error['msg']}.")
        for error in errors
    ]
    which = ", ".join(one.where for one in wrong)
    detail = f"Not valid: {which}. `errors` says why. Correct the request and send it again."
    return problem(422, detail, errors=wrong)
