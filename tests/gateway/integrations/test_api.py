"""The REST API: authentication, answers, and what it never reveals."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from sqlalchemy import update
from starlette.routing import Mount
from starlette.testclient import TestClient

from gateway.integrations.api.auth import CALLS
from gateway.integrations.api.problems import SORRY
from gateway.integrations.api_tokens import make_token
from gateway.integrations.scopes import Scope
from gateway.reporting.period import get_scope
from gateway.reporting.staffing_forecast import week_ahead
from models import ApiToken, AuditEntry, HandoffEvent, Match, Move, Person, Program, Role
from tests.gateway.reporting.test_log import read_rows
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk, at_once
from tests.web_client import HERE, Web

WORDS = "nobody would notice if i was gone, can i talk to a person"
# Personal data that must not appear.
OURS = re.compile(r"Maya|Sam|Noor|Ruth|Jo\b|\+120255501[0-2]|nobody would notice|Harbor")
IDA = {"role": "mentee", "name": "Ida", "phone": "+1 (202) 555-0177"}


@dataclass(frozen=True)
class Route:
    scope: Scope | None
    path: str
    body: dict[str, str] | None = None


# Every route. A route without a scope is public.
ROUTES = {
    "GET /openapi.json": Route(None, "/openapi.json"),
    "GET /handoffs": Route(Scope.HANDOFFS_READ, "/handoffs"),
    "GET /handoffs/{number}": Route(Scope.HANDOFFS_READ, "/handoffs/1"),
    "GET /people": Route(Scope.PEOPLE_READ, "/people"),
    "GET /people/{number}": Route(Scope.PEOPLE_READ, "/people/1"),
    "POST /people": Route(Scope.PEOPLE_WRITE, "/people", IDA),
    "GET /measures": Route(Scope.MEASURES_READ, "/measures"),
    "GET /coverage": Route(Scope.COVERAGE_READ, "/coverage"),
}


class ApiClient:
    """An API client with its token."""

    def __init__(self, web: Web, token: str | None) -> None:
        self.client = web.browser()
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def asks(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = self.headers | more.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    def reads(self, path: str) -> Any:
        answer = self.asks("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def enrolls(self, key: str | None = None, **person: Any) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.asks("POST", "/people", json=IDA | person, headers=headers)


Clients = Callable[..., ApiClient]


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


@pytest.fixture
def api_client(talk: Talk, web: Web) -> Clients:
    """An API client whose token Ruth made, or a manager of another program."""

    def given(*scopes: Scope, by: str = RUTH) -> ApiClient:
        with talk.database.writing() as session:
            manager = session.get_one(Person, talk.person(by).id)
            name = f"client {session.query(ApiToken).count()}"
            token = make_token(session, name=name, scopes=scopes, by=manager, now=talk.clock())
        return ApiClient(web, token)

    return given


def api_in(web: Web) -> FastAPI:
    [api] = [
        route.app
        for route in web.app.routes
        if isinstance(route, Mount) and route.path == "/api/v1"
    ]
    assert isinstance(api, FastAPI)
    return api


def audited(talk: Talk, action: str) -> list[AuditEntry]:
    return [entry for entry in talk.rows(AuditEntry) if entry.action == action]


def an_evening(talk: Talk) -> None:
    """Sam answers Maya; Jo is still waiting."""
    talk.texts(MAYA, WORDS)
    talk.texts(SAM, "TAKE {1}")
    talk.passes(minutes=2)
    for number, words in (
        (SAM, "Hey Maya, Sam here."),
        (SAM, "DONE {1} talked"),
        (JO, "can i talk to someone please"),
    ):
        talk.texts(number, words)
    talk.passes(minutes=1)


# --- authentication ---


def test_every_route_is_listed(web: Web) -> None:
    every = {
        f"{method} {route.path}"
        for route in iter_route_contexts(api_in(web).routes)
        for method in (route.methods or ())
        if method != "HEAD"
    }
    assert every == set(ROUTES)


def test_each_route_requires_its_scope_and_hides_other_programs(
    talk: Talk, web: Web, api_client: Clients
) -> None:
    an_evening(talk)
    eve = talk.a_manager_elsewhere()
    alone = {scope: api_client(scope) for scope in Scope}
    elsewhere, revoked = api_client(*Scope, by=eve), api_client(*Scope)
    with talk.database.writing() as session:
        session.get_one(ApiToken, len(Scope) + 2).revoked_at = talk.clock()
    strangers = [ApiClient(web, None), ApiClient(web, "warmline_guessed"), revoked]

    for name, route in ROUTES.items():
        method, _ = name.split(" ")
        if route.scope is None:
            assert ApiClient(web, None).asks(method, route.path).status_code == 200
            continue
        for one in strangers:
            answer = one.asks(method, route.path, json=route.body)
            assert (name, answer.status_code) == (name, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for scope, one in alone.items():
            if scope is not route.scope:
                answer = one.asks(method, route.path, json=route.body)
                assert (name, scope, answer.status_code) == (name, scope, 403)
                assert f'scope="{route.scope.value}"' in answer.headers["WWW-Authenticate"]
        answer = elsewhere.asks(method, route.path, json=route.body)
        if "{" in name:
            assert (name, answer.status_code) == (name, 404)
        if method == "GET":
            assert not OURS.search(answer.text), name
            assert alone[route.scope].asks(method, route.path).status_code == 200, name
        else:
            # Eve enrolled this person, so a second program cannot.
            assert answer.status_code == 201
            answer = alone[route.scope].asks(method, route.path, json=route.body)
            assert (answer.status_code, "cannot be used here" in answer.text) == (409, True)
    assert elsewhere.reads("/handoffs")["handoffs"] == []
    assert [one["name"] for one in elsewhere.reads("/people")["people"]] == ["Eve", "Ida"]


def test_a_manager_creates_uses_and_revokes_a_token(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    form = {"name": "The board", "scope": "handoffs:read"}
    made = web.client.post("/program/integrations/tokens", data=form)
    assert made.status_code == 201
    [token] = re.findall(r"warmline_[\w-]{43}", made.text)
    # The same form again, as a reload sends it.
    again = web.client.post("/program/integrations/tokens", data=form)
    assert (again.status_code, "already" in again.text) == (422, True)

    api_client = ApiClient(web, token)
    api_client.reads("/handoffs")
    page = web.gets("/program/integrations").text
    assert token not in page
    assert "last used" in page
    assert token not in str(vars(talk.rows(ApiToken)[0]))

    web.posts("/program/integrations/tokens/1/revoke")
    refused = api_client.asks("GET", "/handoffs")
    assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)
    assert web.posts("/program/integrations/tokens/1/revoke").status_code == 404
    noted = [entry.action for entry in talk.rows(AuditEntry) if entry.about == "token:1"]
    assert noted == ["token made", "token revoked"]


def test_a_token_needs_a_name_and_a_scope(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    for name, scope, sentence in (
        (" ", "people:read", "Give it a name"),
        ("x" * 61, "people:read", "Shorten it"),
        ("The board", "", "Choose at least one"),
        ("The board", "everything", "Choose at least one"),
    ):
        answer = web.posts("/program/integrations/tokens", name=name, scope=scope)
        assert (answer.status_code, sentence in answer.text) == (422, True), sentence
    assert talk.rows(ApiToken) == []


def test_too_many_requests_get_429_with_retry_after(talk: Talk, api_client: Clients) -> None:
    hasty, other = api_client(Scope.COVERAGE_READ), api_client(Scope.PEOPLE_READ)
    # Refused requests count too, and are quick.
    for _ in range(CALLS):
        assert hasty.asks("GET", "/handoffs").status_code == 403
    refused = hasty.asks("GET", "/coverage")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "61")
    assert other.asks("GET", "/people").status_code == 200
    talk.clock.now += timedelta(seconds=61)
    hasty.reads("/coverage")


# --- answers ---


def test_answers_have_names_only_with_the_scope_and_never_messages(
    talk: Talk, api_client: Clients
) -> None:
    an_evening(talk)
    plain = api_client(*(scope for scope in Scope if scope is not Scope.PEOPLE_NAMES))
    trusted = api_client(*Scope)
    reads = (name for name, route in ROUTES.items() if route.scope and name.startswith("GET "))
    paths = [ROUTES[name].path for name in reads]
    for path in paths:
        assert not OURS.search(plain.asks("GET", path).text), path
    found = {path: set(OURS.findall(trusted.asks("GET", path).text)) for path in paths}
    assert {"Maya", "Sam", "Jo"} <= found["/handoffs"]
    assert {"Maya", "Sam"} <= found["/handoffs/1"]
    assert "+120255501" in "".join(found["/people"])
    assert all("nobody would notice" not in each for each in found.values())


def test_handoffs_are_filtered_and_paginated(talk: Talk, api_client: Clients) -> None:
    an_evening(talk)
    talk.passes(hours=1)
    talk.texts(MAYA, "i want to kill myself tonight")
    board = api_client(Scope.HANDOFFS_READ)

    def numbers(query: str = "") -> list[int]:
        return [one["id"] for one in board.reads(f"/handoffs?{query}")["handoffs"]]

    assert numbers() == [3, 2, 1]
    assert numbers("status=waiting") == [3, 2]
    assert numbers("status=resolved&status=waiting&urgency=soon") == [2, 1]
    assert numbers("need=crisis") == [3]
    assert numbers("since=2026-11-10T16:00:00Z") == [3]
    assert numbers("until=2026-11-10T11:00:00-05:00") == [2, 1]
    first = board.reads("/handoffs?limit=2")
    # Noor claims one between the first page and the second; nothing comes twice or is left out.
    talk.texts(NOOR, "TAKE {3}")
    second = board.reads(f"/handoffs?limit=2&cursor={first['next_cursor']}")
    assert [one["id"] for one in first["handoffs"] + second["handoffs"]] == [3, 2, 1]
    assert second["next_cursor"] is None


def test_one_handoff_has_its_events_and_alert_deliveries(talk: Talk, api_client: Clients) -> None:
    an_evening(talk)
    maya, sam = talk.person(MAYA).id, talk.person(SAM).id
    told = api_client(Scope.HANDOFFS_READ).reads("/handoffs/1")
    assert (told["mentee_id"], told["mentor_id"], told["mentor_name"]) == (maya, sam, None)
    assert (told["status"], told["outcome"]) == ("resolved", "talked")
    assert told["opened_at"] == "2026-11-10T15:00:00Z"
    assert told["first_reply_at"] == "2026-11-10T15:02:00Z"
    assert [one["move"] for one in told["events"]] == ["open", "page", "claim", "resolve"]
    assert told["events"][1]["paged_ids"] == [sam]
    assert [(one["person_id"], one["delivery"]) for one in told["alerts"]] == [(sam, "delivered")]


def test_measures_match_the_page(talk: Talk, web: Web, api_client: Clients) -> None:
    an_evening(talk)
    web.is_now(RUTH)
    told = api_client(Scope.MEASURES_READ).reads("/measures?weeks=4")

    def table(name: str) -> list[dict[str, str]]:
        return read_rows(web.gets(f"/log/tables/{name}.csv?weeks=4").content)

    def seconds(one: dict[str, Any]) -> str:
        median = one["median_seconds"]
        return "" if median is None else str(round(median))

    columns = ("urgency", "awaited", "count", "median_seconds")
    assert [tuple(row[column] for column in columns) for row in table("waits")] == [
        (one["urgency"], one["awaited"], str(one["handoffs"]), seconds(one))
        for one in told["waits"]
    ]
    assert [(week["monday"], week["handoffs"]["soon"]) for week in told["weeks"]] == [
        (row["week_from"], int(row["handoffs_soon"])) for row in table("weeks")
    ]
    assert sum(one["handoffs"] for one in told["waits"] if one["awaited"] == "claim") == 1
    assert [one["count"] for one in told["mentees_who_wrote"]] == [1, 1, 0]
    assert [one["kind"] for one in told["messages_to_mentees"]] == ["bot", "script", "people"]
    assert [(one["person_id"], one["taken"]) for one in told["loads"] if one["taken"]] == [
        (talk.person(SAM).id, 1)
    ]


def test_coverage_lists_the_gaps(talk: Talk, api_client: Clients) -> None:
    with talk.database.writing() as session:
        session.execute(update(Person).values(on_duty=False))
    told = api_client(Scope.COVERAGE_READ).reads("/coverage")
    with talk.database.reading() as session:
        program = session.get_one(Program, talk.person(RUTH).program_id)
        week = week_ahead(get_scope(talk.line, session, program))
    assert [(gap["cover"], gap["since"]) for gap in told["gaps"]] == [
        (gap.cover.value, f"{gap.since.astimezone(talk.clock().tzinfo):%Y-%m-%dT%H:%M:%SZ}")
        for gap in week.gaps
    ]
    assert told["gaps"]
    assert len(told["hours"]) == sum(len(hours) for hours in week.hours.values())


def test_a_read_is_audited_once_in_ten_minutes(talk: Talk, web: Web, api_client: Clients) -> None:
    an_evening(talk)
    board, other = api_client(Scope.HANDOFFS_READ), api_client(Scope.HANDOFFS_READ)
    for one in (board, board, other):
        one.reads("/handoffs/1")
    board.asks("GET", "/handoffs/99")
    noted = [(one.about, one.by_id, one.detail["token"]) for one in audited(talk, "read")]
    assert noted == [("handoff:1", None, 1), ("handoff:1", None, 2)]
    web.is_now(RUTH)
    assert "API token 2" in web.gets("/log/1").text
    assert "API token 1" in web.gets("/log/audit").text


# --- refusals ---


REFUSED = [
    ("GET", "/handoffs/99", 404, "There is no handoff 99 in this program."),
    ("GET", "/people/99", 404, "There is no person 99 in this program."),
    ("GET", "/handoff", 404, "nothing at this URL. See /api/v1/openapi.json."),
    ("DELETE", "/people/1", 405, "does not allow that method"),
    ("GET", "/handoffs?since=2026-11-10T15:00:00", 422, "query.since"),
    ("GET", "/handoffs?until=0001-01-01T00:00:00%2B14:00", 422, "query.until"),
    ("GET", "/handoffs?urgency=high", 422, "query.urgency.0"),
    ("GET", "/handoffs?cursor=0", 422, "query.cursor"),
    ("GET", "/handoffs/9999999999", 422, "path.number"),
    ("GET", "/people/Maya", 422, "path.number"),
]


def test_a_refusal_says_what_is_wrong_and_what_to_do(api_client: Clients) -> None:
    client = api_client(*Scope)
    for method, path, status, says in REFUSED:
        answer = client.asks(method, path)
        assert answer.headers["Content-Type"] == "application/problem+json"
        told = answer.json()
        assert (answer.status_code, told["status"], told["type"]) == (status, status, "about:blank")
        assert says in told["detail"], path
        assert "Maya" not in answer.text


def test_answers_match_the_openapi_description(talk: Talk, web: Web, api_client: Clients) -> None:
    an_evening(talk)
    described = web.client.get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        name.split(" ")[1] for name in ROUTES if "openapi" not in name
    }
    as_json = Config(extra_media_type_deserializers={"application/problem+json": json.loads})
    specification = OpenAPI.from_dict(described, config=as_json)
    trusted = api_client(*Scope)
    for name, route in ROUTES.items():
        method, _ = name.split(" ")
        if route.scope is None:
            continue
        scopes = described["paths"][name.split(" ")[1]][method.lower()]["security"]
        assert scopes == [{"token": [route.scope.value]}]
        for client in (trusted, ApiClient(web, None)):
            answer = client.asks(method, route.path, json=route.body)
            specification.validate_response(
                MockRequest("https://warmline.example", method.lower(), f"/api/v1{route.path}"),
                MockResponse(
                    answer.content,
                    status_code=answer.status_code,
                    content_type=answer.headers["Content-Type"],
                ),
            )


def test_a_server_error_is_a_problem_without_details(
    talk: Talk, web: Web, api_client: Clients
) -> None:
    an_evening(talk)
    with talk.database.writing() as session:
        detail = {"urgency": "dreadful"}
        session.add(HandoffEvent(handoff_id=1, at=talk.clock(), move=Move.OPEN, detail=detail))
    board = api_client(Scope.HANDOFFS_READ)
    board.client = TestClient(web.app, base_url=HERE, raise_server_exceptions=False)
    answer = board.asks("GET", "/handoffs/1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["detail"]) == (500, SORRY)
    assert "dreadful" not in answer.text


# --- enrolling ---


def test_enrolling_twice_with_one_key_enrolls_once(talk: Talk, api_client: Clients) -> None:
    sam = talk.person(SAM).id
    school = api_client(Scope.PEOPLE_WRITE)
    # Both at once, from a client that did not wait for the first answer.
    first, second = at_once(*[partial(school.enrolls, "key-of-ida", own_mentor_id=sam)] * 2)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    number = first.json()["id"]
    assert first.headers["Location"] == f"/api/v1/people/{number}"
    assert first.json()["name"] is None
    assert (first.json()["own_mentor_id"], first.json()["timezone"]) == (sam, "America/New_York")

    other = school.enrolls("key-of-ida", name="Ada", own_mentor_id=sam)
    assert (other.status_code, "Use a new key" in other.text) == (422, True)
    later = school.enrolls("another-key")
    assert (later.status_code, "cannot be used here" in later.text) == (409, True)
    assert [one.mentor_id for one in talk.rows(Match) if one.mentee_id == number] == [sam]
    ida = talk.person("+12025550177")
    assert (ida.id, ida.name) == (number, "Ida")
    [noted] = audited(talk, "person added")
    assert (noted.by_id, noted.detail["token"]) == (None, 1)
    assert not re.search("Ida|key-of-ida", str(noted.detail))


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"phone": "12"}, "not a valid phone number"),
    ({"name": "  "}, "name is empty"),
    ({"name": "x" * 61}, "a first name is enough"),
    ({"name": "Harbor Mentoring"}, "could be taken for the bot or the program"),
    ({"timezone": "Mars/Base"}, "time zone 'Mars/Base' is unknown"),
    ({"role": "admin"}, "body.role"),
    ({"role": "mentor"}, "body.role"),
    ({"role": "manager"}, "body.role"),
    ({"own_mentor_id": 99}, "Person 99 is not a mentor here"),
    ({"language": "tlh"}, "language 'tlh' is not available"),
    ({"nickname": "I"}, "body.nickname"),
]


def test_enrolling_checks_like_a_people_file(talk: Talk, api_client: Clients) -> None:
    client = api_client(Scope.PEOPLE_WRITE)
    for person, says in INVALID:
        answer = client.enrolls(**person)
        assert (answer.status_code, says in answer.text) == (422, True), answer.text
    assert "Ida" not in [one.name for one in talk.rows(Person)]


def test_a_token_cannot_make_or_change_anyone_who_signs_in_as_staff(
    talk: Talk, web: Web, api_client: Clients
) -> None:
    """With every scope: a stolen token must not become a manager."""
    thief, before = api_client(*Scope), talk.rows(Person)
    for role in ("mentor", "manager"):
        answer = thief.enrolls(role=role, name="Mallory")
        assert answer.status_code == 422
        assert "page /people/new" in answer.text
    for number, role in ((SAM, "mentee"), (RUTH, "mentee"), (SAM, "mentor"), (RUTH, "manager")):
        assert thief.enrolls(phone=number, role=role).status_code in (409, 422)
    talk.sets(NOOR, left_at=talk.clock())
    assert thief.enrolls(phone=NOOR, name="Noor").status_code == 409
    assert [one.id for one in talk.rows(Person)] == [one.id for one in before]
    assert (talk.person(SAM).role, talk.person(RUTH).role) == (Role.MENTOR, Role.MANAGER)
    assert talk.person(NOOR).left_at is not None
    web.posts("/sign-in/link", phone=IDA["phone"])
    assert talk.phones.shown == [], "no link to a number that a token brought"


def test_a_mentees_number_can_pass_to_a_new_person_or_be_shared(
    talk: Talk, api_client: Clients
) -> None:
    client, before = api_client(Scope.PEOPLE_WRITE), talk.person(MAYA).id
    talk.texts(MAYA, "i hide in the garage")
    asked = client.enrolls(phone=MAYA)
    assert (asked.status_code, "send known_number" in asked.text) == (409, True)
    shared = client.enrolls(phone=MAYA, known_number="shares_phone")
    assert (shared.status_code, talk.person(MAYA).id) == (201, before)
    replaced = client.enrolls(phone=MAYA, name="Nia", known_number="new_person")
    assert (replaced.status_code, talk.person(MAYA).name) == (201, "Nia")
    assert talk.thread(MAYA) == [], "the new person's thread is empty"
    for number in (SAM, "+12025550100"):
        refused = client.enrolls(phone=number, known_number="new_person")
        assert (refused.status_code, refused.text) == (409, asked.text)


def test_a_number_in_use_gets_one_answer_wherever_it_is_in_use(
    talk: Talk, api_client: Clients
) -> None:
    """Enrolled here, enrolled in another program, and the number that people text."""
    eve = talk.a_manager_elsewhere()
    talk.enrolls("Kim", "+12025550152", talk.rows(Program)[1])
    client = api_client(Scope.PEOPLE_WRITE, Scope.PEOPLE_READ, Scope.PEOPLE_NAMES)
    numbers = (MAYA, SAM, eve, "+12025550152", "+12025550100")
    answers = [client.enrolls(phone=number) for number in numbers]
    assert {answer.status_code for answer in answers} == {409}
    assert len({answer.text for answer in answers}) == 1
    assert "program" not in answers[0].json()["detail"]
