"""The API at /api/v1: its own application, so that its OpenAPI description has nothing else."""

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
    invalid_request,
    problem,
)
from gateway.integrations.scopes import MEANS
from gateway.runtime.line import Line

MOUNTED_AT = "/api/v1"

ABOUT = f"""\
Read the data of one mentoring program, and enroll mentees in it. Send a token of the program with
every request; data of other programs is not visible. Times are in UTC. The API never returns what
people wrote, and returns names and phone numbers only with the scope `people:names`. The program's
audit log records every read. Each token allows {CALLS} requests a minute; after that you get status
429 with `Retry-After`.

Scopes:

""" + "\n".join(f"* `{scope.value}`: {means}" for scope, means in MEANS.items())

REFUSED = {
    "4XX": {
        "description": "The request was refused; `detail` says why",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
}
NO_SUCH_ADDRESS = f"There is nothing at this URL. See {MOUNTED_AT}/openapi.json."
WRONG_METHOD = f"This URL does not allow that method. See {MOUNTED_AT}/openapi.json."

log = structlog.get_logger()


class Api(FastAPI):
    """Adds the schema of refusals to the OpenAPI description."""

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
        # Behind a proxy, a redirect for a trailing slash would lead to http.
        redirect_slashes=False,
    )
    api.state.line = line
    api.state.calls = RateLimits(line, CALLS_WITHIN)
    for part in (handoffs, people, metrics, staffing):
        api.include_router(part.router)

    @api.exception_handler(Problem)
    async def refuse(request: Request, refused: Problem) -> Response:
        return problem(refused.status, refused.detail, headers=refused.headers)

    @api.exception_handler(RequestValidationError)
    async def report_invalid_request(request: Request, error: RequestValidationError) -> Response:
        return invalid_request(error.errors())

    @api.exception_handler(HTTPException)
    async def report_http_error(request: Request, error: HTTPException) -> Response:
        sentences = {404: NO_SUCH_ADDRESS, 405: WRONG_METHOD}
        detail = sentences.get(error.status_code, "Not valid. Correct it and send it again.")
        return problem(error.status_code, detail, headers=error.headers)

    @api.exception_handler(Exception)
    async def report_failure(request: Request, error: Exception) -> Response:
        route = getattr(request.scope.get("route"), "path", "none")
        log.error("request failed", route=f"{MOUNTED_AT}{route}", kind=type(error).__name__)
        return problem(500, SORRY)

    return api
