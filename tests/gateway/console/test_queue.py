"""The console's lists: waiting, claimed, and offered handoffs, and a mentor's own mentees."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete

from gateway.handoffs import queue
from gateway.runtime.database import Database
from models import (
    AuditEntry,
    Concern,
    Match,
    SafeguardingRecord,
    Schedule,
    ScheduledCheckIn,
)
from tests.gateway.console.steps import CRISIS, count_on, handoffs_on
from tests.history import HELD, WAITING, fill
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import ASKS, Web


def test_the_console_opens_where_the_mentors_work_is(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.clock.now += timedelta(minutes=3)
    talk.texts(JO, CRISIS)
    web.is_now(SAM)
    page = web.gets("/console").text
    assert handoffs_on(page) == ["2", "1"], "the crisis first, though it has waited less"
    assert (count_on(page, "mine"), count_on(page, "waiting")) == (0, 2)
    assert 'class="crisis"' in page
    web.posts("/console/2/take")
    page = web.gets("/console").text
    assert handoffs_on(page) == ["2"]
    assert (count_on(page, "mine"), count_on(page, "waiting")) == (1, 1)
    assert "not answered yet" in page
    talk.clock.now += timedelta(minutes=2)
    web.posts("/console/2/reply", words="Hi Jo, I am here.")
    assert "answered after 2 min" in web.gets("/console?tab=mine").text
    talk.texts(JO, "thank you for coming")
    assert "waiting for your answer" in web.gets("/console?tab=mine").text


def test_only_managers_see_all_conversations(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(JO, ASKS)
    talk.texts(SAM, "TAKE {1}")
    web.is_now(RUTH)
    page = web.gets("/console?tab=all").text
    assert set(handoffs_on(page)) == {"1", "2"}
    assert count_on(page, "all") == 2
    assert "<bdi>Sam</bdi>, <strong>not answered yet</strong>" in page
    web.is_now(SAM)
    assert "tab=all" not in web.gets("/console").text
    assert web.gets("/console?tab=all").status_code == 403
    assert web.gets("/console?tab=theirs").status_code == 422


def test_the_lists_are_limited_but_not_the_handoffs_that_one_has(
    talk: Talk, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST", 1)
    talk.texts(MAYA, ASKS)
    talk.texts(JO, ASKS)
    web.is_now(RUTH)
    assert handoffs_on(web.gets("/console?tab=waiting").text) == ["1"]
    assert handoffs_on(web.gets("/console?tab=all").text) == ["1"]
    talk.texts(SAM, "TAKE {1}")
    talk.texts(SAM, "TAKE {2}")
    web.is_now(SAM)
    assert handoffs_on(web.gets("/console?tab=mine").text) == ["1", "2"]


def test_noor_clicks_too_late_and_learns_who_has_it(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(NOOR)
    assert 'action="/console/1/take"' in web.gets("/console").text
    talk.texts(SAM, "TAKE {1}")
    late = web.clicks("/console/1/take")
    assert (late.status_code, late.text) == (409, "Sam already has #1.")


def test_sam_neither_sees_nor_takes_maya_after_her_concern_about_him(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    now, maya = talk.clock(), talk.person(MAYA)
    concern = SafeguardingRecord(
        program_id=maya.program_id,
        mentee_id=maya.id,
        mentor_id=talk.person(SAM).id,
        concern=Concern.MENTOR,
        words="he is strange to me",
        opened_at=now,
        opened_by_id=maya.id,
        due_at=now + timedelta(days=1),
    )
    with talk.database.writing() as session:
        session.add(concern)
    web.is_now(SAM)
    page = web.gets("/console").text
    assert (handoffs_on(page), count_on(page, "waiting")) == ([], 0)
    for refused in (web.gets("/console/1"), web.clicks("/console/1/take")):
        assert refused.status_code == 403
        assert "One of your colleagues takes #1" in refused.text
        assert "concern" not in refused.text
    web.is_now(NOOR)
    assert handoffs_on(web.gets("/console").text) == ["1"]
    web.is_now(SAM)
    page = web.gets("/console/mentees").text
    assert sorted(mentees_on(page)) == ["Jo", "Maya"]
    assert "#1" not in page
    assert "oncern" not in page
    web.is_now(NOOR)
    assert "#1" in web.gets("/console/mentees").text


def mentees_on(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]+><bdi>(\w+)</bdi>', page)


def test_sam_sees_his_mentees_with_the_longest_silence_first(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    assert 'href="/console/mentees"' in web.gets("/console").text
    never = web.gets("/console/mentees").text
    assert mentees_on(never) == ["Maya", "Jo"]
    assert (never.count("you are a backup"), never.count("never")) == (1, 4)
    talk.texts(JO, "hi there")
    talk.passes(days=20)
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE {1}")
    talk.texts(SAM, "Hey Maya, Sam here.")
    maya_id, asked_at = talk.person(MAYA).id, talk.clock() - timedelta(days=3)
    [schedule] = [one for one in talk.rows(Schedule) if one.person_id == maya_id]
    missed = ScheduledCheckIn(
        schedule_id=schedule.id,
        local_date=asked_at.date(),
        due_at=asked_at,
        sent_at=asked_at,
        missed_at=asked_at + timedelta(hours=20),
    )
    with talk.database.writing() as session:
        session.add(missed)
    talk.passes(days=2)
    web.is_now(SAM)
    page = web.gets("/console/mentees").text
    assert mentees_on(page) == ["Jo", "Maya"], "Jo wrote 22 days ago, Maya two"
    jo, maya_row = page.split("<tr>")[2:]
    for row, shows, hides in (
        (jo, ["silent for 21 days or more", "10 Nov 2026"], ["missed", "#1"]),
        (
            maya_row,
            ["1 check-in missed", '<a href="/console/1">#1</a>', "with you", "30 Nov 2026"],
            ["silent"],
        ),
        (page, [], [ASKS, "Hey Maya"]),
    ):
        assert [words for words in shows if words not in row] == []
        assert [words for words in hides if words in row] == []
    web.is_now(NOOR)
    page = web.gets("/console/mentees").text
    assert mentees_on(page) == ["Jo", "Maya"]
    assert "with <bdi>Sam</bdi>" in page
    web.is_now(RUTH)
    assert "You have no mentees now" in web.gets("/console/mentees").text
    read_by = [entry.by_id for entry in talk.rows(AuditEntry) if entry.about == "mentees"]
    sam, noor, ruth = (talk.person(number).id for number in (SAM, NOOR, RUTH))
    assert read_by == [sam, sam, noor, ruth], "every visit is in the audit log"


def test_the_list_has_only_active_mentees_of_the_mentor(talk: Talk, web: Web) -> None:
    talk.sets(JO, left_at=talk.clock())
    with talk.database.writing() as session:
        session.execute(delete(Match).where(Match.mentor_id == talk.person(NOOR).id))
    web.is_now(SAM)
    assert mentees_on(web.gets("/console/mentees").text) == ["Maya"]
    web.is_now(NOOR)
    assert mentees_on(web.gets("/console/mentees").text) == []


def test_the_tabs_count_what_waits_and_what_is_held_among_many_handoffs(
    database: Database,
) -> None:
    talk = Talk(database)
    fill(database, 300, now=talk.clock())
    web = Web(talk)
    web.is_now(RUTH)
    page = web.gets("/console?tab=waiting").text
    assert len(handoffs_on(page)) == WAITING
    assert count_on(page, "all") == WAITING + HELD
