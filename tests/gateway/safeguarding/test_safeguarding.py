"""Maya is uncomfortable with Sam: the managers learn of it, Sam does not, and is kept away."""

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
    Person,
    Role,
    SafeguardingRecord,
    Status,
    Urgency,
    phone_index,
)
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

ASKS = "can i talk to a person please"
WORDS = "he keeps asking where i live"


def records(talk: Talk) -> list[SafeguardingRecord]:
    with talk.database.reading() as session:
        return list(session.scalars(select(SafeguardingRecord).order_by(SafeguardingRecord.id)))


def close(talk: Talk) -> None:
    """Ruth has looked at all of them."""
    with talk.database.writing() as session:
        for record in session.scalars(select(SafeguardingRecord)):
            record.outcome, record.closed_at = "talked with everybody", talk.clock()


def at_the_chat(talk: Talk, number: str = MAYA) -> Web:
    web = Web(talk)
    assert web.posts(f"/chat/as/{talk.person(number).id}").status_code == 303
    return web


def words_of(talk: Talk, number: str) -> str:
    return " ".join(message.words for message in talk.thread(number))


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
    assert f"/safeguarding/{record.id}" in told["ruth"]
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


def test_not_even_in_a_crisis_and_others_are_still_his(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.texts(MAYA, "i want to kill myself")
    talk.passes(minutes=30)
    assert talk.handoff().urgency is Urgency.CRISIS
    assert talk.read_by(SAM) == []
    with talk.database.reading() as session:
        assert mentors_under_concern(session, talk.person(JO).id) == set()


def test_who_holds_her_talk_and_is_flagged_holds_it_no_longer(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    talk.new_texts()
    talk.texts(MAYA, f"concern: {WORDS}")
    told = talk.new_texts()
    assert talk.handoff().status is Status.WAITING
    assert ("sam", f"Warmline bot: #{number} is no longer yours. We are asking others.") in told
    assert any("Sam no longer has this talk." in words for who, words in told if who == "maya")
    assert any(who == "noor" for who, _ in told)
    assert records(talk)[0].handoff_id == number


def test_no_mentor_finds_the_concern_in_the_thread(talk: Talk) -> None:
    talk.texts(MAYA, "hi there")
    talk.texts(MAYA, f"CONCERN noor {WORDS}")
    assert records(talk)[0].mentor_id == talk.person(NOOR).id
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    web = Web(talk)
    web.is_now(SAM)
    page = web.gets(f"/console/{number}").text
    assert "hi there" in page
    assert WORDS not in page
    assert "CONCERN" not in page
    assert "Only managers read it" not in page
    assert WORDS not in words_of(talk, MAYA)


def test_not_even_in_the_moment_before_it_is_handled(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    talk.arrives(MAYA, f"CONCERN {WORDS}")
    web = Web(talk)
    web.is_now(SAM)
    assert ASKS in web.gets(f"/console/{number}/now").text
    assert WORDS not in web.gets(f"/console/{number}/now").text


def test_what_she_adds_is_put_with_it_and_tells_nobody_twice(talk: Talk) -> None:
    talk.texts(MAYA, "CONCERN")
    assert records(talk)[0].words == NO_WORDS
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.texts(MAYA, "Concern, and he shouts")
    [record] = records(talk)
    assert record.words == f"{WORDS}\n\nand he shouts"
    assert [who for who, _ in talk.new_texts()].count("ruth") == 1


def test_a_crisis_within_a_concern_brings_people_at_once_and_sam_is_none_of_them(
    talk: Talk,
) -> None:
    talk.texts(MAYA, "CONCERN sam hits me and i want to kill myself tonight")
    told = talk.new_texts()
    assert records(talk)[0].mentor_id == talk.person(SAM).id
    assert talk.handoff().urgency is Urgency.CRISIS
    assert any("988" in words for who, words in told if who == "maya")
    assert "sam" not in dict(told)


def test_a_manager_is_not_told_of_a_concern_about_herself(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(RUTH, f"TAKE {number}")
    talk.new_texts()
    talk.texts(MAYA, f"CONCERN {WORDS}")
    told = talk.new_texts()
    assert records(talk)[0].mentor_id == talk.person(RUTH).id
    assert not any("raised a concern" in words for who, words in told if who == "ruth")
    assert any("I couldn't text a manager" in words for who, words in told if who == "maya")


def test_a_concern_leaves_a_mark_in_the_audit_without_words(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    with talk.database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "safeguarding.opened")
        ).one()
    assert entry.about == f"safeguarding:{records(talk)[0].id}"
    assert WORDS not in str(entry.detail)


def test_a_stranger_has_no_mentor_to_flag(talk: Talk) -> None:
    talk.texts("+12025550199", "CONCERN hello")
    assert records(talk) == []


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("CONCERN", True),
        ("concern", True),
        (" Concern: he shouts", True),
        ("i am concerned about school", False),
        ("concerned", False),
        ("my concern is school", False),
    ],
)
def test_what_is_taken_for_a_concern(words: str, is_one: bool) -> None:
    assert is_about_concern(words) is is_one


# --- on the page ---


def test_the_page_asks_whom_it_is_about_and_says_what_follows(talk: Talk) -> None:
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


def test_sent_twice_it_is_one(talk: Talk) -> None:
    web = at_the_chat(talk)
    for _ in range(2):
        web.posts("/chat/you/concern", mentor="nobody", words=WORDS)
    [record] = records(talk)
    assert (record.mentor_id, record.words) == (None, WORDS)
    assert [who for who, _ in talk.new_texts()] == ["ruth"]


def test_a_mentor_she_does_not_know_cannot_be_named(talk: Talk) -> None:
    with talk.database.writing() as session:
        program_id = talk.person(MAYA).program_id
        lee = Person(
            program_id=program_id,
            role=talk.person(SAM).role,
            name="Lee",
            phone="+12025550131",
            phone_index=phone_index("+12025550131"),
            timezone="America/New_York",
            enrolled_at=talk.clock(),
        )
        session.add(lee)
        session.flush()
        lee_id = lee.id
    web = at_the_chat(talk)
    assert "Lee" not in web.gets("/chat/you").text
    assert web.posts("/chat/you/concern", mentor=str(lee_id), words=WORDS).status_code == 422
    assert web.posts("/chat/you/concern", mentor="x<script>", words=WORDS).status_code == 422
    assert records(talk) == []


def test_too_long_words_and_a_lost_sign_in_lose_nothing(talk: Talk) -> None:
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


def test_nul_and_marks_are_kept_and_nothing_is_lost(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/concern", mentor="nobody", words="a\x00b \u202eabc")
    assert records(talk)[0].words == "a\ufffdb \u202eabc"


def test_the_words_are_unreadable_in_the_database(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    with talk.database.reading() as session:
        raw = session.connection().exec_driver_sql("SELECT words FROM safeguarding_record")
        stored = raw.scalars().one()
    assert records(talk)[0].words == WORDS
    assert WORDS not in stored


# --- overdue ---


def looks_for_overdue(talk: Talk) -> list[tuple[str, str]]:
    """What was texted, and is texted if the job runs once too often."""
    do_work(talk.line, NotifyOverdue(records(talk)[0].id))
    return talk.new_texts()


def owned_by(talk: Talk, number: str | None) -> None:
    with talk.database.writing() as session:
        for record in session.scalars(select(SafeguardingRecord)):
            record.owner_id = talk.person(number).id if number else None


def a_second_manager(talk: Talk, number: str = NOOR) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(number).id).role = Role.MANAGER


def test_an_overdue_record_is_told_once_without_content_and_again_a_day_later(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.new_texts()
    talk.passes(hours=23)
    assert looks_for_overdue(talk) == []
    talk.passes(hours=1)
    [(who, words)] = looks_for_overdue(talk)
    assert who == "ruth"
    assert "was due Wednesday 10:00 and has no outcome yet" in words
    assert f"/safeguarding/{records(talk)[0].id}" in words
    assert not re.search(f"Maya|Sam|{WORDS}", words)
    assert looks_for_overdue(talk) == [], "a round too many tells nothing"
    talk.passes(hours=24)
    assert [who for who, _ in looks_for_overdue(talk)] == ["ruth"]
    talk.passes(days=9)
    assert looks_for_overdue(talk) == [], "twice at most"
    with talk.database.reading() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "safeguarding.overdue")
        ).all()
    assert [entry.detail for entry in entries] == [{"told": [talk.person(RUTH).id]}] * 2


def test_what_has_an_outcome_is_not_told_of_any_more(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=24)
    talk.new_texts()
    assert len(looks_for_overdue(talk)) == 1
    close(talk)
    talk.passes(hours=25)
    assert looks_for_overdue(talk) == []


def test_whoever_owns_it_is_told_and_while_nobody_does_every_manager_but_whom_it_is_about(
    talk: Talk,
) -> None:
    a_second_manager(talk)
    a_second_manager(talk, SAM)
    talk.texts(MAYA, f"CONCERN {WORDS} Sam")
    talk.passes(hours=24)
    talk.new_texts()
    assert {who for who, _ in looks_for_overdue(talk)} == {"noor", "ruth"}
    owned_by(talk, NOOR)
    talk.passes(hours=24)
    assert [who for who, _ in looks_for_overdue(talk)] == ["noor"]


def test_an_owner_whom_no_text_reaches_is_stood_in_for(talk: Talk) -> None:
    a_second_manager(talk)
    talk.texts(MAYA, f"CONCERN {WORDS}")
    owned_by(talk, NOOR)
    talk.texts(NOOR, "STOP")
    talk.passes(hours=24)
    talk.new_texts()
    assert [who for who, _ in looks_for_overdue(talk)] == ["ruth"]


def test_with_nobody_to_tell_it_waits_for_somebody(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(RUTH).id).role = Role.MENTOR
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=30)
    talk.new_texts()
    assert looks_for_overdue(talk) == []
    a_second_manager(talk, RUTH)
    assert [who for who, _ in looks_for_overdue(talk)] == ["ruth"]


def test_a_crash_between_telling_and_sending_tells_once(
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
    talk.sweeps()
    assert [who for who, _ in talk.new_texts()] == ["ruth"], "the sweep sends what lay there"


def test_two_processes_that_look_at_once_tell_once(talk: Talk) -> None:
    talk.texts(MAYA, f"CONCERN {WORDS}")
    talk.passes(hours=24)
    talk.new_texts()
    with ThreadPoolExecutor(4) as processes:
        list(processes.map(lambda _: do_work(talk.line, NotifyOverdue(1)), range(4)))
    assert [who for who, _ in talk.new_texts()] == ["ruth"]
