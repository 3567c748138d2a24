"""The pages: access, content, and actions."""

import asyncio
import csv
import io
import re
import time
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.accounts.passwords import BadPassword
from gateway.accounts.session_store import start_session
from gateway.accounts.sessions import COOKIE, own_path
from gateway.handoffs.decisions import highlight_spans
from gateway.handoffs.exports import handoffs_csv
from gateway.handoffs.handoff_list import Row, find_handoffs
from gateway.handoffs.timeline import timeline
from gateway.runtime.labels import in_words
from gateway.web.pulse import Pulse
from models import (
    Channel,
    Conversation,
    HandoffEvent,
    Message,
    Move,
    Outcome,
    Person,
    Status,
    phone_index,
)
from tests.line import JO, MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.processes import Process
from tests.web_client import ASKS, HERE, PASSWORD, Web, give_password


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def rename(talk: Talk, number: str, name: str) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(number).id).name = name


def said_to(talk: Talk, number: str) -> list[str]:
    return [message.words for message in talk.thread(number) if message.outgoing]


# --- signing in ---


def test_sam_signs_in_and_lands_where_he_was_going(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    turned_away = web.gets("/console/7?all=1")
    assert turned_away.headers["Location"] == "/sign-in?next=%2Fconsole%2F7%3Fall%3D1"
    answer = web.signs_in("(202) 555-0111", PASSWORD, next="/console")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert "Signed in as" in web.gets("/console").text


def test_the_cookie_cannot_be_read_by_scripts_or_sent_from_elsewhere(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    cookie = web.signs_in(SAM, PASSWORD).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=lax", "Secure"} <= set(cookie.split("; "))


def test_a_wrong_password_and_an_unknown_number_are_answered_alike(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    answers = [
        web.signs_in(SAM, "not the password"),
        web.signs_in(NOOR, "has no password yet"),
        web.signs_in(STRANGER, "nobody's password"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    pages = {re.sub(r'value="\+1\d+"', "", answer.text) for answer in answers}
    assert len(pages) == 1
    assert web.gets("/console").status_code == 303


def test_five_wrong_tries_close_a_number_for_a_quarter_of_an_hour(talk: Talk, web: Web) -> None:
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


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil.example",
        "/ok\nSet-Cookie: a=b",
    ],
)
def test_sign_in_never_redirects_to_another_site(talk: Talk, web: Web, elsewhere: str) -> None:
    assert own_path(elsewhere) is None
    give_password(talk, SAM)
    assert web.signs_in(SAM, PASSWORD, next=elsewhere).headers["Location"] == "/console"


@given(st.text(max_size=30))
def test_a_redirect_path_stays_on_this_site(wanted: str) -> None:
    path = own_path(wanted)
    if path is not None:
        assert path == wanted
        there = httpx2.URL(HERE + "/sign-in").join(path)
        assert (there.scheme, there.host) == ("https", "warmline.example")


def test_signing_out_ends_the_session_on_the_server(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    token = web.client.cookies[COOKIE]
    web.posts("/sign-out")
    web.client.cookies.set(COOKIE, token)
    assert web.gets("/console").status_code == 303


def test_a_session_lasts_twelve_hours(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    talk.clock.now += timedelta(hours=11, minutes=59)
    assert web.gets("/console").status_code == 200
    talk.clock.now += timedelta(minutes=1)
    assert web.gets("/console").status_code == 303


def test_a_new_password_signs_other_browsers_out(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    give_password(talk, SAM)
    assert web.gets("/console").status_code == 303


def test_a_password_that_cannot_be_set_is_refused_with_the_reason(talk: Talk) -> None:
    with pytest.raises(BadPassword, match="10 to 200 characters; this one has 5"):
        give_password(talk, SAM, "short")
    with pytest.raises(BadPassword, match="mentees use texts"):
        give_password(talk, MAYA)


@pytest.mark.parametrize("path", ["/console", "/console/1", "/log", "/log/1", "/log.csv"])
def test_a_mentee_cannot_sign_in_as_staff(talk: Talk, web: Web, path: str) -> None:
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        web.client.cookies.set(COOKIE, start_session(session, maya, now=talk.clock()))
    answer = web.gets(path)
    assert answer.status_code == 403
    assert "text PERSON." in answer.text


@pytest.mark.parametrize("path", ["/log", "/log/rows", "/log/1", "/log/1/steps", "/log.csv"])
def test_the_log_is_for_managers(web: Web, path: str) -> None:
    web.is_now(SAM)
    assert web.gets(path).status_code == 403
    web.posts("/sign-out")
    assert web.gets(path).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/console/1/take", "/phones/unknown", "/sign-out"])
def test_cross_site_requests_are_refused(
    talk: Talk, web: Web, path: str, headers: dict[str, str]
) -> None:
    answer = web.client.post(path, data={"words": "hi"}, headers=headers)
    assert (answer.status_code, "another site" in answer.text) == (403, True)
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_same_site_requests_are_allowed(web: Web) -> None:
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


# --- the console ---


def test_sam_sees_that_maya_waits_and_reads_her_words_once_he_has_taken_it(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, "my secret. " + ASKS)
    talk.clock.now += timedelta(minutes=4)
    web.is_now(SAM)
    for path in ("/console", "/console/lists", "/console/1", "/console/1/now"):
        page = web.gets(path).text
        assert "Maya" in page
        assert "4 min" in page
        assert "my secret" not in page
    assert web.posts("/console/1/take").headers["Location"] == "/console/1"
    page = web.gets("/console/1").text
    assert "my secret" in page
    assert "We send it as “<bdi>Sam</bdi>: …”" in page
    assert "Sam is here now" in said_to(talk, MAYA)[-1]


def test_the_most_urgent_waits_on_top(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.clock.now += timedelta(minutes=1)
    talk.texts(JO, "i want to kill myself")
    web.is_now(SAM)
    page = web.gets("/console").text
    assert page.index("<bdi>Jo</bdi>") < page.index("<bdi>Maya</bdi>")


def test_an_unknown_page_keeps_the_reader_signed_in(web: Web) -> None:
    web.is_now(RUTH)
    nowhere = web.gets("/nowhere")
    assert (nowhere.status_code, "This page does not exist." in nowhere.text) == (404, True)
    assert "Signed in as <strong><bdi>Ruth</bdi>" in nowhere.text
    web.posts("/sign-out")
    assert 'href="/sign-in">Sign in</a>' in web.gets("/nowhere").text


def test_a_second_claim_is_refused_and_shows_no_messages(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "my secret. " + ASKS)
    talk.texts(SAM, "TAKE")
    web.is_now(NOOR)
    late = web.clicks("/console/1/take")
    assert (late.status_code, late.text) == (409, "Sam already has #1.")
    refused = web.gets("/console/1")
    assert refused.status_code == 403
    assert "Sam has #1" in refused.text
    assert "Signed in as <strong><bdi>Noor</bdi>" in refused.text
    now = web.gets("/console/1/now").text
    assert "has this conversation" in now
    assert "my secret" not in refused.text + now


def test_a_double_click_claims_once(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    assert [web.posts("/console/1/take").status_code for _ in range(2)] == [303, 303]
    with talk.database.reading() as session:
        claims = select(func.count()).where(HandoffEvent.move == Move.CLAIM)
        assert session.scalar(claims) == 1


def test_words_written_in_the_console_reach_maya_under_sams_name_and_once(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.posts("/console/1/take")
    words = "Hey Maya,\r\nhow are you?"
    assert web.clicks("/console/1/reply", words=words).status_code == 204
    assert web.clicks("/console/1/reply", words=words).status_code == 204
    assert talk.read_by(MAYA)[-1] == "Sam: Hey Maya,\nhow are you?"
    assert talk.read_by(MAYA).count("Sam: Hey Maya,\nhow are you?") == 1
    talk.clock.now += timedelta(minutes=1)
    web.clicks("/console/1/reply", words=words)
    assert talk.read_by(MAYA).count("Sam: Hey Maya,\nhow are you?") == 2, "said again on purpose"


def test_a_reply_that_cannot_be_sent_is_not_lost(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.posts("/console/1/take")
    talk.texts(SAM, "PASS")
    refused = web.posts("/console/1/reply", words="I was about to say <this>")
    assert refused.status_code == 409
    assert "#1 is no longer yours" in refused.text
    talk.texts(SAM, "TAKE 1")
    long = web.posts("/console/1/reply", words="x" * 1501)
    assert long.status_code == 422
    assert "1 too long" in long.text
    assert "x" * 1501 in long.text
    assert "about to say" not in " ".join(talk.read_by(MAYA))


def test_a_page_of_somebody_signed_out_meanwhile_keeps_its_words(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    answer = web.clicks("/console/1/reply", words="hello")
    assert answer.status_code == 401
    assert "what you wrote stays here" in answer.text
    assert "HX-Redirect" not in answer.headers


def test_a_form_sent_after_the_sign_in_has_ended_gives_its_words_back_and_sends_them_later(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE")
    web.is_now(SAM)
    talk.clock.now += timedelta(hours=13)
    words = 'hey <Maya>,\n\nis "tonight" better?'
    answer = web.posts("/console/1/reply", words=words)
    assert (answer.status_code, "Location" in answer.headers) == (401, False)
    assert "You are signed out" in answer.text
    [(action, box, kept)] = re.findall(
        r'<form class="card stack" method="post" action="([^"]+)">.*?'
        r'<textarea name="(\w+)"[^>]*>\n(.*?)</textarea>',
        answer.text,
        re.DOTALL,
    )
    assert (action, box, unescape(kept)) == ("/console/1/reply", "words", words)
    assert 'href="/sign-in" target="_blank"' in answer.text
    assert "tonight" not in " ".join(said_to(talk, MAYA)), "nothing was sent"
    assert web.posts(action, words=words).text.count("tonight") == 1, "still signed out"
    web.is_now(SAM)
    assert web.posts(action, **{box: unescape(kept)}).status_code == 303
    assert words in said_to(talk, MAYA)


@pytest.mark.parametrize(
    ("path", "form", "shown"),
    [
        ("/console/1/note", {"note": "call her mum"}, ["note"]),
        ("/console/1/verdict", {"note": "too late", "verdict": "right"}, ["note"]),
        ("/console/1/done", {"outcome": "talked", "reason": "she slept"}, ["reason"]),
        ("/console/1/transfer", {"to": "3", "handing": "she likes you"}, ["handing"]),
        ("/safeguarding/1/close", {"outcome": "told her aunt"}, ["outcome"]),
        ("/people", {"role": "mentee", "name": "Ana", "phone": "555 0130"}, ["name", "phone"]),
        (
            "/policy",
            {"text": "[x]", "seen": "0", "tried": "[x]", "reason": "so"},
            ["text", "reason"],
        ),
        ("/program/holidays", {"day": "2026-12-24", "name": "Eve"}, ["name"]),
    ],
)
def test_a_signed_out_form_comes_back_with_its_choices(
    web: Web, path: str, form: dict[str, str], shown: list[str]
) -> None:
    answer = web.posts(path, **form)
    assert answer.status_code == 401
    assert re.findall(r'<textarea name="(\w+)"', answer.text) == shown
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
    assert {*shown, *hidden} == set(form)
    assert all(form[name] == unescape(value) for name, value in hidden.items())


def test_passwords_never_come_back_and_a_click_without_words_leads_to_the_sign_in(
    web: Web,
) -> None:
    answer = web.posts("/account/password", old="hunter2hunter2", new="x" * 12, again="x" * 12)
    assert (answer.status_code, "hunter2" in answer.text, "xxxx" in answer.text) == (
        401,
        False,
        False,
    )
    here = {"Referer": f"{HERE}/console/1"}
    clicked = web.client.post("/console/1/take", headers=here)
    assert (clicked.status_code, "<textarea" in clicked.text) == (401, False)
    assert 'href="/sign-in?next=%2Fconsole%2F1"' in clicked.text
    elsewhere = {"Referer": "https://evil.example/console/1"}
    assert 'next=%2Fconsole"' in web.client.post("/console/1/take", headers=elsewhere).text


def test_nobody_is_texted_after_stop(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.posts("/console/1/take")
    talk.texts(MAYA, "STOP")
    answer = web.clicks("/console/1/reply", words="are you there?")
    assert answer.status_code == 409
    assert "texted STOP, so we may not" in answer.text
    assert "texted STOP, so we may not" in web.gets("/console/1").text
    assert "are you there?" not in [message.words for message in talk.thread(MAYA)]


def test_releasing_returns_the_mentee_to_the_queue(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.posts("/console/1/take")
    assert web.posts("/console/1/give-back").headers["Location"] == "/console"
    assert talk.handoff().status is Status.WAITING
    assert "Sam had to step away" in " ".join(said_to(talk, MAYA))
    again = web.clicks("/console/1/give-back")
    assert again.status_code == 409


def test_done_asks_how_it_ended_and_tells_maya(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.posts("/console/1/take")
    assert web.clicks("/console/1/done").text == "Choose how it ended."
    assert web.clicks("/console/1/done", outcome="cured").status_code == 422
    assert web.posts("/console/1/done", outcome="talked").status_code == 303
    assert talk.handoff().outcome is Outcome.TALKED
    assert "Sam ended this talk" in said_to(talk, MAYA)[-1]
    assert web.clicks("/console/1/done", outcome="talked").text == "#1 is closed."
    assert "We talked" in web.gets("/console?tab=mine").text


def test_a_crisis_is_closed_with_a_reason(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "i want to kill myself")
    web.is_now(NOOR)
    web.posts("/console/1/take")
    refused = web.clicks("/console/1/done", outcome="referred", reason="  ")
    assert refused.status_code == 409
    assert "why it can be closed" in refused.text
    web.posts("/console/1/done", outcome="referred", reason="Her aunt is with her.")
    assert talk.handoff().status is Status.RESOLVED
    web.is_now(RUTH)
    assert "Her aunt is with her." in web.gets("/log/1").text


def test_the_conversation_after_its_end_is_not_shown(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.posts("/console/1/take")
    web.posts("/console/1/done", outcome="talked")
    talk.clock.now += timedelta(minutes=1)
    talk.texts(MAYA, "something for the bot alone")
    page = web.gets("/console/1")
    assert page.status_code == 200
    assert "something for the bot alone" not in page.text


def test_a_handoff_of_another_program_is_not_found(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(talk.a_manager_elsewhere())
    for path in ("/console/1", "/console/1/now", "/log/1", "/log/1/steps"):
        assert web.gets(path).status_code == 404, path
    for verb in ("take", "reply", "give-back", "done"):
        answer = web.posts(f"/console/1/{verb}", outcome="talked", words="hi")
        assert answer.status_code == 404, verb
    assert "Maya" not in web.gets("/console").text + web.gets("/log").text
    assert web.gets("/log.csv").text.count("\n") == 1
    assert talk.handoff().status is Status.WAITING


@pytest.mark.parametrize("number", ["0", "2", "99999999999", "9" * 5000, "abc"])
def test_an_unknown_number_gets_an_error_page(web: Web, number: str) -> None:
    web.is_now(RUTH)
    for page in ("console", "log"):
        answer = web.gets(f"/{page}/{number}")
        assert answer.status_code in (404, 422)
        assert "<h1>Not found</h1>" in answer.text


def test_a_forbidden_page_says_no_access(web: Web) -> None:
    web.is_now(SAM)
    answer = web.gets("/log")
    assert answer.status_code == 403
    assert "<h1>No access</h1>" in answer.text


def test_an_address_of_the_chat_that_is_nowhere_shows_maya_the_way_to_her_page(
    talk: Talk, web: Web
) -> None:
    web.posts(f"/chat/as/{talk.person(MAYA).id}")
    answer = web.gets("/chat/nowhere")
    assert answer.status_code == 404
    assert '<a href="/chat/you">Privacy and settings</a>' in answer.text


def test_ruth_reads_what_sam_holds_and_what_the_bot_did_not_get_to_say(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, ASKS)
    talk.bot.while_answering = lambda: talk.texts(SAM, "TAKE")
    talk.texts(MAYA, "can we do the breathing")
    web.is_now(RUTH)
    page = web.gets("/console/1").text
    assert '<del><p dir="auto">You wrote: can we do the breathing</p></del>' in page
    assert "not sent: a mentor had joined" in page
    assert "The bot&#39;s reply was not sent" in web.gets("/log/1").text
    assert web.clicks("/console/1/reply", words="hi").status_code == 409, "she does not hold it"


def test_html_in_messages_and_names_is_escaped(talk: Talk, web: Web) -> None:
    rename(talk, MAYA, "<script>alert(1)</script>\u202eevil")
    rename(talk, SAM, "<img src=x onerror=alert(2)>")
    talk.texts(MAYA, "<script>alert(3)</script> \u202e drawkcab. " + ASKS)
    talk.texts(SAM, "TAKE")
    talk.texts(SAM, "<b onclick=alert(4)>hello</b>")
    web.is_now(SAM)
    pages = [web.gets(path).text for path in ("/console", "/console/1", "/phones")]
    web.is_now(RUTH)
    pages += [web.gets(path).text for path in ("/log", "/log/1", "/console/1")]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b onclick" not in page
        assert "&lt;script&gt;alert(1)" in page
        # What turns the reading direction stays inside its own element.
        for line in page.splitlines():
            if "\u202e" in line and "<title>" not in line and "aria-label" not in line:
                assert re.search(r"<bdi>|dir=\"auto\"", line), line


def test_broken_characters_do_not_break_a_page(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "half \ud83d of a smile. " + ASKS)
    talk.texts(SAM, "TAKE")
    web.is_now(RUTH)
    for path in ("/phones", "/console/1", "/log/1", "/log.csv"):
        assert web.gets(path).status_code == 200


# --- the log ---


def test_the_log_tells_every_step_in_order_with_its_time(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "nobody would notice if i was gone, i just want someone to talk to")
    talk.clock.now += timedelta(minutes=3)
    talk.texts(SAM, "take")
    talk.clock.now += timedelta(minutes=1)
    talk.texts(SAM, "Hey Maya, Sam here.")
    talk.clock.now += timedelta(minutes=20)
    talk.texts(SAM, "done")
    with talk.database.reading() as session:
        entries = timeline(session, 1)
    assert [entry.kind.value for entry in entries] == [
        "wrote",
        "decided",
        "moved",
        "paged",
        "texted",
        "moved",
        "replied",
        "moved",
        "counted",
    ]
    whats = [entry.what for entry in entries]
    assert whats[3:] == [
        "Paged Sam (own mentor); rung 1",
        "Text to Sam: delivered",
        "Sam claimed it",
        "First reply from Sam: delivered",
        "Sam closed it: We talked",
        "Messages while it was open: Maya 1, the bot 4, Sam 1",
    ]
    assert [in_words(entry.after) for entry in entries][5:8] == ["3 min", "1 min", "20 min"]
    threshold = talk.line.rules.policy.thresholds.crisis
    assert f"crisis from {threshold:.2f}" in entries[1].details[0]
    # A manager is not told of heads; and what is needed below a mark does not round to the mark.
    details = " ".join(entries[1].details)
    assert "the trained score" in details
    assert " head”" not in details
    assert "".join(piece.words for piece in entries[0].quote).startswith("nobody would notice")
    web.is_now(RUTH)
    page = web.gets("/log/1").text
    assert "New York time (EST)" in page
    assert [page.index(what) for what in whats] == sorted(page.index(what) for what in whats)
    assert 'title="Tuesday 10 November 2026, 10:03:00 EST">10:03:00</time>' in page
    row = handoff_rows(talk)[0]
    assert (row.first_alert_after, row.claimed_after) == (timedelta(), timedelta(minutes=3))
    assert row.first_reply_after == timedelta(minutes=4)


def test_what_would_have_changed_a_crisis_is_said_to_lie_below_its_mark(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, "i want to kill myself")
    web.is_now(RUTH)
    threshold = talk.line.rules.policy.thresholds.crisis
    assert f"With a crisis score below {threshold:.2f} (it was " in web.gets("/log/1").text


def handoff_rows(talk: Talk) -> list[Row]:
    with talk.database.reading() as session:
        return list(find_handoffs(session))


def test_the_log_shows_a_ladder_climbing_and_a_claim_that_ran_out(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=6)
    talk.texts(NOOR, "TAKE")
    talk.passes(minutes=16)
    talk.texts(MAYA, "never mind")
    with talk.database.reading() as session:
        whats = [entry.what for entry in timeline(session, 1)]
    for what in (
        "Paged Sam (own mentor); rung 1",
        "Paged Noor (backup); rung 2",
        "Noor claimed it",
        "Released automatically: Noor did not write in time",
        "Maya no longer wanted a person",
    ):
        assert what in whats


def test_a_handoff_that_does_not_exist_has_no_history(talk: Talk) -> None:
    with talk.database.reading() as session:
        assert timeline(session, 7) == []


def test_the_log_is_filtered_by_what_is_open_and_how_urgent(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(MAYA, "never mind")
    talk.texts(JO, "i want to kill myself")
    web.is_now(RUTH)

    def shown(query: str) -> set[str]:
        return set(re.findall(r'id="row(\d+)"', web.gets(f"/log{query}").text))

    assert shown("") == {"1", "2"}
    assert shown("?show=open") == {"2"}
    assert shown("?urgency=soon") == {"1"}
    assert shown("?show=open&urgency=routine") == set()
    assert "No handoffs match this filter." in web.gets("/log?urgency=routine").text
    assert web.gets("/log?show=everything").status_code == 422


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_name_is_not_a_formula_in_a_spreadsheet(talk: Talk, web: Web, name: str) -> None:
    rename(talk, MAYA, name)
    talk.texts(MAYA, ASKS)
    web.is_now(RUTH)
    answer = web.gets("/log.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert row["mentee"] == f"'{name}"
    assert row["opened"] == "2026-11-10T10:00:00-05:00"
    with talk.database.reading() as session:
        assert handoffs_csv(find_handoffs(session)) == answer.content.decode("utf-8-sig")


def test_ruth_sees_unknown_numbers_and_whom_no_text_reaches(talk: Talk, web: Web) -> None:
    talk.texts(STRANGER, "hello?")
    talk.texts(STRANGER, "anybody?")
    talk.texts(JO, "STOP")
    web.is_now(RUTH)
    page = web.gets("/log").text
    assert "<strong>…0199</strong> 2 messages" in page
    assert STRANGER not in page
    assert "opted out (STOP)" in page


@given(
    st.text(max_size=40),
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["crisis", "tools"])),
        max_size=6,
    ),
)
def test_a_message_cut_at_its_evidence_is_still_the_message(
    words: str, spans: list[tuple[int, int, str]]
) -> None:
    assert "".join(piece.words for piece in highlight_spans(words, spans)) == words


# --- the demo's phones ---


def test_a_demo_text_is_handled_like_a_real_one(talk: Talk, web: Web) -> None:
    maya = talk.person(MAYA)
    assert web.clicks(f"/phones/{maya.id}", words="hello there").status_code == 204
    assert talk.bot.heard == ["hello there"]
    sent = talk.thread(MAYA)[0]
    assert (sent.channel, sent.provider_id and sent.provider_id[:2]) == (Channel.PHONES, "PH")
    page = web.gets("/phones").text
    assert "hello there" in page
    assert "Warmline bot: You wrote: hello there" in page
    assert web.posts(f"/phones/{maya.id}", words="x").headers["Location"].startswith("/phones#")


def test_a_demo_phone_shows_only_delivered_texts(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.bot.while_answering = lambda: talk.texts(SAM, "TAKE")
    talk.texts(MAYA, "can we do the breathing")
    assert "You wrote" not in web.gets("/phones").text


def test_only_our_own_urls_become_links(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, f"see {HERE}/console/1 and https://evil.example/x and {HERE}.evil.example/")
    page = web.gets("/phones").text
    assert f'href="{HERE}/console/1"' in page
    assert "evil.example" in page
    assert not re.search(r'href="[^"]*evil', page)


def test_the_unknown_number_gets_the_reply_for_strangers(talk: Talk, web: Web) -> None:
    assert web.clicks("/phones/unknown", words="who is this?").status_code == 204
    page = web.gets("/phones").text
    assert "This number is not enrolled" in page
    assert "(202) 555-0199" in page
    with talk.database.reading() as session:
        strangers = select(func.count()).where(Conversation.person_id.is_(None))
        assert session.scalar(strangers) == 1


@pytest.mark.parametrize("key", ["999", "x", "9" * 40])
def test_an_unknown_demo_phone_is_refused(web: Web, key: str) -> None:
    assert web.clicks(f"/phones/{key}", words="hi").status_code == 404


def test_a_real_number_is_not_shown_in_full(talk: Talk, web: Web) -> None:
    number = "+14155238886"
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        maya.phone, maya.phone_index = number, phone_index(number)
    page = web.gets("/phones").text
    assert "…8886" in page
    assert "523" not in page


# --- live ---


def test_open_pages_get_events_until_shutdown(talk: Talk) -> None:
    async def listen() -> list[str]:
        pulse = Pulse(talk.line)
        pulse.start()
        changes = pulse.changes()
        seen = [await anext(changes)]
        await asyncio.to_thread(talk.texts, MAYA, "hello")
        async with asyncio.timeout(5):
            seen.append(await anext(changes))
            await pulse.stop()
            seen += [change async for change in changes]
        return seen

    at_once, after_the_text = asyncio.run(listen())
    assert at_once != after_the_text


def test_open_pages_do_not_delay_shutdown(tmp_path: Path) -> None:
    gateway = Process(tmp_path, "serve", SMS="phones").start()
    try:
        with httpx2.stream("GET", f"{gateway.url}/live") as live:
            lines = live.iter_lines()
            assert next(lines) == "event: changed"
            began = time.monotonic()
            assert gateway.process is not None
            gateway.process.terminate()
            for _ in lines:
                pass
        assert time.monotonic() - began < 2, "the stream was ended, not cut off"
        gateway.process.wait(timeout=10)
    finally:
        gateway.kill()
