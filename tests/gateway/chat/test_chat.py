"""The mentee's web chat: coming in, writing, what is shown, and what follows when nobody looks."""

import json
import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import yaml
from sqlalchemy import select
from starlette.requests import Request
from starlette.testclient import TestClient
from typer.testing import CliRunner

from bot.client import Answer
from escalation import crisis_lines as lines
from escalation.handoffs.jobs import TextUnseen
from gateway.app import create_app
from gateway.chat import pages as chat_pages
from gateway.chat.pages import Follower, News
from gateway.chat.sign_in import COOKIE
from gateway.chat.thread import Wait, expected_wait, invite, message_state
from gateway.conversations.quick_replies import KEYWORDS, choices_in
from gateway.privacy.terms import TERMS_VERSION
from gateway.runtime.settings import Settings
from gateway.worker import do_work
from models import (
    AgeBand,
    Channel,
    Consent,
    Conversation,
    Delivery,
    Handoff,
    HandoffEvent,
    Move,
    Need,
    OneTimeKey,
    Outcome,
    Person,
    Status,
    Urgency,
)
from tests.conftest import KEY
from tests.line import JO, MAYA, RUTH, SAM, STRANGER, Talk

HERE = "https://warmline.example"
SCHOOL = "https://school.example"


def agrees(talk: Talk, *numbers: str) -> None:
    """These mentees have read the terms and said yes."""
    with talk.database.writing() as session:
        for number in numbers:
            session.add(
                Consent(
                    person_id=talk.person(number).id,
                    at=talk.clock(),
                    terms=TERMS_VERSION,
                    age_band=AgeBand.FROM_16,
                )
            )


class Browser:
    """A browser of a mentee."""

    def __init__(self, talk: Talk, *, sms: str = "phones", origins: str = "") -> None:
        twilio = {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": RUTH}
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            warmline_key=KEY,
            public_url=HERE,
            sms=sms,  # type: ignore[arg-type]
            chat_origins=origins,  # type: ignore[arg-type]
            **(twilio if sms == "twilio" else {}),  # type: ignore[arg-type]
        )
        self.talk = talk
        self.app = create_app(talk.line, settings, start=lambda: None, stop=lambda: None)
        self.client = TestClient(self.app, base_url=HERE, follow_redirects=False)

    def another(self) -> TestClient:
        return TestClient(self.app, base_url=HERE, follow_redirects=False)

    def gets(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers={"Accept": "text/html", **headers})

    def posts(self, path: str, **form: str) -> httpx2.Response:
        return self.client.post(path, data=form)

    def asks(self, path: str, **form: str) -> httpx2.Response:
        """As the page's script sends it."""
        return self.client.post(path, data=form, headers={"X-Chat": "1"})

    def is_now(self, number: str) -> None:
        answer = self.posts(f"/chat/as/{self.talk.person(number).id}")
        assert answer.status_code == 303

    def writes(self, words: str, key: str = "") -> httpx2.Response:
        return self.asks("/chat", words=words, key=key)

    def opens(self) -> str:
        answer = self.gets("/chat")
        assert answer.status_code == 200, answer.headers
        return answer.text


@pytest.fixture
def maya(talk: Talk) -> Browser:
    """Maya in the chat: invited, signed in, and agreed to the terms."""
    agrees(talk, MAYA, JO)
    browser = Browser(talk)
    browser.is_now(MAYA)
    return browser


def invitation(talk: Talk, number: str) -> str:
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(number).id)
        return invite(session, person, talk.line.rules, now=talk.clock()).removeprefix(HERE)


def shown(page: str) -> list[str]:
    """The words of the messages on a page, in order."""
    return re.findall(r'<p class="words" dir="auto">(.*?)</p>', page, re.DOTALL)


def code_texted(talk: Talk, number: str) -> str:
    [words] = [words for words in talk.read_by(number) if "your code for the chat" in words][-1:]
    found = re.search(r"\b\d{6}\b", words)
    assert found
    return found[0]


# --- coming in ---


def test_an_invitation_opens_the_chat_once(talk: Talk) -> None:
    agrees(talk, MAYA)
    browser, link = Browser(talk), invitation(talk, MAYA)
    for _ in range(3):  # previews of links look at it
        assert "Open the chat" in browser.gets(link).text
    assert browser.posts(link).headers["Location"] == "/chat"
    assert "Nothing has been written yet" in browser.opens()

    somebody_else = browser.another().post(link)
    assert somebody_else.status_code == 410
    assert "has been used already" in somebody_else.text
    assert "Text me a code" in somebody_else.text


def test_an_invitation_clicked_twice_is_no_refusal(talk: Talk) -> None:
    agrees(talk, MAYA)
    browser, link = Browser(talk), invitation(talk, MAYA)
    browser.posts(link)
    assert browser.posts(link).headers["Location"] == "/chat"


def test_an_invitation_expires(talk: Talk) -> None:
    browser, link = Browser(talk), invitation(talk, MAYA)
    talk.passes(days=talk.line.rules.policy.chat.invitation_days)
    late = browser.posts(link)
    assert late.status_code == 410
    assert "has expired" in late.text
    assert browser.posts("/chat/in/nothing-like-it").status_code == 410


def test_mentors_are_not_invited_to_the_chat(talk: Talk) -> None:
    with pytest.raises(ValueError, match="Sam is no mentee"):
        invitation(talk, SAM)


def test_a_code_comes_by_text_and_opens_the_chat(talk: Talk) -> None:
    agrees(talk, MAYA)
    browser = Browser(talk)
    assert browser.gets("/chat").headers["Location"] == "/chat/sign-in"
    browser.posts("/chat/sign-in", phone="(202) 555-0101")
    code = code_texted(talk, MAYA)
    answer = browser.posts("/chat/sign-in/code", phone=MAYA, code=code)
    assert answer.headers["Location"] == "/chat"
    assert shown(browser.opens()) == []  # the code is no part of the talk

    again = browser.another().post("/chat/sign-in/code", data={"phone": MAYA, "code": code})
    assert again.status_code == 401


def test_nobody_learns_whether_a_number_is_somebodys(talk: Talk) -> None:
    browser = Browser(talk)
    answers = [browser.posts("/chat/sign-in", phone=who) for who in (MAYA, SAM, STRANGER)]
    assert {answer.status_code for answer in answers} == {200}
    pages = {re.sub(r"\+1\d{10}", "", answer.text) for answer in answers}
    assert len(pages) == 1
    assert {to for to, _ in talk.phones.shown} == {MAYA}, "only a mentee gets a code"

    tried = [browser.posts("/chat/sign-in/code", phone=who, code="0") for who in (MAYA, STRANGER)]
    assert {answer.status_code for answer in tried} == {401}
    assert len({re.sub(r"\+1\d{10}", "", answer.text) for answer in tried}) == 1


def test_a_code_is_good_for_ten_minutes(talk: Talk) -> None:
    browser = Browser(talk)
    browser.posts("/chat/sign-in", phone=MAYA)
    talk.passes(minutes=10)
    late = browser.posts("/chat/sign-in/code", phone=MAYA, code=code_texted(talk, MAYA))
    assert late.status_code == 401
    assert "ask for another" in late.text


def test_codes_can_neither_be_guessed_nor_asked_for_without_end(talk: Talk) -> None:
    browser = Browser(talk)
    for _ in range(5):
        assert browser.posts("/chat/sign-in", phone=MAYA).status_code == 200
    assert browser.posts("/chat/sign-in", phone=MAYA).status_code == 429
    code = code_texted(talk, MAYA)
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert browser.posts("/chat/sign-in/code", phone=MAYA, code=wrong).status_code == 401
    assert browser.posts("/chat/sign-in/code", phone=MAYA, code=code).status_code == 429


def test_a_code_stands_nowhere_once_it_has_left(talk: Talk) -> None:
    """Whoever claims a handoff reads the thread; they must not be able to sign in as the mentee."""
    Browser(talk).posts("/chat/sign-in", phone=MAYA)
    code = code_texted(talk, MAYA)
    [text] = talk.thread(MAYA)
    assert text.delivery is Delivery.DELIVERED
    assert code not in text.words
    with talk.database.reading() as session:
        assert code not in session.scalars(select(OneTimeKey)).one().key_hash


def test_a_code_that_waits_to_leave_cannot_be_read_and_leaves_once(talk: Talk) -> None:
    from gateway.runtime.texts import TextFailed

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
    assert (
        browser.posts("/chat/sign-in/code", phone=MAYA, code=code_texted(talk, MAYA)).status_code
        == 303
    )


def test_who_stopped_texts_gets_no_code(talk: Talk) -> None:
    talk.texts(MAYA, "STOP")
    answer = Browser(talk).posts("/chat/sign-in", phone=MAYA)
    assert "If the program knows this number" in answer.text
    assert talk.read_by(MAYA) == []


def test_a_shared_device_forgets_and_ones_own_remembers(talk: Talk) -> None:
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


def test_who_has_left_the_program_is_signed_out(talk: Talk, maya: Browser) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).left_at = talk.clock()
    assert maya.gets("/chat").status_code == 303
    assert maya.writes("hello?").status_code == 401


def test_the_demos_click_is_the_demos_alone(talk: Talk) -> None:
    there = Browser(talk, sms="twilio")
    answer = there.posts(f"/chat/as/{talk.person(MAYA).id}")
    assert answer.status_code == 404
    assert "Maya" not in there.gets("/chat/sign-in").text
    assert Browser(talk).posts(f"/chat/as/{talk.person(SAM).id}").status_code == 404


def test_before_the_terms_nothing_is_written(talk: Talk) -> None:
    browser = Browser(talk)
    browser.is_now(MAYA)
    assert browser.gets("/chat").headers["Location"] == "/chat/terms"
    refused = browser.posts("/chat", words="hello there")
    assert refused.status_code == 403
    assert "hello there" in refused.text
    assert talk.thread(MAYA) == []


def test_a_person_is_to_be_had_without_the_terms(talk: Talk) -> None:
    browser = Browser(talk)
    browser.is_now(MAYA)
    browser.posts("/chat/terms/person")
    assert "I asked Sam, your mentor" in browser.opens()
    talk.texts(SAM, "take")
    browser.writes("hi sam")
    assert talk.bot.heard == []
    talk.texts(SAM, "Hi Maya")
    assert "Hi Maya" in browser.opens()


def test_a_mentors_sign_in_is_no_mentees(talk: Talk, maya: Browser) -> None:
    sam = Browser(talk)
    sam.posts(f"/sign-in/as/{talk.person(SAM).id}")
    assert sam.gets("/chat").headers["Location"] == "/chat/sign-in"
    maya.client.cookies.set("warmline", maya.client.cookies[COOKIE])
    assert maya.gets("/console").status_code in (303, 403)


# --- writing ---


def test_what_is_written_here_is_answered_here(talk: Talk, maya: Browser) -> None:
    assert maya.writes("how can i sleep").status_code == 200
    page = maya.opens()
    assert "You wrote: how can i sleep" in page
    assert talk.read_by(MAYA) == [], "nothing goes to her phone"
    assert {message.channel for message in talk.thread(MAYA)} == {Channel.WEB}


def test_one_thread_across_text_and_web(talk: Talk, maya: Browser) -> None:
    talk.texts(MAYA, "from my phone")
    maya.writes("from the page")
    words = shown(maya.opens())
    assert [said for said in words if said.startswith("from")] == ["from my phone", "from the page"]
    assert "You wrote: from my phone" in words
    assert talk.read_by(MAYA)[-1] == "Warmline bot: You wrote: from my phone"
    talk.texts(MAYA, "and back")
    assert talk.read_by(MAYA)[-1] == "Warmline bot: You wrote: and back"
    assert "by text" in maya.opens()


def test_a_double_click_is_one_message(talk: Talk, maya: Browser) -> None:
    key = "k" * 20
    first, second = maya.writes("hello", key), maya.writes("hello", key)
    assert first.text == second.text
    assert talk.bot.heard == ["hello"]


def test_an_old_form_with_new_words_is_a_new_message(talk: Talk, maya: Browser) -> None:
    """The back button brings back a form whose key was used."""
    key = "k" * 20
    for words in ("one", "two", "three", "two"):
        maya.writes(words, key)
    assert talk.bot.heard == ["one", "two", "three"]


def test_one_persons_key_takes_nothing_from_another(talk: Talk, maya: Browser) -> None:
    key = "k" * 20
    maya.writes("mine", key)
    maya.is_now(JO)
    maya.writes("mine", key)
    assert talk.bot.heard == ["mine", "mine"]
    assert "mine" in [message.words for message in talk.thread(JO)]


@pytest.mark.parametrize("key", ["", "short", "k" * 41, "with a blank!", "../../etc"])
def test_a_key_that_is_none_loses_no_words(talk: Talk, maya: Browser, key: str) -> None:
    assert maya.writes("hello", key).status_code == 200
    assert talk.bot.heard == ["hello"]


def test_without_script_a_form_is_enough(talk: Talk, maya: Browser) -> None:
    answer = maya.posts("/chat", words="hello", key="k" * 20)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat#latest")
    assert "You wrote: hello" in maya.opens()


def test_words_that_are_refused_come_back(maya: Browser) -> None:
    too_long = maya.posts("/chat", words="x" * 5001)
    assert too_long.status_code == 413
    assert "x" * 5001 in too_long.text
    assert "longer than 5000" in maya.asks("/chat", words="x" * 5001).text
    assert maya.posts("/chat", words="  ").status_code == 422


def test_a_sign_in_that_ends_in_mid_sentence_loses_no_words(talk: Talk, maya: Browser) -> None:
    talk.clock.now += timedelta(hours=13)
    assert "signed out" in maya.writes("I wanted to say").text
    page = maya.posts("/chat", words="I wanted to say")
    assert page.status_code == 401
    assert "I wanted to say" in page.text
    asked = maya.posts("/chat/sign-in", phone=MAYA, words="I wanted to say")
    assert "I wanted to say" in asked.text
    back = maya.posts(
        "/chat/sign-in/code", phone=MAYA, code=code_texted(talk, MAYA), words="I wanted to say"
    )
    assert re.search(r"<textarea[^>]*>I wanted to say</textarea>", back.text)
    assert maya.gets("/chat").status_code == 200


def test_nothing_that_is_written_is_executed(talk: Talk, maya: Browser) -> None:
    evil = "<script>alert(1)</script>\u202eabc\x00<img src=x onerror=alert(1)>"
    answer = maya.writes(evil)
    for html in (answer.text, maya.opens()):
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "&lt;script&gt;" in html
        assert "\x00" not in html
        assert 'dir="auto"' in html


def test_another_sites_page_cannot_write(maya: Browser) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = maya.client.post("/chat", data={"words": "hello"}, headers=headers)
        assert answer.status_code == 403
    assert maya.talk.thread(MAYA) == []


def test_who_stopped_texts_still_reads_and_writes_here(talk: Talk, maya: Browser) -> None:
    maya.writes("hello")
    talk.texts(MAYA, "STOP")
    maya.writes("are you there")
    assert "You wrote: are you there" in maya.opens()

    talk.texts(JO, "can i talk to a person")
    maya.writes("PERSON")
    talk.texts(SAM, "take 2")
    talk.texts(MAYA, "one more by text")
    talk.texts(SAM, "I read you on the page")
    assert "I read you on the page" in maya.opens()
    assert not [words for words in talk.read_by(MAYA) if "I read you" in words]


def test_stop_written_here_is_confirmed_here_and_yes_is_an_answer(
    talk: Talk, maya: Browser
) -> None:
    maya.writes("STOP")
    assert talk.person(MAYA).opted_out_at == talk.clock()
    assert "We won't text your phone anymore." in maya.opens()
    maya.writes("yes")
    assert talk.person(MAYA).opted_out_at is not None
    assert talk.bot.heard == ["yes"]


def test_what_stop_kept_from_the_phone_can_be_read_here(talk: Talk, maya: Browser) -> None:
    talk.texts(MAYA, "can i talk to a person")
    talk.texts(SAM, "take")
    talk.texts(MAYA, "STOP")
    talk.texts(SAM, "Are you all right?")
    page = maya.opens()
    assert "Are you all right?" in page
    assert "not texted: you stopped texts" in page


# --- a person ---


def test_from_asking_for_a_person_to_the_bot_again(talk: Talk, maya: Browser) -> None:
    assert "You are writing with a <strong>bot</strong>" in maya.opens()
    maya.writes("PERSON")
    page = maya.opens()
    assert "I asked Sam, your mentor" in page
    assert "A person has been asked for" in page

    talk.texts(SAM, "take")
    page = maya.opens()
    assert "a person joined" in page
    assert "<bdi>Sam</bdi> is here." in page

    talk.texts(SAM, "Hey Maya, Sam here.")
    page = maya.opens()
    assert re.search(r"<bdi>Sam</bdi> <em>a person</em>.*?Hey Maya, Sam here\.", page, re.DOTALL)
    maya.writes("hi sam")
    assert talk.bot.heard == []

    talk.texts(SAM, "done")
    page = maya.opens()
    assert "a person left" in page
    assert "You are writing with a <strong>bot</strong>" in page
    maya.writes("thanks")
    assert talk.bot.heard == ["thanks"]


def test_crisis_numbers_and_the_way_to_a_person_are_on_every_page(
    talk: Talk, maya: Browser
) -> None:
    link = invitation(talk, MAYA)
    pages = [maya.opens(), maya.gets("/chat?before=1").text]
    assert '<button name="words" value="PERSON">Talk to a person</button>' in pages[0]
    stranger = maya.another()
    pages += [stranger.get(path).text for path in ("/chat/sign-in", link)]
    pages.append(stranger.post("/chat/sign-in", data={"phone": JO}).text)
    for page in pages:
        assert 'href="tel:988"' in page
        assert 'href="sms:988"' in page
        assert 'href="tel:911"' in page


def claimed(talk: Talk, number: str, urgency: Urgency, waits: list[float | None]) -> None:
    """Handoffs of the last days, each taken up after so many minutes, or never."""
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(number).id)
        conversation = session.scalar(
            select(Conversation).where(Conversation.person_id == person.id)
        )
        assert conversation is not None
        for day, minutes in enumerate(waits):
            opened_at = talk.clock() - timedelta(days=1 + day % 20)
            handoff = Handoff(
                conversation_id=conversation.id,
                need=Need.REQUEST,
                urgency=urgency,
                status=Status.RESOLVED,
                outcome=Outcome.NOTNEEDED,
                opened_at=opened_at,
            )
            session.add(handoff)
            session.flush()
            if minutes is not None:
                at = opened_at + timedelta(minutes=minutes)
                session.add(HandoffEvent(handoff_id=handoff.id, at=at, move=Move.CLAIM, detail={}))


def wait_for(talk: Talk, number: str, urgency: Urgency) -> Wait:
    with talk.database.reading() as session:
        program = session.get_one(Person, talk.person(number).id).program
        return expected_wait(session, program, urgency, now=talk.clock(), but=None)


def test_the_wait_is_told_from_what_happened(talk: Talk, maya: Browser) -> None:
    talk.texts(JO, "hi")
    claimed(talk, JO, Urgency.SOON, [float(n) for n in range(1, 21)] + [None, None])
    claimed(talk, JO, Urgency.ROUTINE, [600.0] * 12)
    wait = wait_for(talk, MAYA, Urgency.SOON)
    assert (wait.asked, wait.taken) == (22, 20)
    assert wait.median == timedelta(minutes=10, seconds=30)
    assert wait.ninetieth == timedelta(minutes=18)
    maya.writes("PERSON")
    page = " ".join(maya.opens().split())
    assert "22 like this were asked for and 20 taken up" in page
    assert "half of those within 10 min, nine of ten within 18 min" in page
    assert "The line is staffed at any hour." in page


def test_with_too_few_nothing_is_claimed_of_the_wait(talk: Talk, maya: Browser) -> None:
    talk.texts(JO, "hi")
    claimed(talk, JO, Urgency.SOON, [5.0] * 9 + [None])
    wait = wait_for(talk, MAYA, Urgency.SOON)
    assert (wait.asked, wait.taken, wait.median) == (10, 9, None)
    maya.writes("PERSON")
    page = maya.opens()
    assert "too few have asked like this lately to tell" in page
    assert "half of those" not in page


def test_another_programs_waits_and_old_ones_do_not_count(talk: Talk, maya: Browser) -> None:
    talk.texts(JO, "hi")
    claimed(talk, JO, Urgency.SOON, [5.0] * 12)
    talk.clock.now += timedelta(days=40)
    assert wait_for(talk, MAYA, Urgency.SOON) == Wait(0, 0, None, None)
    talk.clock.now -= timedelta(days=40)
    eve = talk.a_manager_elsewhere()
    assert wait_for(talk, eve, Urgency.SOON) == Wait(0, 0, None, None)


# --- answers to choose from ---


def labels(*said: str) -> list[str]:
    return [choice.label for choice in choices_in(said)]


def test_what_the_bot_offers_becomes_buttons() -> None:
    asked = "How often do you feel left out? 1 hardly ever, 2 some of the time, 3 often"
    assert labels(asked) == ["1 hardly ever", "2 some of the time", "3 often"]
    assert [choice.words for choice in choices_in([asked])] == ["1", "2", "3"]
    mood = "How is your mood right now, from 0 (very bad) to 10 (very good)?"
    assert labels(mood) == [str(n) for n in range(11)]
    assert labels("Text GO ON to go back to it, or MOOD.") == ["Go on", "Mood"]
    assert labels("Should I ask Sam, your mentor? OK or NO: either is fine.") == ["Ok", "No"]
    assert labels("done, partly, or not yet: your goal?") == ["Done", "Partly", "Not yet"]


@pytest.mark.parametrize(
    "words",
    [
        "PHQ-2: two questions about your mood.",
        "STOP ends texts. PERSON asks for a mentor. In danger: 911.",
        "You went from 7 to 4.",
        "Meet me at 5 in the hall, at 6 by the gate.",
        "",
    ],
)
def test_what_is_no_answer_becomes_no_button(words: str) -> None:
    assert labels(words) == []


def test_every_word_of_the_menu_has_a_button() -> None:
    root = Path(__file__).parents[3]
    menu = yaml.safe_load((root / "bot/domain/abilities.yml").read_text("utf-8"))
    texts = re.findall(r"'text': (['\"])(.*?)\1[,}]", str(menu))
    named = set(re.findall(r"\b[A-Z]{2,}\b", " ".join(words for _, words in texts)))
    assert len(named) > 30
    assert named - KEYWORDS <= {"GO", "ON", "PERSON"}


def test_a_button_sends_ordinary_words(talk: Talk, maya: Browser) -> None:
    talk.bot.answers["hi"] = Answer(words=("Text STRESS or SLEEP.", "MENU shows the rest."))
    maya.writes("hi")
    page = maya.opens()
    found = re.findall(r'<button name="words" value="([^"]*)">', page)
    assert found == ["STRESS", "SLEEP", "MENU", "PERSON"]
    maya.posts("/chat", words="STRESS", key="k" * 20)
    assert talk.bot.heard[-1] == "STRESS"
    maya.writes("PERSON")
    talk.texts(SAM, "take")
    found = re.findall(r'<button name="words" value="([^"]*)">', maya.opens())
    assert found == ["PERSON"], "while Sam is there the bot offers nothing"


# --- live ---


def asked_by(browser: Browser, cookie: str) -> Request:
    """The request of an open page, as the stream reads it again and again."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/chat/live",
            "headers": [(b"cookie", f"{COOKIE}={cookie}".encode())],
            "app": browser.app,
        }
    )


def news_for(browser: Browser, follower: Follower) -> News:
    """What one open page is told next."""
    news = chat_pages._news(asked_by(browser, browser.client.cookies[COOKIE]), follower)
    assert news is not None
    return news


def test_an_open_page_is_told_of_each_message_once(talk: Talk, maya: Browser) -> None:
    follower = Follower(0)
    maya.writes("one")
    first = news_for(maya, follower)
    maya.writes("two")
    second = news_for(maya, follower)
    numbers = [number for number, _ in (*first.messages, *second.messages)]
    assert numbers == [message.id for message in talk.thread(MAYA)]
    assert news_for(maya, follower).messages == []
    cut_off = Follower(first.messages[-1][0])
    assert news_for(maya, cut_off).messages == second.messages


def test_a_page_that_is_far_behind_catches_up_in_order(talk: Talk, maya: Browser) -> None:
    for n in range(70):
        talk.arrives(MAYA, f"text {n}")
    follower, numbers = Follower(0), []
    while (news := news_for(maya, follower)).more:
        numbers += [number for number, _ in news.messages]
    assert numbers == [message.id for message in talk.thread(MAYA)]
    page = maya.opens()
    assert len(shown(page)) == 60
    [earlier] = re.findall(r'href="(/chat\?before=\d+)"', page)
    assert len(shown(maya.gets(earlier).text)) == 10


def test_states_are_told_without_a_number_of_their_own(talk: Talk, maya: Browser) -> None:
    follower = Follower(0)
    maya.writes("hi")
    news_for(maya, follower)
    answer = talk.thread(MAYA)[-1]
    assert (answer.delivery, message_state(answer)) == (Delivery.SENT, "sent")
    maya.asks("/chat/seen", up_to=str(answer.id))
    news = news_for(maya, follower)
    assert news.messages == []
    assert news.standing is not None
    assert json.loads(news.standing)["states"][str(answer.id)] == "delivered"
    assert news_for(maya, follower).standing is None


def test_a_page_that_is_signed_out_is_told_nothing(talk: Talk, maya: Browser) -> None:
    cookie = maya.client.cookies[COOKIE]
    maya.posts("/chat/sign-out")
    talk.texts(MAYA, "a secret")
    assert chat_pages._news(asked_by(maya, cookie), Follower(0)) is None
    refused = maya.client.get("/chat/live", headers={"Accept": "text/event-stream"})
    assert refused.status_code == 401


def test_jo_is_told_nothing_of_maya(talk: Talk, maya: Browser) -> None:
    maya.writes("only maya reads this")
    maya.is_now(JO)
    assert news_for(maya, Follower(0)).messages == []
    assert shown(maya.opens()) == []
    last = talk.thread(MAYA)[-1]
    maya.asks("/chat/seen", up_to=str(last.id))
    assert talk.thread(MAYA)[-1].delivery is Delivery.SENT


# --- when nobody looks ---


def waits_told(talk: Talk) -> list[str]:
    return [words for words in talk.read_by(MAYA) if "a message in the chat" in words]


def talks_with_sam(talk: Talk, maya: Browser) -> None:
    talk.kept.ignored = ("check_ins",)
    maya.writes("PERSON")
    talk.texts(SAM, "take")
    maya.opens()


def test_sams_words_are_not_lost_on_a_closed_page(talk: Talk, maya: Browser) -> None:
    talks_with_sam(talk, maya)
    talk.texts(SAM, "Can you talk at five?")
    assert waits_told(talk) == []
    talk.passes(minutes=5)
    [told] = waits_told(talk)
    assert "five" not in told
    assert f"{HERE}/chat" in told
    talk.texts(SAM, "Or at six?")
    talk.passes(minutes=30)
    assert len(waits_told(talk)) == 1, "once, until she has looked"

    page = maya.opens()
    assert "Can you talk at five?" in page
    assert "a message in the chat" not in page
    talk.texts(SAM, "Good. At six then.")
    talk.passes(minutes=5)
    assert len(waits_told(talk)) == 2


def test_what_she_has_seen_is_not_texted_about(talk: Talk, maya: Browser) -> None:
    talks_with_sam(talk, maya)
    talk.texts(SAM, "Can you talk at five?")
    maya.asks("/chat/seen", up_to=str(talk.thread(MAYA)[-1].id))
    talk.passes(minutes=30)
    assert waits_told(talk) == []
    assert talk.thread(MAYA)[-1].delivery is Delivery.DELIVERED


def test_the_bots_answers_are_not_texted_about(talk: Talk, maya: Browser) -> None:
    talk.kept.ignored = ("check_ins",)
    maya.writes("hi")
    talk.passes(minutes=30)
    assert waits_told(talk) == []


def test_stop_is_respected_where_a_message_waits(talk: Talk, maya: Browser) -> None:
    talks_with_sam(talk, maya)
    talk.texts(MAYA, "STOP")
    maya.writes("i am here on the page")
    talk.texts(SAM, "Fine with me.")
    talk.passes(minutes=30)
    assert waits_told(talk) == []


def test_what_the_line_began_waits_for_the_quiet_hours_to_end(talk: Talk, maya: Browser) -> None:
    talks_with_sam(talk, maya)
    talk.texts(SAM, "Hey Maya")
    talk.passes(hours=10)  # 20:00 in New York
    maya.opens()
    talk.clock.now += timedelta(hours=1, minutes=30)
    talk.texts(SAM, "done")
    talk.passes(minutes=10)
    assert waits_told(talk) == [], "the bot's line comes by itself, and it is night"
    talk.passes(hours=11)
    assert len(waits_told(talk)) == 1

    maya.is_now(MAYA)
    maya.opens()
    maya.writes("PERSON")
    talk.texts(SAM, "take")
    talk.clock.now += timedelta(hours=14)
    talk.texts(SAM, "Awake?")
    talk.passes(minutes=5)
    assert len(waits_told(talk)) == 2, "a person's words wait for no hour"


def test_looking_for_it_twice_tells_once(talk: Talk, maya: Browser) -> None:
    talks_with_sam(talk, maya)
    talk.texts(SAM, "Hello?")
    talk.passes(minutes=6)
    do_work(talk.line, TextUnseen(talk.thread(MAYA)[0].conversation_id))
    assert len(waits_told(talk)) == 1


def test_a_prefetch_or_another_sites_picture_is_nobody_who_looks(talk: Talk, maya: Browser) -> None:
    talks_with_sam(talk, maya)
    talk.texts(SAM, "Hello?")
    maya.gets("/chat", **{"Sec-Purpose": "prefetch"})
    maya.gets("/chat", **{"Sec-Fetch-Dest": "image"})
    assert talk.thread(MAYA)[-1].delivery is Delivery.SENT
    maya.gets("/chat", **{"Sec-Fetch-Dest": "iframe"})
    assert talk.thread(MAYA)[-1].delivery is Delivery.DELIVERED


# --- framed, and how heavy ---


def test_only_named_sites_may_frame_the_chat_and_nothing_else(talk: Talk) -> None:
    alone = Browser(talk)
    assert (
        "frame-ancestors 'none'" in alone.gets("/chat/sign-in").headers["Content-Security-Policy"]
    )
    framed = Browser(talk, origins=f"{SCHOOL}, https://other.example:8443")
    policy = framed.gets("/chat/sign-in").headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {SCHOOL} https://other.example:8443")
    assert "script-src 'self'" in policy
    for path in ("/console", "/sign-in", "/phones", "/healthz"):
        policy = framed.gets(path).headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, path


def test_in_a_frame_the_cookie_is_kept_apart_for_each_site(talk: Talk) -> None:
    framed = Browser(talk, origins=SCHOOL)
    cookie = framed.posts(f"/chat/as/{talk.person(MAYA).id}").headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=None", "Partitioned"} <= set(cookie.split("; "))
    agrees(talk, MAYA)
    answer = framed.client.post(
        "/chat", data={"words": "hello"}, headers={"Origin": SCHOOL, "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403, "the school frames the chat; it does not write in it"
    assert (
        framed.client.post(
            "/chat",
            data={"words": "hello"},
            headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"},
        ).status_code
        == 303
    )


def test_a_site_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.runtime.settings import BadSettings, load_settings

    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("CHAT_ORIGINS", "https://a.example, https://b.example/")
    assert load_settings().chat_origins == ("https://a.example", "https://b.example")
    for wrong in ("https://*.example", "school.example", "https://a.example/page", "'self'"):
        monkeypatch.setenv("CHAT_ORIGINS", wrong)
        with pytest.raises(BadSettings, match="CHAT_ORIGINS cannot be used"):
            load_settings()


def test_the_first_load_is_light(talk: Talk, maya: Browser) -> None:
    """80 KB in all, as it goes over the wire, with a long conversation on the page."""
    for n in range(80):
        talk.arrives(MAYA, f"text {n}: " + "some words of an ordinary length " * 4)
    page = maya.opens()
    assert len(shown(page)) == 60
    asked = {"/chat", *re.findall(r'(?:href|src)="(/static/[^"]+)"', page)}
    assert len(asked) == 5
    weights = {}
    for path in sorted(asked):
        with maya.client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.status_code == 200
            weights[path] = sum(len(part) for part in answer.iter_raw())
            if weights[path] > 600:
                assert answer.headers["Content-Encoding"] == "gzip"
    assert sum(weights.values()) < 80_000, weights
    script = Path(chat_pages.__file__).parents[1] / "web" / "static" / "chat.js"
    assert script.stat().st_size < 10_000
    assert "http" not in re.sub(r"https?://www\.w3\.org\S*", "", script.read_text("utf-8"))


# --- numbers ---


def test_crisis_numbers_are_looked_up_again_in_time(tmp_path: Path) -> None:
    verified = max(line.verified for line in lines.crisis_lines("en"))
    assert lines.to_look_up_again(verified + timedelta(days=180)) == []
    found = lines.to_look_up_again(verified + timedelta(days=181))
    assert len(found) >= 1
    assert "last verified on" in found[0]
    assert lines.crisis_lines("pt-BR") == lines.crisis_lines("en")
    bad = tmp_path / "en.toml"
    bad.write_text('[[line]]\nnumber = "nine"\n', "utf-8")
    with pytest.raises(lines.BadCrisisLines, match="number"):
        lines.read_crisis_lines(bad)


def test_check_asks_for_old_numbers_to_be_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway import cli

    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'line.db'}")
    run = CliRunner()
    assert run.invoke(cli.app, ["demo"]).exit_code == 0
    assert "last verified" not in run.invoke(cli.app, ["check"]).output
    monkeypatch.setattr(lines, "LOOK_AGAIN_AFTER", timedelta(days=-10_000))
    checked = run.invoke(cli.app, ["check"])
    assert checked.exit_code == 1
    assert "988" in checked.output

    link = run.invoke(cli.app, ["invite", MAYA])
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/chat/in/[\w-]{40,}\n", link.output)
    assert run.invoke(cli.app, ["invite", SAM]).exit_code == 2
