"""Which program asks, by the token it shows, and what that lets it do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.accounts.rate_limit import RateLimits
from gateway.integrations.api.problems import Problem
from gateway.integrations.api_tokens import PREFIX, find_token, note_used, was_used_long_ago
from gateway.integrations.scopes import Scope, scopes_in
from gateway.runtime import audit
from gateway.runtime.line import Line
from models import ApiToken, Program

CALLS = 120
CALLS_WITHIN = timedelta(minutes=1)

NO_TOKEN = (
    f"No token was shown. Send the header `Authorization: Bearer {PREFIX}...`; a manager makes "
    "tokens on the page /program/integrations."
)
UNKNOWN = "There is no such token. Check that all of it is sent, or ask a manager for a new one."
REVOKED = "This token was revoked. Ask a manager for a new one."

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description=f"A token of one program, beginning with {PREFIX}. The names are its scopes.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


@dataclass(frozen=True)
class Caller:
    """A program with a good token. `line` goes by the rules of its program."""

    token_id: int
    program: Program
    scopes: frozenset[Scope]
    line: Line
    now: datetime

    @property
    def reads_names(self) -> bool:
        return Scope.PEOPLE_NAMES in self.scopes

    def has_read(self, about: str) -> None:
        """Note it in the audit, before it is shown: what could not be noted is not read."""
        audit.read_by_program(self.line, self.program.id, self.token_id, about)


def program_with(scope: Scope) -> Callable[[Request, Credentials], Caller]:
    """What a route asks for with `Security`: a program that may, or the request is refused."""

    def program(request: Request, credentials: Credentials) -> Caller:
        line: Line = request.app.state.line
        now = line.clock()
        token = _token(line, credentials)
        calls: RateLimits = request.app.state.calls
        if wait := calls.take({f"token {token.id}": CALLS}, now=now):
            raise _too_many(wait)
        if was_used_long_ago(token, now=now):
            with line.database.writing() as session:
                note_used(session, token, now=now)
        scopes = scopes_in(token.scopes)
        if scope not in scopes:
            raise _may_not(scope)
        with line.database.reading() as session:
            its_line = line.of(session, token.program_id)
        return Caller(token.id, token.program, scopes, its_line, now)

    return program


def _token(line: Line, credentials: HTTPAuthorizationCredentials | None) -> ApiToken:
    if credentials is None:
        raise Problem(401, NO_TOKEN, headers={"WWW-Authenticate": "Bearer"})
    with line.database.reading() as session:
        token = find_token(session, credentials.credentials)
    if token is None or token.revoked_at is not None:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(401, UNKNOWN if token is None else REVOKED, headers=headers)
    return token


def _too_many(wait: timedelta) -> Problem:
    seconds = int(wait.total_seconds()) + 1
    detail = (
        f"More than {CALLS} requests in a minute with this token. "
        f"Wait {seconds} seconds, then go on more slowly."
    )
    return Problem(429, detail, headers={"Retry-After": str(seconds)})


def _may_not(scope: Scope) -> Problem:
    challenge = f'Bearer error="insufficient_scope", scope="{scope.value}"'
    detail = (
        f"This token lacks the scope {scope.value}. "
        "Ask a manager for a token with it; the scopes of a token never change."
    )
    return Problem(403, detail, headers={"WWW-Authenticate": challenge})


def _needs(scope: Scope) -> Any:
    return Security(program_with(scope), scopes=[scope.value])


ReadsHandoffs = Annotated[Caller, _needs(Scope.HANDOFFS_READ)]
ReadsMeasures = Annotated[Caller, _needs(Scope.MEASURES_READ)]
ReadsCoverage = Annotated[Caller, _needs(Scope.COVERAGE_READ)]
ReadsPeople = Annotated[Caller, _needs(Scope.PEOPLE_READ)]
WritesPeople = Annotated[Caller, _needs(Scope.PEOPLE_WRITE)]
