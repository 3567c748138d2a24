"""Maya is uncomfortable with Sam: the managers read it, and Sam neither reads it nor is paged."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation.handoffs.availability import mentors_under_concern
from gateway.safeguarding.concern_by_text import is_about_concern
from gateway.safeguarding.records import NO_WORDS, NotifyOverdue
from gateway.worker import do_work
from models import (
    AuditEntry,
    Concern,
    Role,
    SafeguardingRecord,
    Status,
    Urgency,
)
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web, at_the_chat

ASKS = "can i talk to a person please"
WORDS = "he keeps asking where i live"


def records(talk: Talk) -> list[SafeguardingRecord]:
    return talk.rows(SafeguardingRecord)


def close(talk: Talk) -> None:
    """Ruth closes all records."""
    with talk.database.writing() as session:
        for record in session.scalars(select(SafeguardingRecord)):
            record.outcome, record.closed_at = "talked with everybody", talk.clock()


def console(talk: Talk, path: str) -> str:
    """What Sam reads on his page."""
    web = Web(talk)
    web.is_now(SAM)
    return web.gets(f"/console/{path}").text


def test_a_concern_by_text_goes_to_the_managers_without_a_word_of_it(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    [record] = records(talk)
    assert (record.concern, record.words) == (Concern.MENTOR, WORDS)
    assert (record.mentee.name, record.mentor and record.mentor.name) == ("Maya", "Sam")
    assert record.due_at == talk.clock() + timedelta(hours=24)
    told = dict(talk.new_texts())
    assert set(told) == {"maya", "ruth"}
    assert "We won't ask Sam to answer you" in told["maya"]
    assert WORDS not in told["ruth"]
    assert "Maya" not in told["ruth"]
    assert "Sam" not in told["ruth"]
    assert told["ruth"].endswith("/safeguarding")
    assert talk.bot.heard == []


def test_sam_is_not_called_for_maya_until_a_manager_has_closed_it(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    called = dict(talk.new_texts())
    assert "noor" in called
    assert "sam" not in called
    assert "Sam" not in called["maya"]
    assert "Noor" in called["maya"]
    talk.texts(MAYA, "never mind")
    close(talk)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert "sam" in dict(talk.new_texts())


def test_sam_is_not_called_in_a_crisis_either_but_for_other_mentees(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.texts(MAYA, "i want to kill myself")
    talk.passes(minutes=30)
    assert talk.handoff().urgency is Urgency.CRISIS
    assert talk.read_by(SAM) == []
    with talk.database.reading() as session:
        assert mentors_under_concern(session, talk.person(JO).id) == set()


def test_a_concern_about_the_holder_takes_the_talk_from_him(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{number}}}")
    talk.new_texts()
    talk.texts(MAYA, f"concern: {WORDS}")
    told = talk.new_texts()
    assert talk.handoff().status is Status.WAITING
    assert ("sam", f"Warmline bot: #{{{number}}} is no longer yours. We are asking others.") in told
    assert any("Sam no longer has this talk." in words for who, words in told if who == "maya")
    assert any(who == "noor" for who, _ in told)
    assert records(talk)[0].handoff_id == number


def test_no_mentor_finds_the_concern_in_the_thread(talk: Talk) -> None:
    talk.texts(MAYA, "hi there")
    talk.texts(MAYA, f"CONCERN noor {WORDS}")
    assert records(talk)[0].mentor_id == talk.person(NOOR).id
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{number}}}")
    page = console(talk, f"{number}")
    assert "hi there" in page
    assert not [words for words in (WORDS, "CONCERN", "Only managers read it") if words in page]
    assert not any(WORDS in message.words for message in talk.thread(MAYA))

    # Not even in the moment before it is handled.
    talk.arrives(MAYA, f"CONCERN and {WORDS}")
    now = console(talk, f"{number}/now")
    assert ASKS in now
    assert WORDS not in now


def test_more_words_are_added_and_nobody_is_told_twice(talk: Talk) -> None:
    talk.texts(MAYA, "CONCERN")
    assert records(talk)[0].words == NO_WORDS
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.texts(MAYA, "Concern, and he shouts")
    [record] = records(talk)
    assert record.words == f"{WORDS}\n\nand he shouts"
    assert [who for who, _ in talk.new_texts()].count("ruth") == 1


def test_a_crisis_within_a_concern_calls_people_but_not_sam(talk: Talk) -> None:
    talk.texts(MAYA, "CONCERN sam hits me and i want to kill myself tonight")
    told = talk.new_texts()
    assert records(talk)[0].mentor_id == talk.person(SAM).id
    assert talk.handoff().urgency is Urgency.CRISIS
    assert any("988" in words for who, words in told if who == "maya")
    assert "sam" not in dict(told)


def test_a_manager_is_not_told_about_a_concern_about_herself(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(RUTH, f"TAKE {{{number}}}")
    talk.new_texts()
    talk.texts(MAYA, f"CONCERN {WORDS}")
    told = talk.new_texts()
    assert records(talk)[0].mentor_id == talk.person(RUTH).id
    assert not any("raised a concern" in words for who, words in told if who == "ruth")
    assert any("I couldn't text a manager" in words for who, words in told if who == "maya")


def test_the_words_are_not_in_the_audit_log_and_encrypted_in_the_database(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    [entry] = [one for one in talk.rows(AuditEntry) if one.action == "safeguarding.opened"]
    assert entry.about == f"safeguarding:{records(talk)[0].id}"
    assert WORDS not in str(entry.detail)
    with talk.database.reading() as session:
        raw = session.connection().exec_driver_sql("SELECT words FROM safeguarding_record")
        assert WORDS not in raw.scalars().one()
    assert records(talk)[0].words == WORDS


def test_a_stranger_has_no_mentor_to_flag(talk: Talk) -> None:
    talk.texts("+12025550199", "CONCERN hello")
    assert records(talk) == []


def test_a_text_that_begins_with_concern_is_one() -> None:
    concerns = dict.fromkeys(["CONCERN", "concern", " Concern: he shouts"], True)
    others = ["i am concerned about school", "concerned", "my concern is school"]
    cases = concerns | dict.fromkeys(others, False)
    assert {words: is_about_concern(words) for words in cases} == cases


# --- on the page ---


def test_the_page_asks_whom_it_is_about_and_says_what_happens_next(talk: Talk) -> None:
    web = at_the_chat(talk)
    page = web.gets("/chat/you").text
    assert 'id="concern"' in page
    assert "Only the program's managers read it" in page
    sent = web.posts("/chat/you/concern", mentor=str(talk.person(NOOR).id), words=WORDS)
    assert sent.headers["Location"] == "/chat/you?done=concern#concern"
    [record] = records(talk)
    assert (record.mentor_id, record.words) == (talk.person(NOOR).id, WORDS)
    after = web.gets("/chat/you?done=concern").text
    assert "We did not tell any mentor" in after
    assert "We don't call this mentor for you: <bdi>Noor</bdi>" in after
    assert [who for who, _ in talk.new_texts()] == ["ruth"]
    assert talk.thread(MAYA) == []


def test_a_concern_sent_twice_is_one(talk: Talk) -> None:
    web = at_the_chat(talk)
    for _ in range(2):
        web.posts("/chat/you/concern", mentor="nobody", words=WORDS)
    [record] = records(talk)
    assert (record.mentor_id, record.words) == (None, WORDS)
    assert [who for who, _ in talk.new_texts()] == ["ruth"]


def test_a_mentor_she_does_not_know_cannot_be_named(talk: Talk) -> None:
    talk.enrolls("Lee", "+12025550131", role=Role.MENTOR)
    lee_id = talk.person("+12025550131").id
    web = at_the_chat(talk)
    assert "Lee" not in web.gets("/chat/you").text
    assert web.posts("/chat/you/concern", mentor=str(lee_id), words=WORDS).status_code == 422
    assert web.posts("/chat/you/concern", mentor="x<script>", words=WORDS).status_code == 422
    assert records(talk) == []


def test_long_words_and_an_ended_session_lose_nothing(talk: Talk) -> None:
    web = at_the_chat(talk)
    long = "<script>alert(1)</script>" + "x" * 5_000
    refused = web.posts("/chat/you/concern", mentor="nobody", words=long)
    assert refused.status_code == 422
    assert "Use at most 5,000 characters" in refused.text
    assert "&lt;script&gt;alert(1)" in refused.text
    assert "<script>alert" not in refused.text
    web.posts("/chat/sign-out")
    lost = web.posts("/chat/you/concern", mentor="nobody", words=WORDS)
    assert lost.status_code == 401
    assert WORDS in lost.text
    assert "You are signed out" in lost.text
    assert records(talk) == []


def test_odd_characters_are_stored(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/concern", mentor="nobody", words="a\x00b \u202eabc")
    assert records(talk)[0].words == "a\ufffdb \u202eabc"


# --- overdue ---


def looks_for_overdue(talk: Talk) -> list[tuple[str, str]]:
    """New texts, also if the job runs once too often."""
    do_work(talk.line, NotifyOverdue(records(talk)[0].id))
    return talk.new_texts()


def owned_by(talk: Talk, number: str | None) -> None:
    with talk.database.writing() as session:
        for record in session.scalars(select(SafeguardingRecord)):
            record.owner_id = talk.person(number).id if number else None


def a_second_manager(talk: Talk, number: str = NOOR) -> None:
    talk.sets(number, role=Role.MANAGER)


def test_managers_are_told_twice_about_an_overdue_record_without_its_words(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.new_texts()
    talk.passes(hours=23)
    assert looks_for_overdue(talk) == []
    talk.passes(hours=1)
    [(who, words)] = looks_for_overdue(talk)
    assert who == "ruth"
    assert "was due Wednesday 10:00 and has no outcome yet" in words
    assert words.endswith("/safeguarding")
    assert not re.search(f"Maya|Sam|{WORDS}", words)
    assert looks_for_overdue(talk) == [], "a job too many tells nothing"
    talk.passes(hours=24)
    assert [who for who, _ in looks_for_overdue(talk)] == ["ruth"]
    talk.passes(days=9)
    assert looks_for_overdue(talk) == [], "twice at most"
    entries = [one for one in talk.rows(AuditEntry) if one.action == "safeguarding.overdue"]
    assert [entry.detail for entry in entries] == [{"told": [talk.person(RUTH).id]}] * 2


def test_a_manager_takes_a_record_and_closes_it_with_an_outcome(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    web = Web(talk)
    web.is_now(RUTH)
    [record] = records(talk)
    page = f"/safeguarding/{record.id}"
    assert web.posts(f"{page}/own", owner="").status_code == 303
    assert web.posts(f"{page}/close", outcome="Noor mentors her now.").status_code == 303
    [record] = records(talk)
    assert (record.outcome, record.closed_at) == ("Noor mentors her now.", talk.clock())
    assert "Noor mentors her now." in web.gets(page).text


def test_nobody_is_told_about_a_record_with_an_outcome(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=24)
    talk.new_texts()
    assert len(looks_for_overdue(talk)) == 1
    close(talk)
    talk.passes(hours=25)
    assert looks_for_overdue(talk) == []


def test_the_owner_is_told_or_else_every_manager_except_the_one_it_is_about(talk: Talk) -> None:
    a_second_manager(talk)
    a_second_manager(talk, SAM)
    talk.texts(MAYA, f"CONCERN {WORDS} Sam")
    talk.passes(hours=24)
    talk.new_texts()
    assert {who for who, _ in looks_for_overdue(talk)} == {"noor", "ruth"}
    owned_by(talk, NOOR)
    talk.passes(hours=24)
    assert [who for who, _ in looks_for_overdue(talk)] == ["noor"]


def test_if_texts_do_not_reach_the_owner_the_managers_are_told(talk: Talk) -> None:
    a_second_manager(talk)
    talk.texts(MAYA, f"CONCERN {WORDS}")
    owned_by(talk, NOOR)
    talk.texts(NOOR, "STOP")
    talk.passes(hours=24)
    talk.new_texts()
    assert [who for who, _ in looks_for_overdue(talk)] == ["ruth"]


def test_without_a_manager_it_waits_for_one(talk: Talk) -> None:
    talk.sets(RUTH, role=Role.MENTOR)
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=30)
    talk.new_texts()
    assert looks_for_overdue(talk) == []
    a_second_manager(talk, RUTH)
    assert [who for who, _ in looks_for_overdue(talk)] == ["ruth"]


def test_after_a_crash_before_sending_managers_are_told_once(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=24)
    talk.new_texts()
    with monkeypatch.context() as crash:
        crash.setattr(talk.line.workers, "submit", lambda *_, **__: None)
        assert looks_for_overdue(talk) == [], "the process died before anything left"
    assert looks_for_overdue(talk) == []
    talk.passes(minutes=1)
    talk.runs_watchdog()
    assert [who for who, _ in talk.new_texts()] == ["ruth"], "the watchdog sends it"


def test_four_processes_at_once_tell_once(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=24)
    talk.new_texts()
    with ThreadPoolExecutor(4) as processes:
        list(processes.map(lambda _: do_work(talk.line, NotifyOverdue(1)), range(4)))
    assert [who for who, _ in talk.new_texts()] == ["ruth"]
