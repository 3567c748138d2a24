"""Saying no to a program: problem details (RFC 9457) that say what, which, and what to do next."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"
SORRY = "Something went wrong here. Nothing was lost; try again later."


class Wrong(BaseModel):
    """One thing in a request that cannot be taken."""

    where: str = Field(description="Such as query.since or body.phone")
    detail: str


class ProblemDetails(BaseModel):
    """Why a request was not granted (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="What the status means")
    status: int
    detail: str = Field(description="What was wrong with this request, and what to do next")
    errors: list[Wrong] = Field(default=[], description="Each thing that cannot be taken")


class Problem(Exception):
    """A request that is not granted. `detail` is a sentence for whoever wrote the program."""

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
    errors: Sequence[Wrong] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    title = HTTPStatus(status).phrase
    said = ProblemDetails(title=title, status=status, detail=detail, errors=list(errors))
    content = said.model_dump(exclude={"errors"} if not errors else None)
    return JSONResponse(content, status, dict(headers or {}), MEDIA_TYPE)


def cannot_be_read(errors: Sequence[Any]) -> Response:
    """What FastAPI found wrong, without what was sent: that may be a name or a number."""
    wrong = [
        Wrong(where=".".join(str(part) for part in error["loc"]), detail=f"{error['msg']}.")
        for error in errors
    ]
    which = ", ".join(one.where for one in wrong)
    detail = f"This cannot be read: {which}. See `errors` for why, mend it and send it again."
    return problem(422, detail, errors=wrong)
