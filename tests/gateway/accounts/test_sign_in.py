"""How mentors and managers sign in, and their account page: passwords, links, and sessions."""

import re
import statistics
import time
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from sqlalchemy import select
from starlette.requests import Request
from starlette.testclient import TestClient

from gateway.accounts.devices import describe_browser
from gateway.accounts.passwords import DUMMY_HASH, EASY_TO_GUESS, renewed_hash, store_renewed
from gateway.accounts.sessions import COOKIE
from gateway.runtime.audit import first_broken
from models import AuditEntry, Message, OneTimeKey, Person, WebSession
from tests.line import MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import PASSWORD, Web, give_password

FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def says(answer: httpx2.Response, status: int, sentence: str) -> bool:
    return answer.status_code == status and sentence in answer.text


def leaves(talk: Talk, number: str) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(number).id).left_at = talk.clock()


def audited(talk: Talk, number: str) -> list[tuple[str, str | None, Any]]:
    """The audit log about this person: action, by whom, how."""
    with talk.database.reading() as session:
        assert first_broken(session) is None
        about = AuditEntry.about == f"person:{talk.person(number).id}"
        entries = session.scalars(select(AuditEntry).where(about).order_by(AuditEntry.id))
        return [
            (entry.action, entry.by.name if entry.by else None, entry.detail.get("how"))
            for entry in entries
        ]


def signed_in_as(web: Web, name: str) -> bool:
    return says(web.gets("/account"), 200, f"Signed in as <strong><bdi>{name}</bdi>")


def at_another_browser(web: Web, number: str) -> TestClient:
    other = web.browser()
    other.headers["User-Agent"] = FIREFOX
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
    [text] = talk.read_by(SAM)
    assert len(text) <= 160, "one segment"
    assert text.startswith("Warmline bot: Sign in here, once, within 10 minutes: https://")
    for _ in range(5):  # a link preview does not use up the link
        assert says(web.gets(link), 200, "Press the button")
        assert web.client.head(link).status_code in (200, 405)
    answer = web.posts(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert signed_in_as(web, "Sam")
    assert audited(talk, SAM) == [("signed in", "Sam", "link")]


def test_a_used_expired_or_invented_link_is_refused(talk: Talk, web: Web) -> None:
    used, old = asks_for_link(web, SAM), asks_for_link(web, SAM)
    web.posts(used)
    web.posts("/sign-out")
    again = web.posts(used)
    assert says(again, 410, "has been used already. Ask for a new one.")
    assert 'href="/sign-in/link"' in again.text
    talk.clock.now += timedelta(minutes=15)
    assert says(web.posts(old), 410, "has expired")
    assert says(web.posts("/sign-in/link/" + "x" * 43), 410, "not right")
    assert web.gets("/account").status_code == 303
    assert audited(talk, SAM)[1:] == [("failed to sign in", None, "link")] * 2


def test_every_number_gets_the_same_answer_when_it_asks_for_a_link(talk: Talk, web: Web) -> None:
    for who in (MAYA, STRANGER, "+12025550177", SAM):
        assert talk.phones.shown == []
        answer = web.posts("/sign-in/link", phone=who)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/link?sent=true")
        assert "we are texting a link to it" in web.gets(answer.headers["Location"]).text
    assert len(talk.phones.shown) == 1


def test_a_person_who_left_cannot_sign_in(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    link = asks_for_link(web, SAM)
    leaves(talk, SAM)
    shown = len(talk.phones.shown)
    assert web.posts("/sign-in/link", phone=SAM).status_code == 303
    assert len(talk.phones.shown) == shown
    assert web.posts(link).status_code == 410
    assert says(web.signs_in(SAM, PASSWORD), 401, "Wrong number or password")
    assert web.posts(f"/sign-in/as/{talk.person(SAM).id}").status_code == 404
    web.is_now(NOOR)
    leaves(talk, NOOR)
    assert web.gets("/console").status_code == 303, "leaving ends every session"
    assert web.clicks("/console/1/take").status_code == 401


def test_an_invalid_number_is_refused(talk: Talk, web: Web) -> None:
    for phone in ("", "sam", "\x00", "911 please", "<script>alert(1)</script>"):
        web.forgets_attempts()
        answer = web.posts("/sign-in/link", phone=phone)
        assert says(answer, 422, "with its area code"), phone
        assert "<script>alert" not in answer.text
    assert talk.phones.shown == []


def test_broken_utf_8_does_not_crash_sign_in(web: Web) -> None:
    form, kind = b"phone=%ED%A0%80&password=%ED%A0%80%00", "application/x-www-form-urlencoded"
    for path, status in (("/sign-in", 401), ("/sign-in/link", 422)):
        answer = web.client.post(path, content=form, headers={"Content-Type": kind})
        assert answer.status_code == status


def test_every_number_gets_three_links_in_15_minutes(talk: Talk, web: Web) -> None:
    for who in (SAM, STRANGER):
        answers = [web.posts("/sign-in/link", phone=who).status_code for _ in range(4)]
        assert answers == [303, 303, 303, 429]
    assert len(talk.phones.shown) == 3
    talk.clock.now += timedelta(minutes=15)
    assert web.posts("/sign-in/link", phone=SAM).status_code == 303


def test_a_link_or_passkey_cannot_be_guessed(web: Web) -> None:
    for path, refused in (("/sign-in/link/guess", 410), ("/sign-in/passkey", 401)):
        web.forgets_attempts()
        answers = [web.posts(path, answer="{}").status_code for _ in range(21)]
        assert answers == [refused] * 20 + [429], path


def test_a_link_is_stored_only_in_the_encrypted_text(talk: Talk, web: Web) -> None:
    token = asks_for_link(web, SAM).rsplit("/", 1)[-1]
    with talk.database.reading() as session:
        assert session.scalar(select(OneTimeKey.key_hash)) != token
        row = session.connection().exec_driver_sql("SELECT words FROM message").scalar_one()
        assert token not in row, "the text is encrypted on the disk"
        assert token in session.scalars(select(Message.words)).one()


def test_the_response_time_does_not_reveal_who_exists(talk: Talk, web: Web) -> None:
    """A hash takes 20 ms and more; medians, so that one slow response does not matter."""
    give_password(talk, SAM)

    def takes(number: str) -> float:
        web.forgets_attempts()
        began = time.perf_counter()
        web.signs_in(number, "not the password")
        return time.perf_counter() - began

    times = [(takes(SAM), takes(STRANGER)) for _ in range(7)]
    known, unknown = (statistics.median(each) for each in zip(*times, strict=True))
    assert known / unknown < 2.5
    assert unknown / known < 2.5


# --- passwords ---


def test_failed_attempts_on_a_real_person_are_in_the_audit_log(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.signs_in(SAM, "not the password")
    web.signs_in(STRANGER, "not the password")
    web.signs_in(SAM, PASSWORD)
    assert audited(talk, SAM) == [
        ("failed to sign in", None, "password"),
        ("signed in", "Sam", "password"),
    ]
    assert len(talk.rows(AuditEntry)) == 2


def changes(web: Web, old: str, new: str, again: str = "") -> httpx2.Response:
    return web.clicks("/account/password", old=old, new=new, again=again or new)


def test_changing_the_password_signs_out_all_other_browsers(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    other = at_another_browser(web, SAM)
    web.is_now(SAM)
    before = web.client.cookies[f"__Host-{COOKIE}"]
    done = changes(web, PASSWORD, "a better one, and longer").headers["HX-Redirect"]
    assert (done, "Password changed." in web.gets(done).text) == ("/account?done=password", True)
    assert web.client.cookies[f"__Host-{COOKIE}"] != before
    assert other.get("/account").status_code == 303
    web.posts("/sign-out")
    assert web.signs_in(SAM, PASSWORD).status_code == 401
    assert web.signs_in(SAM, "a better one, and longer").status_code == 303
    assert ("changed the password", "Sam", None) in audited(talk, SAM)


def test_changing_the_password_needs_the_old_one(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.is_now(SAM)
    wrong = changes(web, "not the password", "a better one, and longer")
    assert (wrong.status_code, wrong.text) == (403, "Wrong old password.")
    assert says(changes(web, PASSWORD, "short"), 422, "10 to 200 characters")
    differing = changes(web, PASSWORD, "a better one, and longer", "a bitter one, and longer")
    assert says(differing, 422, "do not match")
    assert changes(web, PASSWORD, "x" * 50_000).status_code == 422
    plain = web.posts("/account/password", old="no", new="a better one", again="a better one")
    assert says(plain, 403, "Wrong old password.")
    assert "a better one" not in plain.text, "a password is never shown again"
    web.posts("/sign-out")
    assert web.signs_in(SAM, PASSWORD).status_code == 303
    assert ("failed to change the password", "Sam", None) in audited(talk, SAM)


EASY = (
    "1234567890",
    "0123456789",
    "password123",
    "Password123!",
    "qwertyuiop1",
    "iloveyou1234",
    "SamSamSamSam",
    "sam2025550111",
    "+12025550111",
    "Harbor Mentoring1",
    "warmline2026",
    "aaaaaaaaaaaaaaaa",
)


def test_an_easy_password_is_refused_with_one_sentence(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.is_now(SAM)
    answers = {changes(web, PASSWORD, easy) for easy in EASY}
    assert {(answer.status_code, answer.text) for answer in answers} == {(422, EASY_TO_GUESS)}
    # No rules about kinds of characters: words, other alphabets, and a pasted one all work.
    for good in ("maple tuba seventeen", "zażółć gęślą jaźń", "kV8#q1Lz0pW", "¡mañana no llueve!"):
        assert changes(web, PASSWORD, good).status_code == 204, good
        assert changes(web, good, PASSWORD).status_code == 204


def test_passwords_are_hashed_with_argon2id(talk: Talk) -> None:
    """At least OWASP's 19 MB and two passes."""
    give_password(talk, SAM)
    stored = talk.person(SAM).password_hash
    assert stored
    used = extract_parameters(stored)
    assert (used.type, used.memory_cost >= 19_456, used.time_cost >= 2) == (Type.ID, True, True)


def test_a_weaker_hash_is_replaced_when_its_person_signs_in(talk: Talk, web: Web) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    talk.sets(SAM, password_hash=weaker)
    assert web.signs_in(SAM, PASSWORD).status_code == 303
    renewed = talk.person(SAM).password_hash
    assert renewed
    assert extract_parameters(renewed).memory_cost >= 19_456
    web.posts("/sign-out")
    assert web.signs_in(SAM, PASSWORD).status_code == 303
    assert talk.person(SAM).password_hash == renewed


def test_a_stronger_hash_never_brings_an_old_password_back(talk: Talk) -> None:
    """Sam changes his password in one browser while another signs in with the old one."""
    talk.sets(SAM, password_hash=PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD))
    checked = talk.person(SAM)
    stronger = renewed_hash(checked, PASSWORD)
    assert stronger
    give_password(talk, SAM, "maple tuba seventeen")
    changed = talk.person(SAM).password_hash
    with talk.database.writing() as session:
        store_renewed(session, checked, stronger)
    assert talk.person(SAM).password_hash == changed


def test_the_old_password_cannot_be_guessed_in_an_open_session(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.is_now(SAM)
    answers = [changes(web, f"guess number {n}", "a better one").status_code for n in range(6)]
    assert answers == [403] * 5 + [429]
    assert changes(web, PASSWORD, "a better one").status_code == 429


def test_a_person_without_a_password_signs_in_by_link_and_sets_one(talk: Talk, web: Web) -> None:
    web.posts(asks_for_link(web, SAM))
    page = web.gets("/account").text
    assert "Set password" in page
    assert "Old password" not in page
    assert changes(web, "", "the first one ever").status_code == 204
    web.posts("/sign-out")
    assert web.signs_in(SAM, "the first one ever").status_code == 303


def test_a_form_sent_after_the_session_ended_is_refused_in_place(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    talk.clock.now += timedelta(hours=12)
    for path in ("/account/password", "/account/passkeys/1/rename", "/account/sessions/1/end"):
        answer = web.clicks(path, name="My phone")
        assert says(answer, 401, "what you wrote stays here"), path
        assert "HX-Redirect" not in answer.headers


# --- browsers that are signed in ---


def test_sam_signs_out_one_of_his_browsers(talk: Talk, web: Web) -> None:
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
    assert says(web.clicks(ends[0]), 404, "signed out already")
    assert audited(talk, SAM)[-1] == ("signed out a browser", "Sam", None)


def test_ending_a_session_needs_a_fresh_proof(talk: Talk, web: Web) -> None:
    other = at_another_browser(web, SAM)
    web.is_now(SAM)
    talk.clock.now += timedelta(minutes=11)
    for path in ("1/end", "end-others", "end-all"):
        assert web.posts(f"/account/sessions/{path}").status_code == 403
    assert other.get("/account").status_code == 200


def test_sam_signs_out_all_his_other_browsers_but_not_noors(talk: Talk, web: Web) -> None:
    others = [at_another_browser(web, SAM) for _ in range(3)]
    noors = at_another_browser(web, NOOR)
    web.is_now(SAM)
    [hers] = [one for one in talk.rows(WebSession) if one.person_id == talk.person(NOOR).id]
    assert web.posts(f"/account/sessions/{hers.id}/end").status_code == 404
    assert web.posts("/account/sessions/end-others").status_code == 303
    assert [other.get("/account").status_code for other in others] == [303] * 3
    assert signed_in_as(web, "Sam")
    assert noors.get("/account").status_code == 200
    assert "Sign out all other browsers" not in web.gets("/account").text


def test_last_seen_is_updated_at_most_every_five_minutes(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    began, seen_after = talk.clock.now, {}
    for minutes in (0, 4, 5, 9):
        talk.clock.now = began + timedelta(minutes=minutes)
        web.gets("/console")
        [browser] = talk.rows(WebSession)
        assert browser.seen_at is not None
        seen_after[minutes] = (browser.seen_at - began) // timedelta(minutes=1)
    assert seen_after == {0: 0, 4: 0, 5: 5, 9: 5}


SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) {} Safari/604.1"
CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 {}Safari/537.36"


def test_browsers_are_named_as_people_know_them() -> None:
    names = [
        (FIREFOX, "Firefox on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/2010 Firefox/140.0", "Firefox on Linux"),
        (CHROME.format("Linux; Android 10; K", "Mobile "), "Chrome on Android"),
        (CHROME.format("X11; CrOS x86_64 14541.0.0", ""), "Chrome on ChromeOS"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "") + " Edg/140.0", "Edge on Windows"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "") + " OPR/120.0", "Opera on Windows"),
        (CHROME.format("Android 10; K", "SamsungBrowser/28.0 "), "Samsung Internet on Android"),
        (SAFARI.format("iPhone; like Mac OS X", "Version/18.5 Mobile"), "Safari on iPhone"),
        (SAFARI.format("iPhone; like Mac OS X", "CriOS/140.0 Mobile"), "Chrome on iPhone"),
        (SAFARI.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.5"), "Safari on Mac"),
        ("curl/8.5.0", "A browser"),
        ("", "A browser"),
    ]
    for agent, name in names:
        headers = [(b"user-agent", agent.encode())]
        assert describe_browser(Request({"type": "http", "headers": headers})) == name, agent


def test_the_account_page_shows_no_phone_number(web: Web) -> None:
    assert web.gets("/account").headers["Location"] == "/sign-in?next=%2Faccount"
    web.is_now(RUTH)
    assert signed_in_as(web, "Ruth")
    page = web.gets("/account").text
    assert RUTH not in page
    assert not re.search(r"\sstyle=|\son\w+=|<script>", page), "the security policy forbids these"


def test_setting_a_password_from_the_command_line_ends_all_sessions(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    give_password(talk, SAM)
    assert web.gets("/account").status_code == 303


def test_the_dummy_hash_costs_as_much_as_a_new_one() -> None:
    assert not PasswordHasher().check_needs_rehash(DUMMY_HASH)
