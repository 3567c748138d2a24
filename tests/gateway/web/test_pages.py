"""What pages show: errors, escaping, the log, the demo's phones, and live changes."""

import asyncio
import contextlib
import csv
import io
import re
import time
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.handoffs.decisions import highlight_spans
from gateway.handoffs.exports import handoffs_csv
from gateway.handoffs.handoff_list import find_handoffs
from gateway.handoffs.timeline import timeline
from gateway.runtime.labels import in_words
from gateway.web.pulse import MOST_PAGES, MOST_PAGES_TOGETHER, Listener, Pulse
from gateway.web.rendering import PageRefused
from models import Channel, Conversation, Person, phone_index
from tests.line import JO, MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.processes import Process
from tests.web_client import ASKS, HERE, Web


def rename(talk: Talk, number: str, name: str) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(number).id).name = name


# --- errors and odd characters ---


def test_an_unknown_page_keeps_the_reader_signed_in(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    nowhere = web.gets("/nowhere")
    assert (nowhere.status_code, "This page does not exist." in nowhere.text) == (404, True)
    assert "Signed in as <strong><bdi>Ruth</bdi>" in nowhere.text
    for number in ("0", "2", "99999999999", "9" * 5000, "abc"):
        for page in ("console", "log"):
            answer = web.gets(f"/{page}/{number}")
            assert answer.status_code in (404, 422), number
            assert "<h1>Not found</h1>" in answer.text
    web.posts("/sign-out")
    assert 'href="/sign-in">Sign in</a>' in web.gets("/nowhere").text
    web.posts(f"/chat/as/{talk.person(MAYA).id}")
    answer = web.gets("/chat/nowhere")
    assert answer.status_code == 404
    assert '<a href="/chat/you">Privacy and settings</a>' in answer.text


def test_html_in_messages_and_names_is_escaped(talk: Talk, web: Web) -> None:
    rename(talk, MAYA, "<script>alert(1)</script>\u202eevil")
    rename(talk, SAM, "<img src=x onerror=alert(2)>")
    talk.texts(MAYA, "<script>alert(3)</script> \u202e drawkcab. " + ASKS)
    talk.texts(SAM, "TAKE {}")
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
    talk.texts(SAM, "TAKE {}")
    web.is_now(RUTH)
    for path in ("/phones", "/console/1", "/log/1", "/log.csv"):
        assert web.gets(path).status_code == 200


def test_only_our_own_urls_become_links(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, f"see {HERE}/console/1 and https://evil.example/x and {HERE}.evil.example/")
    page = web.gets("/phones").text
    assert f'href="{HERE}/console/1"' in page
    assert "evil.example" in page
    assert not re.search(r'href="[^"]*evil', page)


# --- the log ---


def test_the_log_tells_every_step_in_order_with_its_time(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "nobody would notice if i was gone, i just want someone to talk to")
    talk.clock.now += timedelta(minutes=3)
    talk.texts(SAM, "take {}")
    talk.clock.now += timedelta(minutes=1)
    talk.texts(SAM, "Hey Maya, Sam here.")
    talk.clock.now += timedelta(minutes=20)
    talk.texts(SAM, "done {}")
    with talk.database.reading() as session:
        entries = timeline(session, 1)
    kinds = "wrote decided moved paged texted moved replied moved counted"
    assert " ".join(entry.kind.value for entry in entries) == kinds
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
    details = " ".join(entries[1].details)
    assert "the trained score" in details
    assert " head”" not in details, "managers do not know of classifier heads"
    assert "".join(piece.words for piece in entries[0].quote).startswith("nobody would notice")
    web.is_now(RUTH)
    page = web.gets("/log/1").text
    assert "New York time (EST)" in page
    assert [page.index(what) for what in whats] == sorted(page.index(what) for what in whats)
    assert 'title="Tuesday 10 November 2026, 10:03:00 EST">10:03:00</time>' in page
    with talk.database.reading() as session:
        [row] = find_handoffs(session)
    assert (row.first_alert_after, row.claimed_after) == (timedelta(), timedelta(minutes=3))
    assert row.first_reply_after == timedelta(minutes=4)


def test_the_log_says_below_which_score_a_crisis_is_none(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "i want to kill myself")
    web.is_now(RUTH)
    threshold = talk.line.rules.policy.thresholds.crisis
    assert f"With a crisis score below {threshold:.2f} (it was " in web.gets("/log/1").text


def test_the_log_shows_a_ladder_climbing_and_a_claim_that_ran_out(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=6)
    talk.texts(NOOR, "TAKE {}")
    talk.passes(minutes=16)
    talk.texts(MAYA, "never mind")
    with talk.database.reading() as session:
        whats = [entry.what for entry in timeline(session, 1)]
        assert timeline(session, 7) == [], "there is no such handoff"
    for what in (
        "Paged Sam (own mentor); rung 1",
        "Paged Noor (backup); rung 2",
        "Noor claimed it",
        "Released automatically: Noor did not write in time",
        "Maya no longer wanted a person",
    ):
        assert what in whats


def test_a_name_is_not_a_formula_in_a_spreadsheet(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(RUTH)
    assert "No handoffs match this filter." in web.gets("/log?urgency=routine").text
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"):
        rename(talk, MAYA, name)
        answer = web.gets("/log.csv")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        written = answer.content.decode("utf-8-sig")
        [row] = csv.DictReader(io.StringIO(written, newline=""))
        assert (row["mentee"], row["opened"]) == (f"'{name}", "2026-11-10T10:00:00-05:00")
        with talk.database.reading() as session:
            assert handoffs_csv(find_handoffs(session)) == written


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


def test_the_unknown_number_gets_the_reply_for_strangers(talk: Talk, web: Web) -> None:
    assert web.clicks("/phones/unknown", words="who is this?").status_code == 204
    page = web.gets("/phones").text
    assert "This number is not enrolled" in page
    assert "(202) 555-0199" in page
    with talk.database.reading() as session:
        strangers = select(func.count()).where(Conversation.person_id.is_(None))
        assert session.scalar(strangers) == 1
    for key in ("999", "x", "9" * 40):
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
        with pulse.listen("Sam") as listener:
            changes = pulse.changes(listener)
            seen = [await anext(changes)]
            await asyncio.to_thread(talk.texts, MAYA, "hello")
            async with asyncio.timeout(5):
                seen.append(await anext(changes))
                await pulse.stop()
                seen += [change async for change in changes]
            return seen

    at_once, after_the_text = asyncio.run(listen())
    assert at_once != after_the_text


def test_a_persons_oldest_page_ends_when_they_open_a_sixth(talk: Talk) -> None:
    async def open_pages() -> list[bool]:
        pulse = Pulse(talk.line)
        with contextlib.ExitStack() as pages:
            mayas = [pages.enter_context(pulse.listen("Maya")) for _ in range(MOST_PAGES)]
            sams = pages.enter_context(pulse.listen("Sam"))
            waiting = [asyncio.ensure_future(_ends(pulse, page)) for page in (*mayas, sams)]
            await asyncio.sleep(0)
            pages.enter_context(pulse.listen("Maya"))
            await asyncio.wait(waiting, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            ended = [task.done() for task in waiting]
            for task in waiting:
                task.cancel()
            return ended

    assert asyncio.run(open_pages()) == [True, False, False, False, False, False]


async def _ends(pulse: Pulse, page: Listener) -> None:
    async for _ in pulse.changes(page):
        pass


def test_pages_beyond_what_one_process_serves_are_refused(talk: Talk) -> None:
    pulse = Pulse(talk.line)
    with contextlib.ExitStack() as pages:
        for n in range(MOST_PAGES_TOGETHER):
            pages.enter_context(pulse.listen(f"person {n}"))
        with pytest.raises(PageRefused), pulse.listen("Maya"):
            pass
    with pulse.listen("Maya"):
        pass


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
