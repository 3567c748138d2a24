"""What browsers, scripts, and strangers get from the application as a whole."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.web.health import router as health_router
from tests.chat_browser import agrees
from tests.line import MAYA, RUTH, SAM, Talk
from tests.web_client import HERE, PASSWORD, Web, give_password

STATIC = Path(__file__).parents[3] / "gateway" / "web" / "static"


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


# --- responses ---


def test_every_response_says_what_it_is(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    twilio = Web(talk, sms="twilio")
    for answer, kind in (
        (web.gets("/console"), "text/html; charset=utf-8"),
        (web.gets("/log.csv"), "text/csv; charset=utf-8"),
        (web.gets("/people/template.csv"), "text/csv; charset=utf-8"),
        (web.gets("/healthz"), "application/json"),
        (web.gets("/metrics"), "text/plain; version=1.0.0; charset=utf-8"),
        (web.client.get("/api/v1/people"), "application/problem+json"),
        (web.gets("/static/chat.js"), "text/javascript; charset=utf-8"),
        (web.gets("/static/icon.svg"), "image/svg+xml"),
        (twilio.posts("/twilio/sms"), "application/json"),
        (web.client.get("/nowhere"), "application/json"),
    ):
        assert answer.headers["Content-Type"] == kind, answer.url


def test_no_other_site_may_read_a_response(web: Web) -> None:
    web.is_now(RUTH)
    foreign = {"Origin": "https://evil.example"}
    for path in ("/console", "/api/v1/people", "/healthz", "/static/chat.js"):
        answer = web.client.get(path, headers=foreign)
        assert not any(name.startswith("access-control") for name in answer.headers), path
        asked = {**foreign, "Access-Control-Request-Method": "POST"}
        assert web.client.options(path, headers=asked).status_code in (401, 405), path


def test_every_cookie_belongs_to_this_host_alone_and_to_no_script(web: Web) -> None:
    give_password(web.talk, SAM)
    web.is_now(SAM)
    answers = [
        web.browser().post("/sign-in", data={"phone": SAM, "password": PASSWORD}),
        web.posts(f"/sign-in/as/{web.talk.person(SAM).id}"),
        web.posts(f"/chat/as/{web.talk.person(MAYA).id}"),
        web.browser().get("/chat/sign-in?language=es"),
    ]
    cookies = [cookie for answer in answers for cookie in answer.headers.get_list("Set-Cookie")]
    # Signing in with a password marks the browser in two ways.
    assert len(cookies) == 7
    for cookie in cookies:
        assert cookie.startswith("__Host-"), cookie
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; ")), cookie
        assert re.search("samesite=lax", cookie, re.IGNORECASE), cookie
        assert "domain" not in cookie.lower()


def test_a_framed_chats_cookie_is_partitioned_and_as_strict_otherwise(talk: Talk) -> None:
    framed = Web(talk, origins="https://school.example")
    [cookie] = framed.posts(f"/chat/as/{talk.person(MAYA).id}").headers.get_list("Set-Cookie")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"} < set(
        cookie.split("; ")
    )


def test_every_page_of_a_signed_in_person_has_a_button_to_sign_out(web: Web) -> None:
    web.is_now(RUTH)
    for path in ("/console", "/log", "/people", "/program", "/policy", "/account", "/nowhere"):
        assert 'action="/sign-out"' in web.gets(path).text, path
    agrees(web.talk, MAYA)
    web.posts(f"/chat/as/{web.talk.person(MAYA).id}")
    for path in ("/chat", "/chat/you"):
        assert 'action="/chat/sign-out"' in web.gets(path).text, path


# --- what is not there ---


def test_there_are_no_listings_no_trace_and_no_files_but_ours(web: Web) -> None:
    for path in ("/static/", "/static/vendor/", "/static/../app.py", "/static/%2e%2e/app.py"):
        assert web.client.get(path).status_code == 404, path
    for path in ("/", "/console", "/api/v1/people", "/static/chat.js"):
        assert web.client.request("TRACE", path).status_code in (401, 405), path


def test_only_the_health_checks_and_metrics_need_no_sign_in(web: Web) -> None:
    probed = {"/healthz", "/readyz"}
    assert {route.path for route in health_router.routes} == probed  # type: ignore[attr-defined]
    for path in ("/docs", "/redoc", "/openapi.json", "/debug", "/.env", "/.git/config"):
        assert web.client.get(path).status_code == 404, path


def test_a_new_database_has_nobody_to_sign_in_as(web: Web, talk: Talk) -> None:
    real = Web(talk, sms="twilio")
    for number in ("admin", "+10000000000", "+12025550199"):
        for password in ("admin", "password", "warmline", ""):
            answer = real.signs_in(number, password)
            assert answer.status_code in (401, 429)


def test_the_second_of_two_equal_parameters_changes_nothing_unseen(web: Web) -> None:
    twice = f"{HERE}/sign-in?next=/console&next=https://evil.example"
    page = web.gets(twice).text
    assert "evil.example" not in page
    form = "phone=%2B12025550111&phone=x&password=a&password=b&next=/console&next=//evil.example"
    answer = web.client.post(
        "/sign-in", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 401
    assert "evil.example" not in answer.text


# --- scripts ---


def scripts() -> dict[str, str]:
    return {file.name: file.read_text("utf-8") for file in STATIC.glob("*.js")}


def test_our_scripts_run_no_text_and_store_no_words() -> None:
    assert len(scripts()) >= 5
    for name, code in scripts().items():
        for way in ("eval(", "new Function", "document.write", "sessionStorage", "indexedDB"):
            assert way not in code, (name, way)
        assert "document.cookie" not in code, name
        assert "postMessage" not in code, name
        assert 'addEventListener("message"' not in code or name == "chat.js", name
    stores = [name for name, code in scripts().items() if "localStorage" in code]
    assert stores == ["console.js"]
    assert 'const STORAGE = "warmline-keys";' in scripts()["console.js"]


def test_no_script_copies_names_from_outside_into_objects() -> None:
    """Where a name such as __proto__ could change every object."""
    for name, code in scripts().items():
        assigned = re.findall(r"\w\[([^\]\"'\d]+)\] = ", code)
        assert set(assigned) <= {"part"}, name
        assert "__proto__" not in code
    assert "for (const part of" in scripts()["passkeys.js"]


# --- what operators see ---


def test_every_refusal_is_logged_with_who_and_where_but_no_words(web: Web, talk: Talk) -> None:
    web.is_now(SAM)
    with capture_logs() as logged:
        web.gets("/people")
        web.signs_in("+12025550199", "a secret of mine")
        web.client.post("/console/1/reply", headers={"Sec-Fetch-Site": "cross-site"})
        web.client.get("/api/v1/people")
        web.client.post("/sign-in", content=b"a" * 200_000)
    refused = [event for event in logged if event["event"] == "request refused"]
    assert [event["status"] for event in refused] == [403, 401, 403, 401, 413]
    assert refused[0]["person"] == talk.person(SAM).id
    assert refused[0]["route"] == "/people"
    assert all(event["client"] == "testclient" for event in refused)
    assert "a secret of mine" not in str(logged)
    assert "+12025550199" not in str(logged)


FORGED = """
import structlog
from gateway.runtime.logging import set_up_logs
set_up_logs()
structlog.get_logger().warning("read", name='x"}\\n{"event": "all is well"}\\r\\n\\x1b[2J')
"""


def test_a_line_break_cannot_forge_a_line_of_the_log() -> None:
    ran = subprocess.run([sys.executable, "-c", FORGED], capture_output=True, text=True, check=True)
    assert ran.stderr.count("\n") == 1
    logged = json.loads(ran.stderr)
    assert logged["event"] == "read"
    assert logged["timestamp"].endswith("Z")
    assert "\x1b" not in ran.stderr
