"""Taking, answering, releasing, and closing a handoff on its page."""

import re
from datetime import timedelta
from html import unescape

from sqlalchemy import func, select

from models import HandoffEvent, Move, Outcome, Status
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import ASKS, HERE, Web


def said_to_maya(talk: Talk) -> list[str]:
    return [message.words for message in talk.thread(MAYA) if message.outgoing]


def test_sam_reads_mayas_words_once_he_has_taken_her(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "my secret. " + ASKS)
    talk.clock.now += timedelta(minutes=4)
    web.is_now(SAM)
    for path in ("/console", "/console/lists", "/console/1", "/console/1/now"):
        page = web.gets(path).text
        assert "Maya" in page
        assert "4 min" in page
        assert "my secret" not in page
    assert web.posts("/console/1/take").headers["Location"] == "/console/1"
    assert web.posts("/console/1/take").status_code == 303, "a double click claims once"
    with talk.database.reading() as session:
        claims = select(func.count()).where(HandoffEvent.move == Move.CLAIM)
        assert session.scalar(claims) == 1
    page = web.gets("/console/1").text
    assert "my secret" in page
    assert "We send it as “<bdi>Sam</bdi>: …”" in page
    assert "Sam is here now" in said_to_maya(talk)[-1]


def test_a_second_claim_shows_no_messages(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "my secret. " + ASKS)
    talk.texts(SAM, "TAKE {}")
    web.is_now(NOOR)
    refused = web.gets("/console/1")
    assert refused.status_code == 403
    assert "Sam has #1" in refused.text
    assert "Signed in as <strong><bdi>Noor</bdi>" in refused.text
    now = web.gets("/console/1/now").text
    assert "has this conversation" in now
    assert "my secret" not in refused.text + now


def test_a_reply_reaches_maya_once_under_sams_name(talk: Talk, sam: Web) -> None:
    words = "Hey Maya,\r\nhow are you?"
    read = "Sam: Hey Maya,\nhow are you?"
    for _ in range(2):
        assert sam.clicks("/console/1/reply", words=words).status_code == 204
    assert (talk.read_by(MAYA)[-1], talk.read_by(MAYA).count(read)) == (read, 1)
    talk.clock.now += timedelta(minutes=1)
    sam.clicks("/console/1/reply", words=words)
    assert talk.read_by(MAYA).count(read) == 2, "said again on purpose"


def test_a_reply_that_cannot_be_sent_is_not_lost(talk: Talk, sam: Web) -> None:
    talk.texts(SAM, "PASS {}")
    refused = sam.posts("/console/1/reply", words="I was about to say <this>")
    assert refused.status_code == 409
    assert "#1 is no longer yours" in refused.text
    talk.texts(SAM, "TAKE {1}")
    long = sam.posts("/console/1/reply", words="x" * 1501)
    assert long.status_code == 422
    assert "1 too long" in long.text
    assert "x" * 1501 in long.text
    assert "about to say" not in " ".join(talk.read_by(MAYA))
    talk.texts(MAYA, "STOP")
    stopped = sam.clicks("/console/1/reply", words="are you there?")
    assert stopped.status_code == 409
    for page in (stopped, sam.gets("/console/1")):
        assert "texted STOP, so we may not" in page.text
    assert "are you there?" not in said_to_maya(talk)


def test_releasing_returns_maya_to_the_queue(talk: Talk, sam: Web) -> None:
    assert sam.posts("/console/1/give-back").headers["Location"] == "/console"
    assert talk.handoff().status is Status.WAITING
    assert "Sam had to step away" in " ".join(said_to_maya(talk))
    assert sam.clicks("/console/1/give-back").status_code == 409


def test_closing_asks_for_the_outcome_and_tells_maya(talk: Talk, sam: Web) -> None:
    assert sam.clicks("/console/1/done").text == "Choose how it ended."
    assert sam.clicks("/console/1/done", outcome="cured").status_code == 422
    assert sam.posts("/console/1/done", outcome="talked").status_code == 303
    assert talk.handoff().outcome is Outcome.TALKED
    assert "Sam ended this talk" in said_to_maya(talk)[-1]
    assert sam.clicks("/console/1/done", outcome="talked").text == "#1 is closed."
    assert "We talked" in sam.gets("/console?tab=mine").text
    talk.clock.now += timedelta(minutes=1)
    talk.texts(MAYA, "something for the bot alone")
    page = sam.gets("/console/1")
    assert (page.status_code, "something for the bot alone" in page.text) == (200, False)


def test_a_crisis_is_closed_with_a_reason(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "i want to kill myself")
    web.is_now(NOOR)
    web.posts("/console/1/take")
    refused = web.clicks("/console/1/done", outcome="referred", reason="  ")
    assert refused.status_code == 409
    assert refused.text == "Write why."
    web.posts("/console/1/done", outcome="referred", reason="Her aunt is with her.")
    assert talk.handoff().status is Status.RESOLVED
    web.is_now(RUTH)
    assert "Her aunt is with her." in web.gets("/log/1").text


def test_ruth_reads_what_sam_holds_and_what_the_bot_could_not_send(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.bot.while_answering = lambda: talk.texts(SAM, "TAKE {}")
    talk.texts(MAYA, "can we do the breathing")
    assert "You wrote" not in web.gets("/phones").text
    web.is_now(RUTH)
    page = web.gets("/console/1").text
    assert '<del><p dir="auto">You wrote: can we do the breathing</p></del>' in page
    assert "not sent: a mentor had joined" in page
    assert "The bot&#39;s reply was not sent" in web.gets("/log/1").text
    assert web.clicks("/console/1/reply", words="hi").status_code == 409, "she does not hold it"


# --- forms sent after the session has ended ---


def test_a_reply_sent_after_the_session_ended_comes_back_to_be_sent_again(
    talk: Talk, sam: Web
) -> None:
    talk.clock.now += timedelta(hours=13)
    words = 'hey <Maya>,\n\nis "tonight" better?'
    answer = sam.posts("/console/1/reply", words=words)
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
    assert "tonight" not in " ".join(said_to_maya(talk)), "nothing was sent"
    assert sam.posts(action, words=words).text.count("tonight") == 1, "still signed out"
    sam.is_now(SAM)
    assert sam.posts(action, **{box: unescape(kept)}).status_code == 303
    assert words in said_to_maya(talk)


# The address, what the person wrote there (shown again), and what they chose (sent along).
FORMS: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("/console/1/note", {"note": "call her mum"}, {}),
    ("/console/1/verdict", {"note": "too late"}, {"verdict": "right"}),
    ("/console/1/done", {"reason": "she slept"}, {"outcome": "talked"}),
    ("/console/1/transfer", {"handing": "she likes you"}, {"to": "3"}),
    ("/safeguarding/1/close", {"outcome": "told her aunt"}, {}),
    ("/people", {"name": "Ana", "phone": "555 0130"}, {"role": "mentee"}),
    ("/policy", {"text": "[x]", "reason": "so"}, {"seen": "0", "tried": "[x]"}),
    ("/program/holidays", {"name": "Eve"}, {"day": "2026-12-24"}),
]


def test_a_signed_out_form_comes_back_with_its_choices(web: Web) -> None:
    for path, written, chosen in FORMS:
        answer = web.posts(path, **written, **chosen)
        assert answer.status_code == 401, path
        assert re.findall(r'<textarea name="(\w+)"', answer.text) == list(written), path
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text)
        assert {name: unescape(value) for name, value in hidden} == chosen, path


def test_passwords_never_come_back_and_a_click_leads_to_the_sign_in(web: Web) -> None:
    answer = web.posts("/account/password", old="hunter2hunter2", new="x" * 12, again="x" * 12)
    assert answer.status_code == 401
    assert not re.search("hunter2|xxxx", answer.text)
    here = {"Referer": f"{HERE}/console/1"}
    clicked = web.client.post("/console/1/take", headers=here)
    assert (clicked.status_code, "<textarea" in clicked.text) == (401, False)
    assert 'href="/sign-in?next=%2Fconsole%2F1"' in clicked.text
    elsewhere = {"Referer": "https://evil.example/console/1"}
    assert 'next=%2Fconsole"' in web.client.post("/console/1/take", headers=elsewhere).text
