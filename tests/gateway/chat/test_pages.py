"""Writing in the chat, and what the page shows, also live and in a frame."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from starlette.requests import Request

from bot.client import Answer
from gateway.chat import pages as chat_pages
from gateway.chat.pages import Follower, News
from gateway.chat.sign_in import COOKIE
from gateway.chat.thread import message_state
from gateway.conversations.quick_replies import KEYWORDS, choices_in
from gateway.runtime.settings import BadSettings, load_settings
from models import Channel, Delivery
from tests.chat_browser import Browser, agrees, code_texted, invitation, shown
from tests.conftest import KEY
from tests.line import JO, MAYA, SAM, Talk
from tests.web_client import HERE


def test_the_bot_answers_in_the_chat_and_not_by_text(talk: Talk, maya: Browser) -> None:
    answer = maya.posts("/chat", words="how can i sleep", key="k" * 20)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat#latest")
    assert "You wrote: how can i sleep" in maya.opens()
    assert talk.read_by(MAYA) == [], "nothing goes to her phone"
    assert {message.channel for message in talk.thread(MAYA)} == {Channel.WEB}


def test_texts_and_chat_messages_are_one_conversation(talk: Talk, maya: Browser) -> None:
    talk.texts(MAYA, "from my phone")
    maya.writes("from the page")
    words = shown(maya.opens())
    assert [said for said in words if said.startswith("from")] == ["from my phone", "from the page"]
    assert "You wrote: from my phone" in words
    assert talk.read_by(MAYA)[-1] == "Warmline bot: You wrote: from my phone"
    talk.texts(MAYA, "and back")
    assert talk.read_by(MAYA)[-1] == "Warmline bot: You wrote: and back"
    assert "by text" in maya.opens()


def test_the_same_words_with_the_same_key_are_one_message_of_a_mentee(
    talk: Talk, maya: Browser
) -> None:
    key = "k" * 20
    first, second = maya.writes("hello", key), maya.writes("hello", key)
    assert first.text == second.text, "a double click"
    for words in ("one", "two", "one"):  # the back button shows a form with a used key
        maya.writes(words, key)
    assert talk.bot.heard == ["hello", "one", "two"]
    maya.is_now(JO)
    maya.writes("hello", key)
    assert talk.bot.heard[3:] == ["hello"]
    assert "hello" in [message.words for message in talk.thread(JO)]


def test_a_bad_key_loses_no_message(talk: Talk, maya: Browser) -> None:
    keys = ["", "short", "k" * 41, "with a blank!", "../../etc"]
    for key in keys:
        assert maya.writes(f"hello {key}", key).status_code == 200, key
    assert talk.bot.heard == [f"hello {key}" for key in keys]


def test_a_refused_message_comes_back(maya: Browser) -> None:
    too_long = maya.posts("/chat", words="x" * 5001)
    assert (too_long.status_code, "x" * 5001 in too_long.text) == (413, True)
    assert "longer than 5000" in maya.asks("/chat", words="x" * 5001).text
    assert maya.posts("/chat", words="  ").status_code == 422


def test_a_session_that_ends_in_mid_sentence_loses_no_words(talk: Talk, maya: Browser) -> None:
    talk.clock.now += timedelta(hours=13)
    assert "signed out" in maya.writes("I wanted to say").text
    words = {"words": "I wanted to say"}
    page = maya.posts("/chat", **words)
    assert (page.status_code, words["words"] in page.text) == (401, True)
    assert words["words"] in maya.posts("/chat/sign-in", phone=MAYA, **words).text
    back = maya.posts("/chat/sign-in/code", phone=MAYA, code=code_texted(talk, MAYA), **words)
    assert re.search(r"<textarea[^>]*>I wanted to say</textarea>", back.text)
    assert maya.gets("/chat").status_code == 200


def test_html_in_a_message_is_escaped(talk: Talk, maya: Browser) -> None:
    evil = "<script>alert(1)</script>\u202eabc\x00<img src=x onerror=alert(1)>"
    answer = maya.writes(evil)
    for html in (answer.text, maya.opens()):
        assert not [bad for bad in ("<script>alert", "<img src=x", "\x00") if bad in html]
        assert "&lt;script&gt;" in html
        assert 'dir="auto"' in html


def test_a_mentee_who_stopped_texts_can_still_use_the_chat(talk: Talk, maya: Browser) -> None:
    maya.writes("hello")
    talk.texts(MAYA, "STOP")
    maya.writes("are you there")
    assert "You wrote: are you there" in maya.opens()

    talk.texts(JO, "can i talk to a person")
    maya.writes("PERSON")
    talk.texts(SAM, "take {2}")
    talk.texts(MAYA, "one more by text")
    talk.texts(SAM, "I read you on the page")
    assert "I read you on the page" in maya.opens()
    assert not [words for words in talk.read_by(MAYA) if "I read you" in words]


def test_a_message_not_texted_after_stop_shows_in_the_chat(talk: Talk, maya: Browser) -> None:
    talk.texts(MAYA, "can i talk to a person")
    talk.texts(SAM, "take {}")
    talk.texts(MAYA, "STOP")
    talk.texts(SAM, "Are you all right?")
    page = maya.opens()
    assert "Are you all right?" in page
    assert "not texted: you stopped texts" in page


def test_stop_in_the_chat_is_confirmed_there(talk: Talk, maya: Browser) -> None:
    maya.writes("STOP")
    assert talk.person(MAYA).opted_out_at == talk.clock()
    assert "We won&#39;t text your phone anymore." in maya.opens()
    maya.writes("yes")
    assert talk.person(MAYA).opted_out_at is not None
    assert talk.bot.heard == ["yes"]


def test_the_page_says_who_answers_while_sam_comes_and_goes(talk: Talk, maya: Browser) -> None:
    assert "You are writing with a <strong>bot</strong>" in maya.opens()
    maya.writes("PERSON")
    page = maya.opens()
    assert "I asked Sam, your mentor" in page
    assert "We asked for a person" in page

    talk.texts(SAM, "take {}")
    page = maya.opens()
    assert "a person joined" in page
    assert "<bdi>Sam</bdi> is here." in page

    talk.texts(SAM, "Hey Maya, Sam here.")
    page = maya.opens()
    assert re.search(r"<bdi>Sam</bdi> <em>a person</em>.*?Hey Maya, Sam here\.", page, re.DOTALL)
    maya.writes("hi sam")
    assert talk.bot.heard == []

    talk.texts(SAM, "done {}")
    page = maya.opens()
    assert "a person left" in page
    assert "You are writing with a <strong>bot</strong>" in page
    maya.writes("thanks")
    assert talk.bot.heard == ["thanks"]


def test_every_page_has_the_crisis_numbers(talk: Talk, maya: Browser) -> None:
    link = invitation(talk, MAYA)
    pages = [maya.opens(), maya.gets("/chat?before=1").text]
    assert '<button name="words" value="PERSON">Talk to a person</button>' in pages[0]
    stranger = maya.browser()
    pages += [stranger.get(path).text for path in ("/chat/sign-in", link)]
    pages.append(stranger.post("/chat/sign-in", data={"phone": JO}).text)
    for page in pages:
        for number in ("tel:988", "sms:988", "tel:911"):
            assert f'href="{number}"' in page


def labels(*said: str) -> list[str]:
    return [choice.label for choice in choices_in(said)]


def test_answers_that_the_bot_offers_become_buttons() -> None:
    asked = "How often do you feel left out? 1 hardly ever, 2 some of the time, 3 often"
    assert labels(asked) == ["1 hardly ever", "2 some of the time", "3 often"]
    assert [choice.words for choice in choices_in([asked])] == ["1", "2", "3"]
    mood = "How is your mood right now, from 0 (very bad) to 10 (very good)?"
    assert labels(mood) == [str(n) for n in range(11)]
    assert labels("Text GO ON to go back to it, or MOOD.") == ["Go on", "Mood"]
    assert labels("Should I ask Sam, your mentor? OK or NO: either is fine.") == ["Ok", "No"]
    assert labels("done, partly, or not yet: your goal?") == ["Done", "Partly", "Not yet"]

    for words in (
        "PHQ-2: two questions about your mood.",
        "STOP ends texts. PERSON asks for a mentor. In danger: 911.",
        "You went from 7 to 4.",
        "Meet me at 5 in the hall, at 6 by the gate.",
        "",
    ):
        assert labels(words) == [], words


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
    buttons = re.compile(r'<button name="words" value="([^"]*)">')
    assert buttons.findall(page) == ["STRESS", "SLEEP", "MENU", "PERSON"]
    maya.posts("/chat", words="STRESS", key="k" * 20)
    assert talk.bot.heard[-1] == "STRESS"
    maya.writes("PERSON")
    talk.texts(SAM, "take {}")
    assert buttons.findall(maya.opens()) == ["PERSON"], "while Sam is there the bot offers nothing"


def find_news(browser: Browser, cookie: str, follower: Follower) -> News | None:
    headers = [(b"cookie", f"__Host-{COOKIE}={cookie}".encode())]
    request = {"type": "http", "method": "GET", "path": "/chat/live", "headers": headers}
    return chat_pages.find_news(Request({**request, "app": browser.app}), follower)


def news_for(browser: Browser, follower: Follower) -> News:
    news = find_news(browser, browser.client.cookies[f"__Host-{COOKIE}"], follower)
    assert news is not None
    return news


def test_an_open_page_gets_each_message_once(talk: Talk, maya: Browser) -> None:
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
    while (news := news_for(maya, follower)).messages:
        numbers += [number for number, _ in news.messages]
    assert numbers == [message.id for message in talk.thread(MAYA)]
    page = maya.opens()
    assert len(shown(page)) == 60
    [earlier] = re.findall(r'href="(/chat\?before=\d+)"', page)
    assert len(shown(maya.gets(earlier).text)) == 10


def test_an_open_page_gets_new_delivery_states(talk: Talk, maya: Browser) -> None:
    follower = Follower(0)
    maya.writes("hi")
    news_for(maya, follower)
    answer = talk.thread(MAYA)[-1]
    assert (answer.delivery, message_state(answer)) == (Delivery.SENT, "sent")
    maya.asks("/chat/seen", up_to=str(answer.id))
    news = news_for(maya, follower)
    assert news.messages == []
    assert news.status is not None
    assert json.loads(news.status)["states"][str(answer.id)] == "delivered"
    assert news_for(maya, follower).status is None


def test_a_signed_out_page_gets_nothing(talk: Talk, maya: Browser) -> None:
    cookie = maya.client.cookies[f"__Host-{COOKIE}"]
    maya.posts("/chat/sign-out")
    talk.texts(MAYA, "a secret")
    assert find_news(maya, cookie, Follower(0)) is None
    refused = maya.client.get("/chat/live", headers={"Accept": "text/event-stream"})
    assert refused.status_code == 401


SCHOOL = "https://school.example"


def test_only_named_sites_may_frame_the_chat(talk: Talk) -> None:
    alone = Browser(talk)
    policy = alone.gets("/chat/sign-in").headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    framed = Browser(talk, origins=f"{SCHOOL}, https://other.example:8443")
    policy = framed.gets("/chat/sign-in").headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {SCHOOL} https://other.example:8443")
    assert "script-src 'self'" in policy
    for path in ("/console", "/sign-in", "/phones", "/healthz"):
        policy = framed.gets(path).headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, path


def test_a_framed_chat_has_a_partitioned_cookie_and_other_sites_cannot_write(talk: Talk) -> None:
    framed = Browser(talk, origins=SCHOOL)
    cookie = framed.posts(f"/chat/as/{talk.person(MAYA).id}").headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=None", "Partitioned"} <= set(cookie.split("; "))
    agrees(talk, MAYA)
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": SCHOOL, "Sec-Fetch-Site": "cross-site"},
    ):
        answer = framed.client.post("/chat", data={"words": "hello"}, headers=headers)
        assert answer.status_code == 403, headers
    assert talk.thread(MAYA) == []
    ours = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    answer = framed.client.post("/chat", data={"words": "hello"}, headers=ours)
    assert answer.status_code == 303


def test_bad_chat_origins_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("CHAT_ORIGINS", "https://a.example, https://b.example/")
    assert load_settings().chat_origins == ("https://a.example", "https://b.example")
    for wrong in ("https://*.example", "school.example", "https://a.example/page", "'self'"):
        monkeypatch.setenv("CHAT_ORIGINS", wrong)
        with pytest.raises(BadSettings, match="CHAT_ORIGINS is not valid"):
            load_settings()


def test_the_first_load_takes_less_than_80_kilobytes(talk: Talk, maya: Browser) -> None:
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


def test_maya_keeps_her_words_when_she_writes_too_much_at_once(talk: Talk, maya: Browser) -> None:
    most = talk.line.rules.policy.chat.messages_a_minute
    for n in range(most):
        assert maya.posts("/chat", words=f"message {n}", key=f"key-{n:08d}").status_code == 303
    again = maya.posts("/chat", words="message 0", key="key-00000000")
    refused = maya.posts("/chat", words="and one thing more", key="key-99999999")
    for answer in (again, refused):
        assert answer.status_code == 429
        assert f"You sent {most} messages in a minute" in answer.text
        assert re.search(r"again in \d\d seconds", answer.text)
    assert "and one thing more</textarea>" in refused.text
    talk.clock.now += timedelta(seconds=60)
    assert maya.posts("/chat", words="and one thing more", key="key-99999999").status_code == 303
    assert talk.bot.heard[-1] == "and one thing more"
