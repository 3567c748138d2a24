"""Signing in with a password, sessions, and requests from other sites."""

import re
from datetime import timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.accounts.passwords import BadPassword
from gateway.accounts.sessions import COOKIE, own_path
from models import Message, Person
from tests.line import JO, MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import HERE, PASSWORD, Web, begins_session, give_password


def test_sam_signs_in_and_lands_where_he_was_going(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    turned_away = web.gets("/console/7?all=1")
    assert turned_away.headers["Location"] == "/sign-in?next=%2Fconsole%2F7%3Fall%3D1"
    answer = web.signs_in("(202) 555-0111", PASSWORD, next="/console")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert {"HttpOnly", "SameSite=lax", "Secure"} <= set(answer.headers["Set-Cookie"].split("; "))
    assert "Signed in as" in web.gets("/console").text


def test_a_wrong_password_and_an_unknown_number_are_answered_alike(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    answers = [
        web.signs_in(SAM, "not the password"),
        web.signs_in(NOOR, "has no password yet"),
        web.signs_in(STRANGER, "nobody's password"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({re.sub(r'value="\+1\d+"', "", answer.text) for answer in answers}) == 1
    assert web.gets("/console").status_code == 303


def test_five_wrong_passwords_close_a_number_for_a_quarter_of_an_hour(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    for _ in range(5):
        assert web.signs_in(SAM, "not the password").status_code == 401
    refused = web.signs_in(SAM, PASSWORD)
    assert refused.status_code == 429
    assert "Wait 16 min" in refused.text
    talk.clock.now += timedelta(minutes=15)
    assert web.signs_in(SAM, PASSWORD).status_code == 303


def test_one_ip_address_cannot_try_many_numbers(web: Web) -> None:
    for n in range(20):
        assert web.signs_in(f"+12025550{n:03d}", "a guess at it").status_code == 401
    assert web.signs_in(JO, "a guess at it").status_code == 429


def test_sign_in_never_redirects_to_another_site(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    for elsewhere in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil.example",
        "/ok\nSet-Cookie: a=b",
    ):
        answer = web.signs_in(SAM, PASSWORD, next=elsewhere)
        assert answer.headers["Location"] == "/console", elsewhere


@given(st.text(max_size=30))
def test_a_redirect_path_stays_on_this_site(wanted: str) -> None:
    path = own_path(wanted)
    if path is not None:
        assert path == wanted
        there = httpx2.URL(HERE + "/sign-in").join(path)
        assert (there.scheme, there.host) == ("https", "warmline.example")


def test_a_session_ends_by_signing_out_by_a_new_password_and_with_time(
    talk: Talk, web: Web
) -> None:
    web.is_now(SAM)
    token = web.client.cookies[f"__Host-{COOKIE}"]
    web.posts("/sign-out")
    web.client.cookies.set(f"__Host-{COOKIE}", token)
    assert web.gets("/console").status_code == 303, "ended on the server, too"
    web.is_now(SAM)
    give_password(talk, SAM)
    assert web.gets("/console").status_code == 303
    web.is_now(SAM)
    talk.clock.now += timedelta(minutes=60)
    assert web.gets("/console").status_code == 303, "an hour without use"
    web.is_now(SAM)
    for _ in range(13):
        assert web.gets("/console").status_code == 200
        talk.clock.now += timedelta(minutes=55)
    talk.clock.now += timedelta(minutes=4)
    assert web.gets("/console").status_code == 200
    talk.clock.now += timedelta(minutes=1)
    assert web.gets("/console").status_code == 303, "twelve hours in all"


def test_a_password_that_cannot_be_set_is_refused_with_the_reason(talk: Talk) -> None:
    with pytest.raises(BadPassword, match="10 to 200 characters; this one has 5"):
        give_password(talk, SAM, "short")
    with pytest.raises(BadPassword, match="mentees use texts"):
        give_password(talk, MAYA)


def test_a_page_that_a_person_may_not_see_says_so(talk: Talk, web: Web) -> None:
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        web.client.cookies.set(f"__Host-{COOKIE}", begins_session(session, maya, now=talk.clock()))
    answer = web.gets("/console")
    assert (answer.status_code, "text PERSON." in answer.text) == (403, True)
    web.is_now(SAM)
    answer = web.gets("/log")
    assert (answer.status_code, "<h1>No access</h1>" in answer.text) == (403, True)


def test_cross_site_requests_are_refused(talk: Talk, web: Web) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        for path in ("/sign-in", "/console/1/take", "/phones/unknown", "/sign-out"):
            answer = web.client.post(path, data={"words": "hi"}, headers=headers)
            assert (answer.status_code, "another site" in answer.text) == (403, True), path
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": HERE}, {}):
        answer = web.client.post("/sign-in", data={"phone": SAM}, headers=headers)
        assert answer.status_code == 401


def test_with_real_texting_there_are_no_phones_and_no_one_click_sign_in(talk: Talk) -> None:
    web = Web(talk, sms="twilio")
    assert web.gets("/phones").status_code == 404
    assert web.posts(f"/sign-in/as/{talk.person(RUTH).id}").status_code == 404
    assert "be…" not in web.gets("/sign-in").text
    assert web.client.get("/live", headers={"HX-Request": "true"}).status_code == 401


def test_pages_load_nothing_from_other_sites(web: Web) -> None:
    policy = web.gets("/sign-in").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for path in ("/phones", "/sign-in"):
        page = web.gets(path).text
        assert not re.search(r"\sstyle=|\son\w+=|<script>", page)
        assert not re.search(r'(src|href)="(https?:)?//', page)
