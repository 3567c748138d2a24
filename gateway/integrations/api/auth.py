"""Authentication by token, and what the token allows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from gateway.accounts.rate_limit import RateLimits
from gateway.integrations.api.problems import Problem, problem
from gateway.integrations.api_tokens import PREFIX, find_token, note_used, was_used_long_ago
from gateway.integrations.scopes import Scope, scopes_in
from gateway.runtime import audit
from gateway.runtime.line import Line
from models import ApiToken, Program

CALLS = 120
CALLS_WITHIN = timedelta(minutes=1)

NO_TOKEN = (
    f"The token is missing. Send the header `Authorization: Bearer {PREFIX}...`. A manager creates "
    "tokens on the page /program/integrations."
)
UNKNOWN = "The token is not valid. Check that you send all of it, or ask a manager for a new one."
REVOKED = "This token was revoked. Ask a manager for a new one."
TOO_MANY = (
    f"This token sent more than {CALLS} requests in a minute. Wait {{}} seconds, then send fewer."
)
LACKS_SCOPE = (
    "This token lacks the scope {}. "
    "Ask a manager for a new token with it; you cannot add scopes to a token."
)

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description=f"A token of one program, starting with {PREFIX}. The names below are scopes.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


@dataclass(frozen=True)
class Caller:
    """The sender of a valid token. `line` has the rules of its program."""

    token_id: int
    program: Program
    scopes: frozenset[Scope]
    line: Line
    now: datetime

    @property
    def reads_names(self) -> bool:
        return Scope.PEOPLE_NAMES in self.scopes

    def has_read(self, about: str) -> None:
        """Record the read in the audit log. Call it before any data is returned."""
        audit.read_by_program(self.line, self.program.id, self.token_id, about)


def caller_with(scope: Scope) -> Callable[[Request, Credentials], Caller]:
    """A dependency that refuses requests without this scope."""

    def caller(request: Request, credentials: Credentials) -> Caller:
        line: Line = request.app.state.line
        now = line.clock()
        token = _token(line, credentials)
        calls: RateLimits = request.app.state.calls
        if wait := calls.take({f"token {token.id}": CALLS}, now=now):
            seconds = str(int(wait.total_seconds()) + 1)
            raise Problem(429, TOO_MANY.format(seconds), headers={"Retry-After": seconds})
        if was_used_long_ago(token, now=now):
            with line.database.writing() as session:
                note_used(session, token, now=now)
        scopes = scopes_in(token.scopes)
        if scope not in scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{scope.value}"'
            headers = {"WWW-Authenticate": challenge}
            raise Problem(403, LACKS_SCOPE.format(scope.value), headers=headers)
        with line.database.reading() as session:
            own_line = line.of(session, token.program_id)
        return Caller(token.id, token.program, scopes, own_line, now)

    return caller


def refuse_unknown_token(line: Line, request: Request) -> Response | None:
    """The refusal, if the request has no valid token. Asked before its body is read."""
    scheme, secret = get_authorization_scheme_param(request.headers.get("Authorization"))
    credentials = HTTPAuthorizationCredentials(scheme=scheme, credentials=secret)
    try:
        _token(line, credentials if scheme.lower() == "bearer" else None)
    except Problem as refused:
        return problem(refused.status, refused.detail, headers=refused.headers)
    return None


def _token(line: Line, credentials: Credentials) -> ApiToken:
    if credentials is None:
        raise Problem(401, NO_TOKEN, headers={"WWW-Authenticate": "Bearer"})
    with line.database.reading() as session:
        token = find_token(session, credentials.credentials)
    if token is None or token.revoked_at is not None:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(401, UNKNOWN if token is None else REVOKED, headers=headers)
    return token


def _needs(scope: Scope) -> Any:
    return Security(caller_with(scope), scopes=[scope.value])


ReadsHandoffs = Annotated[Caller, _needs(Scope.HANDOFFS_READ)]
ReadsMeasures = Annotated[Caller, _needs(Scope.MEASURES_READ)]
ReadsCoverage = Annotated[Caller, _needs(Scope.COVERAGE_READ)]
ReadsPeople = Annotated[Caller, _needs(Scope.PEOPLE_READ)]
WritesPeople = Annotated[Caller, _needs(Scope.PEOPLE_WRITE)]
