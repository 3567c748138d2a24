"""Every route of the application, requested by each kind of person: who is let in, and who is not.

The test fails for a route that TABLE lacks, and for a route in TABLE that the application lacks.
"""

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.routing import Mount

import models
from gateway.accounts.permissions import MAY, Action
from gateway.privacy.terms import TERMS_VERSION
from gateway.review.sampling import last_full_week
from gateway.runtime.database import Database, make_engine
from gateway.runtime.one_time_keys import new_link
from gateway.web.pulse import Pulse
from models import Base, Message, Person, RateLimit, Role, WebSession, use_key
from tests.conftest import KEY
from tests.keys import KEYS
from tests.line import JO, MAYA, SAM, Talk
from tests.web_client import Web, begins_session


class Seen(StrEnum):
    IN = "let in"
    SIGN_IN = "asked to sign in"
    NO = "refused"
    GONE = "not there"


IN, SIGN_IN, NO, GONE = Seen
# Sam holds #1; his colleague Noor holds nothing. Eve, Ann, and Kim are in another program.
HERE = ("nobody", "mentee", "mentor", "colleague", "manager")
WHO = (*HERE, "manager elsewhere", "mentor elsewhere", "mentee elsewhere")
# Jo, of Maya's program. No row of the table tells the two apart: see the last tests.
ANOTHER_MENTEE = "another mentee"
Row = tuple[Seen, Seen, Seen, Seen, Seen, Seen, Seen, Seen]

# fmt: off
FOR: dict[str, Row] = {
    #                nobody   mentee   mentor   colleague manager  and the three elsewhere
    "EVERYBODY":    (IN,      IN,      IN,      IN,       IN,      IN,      IN,      IN),
    # Twilio signs its requests, and no one here does.
    "NOBODY":       (NO,      NO,      NO,      NO,       NO,      NO,      NO,      NO),
    # Only in the demo.
    "NOT_HERE":     (GONE,    GONE,    GONE,    GONE,     GONE,    GONE,    GONE,    GONE),
    # A wrong key lets no one in; a mentee who is in the chat already stays there.
    "WRONG":        (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN),
    "WRONG_CODE":   (SIGN_IN, IN,      SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, IN),
    "WRONG_PROOF":  (SIGN_IN, NO,      SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, NO),
    # About one's own program, whichever it is, or about oneself.
    "STAFF":        (SIGN_IN, NO,      IN,      IN,       IN,      IN,      IN,      NO),
    "MANAGERS":     (SIGN_IN, NO,      NO,      NO,       IN,      IN,      NO,      NO),
    "MENTEES":      (SIGN_IN, IN,      SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, IN),
    # About Sam's program.
    "ITS_STAFF":    (SIGN_IN, NO,      IN,      IN,       IN,      GONE,    GONE,    NO),
    "ITS_MANAGERS": (SIGN_IN, NO,      NO,      NO,       IN,      GONE,    NO,      NO),
    # About Maya, whom Sam and his colleague mentor: not even the manager may.
    "HER_MENTORS":  (SIGN_IN, NO,      IN,      IN,       NO,      GONE,    GONE,    NO),
    # About #1, which Sam holds and a manager may look after.
    "HOLDER":       (SIGN_IN, NO,      IN,      NO,       IN,      GONE,    GONE,    NO),
    # About Sam himself: not even the manager may.
    "SAMS":         (SIGN_IN, NO,      IN,      GONE,     GONE,    GONE,    GONE,    NO),
}
# fmt: on

# Who, the method, and the routes. The part of an address in braces has the value after `=`; one in
# capitals is in `World.numbers`. {number} is 1 unless it says another: all in Sam's program.
TABLE = """
EVERYBODY GET /healthz /readyz /metrics / /sign-in /sign-in/link /sign-in/link/{token=LINK}
    /static/widget.js /chat/in/{token=INVITATION} /chat/sign-in /chat/terms/read /phones
    /phones/all
EVERYBODY POST /sign-in/link /sign-in/link/{token=LINK} /sign-in/passkey/options /sign-out
    /chat/in/{token=INVITATION} /chat/sign-in /chat/sign-out /chat/as/{person_id=MAYA}
    /phones/{key=MAYA}
NOBODY POST /twilio/sms /twilio/status/{message_id=1}
NOBODY POST /twilio/voice/alert/{step_id=1} /twilio/voice/pressed/{step_id=1}
NOBODY POST /twilio/voice/machine/{step_id=1} /twilio/voice/status/{step_id=1}
NOT_HERE POST /sign-in/as/{person_id=SAM}
WRONG POST /sign-in /sign-in/passkey
WRONG_CODE POST /chat/sign-in/code
WRONG_PROOF POST /sign-in/confirm
STAFF GET /account /sign-in/confirm /live /console /console/lists /console/mentees
    /safeguarding/new
STAFF POST /account/sessions/end-others /account/sessions/end-all /sign-in/confirm/code
    /account/password /account/passkeys/options
    /account/passkeys /safeguarding/new
SAMS GET /console/to/{code=SAMS_CODE}
SAMS POST /account/sessions/{number=SAMS_BROWSER}/end /account/passkeys/{number}/rename
    /account/passkeys/{number}/remove /console/{number}/debrief
ITS_STAFF GET /console/{number}/now /console/{number}/brief /console/mentees/{number=MAYA}
ITS_STAFF POST /console/{number}/take /console/{number}/reply /console/{number}/give-back
    /console/{number}/done /console/{number}/note /console/{number}/transfer
    /console/{number}/accept /console/{number}/pass /console/{number}/verdict
    /console/mentees/{number=MAYA}/open
    /console/{number}/urgency
HOLDER GET /console/{number} /console/{number}/notes
MANAGERS GET /console/replies /log /log/rows /log.{form=csv} /log/over-reliance /log/measures
    /log/tables/{name=load}.{form=csv} /log/audit /log/verdicts /safeguarding
    /safeguarding.{form=csv} /people /people/new /people/import /people/template.csv
    /people.{form=csv} /program /program/tables/{name=week}.{form=csv} /policy
    /program/integrations
MANAGERS POST /console/replies /console/replies/{number}/remove /people /people/import
    /people/import/preview /people/search /policy /policy/try
    /policy/try/{name=weeks}.{form=csv} /program/hours /program/holidays /program/shifts
    /program/overrides /program/integrations/tokens /program/integrations/webhooks
ITS_MANAGERS GET /log/{number} /log/{number}/steps /log/{number}/steps.{form=csv}
    /log/review/{week=WEEK}/{number} /safeguarding/{number} /people/{number}
    /policy/versions/{number}
HER_MENTORS POST /console/mentees/{number=MAYA}/write
ITS_MANAGERS POST /console/{number}/take-over /console/{number}/release /console/{number}/assign
ITS_MANAGERS POST /log/{number}/verdict /log/review/{week=WEEK}/{number}
    /safeguarding/{number}/own /safeguarding/{number}/close /people/{number}
    /people/{number=MAYA}/mentors /people/{number=MAYA}/guardian /people/{number}/leave
    /people/{number}/back /people/{number}/hold /people/{number}/hold/end
    /program/holidays/{number}/remove /program/shifts/{number}/remove
    /program/overrides/{number}/remove /program/duty/{number}
    /program/integrations/tokens/{number}/revoke /program/integrations/webhooks/{number}/remove
    /program/integrations/deliveries/{number}/again
MENTEES GET /chat /chat/live /chat/terms /chat/you
MENTEES POST /chat /chat/seen /chat/terms /chat/terms/person /chat/you/sharing /chat/you/decline
    /chat/you/check-ins /chat/you/texts /chat/you/language /chat/you/delete /chat/you/keep
    /chat/you/concern /chat/you/follow-up
"""
FORMS = {
    "POST /sign-in/link": {"phone": SAM},
    "POST /account/password": {"new": "maple tuba seventeen", "again": "maple tuba seventeen"},
    "POST /account/passkeys/{number}/rename": {"name": "my phone"},
    "POST /console/{number}/reply": {"words": "hello"},
    "POST /console/{number}/done": {"outcome": "talked"},
    "POST /console/{number}/note": {"note": "a note"},
    "POST /console/{number}/verdict": {"verdict": "right"},
    "POST /log/{number}/verdict": {"verdict": "right"},
    "POST /log/review/{week}/{number}": {"verdict": "right"},
    "POST /chat": {"words": "hello", "key": "0123456789abcdef"},
    "POST /chat/seen": {"up_to": "1"},
    "POST /chat/sign-in": {"phone": MAYA},
    "POST /chat/sign-in/code": {"phone": MAYA, "code": "1"},
    "POST /chat/you/language": {"language": "es"},
}
# These exist only in the demo, or for everybody only there.
DEMO = {"POST /chat/as/{person_id}", "GET /phones", "GET /phones/all", "POST /phones/{key}"}


@dataclass(frozen=True)
class Route:
    """`path` is to be formatted with `World.numbers`."""

    whom: Row
    path: str
    form: dict[str, str]
    demo: bool


def read_table() -> dict[str, Route]:
    routes = {}
    for row in TABLE.replace("\n   ", "").strip().splitlines():
        whom, method, *paths = row.split()
        for written in paths:
            name = f"{method} {re.sub(r'=[^}]*', '', written)}"
            path = re.sub(r"\{\w+=([A-Z_]+)\}", r"{\1}", written)
            path = re.sub(r"\{\w+=(\w+)\}", r"\1", path)
            routes[name] = Route(FOR[whom], path, FORMS.get(name, {}), name in DEMO)
    return routes


ROUTES = read_table()
# Applications of their own under ours. /static has files for everybody; test_api.py tests each
# route of the API, where a program has a token and no role.
ELSEWHERE = {"/static", "/api/v1"}


# --- what there is to see ---

WORDS = "only my mentor should read this"
# Each name in Sam's program ends so: to read one is to see something of that program.
ENDING = "wyn"
OURS = re.compile(rf"\w{ENDING}\b|Harbor|{WORDS}")
Rows = set[tuple[str, tuple[Any, ...]]]


@dataclass
class World:
    """Warmline in the middle of a day. Each request gets a copy of it."""

    file: Path
    rows: Rows
    talk: Talk
    apps: dict[str, FastAPI]
    cookies: dict[str, str]
    numbers: dict[str, str]

    def begin_anew(self, copy: Path) -> Database:
        shutil.copy(self.file, copy)
        database = Database(make_engine(f"sqlite:///{copy}"))
        self.talk.line.database = self.talk.database = database
        return database

    def app(self, route: Route) -> FastAPI:
        """The application where this route exists, without earlier attempts."""
        app = self.apps["phones" if route.demo else "twilio"]
        app.state.pulse = Pulse(self.talk.line)
        with self.talk.database.writing() as session:
            session.execute(delete(RateLimit))
        return app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    use_key(KEY, KEYS)
    file = tmp_path_factory.mktemp("roles") / "warmline.db"
    database = Database(make_engine(f"sqlite:///{file}"))
    database.migrate()
    talk = Talk(database)
    with database.writing() as session:
        for person in session.scalars(select(Person)):
            person.name += ENDING
    # A week that is over, in which Jo needed no person.
    talk.clock.now -= timedelta(days=7)
    talk.texts(JO, "hi there")
    talk.clock.now += timedelta(days=7)
    talk.texts(MAYA, f"{WORDS}. can i talk to a person please")
    talk.texts(SAM, "TAKE {}")
    talk.a_manager_elsewhere()
    _, elsewhere = talk.rows(models.Program)
    talk.enrolls("Ann", "+12025550151", elsewhere, Role.MENTOR)
    talk.enrolls("Kim", "+12025550152", elsewhere)
    with database.writing() as session:
        everybody = session.scalars(select(Person))
        people = {person.name.removesuffix(ENDING): person for person in everybody}
        numbers = fill_program(session, talk, people)
        names = ("Maya", "Sam", "Noor", "Ruth", "Eve", "Ann", "Kim", "Jo")
        cookies = {
            who: begins_session(session, people[name], now=talk.clock())
            for who, name in zip((*WHO[1:], ANOTHER_MENTEE), names, strict=True)
        }
    # Everything is in the file, and nothing in a log beside it.
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.engine.dispose()
    apps = {sms: Web(talk, sms=sms).app for sms in ("twilio", "phones")}
    return World(file, rows_in(file), talk, apps, cookies, numbers)


def fill_program(session: Session, talk: Talk, people: dict[str, Person]) -> dict[str, str]:
    """Add one of each thing with a number to Sam's program. Returns the parts of addresses."""
    now = talk.clock()
    maya, sam, ruth = people["Maya"], people["Sam"], people["Ruth"]
    common = {"program_id": sam.program_id, "by_id": ruth.id, "at": now}

    def add(kind: type[Base], **values: Any) -> Any:
        columns = kind.__table__.columns.keys()
        row = kind(**{name: value for name, value in common.items() if name in columns} | values)
        session.add(row)
        session.flush()
        return row

    consent = {"terms": TERMS_VERSION, "age_band": models.AgeBand.ADULT}
    for name in ("Maya", "Jo", "Kim"):
        add(models.Consent, person_id=people[name].id, **consent)
    key = {"credential_id": "AAAA", "public_key": b"", "sign_count": 0}
    add(models.Passkey, person_id=sam.id, name="k", **key)
    add(models.CannedReply, title="Hi", words=WORDS)
    add(
        models.SafeguardingRecord,
        mentee_id=maya.id,
        concern=models.Concern.MENTOR,
        words=WORDS,
        opened_at=now,
        opened_by_id=ruth.id,
        due_at=now + timedelta(days=1),
    )
    add(models.Debrief, handoff_id=1, person_id=sam.id, asked_at=now)
    add(models.FollowUp, handoff_id=1, asked_at=now)
    # We sent the latest words to Maya's open page, and it has not shown them yet.
    outgoing = select(Message).where(Message.outgoing, Message.conversation_id == 2)
    latest = session.scalars(outgoing.order_by(Message.id.desc()).limit(1)).one()
    latest.channel, latest.delivery = models.Channel.WEB, models.Delivery.SENT
    add(models.Holiday, day=now.date(), name="Founders' Day")
    add(models.DutyShift, person_id=sam.id, weekday=0, begins_at=time(9), ends_at=time(12))
    later = now + timedelta(hours=1)
    add(models.DutyOverride, person_id=sam.id, begins_at=now, ends_at=later, on_duty=True)
    add(models.PolicyVersion, reason=WORDS, content="")
    add(models.ApiToken, name=f"board{ENDING}", token_hash="0" * 64, scopes="handoffs:read")
    webhook = add(models.Webhook, url="https://program.example/told", secret="whsec_c2VjcmV0")
    # We gave this one up, so a manager can send it again.
    opened = {"type": "handoff.opened", "timestamp": "", "data": {"handoff_id": 1}}
    add(models.WebhookDelivery, webhook_id=webhook.id, event_id=1, payload=opened, tries=7)
    begins_session(session, sam, now=now)
    lasts = timedelta(minutes=15)
    return {
        "number": "1",
        "SAM": str(sam.id),
        "MAYA": str(maya.id),
        "SAMS_CODE": talk.code(SAM),
        "SAMS_BROWSER": str(session.scalars(select(WebSession.id)).one()),
        "LINK": new_link(session, sam, "sign_in", now=now, lasts=lasts),
        "INVITATION": new_link(session, maya, "chat", now=now, lasts=lasts),
        "WEEK": last_full_week(sam.program, now=now).name,
        "MAYAS_LATEST": str(latest.id),
        "AFTER_MAYAS_LATEST": str(latest.id + 1),
    }


# --- requests ---


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def ask(
    app: FastAPI, asked: str, token: str | None, form: dict[str, str], *, until: str = ""
) -> Answer:
    """Send one request, such as "GET /log". Read a stream only until it contains `until`."""
    method, path = asked.split(" ")
    sent = urlencode(form).encode()
    headers = {
        "host": "warmline.example",
        "accept": "text/html",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(sent)),
        # The same token for the chat and for all other pages.
        "cookie": f"__Host-warmline={token}; __Host-warmline_chat={token}" if token else "",
    }
    address = urlsplit(path)
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": address.path,
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value],
        "client": ("198.51.100.7", 50000),
        "server": ("warmline.example", 443),
    }
    answer = Answer()

    async def run() -> None:
        messages = [{"type": "http.request", "body": sent, "more_body": False}]
        enough = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {key.decode(): value.decode() for key, value in message["headers"]}
                return
            answer.body += message.get("body", b"").decode("utf-8", "replace")
            if "event-stream" in answer.headers.get("content-type", "") and until in answer.body:
                enough.set()

        request = asyncio.create_task(app(scope, receive, send))
        read = asyncio.create_task(enough.wait())
        await asyncio.wait({request, read}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        for task in (request, read):
            task.cancel()
        done = await asyncio.gather(request, read, return_exceptions=True)
        if isinstance(done[0], Exception):
            raise done[0]

    asyncio.run(run())
    return answer


# Everybody may add to these: who tried to sign in, and when a browser was last seen.
OPEN_TABLES = {
    "audit_entry",
    "known_device",
    "one_time_key",
    "passkey_challenge",
    "web_session",
    "rate_limit",
}


def is_in_sams_program(table: str, row: dict[str, Any]) -> bool:
    return bool(row.get("id" if table == "program" else "program_id", 1) == 1)


def rows_in(
    file: Path, is_wanted: Callable[[str, dict[str, Any]], bool] = is_in_sams_program
) -> Rows:
    rows = set()
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        for table in set(Base.metadata.tables) - OPEN_TABLES:
            for row in connection.execute(f"SELECT * FROM {table}"):
                if is_wanted(table, dict(row)):
                    rows.add((table, tuple(row)))
    return rows


def rows_about_maya(world: World, file: Path) -> Rows:
    """Maya, her conversation, her handoff, and all that belongs to them."""
    maya = int(world.numbers["MAYA"])
    of_hers = {"person_id": maya, "mentee_id": maya, "conversation_id": 2, "handoff_id": 1}
    own = {"person": maya, "conversation": 2, "handoff": 1}

    def is_hers(table: str, row: dict[str, Any]) -> bool:
        is_own = table in own and row["id"] == own[table]
        return is_own or any(row.get(key) == number for key, number in of_hers.items())

    return rows_in(file, is_hers)


def result(request: str, answer: Answer) -> Seen:
    assert 200 <= answer.status < 500, answer
    location = urlsplit(answer.headers.get("location", ""))
    if answer.status == 401 or (request.startswith("GET") and location.path.endswith("/sign-in")):
        return SIGN_IN
    return {403: NO, 404: GONE}.get(answer.status, IN)


# --- tests ---


def test_the_table_lists_every_route(world: World) -> None:
    every = {
        f"{method} {route.path}"
        for app in world.apps.values()
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or ())
        if method != "HEAD"
    }
    assert sorted(every ^ set(ROUTES)) == [], "these are missing in the table, or do not exist"
    for app in world.apps.values():
        assert {route.path for route in app.routes if isinstance(route, Mount)} == ELSEWHERE


@pytest.mark.parametrize("name", ROUTES)
def test_each_route_lets_in_only_whom_it_is_for(world: World, tmp_path: Path, name: str) -> None:
    route = ROUTES[name]
    request = f"{name.split(' ')[0]} {route.path.format_map(world.numbers)}"
    seen = []
    for n, who in enumerate(WHO):
        app, copy = world.app(route), tmp_path / f"{n}.db"
        database = world.begin_anew(copy)
        answer = ask(app, request, world.cookies.get(who), route.form)
        after = rows_in(copy)
        database.engine.dispose()
        seen.append(result(request, answer))
        if seen[-1] is not IN:
            assert after == world.rows, f"{who} was not let in, and changed something"
        if not route.demo and (who == "nobody" or "elsewhere" in who):
            assert world.rows <= after, f"{who} changed something in Sam's program"
            assert not OURS.search(answer.body), f"{who} reads about another program"
        if who == "colleague" and not route.demo:
            assert WORDS not in answer.body, "only the mentor who holds #1 reads Maya's words"
    assert dict(zip(WHO, seen, strict=True)) == dict(zip(WHO, route.whom, strict=True))


# Requests that name something of Maya's by its number. Another mentee gets nothing by them.
BY_MAYAS_NUMBERS = {
    "GET /chat?before={AFTER_MAYAS_LATEST}": {},
    "GET /chat/live?after=0": {},
    "POST /chat/seen": {"up_to": "{MAYAS_LATEST}"},
    "POST /chat/you/decline": {"number": "1"},
    "POST /chat/you/follow-up": {"number": "1", "question": "reached", "says": "no"},
}


@pytest.mark.parametrize("request_", BY_MAYAS_NUMBERS)
def test_jo_gets_nothing_by_mayas_numbers(world: World, tmp_path: Path, request_: str) -> None:
    request = request_.format_map(world.numbers)
    form = {k: v.format_map(world.numbers) for k, v in BY_MAYAS_NUMBERS[request_].items()}
    got = {}
    for who in ("mentee", ANOTHER_MENTEE):
        app, copy = world.app(ROUTES["GET /chat"]), tmp_path / f"{who}.db"
        database = world.begin_anew(copy)
        before = rows_about_maya(world, copy)
        answer = ask(app, request, world.cookies[who], form, until="event: status")
        database.engine.dispose()
        assert result(request, answer) is IN, f"{who}: {answer}"
        got[who] = (WORDS in answer.body, rows_about_maya(world, copy) != before)
    assert any(got["mentee"]), "Maya herself reads or changes something by it"
    assert got[ANOTHER_MENTEE] == (False, False), "Jo reads or changes what is Maya's"


def test_every_role_may_do_something_and_mentees_only_chat() -> None:
    assert set(MAY) == set(Action)
    assert {role for roles in MAY.values() for role in roles} == set(Role)
    assert [action for action, roles in MAY.items() if Role.MENTEE in roles] == [Action.CHAT]
