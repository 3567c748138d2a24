"""The API as an application of its own, mounted at /api/v1: its description says nothing else."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway.accounts.rate_limit import RateLimits
from gateway.integrations.api import handoffs, metrics, people, staffing
from gateway.integrations.api.auth import CALLS, CALLS_WITHIN
from gateway.integrations.api.problems import (
    MEDIA_TYPE,
    SORRY,
    Problem,
    ProblemDetails,
    cannot_be_read,
    problem,
)
from gateway.integrations.scopes import MEANS
from gateway.runtime.line import Line

MOUNTED_AT = "/api/v1"

ABOUT = f"""\
What programs may read of one program. Every request shows a token of that program; what is
of another program is not there. Times are UTC. No answer holds what people wrote, and names
and phone numbers only with the scope `people:names`. Every reading is noted in the program's
audit. At most {CALLS} requests a minute with one token; then 429 with `Retry-After`.

Scopes:

""" + "\n".join(f"* `{scope.value}`: {means}" for scope, means in MEANS.items())

REFUSED = {
    "4XX": {
        "description": "Not granted, and why",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
}
NO_SUCH_ADDRESS = f"There is nothing at this address. {MOUNTED_AT}/openapi.json lists what is."
WRONG_METHOD = f"This address does not take that method. {MOUNTED_AT}/openapi.json says which."

errors = structlog.get_logger()


class Api(FastAPI):
    """Describes how it refuses, beside what it answers."""

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        reference = "#/components/schemas/{model}"
        schema = ProblemDetails.model_json_schema(ref_template=reference)
        parts = described["components"]["schemas"]
        parts.update(schema.pop("$defs"))
        parts["ProblemDetails"] = schema
        return described


def create_api(line: Line) -> FastAPI:
    api = Api(
        title="Warmline",
        version="1",
        description=ABOUT,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=REFUSED,  # type: ignore[arg-type]
        # An address with a slash too many is not there; a redirect would name http behind a proxy.
        redirect_slashes=False,
    )
    api.state.line = line
    api.state.calls = RateLimits(CALLS_WITHIN)
    for part in (handoffs, people, metrics, staffing):
        api.include_router(part.router)

    @api.exception_handler(Problem)
    async def refuse(request: Request, refused: Problem) -> Response:
        return problem(refused.status, refused.detail, headers=refused.headers)

    @api.exception_handler(RequestValidationError)
    async def say_what_cannot_be_read(request: Request, error: RequestValidationError) -> Response:
        return cannot_be_read(error.errors())

    @api.exception_handler(HTTPException)
    async def say_what_is_missing(request: Request, error: HTTPException) -> Response:
        sentences = {404: NO_SUCH_ADDRESS, 405: WRONG_METHOD}
        detail = sentences.get(error.status_code, "This cannot be read. Mend it and send it again.")
        return problem(error.status_code, detail, headers=error.headers)

    @api.exception_handler(Exception)
    async def say_sorry(request: Request, error: Exception) -> Response:
        route = getattr(request.scope.get("route"), "path", "none")
        errors.error("request failed", route=f"{MOUNTED_AT}{route}", kind=type(error).__name__)
        return problem(500, SORRY)

    return api
