"""Signing in to the chat: invitations, codes, sessions, and the terms."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.runtime.line import TextFailed
from models import Delivery, OneTimeKey, Person
from tests.chat_browser import Browser, agrees, code_texted, invitation, shown
from tests.line import MAYA, SAM, STRANGER, Talk


def test_an_invitation_opens_the_chat_once(talk: Talk) -> None:
    agrees(talk, MAYA)
    browser, link = Browser(talk), invitation(talk, MAYA)
    for _ in range(3):  # link previews
        assert "Open the chat" in browser.gets(link).text
    for _ in range(2):  # a double click
        assert browser.posts(link).headers["Location"] == "/chat"
    assert "No messages yet" in browser.opens()
    stranger = browser.browser().post(link)
    assert stranger.status_code == 410
    assert "has been used already" in stranger.text
    assert "Text me a code" in stranger.text
    with pytest.raises(ValueError, match="Sam is not a mentee"):
        invitation(talk, SAM)


def test_an_invitation_expires(talk: Talk) -> None:
    browser, link = Browser(talk), invitation(talk, MAYA)
    talk.passes(days=talk.line.rules.policy.chat.invitation_days)
    late = browser.posts(link)
    assert (late.status_code, "has expired" in late.text) == (410, True)
    assert browser.posts("/chat/in/nothing-like-it").status_code == 410


def test_a_code_comes_by_text_and_opens_the_chat(talk: Talk) -> None:
    agrees(talk, MAYA)
    browser = Browser(talk)
    assert browser.gets("/chat").headers["Location"] == "/chat/sign-in"
    browser.posts("/chat/sign-in", phone="(202) 555-0101")
    code = code_texted(talk, MAYA)
    answer = browser.posts("/chat/sign-in/code", phone=MAYA, code=code)
    assert answer.headers["Location"] == "/chat"
    assert shown(browser.opens()) == [], "the code is not in the conversation"
    again = browser.browser().post("/chat/sign-in/code", data={"phone": MAYA, "code": code})
    assert again.status_code == 401


def test_the_sign_in_never_tells_whether_a_number_is_enrolled(talk: Talk) -> None:
    browser = Browser(talk)
    answers = [browser.posts("/chat/sign-in", phone=who) for who in (MAYA, SAM, STRANGER)]
    assert {answer.status_code for answer in answers} == {200}
    pages = {re.sub(r"\+1\d{10}", "", answer.text) for answer in answers}
    assert len(pages) == 1
    assert {to for to, _ in talk.phones.shown} == {MAYA}, "only a mentee gets a code"

    tried = [browser.posts("/chat/sign-in/code", phone=who, code="0") for who in (MAYA, STRANGER)]
    assert {answer.status_code for answer in tried} == {401}
    assert len({re.sub(r"\+1\d{10}", "", answer.text) for answer in tried}) == 1


def test_a_code_works_for_ten_minutes(talk: Talk) -> None:
    browser = Browser(talk)
    browser.posts("/chat/sign-in", phone=MAYA)
    talk.passes(minutes=10)
    late = browser.posts("/chat/sign-in/code", phone=MAYA, code=code_texted(talk, MAYA))
    assert (late.status_code, "ask for a new one" in late.text) == (401, True)


def test_a_code_works_only_in_the_browser_that_asked_for_it(talk: Talk) -> None:
    agrees(talk, MAYA)
    hers, other = Browser(talk), Browser(talk)
    hers.posts("/chat/sign-in", phone=MAYA)
    code = code_texted(talk, MAYA)
    assert other.posts("/chat/sign-in/code", phone=MAYA, code=code).status_code == 401
    assert hers.posts("/chat/sign-in/code", phone=MAYA, code=code).status_code == 303


def test_codes_and_guesses_are_limited(talk: Talk) -> None:
    browser = Browser(talk)
    for _ in range(5):
        assert browser.posts("/chat/sign-in", phone=MAYA).status_code == 200
    assert browser.posts("/chat/sign-in", phone=MAYA).status_code == 429
    code = code_texted(talk, MAYA)
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert browser.posts("/chat/sign-in/code", phone=MAYA, code=wrong).status_code == 401
    assert browser.posts("/chat/sign-in/code", phone=MAYA, code=code).status_code == 429


def test_mentors_cannot_read_a_code_that_was_sent(talk: Talk) -> None:
    Browser(talk).posts("/chat/sign-in", phone=MAYA)
    code = code_texted(talk, MAYA)
    [text] = talk.thread(MAYA)
    assert text.delivery is Delivery.DELIVERED
    assert code not in text.words
    with talk.database.reading() as session:
        assert code not in session.scalars(select(OneTimeKey)).one().key_hash


def test_a_code_that_fails_to_send_is_never_sent_again(talk: Talk) -> None:
    talk.phones.refuse[MAYA] = TextFailed("20429", final=False)
    browser = Browser(talk)
    browser.posts("/chat/sign-in", phone=MAYA)
    [text] = talk.thread(MAYA)
    assert not re.search(r"\b\d{6}\b", text.words)
    del talk.phones.refuse[MAYA]
    talk.passes(minutes=1)
    [text] = talk.thread(MAYA)
    assert (text.delivery, text.error_code) == (Delivery.DROPPED, "code_tried_once")
    browser.posts("/chat/sign-in", phone=MAYA)
    code = code_texted(talk, MAYA)
    assert browser.posts("/chat/sign-in/code", phone=MAYA, code=code).status_code == 303


def test_a_mentee_who_stopped_texts_gets_no_code(talk: Talk) -> None:
    talk.texts(MAYA, "STOP")
    answer = Browser(talk).posts("/chat/sign-in", phone=MAYA)
    assert "If this number is enrolled" in answer.text
    assert talk.read_by(MAYA) == []


def test_only_her_own_device_keeps_a_mentee_signed_in(talk: Talk) -> None:
    agrees(talk, MAYA)
    shared, own = Browser(talk), Browser(talk)
    kept = shared.posts(invitation(talk, MAYA)).headers["Set-Cookie"]
    assert "Max-Age" not in kept
    assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(kept.split("; "))
    assert "Max-Age=2592000" in own.posts(invitation(talk, MAYA), own="1").headers["Set-Cookie"]
    talk.clock.now += timedelta(hours=12)
    assert shared.gets("/chat").headers["Location"] == "/chat/sign-in"
    assert own.gets("/chat").status_code == 200
    own.posts("/chat/sign-out")
    assert own.gets("/chat").headers["Location"] == "/chat/sign-in"


def test_a_mentee_who_left_the_program_is_signed_out(talk: Talk, maya: Browser) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).left_at = talk.clock()
    assert maya.gets("/chat").status_code == 303
    assert maya.writes("hello?").status_code == 401


def test_the_one_click_sign_in_exists_only_in_the_demo(talk: Talk) -> None:
    there = Browser(talk, sms="twilio")
    assert there.posts(f"/chat/as/{talk.person(MAYA).id}").status_code == 404
    assert "Maya" not in there.gets("/chat/sign-in").text
    assert Browser(talk).posts(f"/chat/as/{talk.person(SAM).id}").status_code == 404


def test_without_the_terms_a_mentee_can_only_ask_for_a_person(talk: Talk) -> None:
    browser = Browser(talk)
    browser.is_now(MAYA)
    assert browser.gets("/chat").headers["Location"] == "/chat/terms"
    refused = browser.posts("/chat", words="hello there")
    assert (refused.status_code, "hello there" in refused.text) == (403, True)
    assert talk.thread(MAYA) == []
    browser.posts("/chat/terms/person")
    assert "I asked Sam, your mentor" in browser.opens()
    talk.texts(SAM, "take {}")
    browser.writes("hi sam")
    assert talk.bot.heard == []
    talk.texts(SAM, "Hi Maya")
    assert "Hi Maya" in browser.opens()
