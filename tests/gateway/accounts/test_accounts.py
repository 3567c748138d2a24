"""How mentors and managers sign in, and what they see and change of it on their own page."""

import json
import random
import re
import statistics
import time
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.testclient import TestClient
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from gateway.accounts.passkeys import (
    LONGEST_NAME,
    MOST_PASSKEYS,
    PasskeyRefused,
    Site,
    ask_to_sign_in,
    called,
    get_site,
    person_with,
)
from gateway.accounts.passwords import _NOBODYS_HASH, set_password
from gateway.accounts.rate_limit import RateLimits
from gateway.accounts.sessions import COOKIE, describe_browser
from gateway.runtime.audit import first_broken
from models import AuditEntry, Message, OneTimeKey, Passkey, Person, WebSession
from tests.authenticator import Device
from tests.gateway.web.test_pages import PASSWORD, Web, give_password
from tests.line import MAYA, NOOR, RUTH, SAM, STRANGER, Talk

FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def leaves(talk: Talk, number: str) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(number).id).left_at = talk.clock()


def audited(talk: Talk, number: str) -> list[tuple[str, str | None, Any]]:
    """What the audit says of this person: what, by whom, how."""
    with talk.database.reading() as session:
        assert first_broken(session) is None
        about = AuditEntry.about == f"person:{talk.person(number).id}"
        entries = session.scalars(select(AuditEntry).where(about).order_by(AuditEntry.id))
        return [
            (entry.action, entry.by.name if entry.by else None, entry.detail.get("how"))
            for entry in entries
        ]


def signed_in_as(web: Web, name: str) -> bool:
    page = web.gets("/account")
    return page.status_code == 200 and f"Signed in as <strong><bdi>{name}</bdi>" in page.text


def at_another_browser(web: Web, number: str, agent: str = FIREFOX) -> TestClient:
    other = web.browser()
    other.headers["User-Agent"] = agent
    assert other.post(f"/sign-in/as/{web.talk.person(number).id}").status_code == 303
    return other


# --- a link by text ---


def link_in(text: str) -> str:
    found = re.search(r"https://warmline\.example(/sign-in/link/[\w-]{43})", text)
    assert found is not None
    return found[1]


def asks_for_link(web: Web, number: str) -> str:
    assert web.posts("/sign-in/link", phone=number).status_code == 303
    return link_in(web.talk.read_by(number)[-1])


def test_sam_signs_in_with_a_link_that_is_texted_to_him(talk: Talk, web: Web) -> None:
    link = asks_for_link(web, SAM)
    page = web.gets(link)
    assert page.status_code == 200
    assert "Press the button" in page.text
    answer = web.posts(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert signed_in_as(web, "Sam")
    assert audited(talk, SAM) == [("signed in", "Sam", "link")]


def test_the_text_with_the_link_is_one_segment_and_says_no_more(talk: Talk, web: Web) -> None:
    asks_for_link(web, SAM)
    text = talk.read_by(SAM)[-1]
    assert len(text) <= 160
    assert re.sub(r"https://\S+", "LINK", text) == (
        "Warmline bot: Sign in here, once, within 15 minutes: LINK"
    )


def test_looking_at_a_link_uses_nothing_up(talk: Talk, web: Web) -> None:
    """Phones and mail programs open links to show a preview of them."""
    link = asks_for_link(web, SAM)
    for _ in range(5):
        assert web.gets(link).status_code == 200
        assert web.client.head(link).status_code in (200, 405)
    assert web.posts(link).status_code == 303


def test_a_link_that_was_used_or_is_too_old_says_so_and_where_to_get_another(
    talk: Talk, web: Web
) -> None:
    used, old = asks_for_link(web, SAM), asks_for_link(web, SAM)
    web.posts(used)
    web.posts("/sign-out")
    again = web.posts(used)
    assert again.status_code == 410
    assert "has been used already. Ask for a new one." in again.text
    assert 'href="/sign-in/link"' in again.text
    talk.clock.now += timedelta(minutes=15)
    late = web.posts(old)
    assert (late.status_code, "has expired" in late.text) == (410, True)
    made_up = web.posts("/sign-in/link/" + "x" * 43)
    assert (made_up.status_code, "not right" in made_up.text) == (410, True)
    assert web.gets("/account").status_code == 303
    assert audited(talk, SAM)[1:] == [("failed to sign in", None, "link")] * 2


@pytest.mark.parametrize("who", [SAM, MAYA, STRANGER, "+12025550177"])
def test_asking_for_a_link_is_answered_alike_for_everybody(talk: Talk, web: Web, who: str) -> None:
    answer = web.posts("/sign-in/link", phone=who)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/link?sent=true")
    assert (
        "If this is the number of a mentor or manager here"
        in web.gets(answer.headers["Location"]).text
    )
    assert len(talk.phones.shown) == (1 if who == SAM else 0)


def test_whoever_has_left_gets_no_link_and_no_way_in(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    link = asks_for_link(web, SAM)
    leaves(talk, SAM)
    shown = len(talk.phones.shown)
    assert web.posts("/sign-in/link", phone=SAM).status_code == 303
    assert len(talk.phones.shown) == shown
    assert web.posts(link).status_code == 410
    refused = web.signs_in(SAM, PASSWORD)
    assert (refused.status_code, "not right" in refused.text) == (401, True)
    assert web.posts(f"/sign-in/as/{talk.person(SAM).id}").status_code == 404


def test_leaving_ends_every_sign_in(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    leaves(talk, SAM)
    assert web.gets("/console").status_code == 303
    assert web.clicks("/console/1/take").status_code == 401


@pytest.mark.parametrize("phone", ["", "sam", "\x00", "911 please", "<script>alert(1)</script>"])
def test_what_is_no_number_is_said_so(talk: Talk, web: Web, phone: str) -> None:
    answer = web.posts("/sign-in/link", phone=phone)
    assert (answer.status_code, "with its area code" in answer.text) == (422, True)
    assert "<script>alert" not in answer.text
    assert talk.phones.shown == []


def test_broken_utf_8_is_a_wrong_number_and_no_crash(web: Web) -> None:
    for path, status in (("/sign-in", 401), ("/sign-in/link", 422)):
        answer = web.client.post(
            path,
            content=b"phone=%ED%A0%80&password=%ED%A0%80%00",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == status


def test_three_links_a_quarter_of_an_hour_whoever_it_is(talk: Talk, web: Web) -> None:
    for who in (SAM, STRANGER):
        answers = [web.posts("/sign-in/link", phone=who).status_code for _ in range(4)]
        assert answers == [303, 303, 303, 429]
    assert len(talk.phones.shown) == 3
    talk.clock.now += timedelta(minutes=15)
    assert web.posts("/sign-in/link", phone=SAM).status_code == 303


def test_links_cannot_be_tried_through(talk: Talk, web: Web) -> None:
    answers = [web.posts(f"/sign-in/link/{n}").status_code for n in range(21)]
    assert answers == [410] * 20 + [429]


def test_a_link_is_kept_nowhere_but_in_the_text(talk: Talk, web: Web) -> None:
    token = asks_for_link(web, SAM).rsplit("/", 1)[-1]
    with talk.database.reading() as session:
        assert session.scalar(select(OneTimeKey.key_hash)) != token
        row = session.connection().exec_driver_sql("SELECT words FROM message").scalar_one()
        assert token not in row, "the text is encrypted on the disk"
        assert token in session.scalars(select(Message.words)).one()


def test_who_exists_does_not_show_in_the_time_it_takes(talk: Talk, web: Web) -> None:
    """Medians of many, so that one slow answer decides nothing; a hash takes 20 ms and more."""
    give_password(talk, SAM)

    def takes(number: str) -> float:
        web.app.state.tries = RateLimits()
        began = time.perf_counter()
        web.signs_in(number, "not the password")
        return time.perf_counter() - began

    times = [(takes(SAM), takes(STRANGER)) for _ in range(7)]
    known, unknown = (statistics.median(each) for each in zip(*times, strict=True))
    assert known / unknown < 2.5
    assert unknown / known < 2.5


# --- passwords ---


def test_failed_tries_on_somebody_are_in_the_audit_and_on_nobody_are_not(
    talk: Talk, web: Web
) -> None:
    give_password(talk, SAM)
    web.signs_in(SAM, "not the password")
    web.signs_in(STRANGER, "not the password")
    web.signs_in(SAM, PASSWORD)
    assert audited(talk, SAM) == [
        ("failed to sign in", None, "password"),
        ("signed in", "Sam", "password"),
    ]
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 2


def changes(web: Web, old: str, new: str, again: str | None = None) -> httpx2.Response:
    again = new if again is None else again
    return web.clicks("/account/password", old=old, new=new, again=again)


def test_sam_changes_his_password_and_every_other_browser_is_signed_out(
    talk: Talk, web: Web
) -> None:
    give_password(talk, SAM)
    other = at_another_browser(web, SAM)
    web.is_now(SAM)
    before = web.client.cookies[COOKIE]
    answer = changes(web, PASSWORD, "a better one, and longer")
    assert answer.headers["HX-Redirect"] == "/account?done=password"
    assert "Your password is changed." in web.gets("/account?done=password").text
    assert web.client.cookies[COOKIE] != before
    assert other.get("/account").status_code == 303
    web.posts("/sign-out")
    assert web.signs_in(SAM, PASSWORD).status_code == 401
    assert web.signs_in(SAM, "a better one, and longer").status_code == 303
    assert ("changed the password", "Sam", None) in audited(talk, SAM)


def test_a_password_is_changed_with_the_old_one_alone(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.is_now(SAM)
    wrong = changes(web, "not the password", "a better one, and longer")
    assert (wrong.status_code, wrong.text) == (403, "The old password is not right.")
    short = changes(web, PASSWORD, "short")
    assert (short.status_code, "10 to 200 characters" in short.text) == (422, True)
    differing = changes(web, PASSWORD, "a better one, and longer", "a bitter one, and longer")
    assert (differing.status_code, "differ" in differing.text) == (422, True)
    assert changes(web, PASSWORD, "x" * 100_000).status_code == 422
    plain = web.posts("/account/password", old="no", new="a better one", again="a better one")
    assert (plain.status_code, "The old password is not right." in plain.text) == (403, True)
    assert "a better one" not in plain.text, "a password is never shown again"
    web.posts("/sign-out")
    assert web.signs_in(SAM, PASSWORD).status_code == 303
    assert ("failed to change the password", "Sam", None) in audited(talk, SAM)


def test_the_old_password_cannot_be_guessed_at_an_open_browser(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.is_now(SAM)
    answers = [changes(web, f"guess number {n}", "a better one").status_code for n in range(6)]
    assert answers == [403] * 5 + [429]
    assert changes(web, PASSWORD, "a better one").status_code == 429


def test_who_came_by_link_and_has_no_password_sets_a_first_one(talk: Talk, web: Web) -> None:
    web.posts(asks_for_link(web, SAM))
    page = web.gets("/account").text
    assert "Set a password" in page
    assert "Old password" not in page
    assert changes(web, "", "the first one ever").status_code == 204
    web.posts("/sign-out")
    assert web.signs_in(SAM, "the first one ever").status_code == 303


def test_a_form_sent_after_the_sign_in_ended_says_so_and_keeps_what_was_typed(
    talk: Talk, web: Web
) -> None:
    web.is_now(SAM)
    talk.clock.now += timedelta(hours=12)
    for path in ("/account/password", "/account/passkeys/1/rename", "/account/sessions/1/end"):
        answer = web.clicks(path, name="My phone")
        assert answer.status_code == 401
        assert "what you wrote stays here" in answer.text
        assert "HX-Redirect" not in answer.headers


# --- browsers that are signed in ---


def test_sam_sees_where_he_is_signed_in_and_signs_one_out(talk: Talk, web: Web) -> None:
    other = at_another_browser(web, SAM)
    talk.clock.now += timedelta(minutes=1)
    web.is_now(SAM)
    page = web.gets("/account").text
    assert "Firefox on Android" in page
    assert page.count("(this one)") == 1
    ends = re.findall(r'action="(/account/sessions/\d+/end)"', page)
    assert len(ends) == 1
    assert web.posts(ends[0]).headers["Location"] == "/account?done=ended"
    assert other.get("/account").status_code == 303
    assert signed_in_as(web, "Sam")
    again = web.clicks(ends[0])
    assert (again.status_code, "signed out already" in again.text) == (404, True)
    assert audited(talk, SAM)[-1] == ("signed out a browser", "Sam", None)


def test_all_other_browsers_are_signed_out_at_once(talk: Talk, web: Web) -> None:
    others = [at_another_browser(web, SAM) for _ in range(3)]
    noors = at_another_browser(web, NOOR)
    web.is_now(SAM)
    assert web.posts("/account/sessions/end-others").status_code == 303
    assert [other.get("/account").status_code for other in others] == [303] * 3
    assert signed_in_as(web, "Sam")
    assert noors.get("/account").status_code == 200
    assert "everywhere but here" not in web.gets("/account").text


def test_nobody_signs_out_or_unlocks_somebody_else(talk: Talk, web: Web) -> None:
    noors = at_another_browser(web, NOOR)
    adds_passkey(web, NOOR, Device())
    web.is_now(SAM)
    with talk.database.reading() as session:
        theirs = session.scalars(
            select(WebSession.id).where(WebSession.person_id == talk.person(NOOR).id)
        ).all()
        passkey = session.scalars(select(Passkey.id)).one()
    for number in theirs:
        assert web.posts(f"/account/sessions/{number}/end").status_code == 404
    assert noors.get("/account").status_code == 200
    assert web.posts(f"/account/passkeys/{passkey}/rename", name="mine").status_code == 404
    assert web.posts(f"/account/passkeys/{passkey}/remove").status_code == 404
    assert "mine" not in noors.get("/account").text


def test_a_browser_is_noted_as_seen_at_most_every_five_minutes(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    began = talk.clock.now

    def seen() -> timedelta:
        web.gets("/console")
        with talk.database.reading() as session:
            seen_at = session.scalars(select(WebSession.seen_at)).one()
        assert seen_at is not None
        return seen_at - began

    assert seen() == timedelta(0)
    talk.clock.now = began + timedelta(minutes=4)
    assert seen() == timedelta(0)
    talk.clock.now = began + timedelta(minutes=5)
    assert seen() == timedelta(minutes=5)
    talk.clock.now = began + timedelta(minutes=9)
    assert seen() == timedelta(minutes=5)


SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) {} Safari/604.1"
CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 {}Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/2010 Firefox/140.0", "Firefox on Linux"),
        (CHROME.format("Linux; Android 10; K", "Mobile "), "Chrome on Android"),
        (CHROME.format("X11; CrOS x86_64 14541.0.0", ""), "Chrome on ChromeOS"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "") + " Edg/140.0", "Edge on Windows"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "") + " OPR/120.0", "Opera on Windows"),
        (
            CHROME.format("Linux; Android 10; K", "SamsungBrowser/28.0 Mobile "),
            "Samsung Internet on Android",
        ),
        (
            SAFARI.format("iPhone; CPU iPhone OS 18_5 like Mac OS X", "Version/18.5 Mobile/15E148"),
            "Safari on iPhone",
        ),
        (
            SAFARI.format("iPhone; CPU iPhone OS 18_5 like Mac OS X", "CriOS/140.0 Mobile/15E148"),
            "Chrome on iPhone",
        ),
        (SAFARI.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.5"), "Safari on Mac"),
        ("curl/8.5.0", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_browser_is_called_as_its_owner_calls_it(agent: str, name: str) -> None:
    headers = [(b"user-agent", agent.encode())]
    assert describe_browser(Request({"type": "http", "headers": headers})) == name


# --- passkeys ---


def adds_passkey(web: Web, number: str, device: Device) -> httpx2.Response:
    web.is_now(number)
    options = web.clicks("/account/passkeys/options").json()
    return web.posts("/account/passkeys", answer=device.makes(options))


def signs_in_by(web: Web, device: Device, next: str = "") -> httpx2.Response:
    options = web.clicks("/sign-in/passkey/options").json()
    return web.posts("/sign-in/passkey", answer=device.signs(options), next=next)


def test_sam_adds_a_passkey_and_signs_in_with_it(talk: Talk, web: Web) -> None:
    device = Device()
    assert adds_passkey(web, SAM, device).headers["Location"] == "/account?done=added"
    web.posts("/sign-out")
    answer = signs_in_by(web, device, next="/console/7")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/7")
    assert signed_in_as(web, "Sam")
    assert "last used" in web.gets("/account").text
    assert [action for action, _, _ in audited(talk, SAM)] == [
        "signed in",
        "added a passkey",
        "signed in",
    ]


def test_a_browser_is_told_no_name_or_number_of_ours_before_somebody_signs_in(web: Web) -> None:
    options = web.clicks("/sign-in/passkey/options").json()
    assert options["rpId"] == "warmline.example"
    assert options["userVerification"] == "preferred"
    assert options.get("allowCredentials", []) == []
    web.is_now(SAM)
    made = web.clicks("/account/passkeys/options").json()
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["attestation"] == "none"
    assert len(made["user"]["id"]) == 43, "a fingerprint, and not the number of a row"


def test_what_one_device_has_it_is_not_asked_to_make_again(web: Web) -> None:
    device = Device()
    adds_passkey(web, SAM, device)
    options = web.clicks("/account/passkeys/options").json()
    assert len(options["excludeCredentials"]) == 1
    again = web.posts("/account/passkeys", answer=device.makes(options))
    assert (again.status_code, "is here already" in again.text) == (409, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://warmline.example"},
        {"site": "evil.example"},
    ],
)
def test_a_passkey_of_another_site_is_refused(talk: Talk, web: Web, wrong: dict[str, str]) -> None:
    assert adds_passkey(web, SAM, Device(**wrong)).status_code == 409  # type: ignore[arg-type]
    device = Device()
    adds_passkey(web, SAM, device)
    web.posts("/sign-out")
    for name, value in wrong.items():
        setattr(device, name, value)
    refused = signs_in_by(web, device)
    assert (refused.status_code, "did not sign you in" in refused.text) == (401, True)
    assert audited(talk, SAM)[-1] == ("failed to sign in", None, "passkey")


def test_a_copied_passkey_is_seen_by_its_count(web: Web) -> None:
    device = Device()
    adds_passkey(web, SAM, device)
    assert signs_in_by(web, device).status_code == 303
    assert signs_in_by(web, device).status_code == 303
    device.count = 1
    assert signs_in_by(web, device).status_code == 401


def test_a_passkey_that_counts_nothing_signs_in_again_and_again(web: Web) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    assert [signs_in_by(web, device).status_code for _ in range(3)] == [303] * 3


def test_every_passkey_that_is_not_taken_is_refused_in_the_same_words(talk: Talk, web: Web) -> None:
    known, gone, forged = Device(), Device(), Device()
    adds_passkey(web, SAM, known)
    adds_passkey(web, NOOR, gone)
    leaves(talk, NOOR)
    web.posts("/sign-out")
    forged.id, forged.handle = known.id, known.handle
    stolen = Device(id=known.id, key=known.key, handle=gone.handle)
    answers = [signs_in_by(web, one) for one in (Device(), gone, forged, stolen)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert web.gets("/account").status_code == 303


def test_an_answer_is_good_for_what_was_asked_of_this_browser_lately(talk: Talk, web: Web) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    web.posts("/sign-out")
    options = web.clicks("/sign-in/passkey/options").json()
    answer = device.signs(options)
    talk.clock.now += timedelta(minutes=5)
    late = web.posts("/sign-in/passkey", answer=answer)
    assert (late.status_code, "took too long" in late.text) == (401, True)
    talk.clock.now -= timedelta(minutes=1)
    elsewhere = web.browser().post("/sign-in/passkey", data={"answer": answer})
    assert (elsewhere.status_code, "another tab" in elsewhere.text) == (401, True)
    assert web.posts("/sign-in/passkey", answer=answer).status_code == 303
    assert web.posts("/sign-in/passkey", answer=answer).status_code == 401, "the ticket is gone"


def test_what_was_asked_to_add_signs_nobody_in(talk: Talk, web: Web) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    options = web.clicks("/account/passkeys/options").json()
    web.client.cookies.delete(COOKIE)
    assert web.posts("/sign-in/passkey", answer=device.signs(options)).status_code == 401


def test_what_sam_was_asked_adds_no_passkey_to_noor(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    options = web.clicks("/account/passkeys/options").json()
    ticket = web.client.cookies["warmline_passkey"]
    web.is_now(NOOR)
    web.client.cookies.set("warmline_passkey", ticket)
    assert web.posts("/account/passkeys", answer=Device().makes(options)).status_code == 409


def test_a_removed_passkey_signs_nobody_in(talk: Talk, web: Web) -> None:
    device = Device()
    adds_passkey(web, SAM, device)
    remove = re.findall(r'action="(/account/passkeys/\d+/remove)"', web.gets("/account").text)[0]
    assert web.posts(remove).headers["Location"] == "/account?done=removed"
    assert web.clicks(remove).status_code == 404
    web.posts("/sign-out")
    assert signs_in_by(web, device).status_code == 401


def test_a_passkey_is_renamed_and_its_name_is_only_ever_shown(talk: Talk, web: Web) -> None:
    adds_passkey(web, SAM, Device())
    rename = re.findall(r'action="(/account/passkeys/\d+/rename)"', web.gets("/account").text)[0]
    empty = web.clicks(rename, name=" \u202e\x00 ")
    assert (empty.status_code, "Give the passkey a name" in empty.text) == (422, True)
    assert web.clicks(rename, name="<script>alert(1)</script> \u202eenohp").status_code == 204
    page = web.gets("/account?done=renamed").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


@given(st.text(max_size=200))
def test_the_name_of_a_passkey_is_one_line_that_can_be_kept(name: str) -> None:
    kept = called(name)
    assert len(kept) <= LONGEST_NAME
    assert kept.isprintable()
    kept.encode()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"id": "x"}',
        '{"id": "x", "response": {}}',
        '{"id": 7, "rawId": 7, "type": "public-key", "response": {"clientDataJSON": 1}}',
        '{"id": "\\u0000", "rawId": "x", "type": "public-key", "response": {}}',
        '{"id": "\\ud800", "rawId": "x", "type": "public-key", "response": {}}',
        '{"id": "x", "response": {"userHandle": 7}}',
        '{"id": "x", "rawId": "x", "type": "public-key", "response":'
        ' {"clientDataJSON": "x", "attestationObject": "x", "authenticatorData": "x",'
        ' "signature": "x"}}',
        "[" * 15_000,
        "x" * 30_000,
    ],
)
def test_what_is_no_passkey_is_refused_in_a_sentence(talk: Talk, web: Web, answer: str) -> None:
    web.clicks("/sign-in/passkey/options")
    refused = web.posts("/sign-in/passkey", answer=answer)
    assert (refused.status_code, "did not sign you in" in refused.text) == (401, True)
    web.is_now(SAM)
    web.clicks("/account/passkeys/options")
    refused = web.posts("/account/passkeys", answer=answer)
    assert (refused.status_code, "could not be added" in refused.text) == (409, True)


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
def test_an_answer_with_any_byte_changed_signs_nobody_in(talk: Talk, web: Web, part: str) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    site, now, chance = Site(device.site, device.origin), talk.clock(), random.Random(7)
    asked = ask_to_sign_in(site, now=now)
    answer = json.loads(device.signs(json.loads(asked.options)))
    right = base64url_to_bytes(answer["response"][part])
    for _ in range(25):
        wrong = bytearray(right)
        wrong[chance.randrange(len(wrong))] ^= chance.randrange(1, 256)
        answer["response"][part] = bytes_to_base64url(bytes(wrong))
        given = json.dumps(answer)
        with talk.database.writing() as session, pytest.raises(PasskeyRefused):
            person_with(session, site, answer=given, ticket=asked.ticket, now=now)
    answer["response"][part] = bytes_to_base64url(right)
    with talk.database.writing() as session:
        given = json.dumps(answer)
        person = person_with(session, site, answer=given, ticket=asked.ticket, now=now)
    assert person.name == "Sam"


def test_passkeys_are_tried_so_often_and_no_more(web: Web) -> None:
    answers = [web.posts("/sign-in/passkey", answer="{}").status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]


def test_nobody_keeps_more_passkeys_than_they_can_know(talk: Talk, web: Web) -> None:
    for _ in range(MOST_PASSKEYS):
        adds_passkey(web, SAM, Device())
    assert f"You have {MOST_PASSKEYS} passkeys" in web.gets("/account").text
    assert adds_passkey(web, SAM, Device()).status_code == 409


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://line.example.org", "https://line.example.org"),
        ("https://line.example.org:8443/under", "https://line.example.org:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", None),
        ("https://[::1]:8000", None),
        ("http://line.example.org", None),
    ],
)
def test_passkeys_belong_to_an_address_with_a_name_and_https(
    address: str, origin: str | None
) -> None:
    site = get_site(address)
    assert (site.origin if site else None) == origin


def test_where_passkeys_cannot_work_nobody_is_offered_one(talk: Talk, web: Web) -> None:
    bare = web.app.state.settings.model_copy(update={"public_url": "http://127.0.0.1:8000"})
    web.app.state.settings = bare
    web.client.base_url = httpx2.URL("http://127.0.0.1:8000")
    assert "data-passkey" not in web.gets("/sign-in").text
    web.is_now(SAM)
    assert "Passkeys do not work at this address" in web.gets("/account").text
    for path in ("/account/passkeys/options", "/sign-in/passkey/options"):
        refused = web.clicks(path)
        assert (refused.status_code, "need https and a name" in refused.text) == (409, True)


def test_the_account_page_is_for_mentors_and_managers(talk: Talk, web: Web) -> None:
    assert web.gets("/account").headers["Location"] == "/sign-in?next=%2Faccount"
    web.is_now(RUTH)
    assert signed_in_as(web, "Ruth")
    page = web.gets("/account").text
    assert not re.search(r"\sstyle=|\son\w+=|<script>", page)
    assert RUTH not in page


def test_setting_a_password_from_the_command_line_signs_everybody_out(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    with talk.database.writing() as session:
        set_password(session.get_one(Person, talk.person(SAM).id), PASSWORD)
    assert web.gets("/account").status_code == 303


def test_the_hash_for_nobody_costs_as_much_as_a_new_one() -> None:
    assert not PasswordHasher().check_needs_rehash(_NOBODYS_HASH)
