"""Every route of the application, asked by everybody: who is let in, and who is not.

The table below has one line per route. A route without a line fails, and so does a line without
a route. A new line says whom the route is for, and in braces what stands for the parts of its
address: the numbers of things in Maya's and Sam's program, which no other program may see.
"""

import asyncio
import re
import shutil
import sqlite3
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
from sqlalchemy import select
from starlette.routing import Mount

from gateway.accounts.permissions import MAY, Action
from gateway.accounts.rate_limit import RateLimits
from gateway.accounts.session_store import start_session
from gateway.privacy.terms import TERMS_VERSION
from gateway.review.sampling import last_full_week
from gateway.runtime.database import Database, make_engine
from gateway.runtime.one_time_keys import new_link
from gateway.web.pulse import Pulse
from models import (
    AgeBand,
    ApiToken,
    Base,
    CannedReply,
    Channel,
    Concern,
    Consent,
    Debrief,
    Delivery,
    DutyOverride,
    DutyShift,
    FollowUp,
    Holiday,
    Message,
    Passkey,
    Person,
    PolicyVersion,
    Program,
    Role,
    SafeguardingRecord,
    Webhook,
    WebhookDelivery,
    WebSession,
    phone_index,
    use_key,
)
from tests.conftest import KEY
from tests.line import JO, MAYA, SAM, Talk
from tests.web_client import Web


class Seen(StrEnum):
    """What became of a request."""

    IN = "let in"
    SIGN_IN = "asked to sign in"
    NO = "refused"
    GONE = "not there"


IN, SIGN_IN, NO, GONE = Seen
# Sam holds #1; his colleague Noor holds nothing. Eve, Ann and Kim are of another program.
WHO = (
    "nobody",
    "mentee",
    "mentor",
    "colleague",
    "manager",
    "manager elsewhere",
    "mentor elsewhere",
    "mentee elsewhere",
)
# Jo, of Maya's program. No row of the table tells the two apart: see the law for her below.
ANOTHER_MENTEE = "another mentee"
Row = tuple[Seen, Seen, Seen, Seen, Seen, Seen, Seen, Seen]

# fmt: off
#                    nobody   mentee   mentor   colleague manager  and the three elsewhere
EVERYBODY: Row =    (IN,      IN,      IN,      IN,       IN,      IN,      IN,      IN)
NOBODY: Row =       (NO,      NO,      NO,      NO,       NO,      NO,      NO,      NO)
NOT_HERE: Row =     (GONE,    GONE,    GONE,    GONE,     GONE,    GONE,    GONE,    GONE)
# What gives no right key gets in nowhere; a mentee who is in the chat already stays there.
WRONG: Row =        (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN)
WRONG_CODE: Row =   (SIGN_IN, IN,      SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, IN)
# Of one's own program, whichever it is, or of oneself.
STAFF: Row =        (SIGN_IN, NO,      IN,      IN,       IN,      IN,      IN,      NO)
MANAGERS: Row =     (SIGN_IN, NO,      NO,      NO,       IN,      IN,      NO,      NO)
MENTEES: Row =      (SIGN_IN, IN,      SIGN_IN, SIGN_IN,  SIGN_IN, SIGN_IN, SIGN_IN, IN)
# Of Sam's program.
ITS_STAFF: Row =    (SIGN_IN, NO,      IN,      IN,       IN,      GONE,    GONE,    NO)
ITS_MANAGERS: Row = (SIGN_IN, NO,      NO,      NO,       IN,      GONE,    NO,      NO)
# Of #1, which Sam holds and a manager may look after.
HOLDER: Row =       (SIGN_IN, NO,      IN,      NO,       IN,      GONE,    GONE,    NO)
# Of Sam himself: nobody else's business, not even the manager's.
SAMS: Row =         (SIGN_IN, NO,      IN,      GONE,     GONE,    GONE,    GONE,    NO)
# fmt: on


@dataclass(frozen=True)
class Route:
    whom: Row
    at: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    # It is there only where the phones are the demo's.
    demo: bool = False


ROUTES = {
    # The machines' own: Twilio signs, and nobody here does.
    "POST /twilio/sms": Route(NOBODY),
    "POST /twilio/status/{message_id}": Route(NOBODY, {"message_id": "1"}),
    "GET /healthz": Route(EVERYBODY),
    "GET /readyz": Route(EVERYBODY),
    "GET /metrics": Route(EVERYBODY),
    "GET /": Route(EVERYBODY),
    # Signing in and out
    "GET /sign-in": Route(EVERYBODY),
    "POST /sign-in": Route(WRONG),
    "GET /sign-in/link": Route(EVERYBODY),
    "POST /sign-in/link": Route(EVERYBODY, form={"phone": SAM}),
    "GET /sign-in/link/{token}": Route(EVERYBODY, {"token": "LINK"}),
    "POST /sign-in/link/{token}": Route(EVERYBODY, {"token": "LINK"}),
    "POST /sign-in/passkey/options": Route(EVERYBODY),
    "POST /sign-in/passkey": Route(WRONG),
    "POST /sign-in/as/{person_id}": Route(NOT_HERE, {"person_id": "SAM"}),
    "POST /sign-out": Route(EVERYBODY),
    # One's own account
    "GET /account": Route(STAFF),
    "POST /account/sessions/{number}/end": Route(SAMS, {"number": "SAMS_BROWSER"}),
    "POST /account/sessions/end-others": Route(STAFF),
    "POST /account/password": Route(STAFF, form={"new": "0123456789", "again": "0123456789"}),
    "POST /account/passkeys/options": Route(STAFF),
    "POST /account/passkeys": Route(STAFF),
    "POST /account/passkeys/{number}/rename": Route(SAMS, form={"name": "my phone"}),
    "POST /account/passkeys/{number}/remove": Route(SAMS),
    "GET /live": Route(STAFF),
    # The console
    "GET /console": Route(STAFF),
    "GET /console/lists": Route(STAFF),
    "GET /console/mentees": Route(STAFF),
    "GET /console/replies": Route(MANAGERS),
    "POST /console/replies": Route(MANAGERS),
    "POST /console/replies/{number}/remove": Route(MANAGERS),
    "GET /console/{number}": Route(HOLDER),
    "GET /console/{number}/now": Route(ITS_STAFF),
    "GET /console/{number}/brief": Route(ITS_STAFF),
    "POST /console/{number}/take": Route(ITS_STAFF),
    "POST /console/{number}/reply": Route(ITS_STAFF, form={"words": "hello"}),
    "POST /console/{number}/give-back": Route(ITS_STAFF),
    "POST /console/{number}/done": Route(ITS_STAFF, form={"outcome": "talked"}),
    "GET /console/{number}/notes": Route(HOLDER),
    "POST /console/{number}/note": Route(ITS_STAFF, form={"note": "a note"}),
    "POST /console/{number}/transfer": Route(ITS_STAFF),
    "POST /console/{number}/accept": Route(ITS_STAFF),
    "POST /console/{number}/pass": Route(ITS_STAFF),
    "POST /console/{number}/debrief": Route(SAMS),
    "POST /console/{number}/verdict": Route(ITS_STAFF, form={"verdict": "right"}),
    # The log
    "GET /log": Route(MANAGERS),
    "GET /log/rows": Route(MANAGERS),
    "GET /log.csv": Route(MANAGERS),
    "GET /log.xlsx": Route(MANAGERS),
    "GET /log/leaning": Route(MANAGERS),
    "GET /log/measures": Route(MANAGERS),
    "GET /log/tables/{name}.{form}": Route(MANAGERS, {"name": "load", "form": "csv"}),
    "GET /log/audit": Route(MANAGERS),
    "GET /log/{number}": Route(ITS_MANAGERS),
    "GET /log/{number}/steps": Route(ITS_MANAGERS),
    "GET /log/{number}/steps.{form}": Route(ITS_MANAGERS, {"form": "csv"}),
    "POST /log/{number}/verdict": Route(ITS_MANAGERS, form={"verdict": "right"}),
    "GET /log/verdicts": Route(MANAGERS),
    "GET /log/review/{week}/{number}": Route(ITS_MANAGERS, {"week": "WEEK"}),
    "POST /log/review/{week}/{number}": Route(ITS_MANAGERS, {"week": "WEEK"}, {"verdict": "right"}),
    # What a mentee does not feel safe about
    "GET /safeguarding": Route(MANAGERS),
    "GET /safeguarding.{form}": Route(MANAGERS, {"form": "csv"}),
    "GET /safeguarding/{number}": Route(ITS_MANAGERS),
    "POST /safeguarding/{number}/own": Route(ITS_MANAGERS),
    "POST /safeguarding/{number}/close": Route(ITS_MANAGERS),
    # The chat, and the mentee's own say
    "GET /static/widget.js": Route(EVERYBODY),
    "GET /chat": Route(MENTEES),
    "POST /chat": Route(MENTEES, form={"words": "hello", "key": "0123456789abcdef"}),
    "POST /chat/seen": Route(MENTEES, form={"up_to": "1"}),
    "GET /chat/live": Route(MENTEES),
    "GET /chat/in/{token}": Route(EVERYBODY, {"token": "INVITATION"}),
    "POST /chat/in/{token}": Route(EVERYBODY, {"token": "INVITATION"}),
    "GET /chat/sign-in": Route(EVERYBODY),
    "POST /chat/sign-in": Route(EVERYBODY, form={"phone": MAYA}),
    "POST /chat/sign-in/code": Route(WRONG_CODE, form={"phone": MAYA, "code": "1"}),
    "POST /chat/sign-out": Route(EVERYBODY),
    "POST /chat/as/{person_id}": Route(EVERYBODY, {"person_id": "MAYA"}, demo=True),
    "GET /chat/terms": Route(MENTEES),
    "GET /chat/terms/read": Route(EVERYBODY),
    "POST /chat/terms": Route(MENTEES),
    "POST /chat/terms/person": Route(MENTEES),
    "GET /chat/you": Route(MENTEES),
    "POST /chat/you/sharing": Route(MENTEES),
    "POST /chat/you/decline": Route(MENTEES),
    "POST /chat/you/check-ins": Route(MENTEES),
    "POST /chat/you/texts": Route(MENTEES),
    "POST /chat/you/language": Route(MENTEES, form={"language": "es"}),
    "POST /chat/you/delete": Route(MENTEES),
    "POST /chat/you/keep": Route(MENTEES),
    "POST /chat/you/concern": Route(MENTEES),
    "POST /chat/you/follow-up": Route(MENTEES),
    # People, the program, its policy
    "GET /people": Route(MANAGERS),
    "POST /people": Route(MANAGERS),
    "GET /people/new": Route(MANAGERS),
    "GET /people/import": Route(MANAGERS),
    "POST /people/import": Route(MANAGERS),
    "POST /people/import/preview": Route(MANAGERS),
    "GET /people/template.csv": Route(MANAGERS),
    "GET /people.{form}": Route(MANAGERS, {"form": "csv"}),
    "POST /people/search": Route(MANAGERS),
    "GET /people/{number}": Route(ITS_MANAGERS),
    "POST /people/{number}": Route(ITS_MANAGERS),
    "POST /people/{number}/mentors": Route(ITS_MANAGERS, {"number": "MAYA"}),
    "POST /people/{number}/guardian": Route(ITS_MANAGERS, {"number": "MAYA"}),
    "POST /people/{number}/leave": Route(ITS_MANAGERS),
    "POST /people/{number}/back": Route(ITS_MANAGERS),
    "GET /program": Route(MANAGERS),
    "GET /program/tables/{name}.{form}": Route(MANAGERS, {"name": "week", "form": "csv"}),
    "GET /policy": Route(MANAGERS),
    "POST /policy": Route(MANAGERS),
    "POST /policy/try": Route(MANAGERS),
    "POST /policy/try/{name}.{form}": Route(MANAGERS, {"name": "weeks", "form": "csv"}),
    "GET /policy/versions/{number}": Route(ITS_MANAGERS),
    "POST /program/hours": Route(MANAGERS),
    "POST /program/holidays": Route(MANAGERS),
    "POST /program/holidays/{number}/remove": Route(ITS_MANAGERS),
    "POST /program/shifts": Route(MANAGERS),
    "POST /program/shifts/{number}/remove": Route(ITS_MANAGERS),
    "POST /program/overrides": Route(MANAGERS),
    "POST /program/overrides/{number}/remove": Route(ITS_MANAGERS),
    "POST /program/duty/{number}": Route(ITS_MANAGERS),
    "GET /program/integrations": Route(MANAGERS),
    "POST /program/integrations/tokens": Route(MANAGERS),
    "POST /program/integrations/tokens/{number}/revoke": Route(ITS_MANAGERS),
    "POST /program/integrations/webhooks": Route(MANAGERS),
    "POST /program/integrations/webhooks/{number}/remove": Route(ITS_MANAGERS),
    "POST /program/integrations/deliveries/{number}/again": Route(ITS_MANAGERS),
    # The demo's phones: everybody's, and there only in the demo
    "GET /phones": Route(EVERYBODY, demo=True),
    "GET /phones/all": Route(EVERYBODY, demo=True),
    "POST /phones/{key}": Route(EVERYBODY, {"key": "MAYA"}, demo=True),
}


# Applications of their own under ours. /static is files for everybody; each route of the API has
# its line in test_api.py, for a program has a token and no role.
ELSEWHERE = {"/static", "/api/v1"}


# --- what is there to be seen ---

WORDS = "nobody but who answers me should read this"
# Everybody's name ends so here; whoever reads one has seen something of Sam's program.
ENDING = "wyn"
OURS = re.compile(rf"\w{ENDING}\b|Harbor|{WORDS}")


@dataclass
class World:
    """A line in the middle of a day, a copy of which each request gets for itself."""

    file: Path
    rows: set[tuple[str, tuple[Any, ...]]]
    talk: Talk
    apps: dict[str, FastAPI]
    cookies: dict[str, str]
    numbers: dict[str, str]

    def begin_anew(self, copy: Path) -> Database:
        shutil.copy(self.file, copy)
        database = Database(make_engine(f"sqlite:///{copy}"))
        self.talk.line.database = self.talk.database = database
        return database


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    use_key(KEY)
    file = tmp_path_factory.mktemp("roles") / "warmline.db"
    database = Database(make_engine(f"sqlite:///{file}"))
    database.migrate()
    talk = Talk(database)
    with database.writing() as session:
        for person in session.scalars(select(Person)):
            person.name += ENDING
    # A week that is over, in which nobody was brought to Jo.
    talk.clock.now -= timedelta(days=7)
    talk.texts(JO, "hi there")
    talk.clock.now += timedelta(days=7)
    talk.texts(MAYA, f"{WORDS}. can i talk to a person please")
    talk.texts(SAM, "TAKE")
    with database.writing() as session:
        numbers, cookies = _furnish(session, talk)
    # Everything is in the file, and nothing in a log beside it.
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.engine.dispose()
    apps = {sms: Web(talk, sms=sms).app for sms in ("twilio", "phones")}
    return World(file, rows_in(file), talk, apps, cookies, numbers)


def _furnish(session: Any, talk: Talk) -> tuple[dict[str, str], dict[str, str]]:
    """Put one of each thing that has a number into Sam's program; sign everybody in."""
    now = talk.clock()
    everybody = session.scalars(select(Person))
    people = {person.name.removesuffix(ENDING): person for person in everybody}
    elsewhere = Program(
        name="Elsewhere",
        timezone="Europe/Berlin",
        opens_at=people["Sam"].program.opens_at,
        closes_at=people["Sam"].program.closes_at,
    )
    session.add(elsewhere)
    session.flush()
    for name, role, phone in (
        ("Eve", Role.MANAGER, "+12025550150"),
        ("Ann", Role.MENTOR, "+12025550151"),
        ("Kim", Role.MENTEE, "+12025550152"),
    ):
        people[name] = Person(
            program_id=elsewhere.id,
            role=role,
            name=name,
            phone=phone,
            phone_index=phone_index(phone),
            timezone="Europe/Berlin",
            enrolled_at=now,
        )
        session.add(people[name])
    session.flush()
    maya, sam, ruth = people["Maya"], people["Sam"], people["Ruth"]
    for name in ("Maya", "Jo", "Kim"):
        mentee = people[name].id
        session.add(Consent(person_id=mentee, at=now, terms=TERMS_VERSION, age_band=AgeBand.ADULT))
    session.add(
        Passkey(
            person_id=sam.id, credential_id="AAAA", public_key=b"", sign_count=0, name="k", at=now
        )
    )
    session.add(
        CannedReply(program_id=sam.program_id, title="Hi", words=WORDS, by_id=sam.id, at=now)
    )
    session.add(
        SafeguardingRecord(
            program_id=sam.program_id,
            mentee_id=maya.id,
            concern=next(iter(Concern)),
            words=WORDS,
            opened_at=now,
            opened_by_id=ruth.id,
            due_at=now + timedelta(days=1),
        )
    )
    session.add(Debrief(handoff_id=1, person_id=sam.id, asked_at=now))
    session.add(FollowUp(handoff_id=1, asked_at=now))
    # The latest words to Maya have left for her open page, and it has not shown them yet.
    outgoing = select(Message).where(Message.outgoing, Message.conversation_id == 2)
    latest = session.scalars(outgoing.order_by(Message.id.desc())).first()
    latest.channel, latest.delivery = Channel.WEB, Delivery.SENT
    session.add(Holiday(program_id=sam.program_id, day=now.date(), name="Founders' Day"))
    session.add(DutyShift(person_id=sam.id, weekday=0, begins_at=time(9), ends_at=time(12)))
    session.add(
        DutyOverride(
            person_id=sam.id,
            begins_at=now,
            ends_at=now + timedelta(hours=1),
            on_duty=True,
            by_id=ruth.id,
        )
    )
    session.add(
        PolicyVersion(program_id=sam.program_id, at=now, by_id=ruth.id, reason=WORDS, content="")
    )
    session.add(
        ApiToken(
            program_id=sam.program_id,
            name=f"board{ENDING}",
            token_hash="0" * 64,
            scopes="handoffs:read",
            by_id=ruth.id,
            at=now,
        )
    )
    told = Webhook(
        program_id=sam.program_id,
        url="https://program.example/told",
        secret="whsec_c2VjcmV0",
        by_id=ruth.id,
        at=now,
    )
    session.add(told)
    session.flush()
    # Given up, so that it may be sent again.
    opened = {"type": "handoff.opened", "timestamp": "", "data": {"handoff_id": 1}}
    session.add(WebhookDelivery(webhook_id=told.id, event_id=1, payload=opened, at=now, tries=7))
    start_session(session, sam, now=now)
    session.flush()
    numbers = {
        "SAM": str(sam.id),
        "MAYA": str(maya.id),
        "SAMS_BROWSER": str(session.scalars(select(WebSession.id)).one()),
        "LINK": new_link(session, sam, "sign_in", now=now, lasts=timedelta(minutes=15)),
        "INVITATION": new_link(session, maya, "chat", now=now, lasts=timedelta(minutes=15)),
        "WEEK": last_full_week(sam.program, now=now).name,
        "MAYAS_LATEST": str(latest.id),
        "AFTER_MAYAS_LATEST": str(latest.id + 1),
    }
    order = (None, maya, sam, people["Noor"], ruth, people["Eve"], people["Ann"], people["Kim"])
    cookies = {
        who: start_session(session, person, now=now)
        for who, person in zip(WHO, order, strict=True)
        if person is not None
    }
    cookies[ANOTHER_MENTEE] = start_session(session, people["Jo"], now=now)
    return numbers, cookies


# --- asking ---


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def ask(
    app: FastAPI,
    method: str,
    path: str,
    token: str | None,
    form: dict[str, str],
    *,
    until: str = "",
) -> Answer:
    """One request, straight to the application; of a stream only how it begins, or `until` that."""
    sent = urlencode(form).encode()
    # A browser that somebody tries all doors with: the same token for the chat and the pages.
    cookie = f"warmline={token}; warmline_chat={token}" if token else ""
    headers = {
        "host": "warmline.example",
        "accept": "text/html",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(sent)),
        "cookie": cookie,
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
        asked = iter([{"type": "http.request", "body": sent, "more_body": False}])
        enough = asyncio.Event()

        async def receive() -> dict[str, Any]:
            for message in asked:
                return message
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


# What anybody may add to: who tried to sign in, and when a browser was last seen.
OPEN_TABLES = {"audit_entry", "one_time_key", "web_session"}
TABLES = sorted(set(Base.metadata.tables) - OPEN_TABLES)


def rows_in(file: Path) -> set[tuple[str, tuple[Any, ...]]]:
    """All there is, row by row, but for what belongs to the other program."""
    rows = set()
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        for table in TABLES:
            for row in connection.execute(f"SELECT * FROM {table}"):
                key = "id" if table == "program" else "program_id"
                if key not in row.keys() or row[key] == 1:  # noqa: SIM118
                    rows.add((table, tuple(row)))
    return rows


def rows_of_maya(file: Path, maya: int) -> set[tuple[str, tuple[Any, ...]]]:
    """What is kept of Maya, of her thread, and of her handoff."""
    hers = {"person_id": maya, "mentee_id": maya, "conversation_id": 2, "handoff_id": 1}
    own = {"person": maya, "conversation": 2, "handoff": 1}
    rows = set()
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        for table in TABLES:
            for row in connection.execute(f"SELECT * FROM {table}"):
                named = {key: row[key] for key in row.keys()}  # noqa: SIM118
                is_own = table in own and named["id"] == own[table]
                if is_own or any(named.get(key) == number for key, number in hers.items()):
                    rows.add((table, tuple(row)))
    return rows


def what_became_of(method: str, answer: Answer) -> Seen:
    assert 200 <= answer.status < 500, answer
    location = urlsplit(answer.headers.get("location", ""))
    if answer.status == 401 or (method == "GET" and location.path.endswith("/sign-in")):
        return SIGN_IN
    return {403: NO, 404: GONE}.get(answer.status, IN)


def routes_of(app: FastAPI) -> set[str]:
    """Every route as `METHOD /address`, but for those of `ELSEWHERE`."""
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or ())
        if method != "HEAD"
    }


# --- the laws ---


def test_every_route_is_listed(world: World) -> None:
    every = routes_of(world.apps["phones"]) | routes_of(world.apps["twilio"])
    assert sorted(every - set(ROUTES)) == [], "these lack a line"
    assert sorted(set(ROUTES) - every) == [], "these are no routes any more"
    for app in world.apps.values():
        assert {route.path for route in app.routes if isinstance(route, Mount)} == ELSEWHERE


@pytest.mark.parametrize("name", ROUTES)
def test_who_is_let_in(world: World, tmp_path: Path, name: str) -> None:
    route = ROUTES[name]
    method, path = name.split(" ")
    at = {"number": "1", **route.at}
    for part, value in at.items():
        path = path.replace(f"{{{part}}}", world.numbers.get(value, value))
    form = {key: world.numbers.get(value, value) for key, value in route.form.items()}
    app = world.apps["phones" if route.demo else "twilio"]
    seen = []
    for n, who in enumerate(WHO):
        app.state.rate_limits, app.state.pulse = RateLimits(), Pulse(world.talk.line)
        copy = tmp_path / f"{n}.db"
        database = world.begin_anew(copy)
        before = world.rows
        answer = ask(app, method, path, world.cookies.get(who), form)
        after = rows_in(copy)
        database.engine.dispose()
        seen.append(what_became_of(method, answer))
        if seen[-1] is not IN:
            assert after == before, f"{who} was not let in, and changed something"
        if not route.demo and (who == "nobody" or "elsewhere" in who):
            assert before <= after, f"{who} changed something of Sam's program"
        if not route.demo and (who == "nobody" or "elsewhere" in who):
            assert not OURS.search(answer.body), f"{who} reads of another program"
        if who == "colleague" and not route.demo:
            assert WORDS not in answer.body, "what Maya wrote is for who holds it"
    told = [f"{who}: {each}" for who, each in zip(WHO, seen, strict=True)]
    assert told == [f"{who}: {each}" for who, each in zip(WHO, route.whom, strict=True)]


# What is Maya's in the chat, by its number: who else of her program names it gets nothing.
BY_MAYAS_NUMBERS: dict[str, dict[str, str]] = {
    "GET /chat?before=AFTER_MAYAS_LATEST": {},
    "GET /chat/live?after=0": {},
    "POST /chat/seen": {"up_to": "MAYAS_LATEST"},
    "POST /chat/you/decline": {"number": "1"},
    "POST /chat/you/follow-up": {"number": "1", "question": "reached", "says": "no"},
}


@pytest.mark.parametrize("name", BY_MAYAS_NUMBERS)
def test_jo_gets_nothing_by_the_numbers_of_what_is_mayas(
    world: World, tmp_path: Path, name: str
) -> None:
    method, path = name.split(" ")
    for known, number in world.numbers.items():
        path = path.replace(known, number) if path.endswith(f"={known}") else path
    form = {key: world.numbers.get(value, value) for key, value in BY_MAYAS_NUMBERS[name].items()}
    maya = int(world.numbers["MAYA"])
    app = world.apps["twilio"]
    got = {}
    for who in ("mentee", ANOTHER_MENTEE):
        app.state.rate_limits, app.state.pulse = RateLimits(), Pulse(world.talk.line)
        copy = tmp_path / f"{who}.db"
        database = world.begin_anew(copy)
        before = rows_of_maya(copy, maya)
        answer = ask(app, method, path, world.cookies[who], form, until="event: status")
        database.engine.dispose()
        assert what_became_of(method, answer) is IN, f"{who}: {answer}"
        got[who] = (WORDS in answer.body, rows_of_maya(copy, maya) != before)
    assert any(got["mentee"]), "Maya herself reads or changes something by it"
    assert got[ANOTHER_MENTEE] == (False, False), "Jo reads or changes what is Maya's"


def test_every_role_may_something_and_nobody_without_a_role_may_anything() -> None:
    assert set(MAY) == set(Action)
    assert {role for roles in MAY.values() for role in roles} == set(Role)
    assert all(Role.MENTEE not in roles for action, roles in MAY.items() if action != Action.CHAT)
