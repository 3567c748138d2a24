"""Ruth and her mentors judge past decisions. Nothing changes by it."""

import re

import pytest
from sqlalchemy.exc import DatabaseError

from models import Verdict, VerdictRecord
from tests.gateway.review.reviews import helps_maya, judged
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web


def test_sam_is_asked_about_a_handoff_after_he_closed_it(talk: Talk, web: Web) -> None:
    talk.claims()
    web.is_now(SAM)
    assert "Was this handoff right?" not in web.gets("/console/1").text
    refused = web.posts("/console/1/verdict", verdict="right")
    assert (refused.status_code, "still open" in refused.text) == (409, True)
    talk.texts(SAM, "DONE {}")
    page = web.gets("/console/1").text
    assert 'action="/console/1/verdict"' in page
    assert re.findall(r'<button name="verdict" value="(\w+)">([^<]+)<', page) == [
        ("right", "Right"),
        ("should_not", "Not needed"),
        ("should_earlier", "Too late"),
    ]
    answer = web.posts("/console/1/verdict", verdict="should_earlier", note="  two days ago ")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/1")
    page = web.gets("/console/1").text
    assert "<strong><bdi>Your verdict</bdi></strong>: Too late" in page
    assert '<q dir="auto">two days ago</q>' in page
    [record] = talk.rows(VerdictRecord)
    assert (record.handoff_id, record.message_id, record.by.name) == (1, None, "Sam")
    assert (record.verdict, record.at) == (Verdict.SHOULD_EARLIER, talk.clock())


def test_only_the_mentor_who_held_a_handoff_at_the_end_judges_it(talk: Talk, web: Web) -> None:
    talk.claims(SAM)
    talk.texts(SAM, "PASS {}")
    talk.texts(NOOR, "TAKE {1}")
    talk.texts(NOOR, "Hi Maya, I am here.")
    talk.texts(NOOR, "DONE {}")
    web.is_now(SAM)
    refused = web.posts("/console/1/verdict", verdict="right")
    assert (refused.status_code, "You did not hold #1" in refused.text) == (403, True)
    assert web.posts("/log/1/verdict", verdict="right").status_code == 403
    assert talk.rows(VerdictRecord) == []
    web.is_now(NOOR)
    assert web.posts("/console/1/verdict", verdict="right").status_code == 303


def test_ruth_reads_sams_verdict_after_giving_hers_and_he_never_reads_hers(
    talk: Talk, web: Web
) -> None:
    helps_maya(talk)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="right", note="she needed it")
    web.is_now(RUTH)
    page = web.gets("/log/1").text
    assert 'action="/log/1/verdict"' in page
    assert "she needed it" not in page
    note = "a slow evening <script>alert(1)</script>"
    answer = web.posts("/log/1/verdict", verdict="should_not", note=note)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/log/1")
    page = web.gets("/log/1").text
    assert "Not needed, " in page
    assert "<strong><bdi>Sam</bdi></strong>: Right" in page
    assert "she needed it" in page
    assert "a slow evening &lt;script&gt;alert(1)" in page
    web.is_now(SAM)
    assert "a slow evening" not in web.gets("/console/1").text


def test_the_last_verdict_counts_and_different_ones_are_counted(talk: Talk, web: Web) -> None:
    helps_maya(talk)
    web.is_now(SAM)
    for verdict in ("right", "right", "should_not"):
        web.posts("/console/1/verdict", verdict=verdict)
    assert [one.verdict for one in talk.rows(VerdictRecord)] == [Verdict.RIGHT, Verdict.SHOULD_NOT]
    [one] = judged(talk)
    assert (one.handed_over, one.needed, one.agreed) == (True, False, True)
    web.is_now(RUTH)
    web.posts("/log/1/verdict", verdict="right")
    [one] = judged(talk)
    assert (one.verdict, one.agreed) == (Verdict.RIGHT, False)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="should_earlier")
    [one] = judged(talk)
    assert one.verdict is Verdict.SHOULD_EARLIER, "Sam judged last"
    web.is_now(RUTH)
    page = web.gets("/log/verdicts").text
    assert "1 decision judged in the last 26 weeks; people disagreed on 1." in page


def test_an_unknown_verdict_or_a_long_note_is_refused(talk: Talk, web: Web) -> None:
    helps_maya(talk)
    web.is_now(SAM)
    for verdict in ("", "wrong", "Right", "right\x00"):
        refused = web.posts("/console/1/verdict", verdict=verdict)
        assert (refused.status_code, "Choose a verdict" in refused.text) == (422, True), verdict
    refused = web.posts("/console/1/verdict", verdict="right", note="x" * 1501)
    assert (refused.status_code, "1 too long" in refused.text) == (422, True)
    assert talk.rows(VerdictRecord) == []


def test_the_database_keeps_a_verdict_on_a_handoff_or_on_a_week(talk: Talk) -> None:
    helps_maya(talk)
    message = talk.thread(MAYA)[0]
    for handoff_id, message_id, verdict in (
        (1, message.id, Verdict.RIGHT),
        (None, None, Verdict.RIGHT),
        (None, message.id, Verdict.SHOULD_NOT),
    ):
        record = VerdictRecord(
            conversation_id=message.conversation_id,
            handoff_id=handoff_id,
            message_id=message_id,
            by_id=talk.person(RUTH).id,
            at=talk.clock(),
            verdict=verdict,
        )
        with pytest.raises(DatabaseError), talk.database.writing() as session:
            session.add(record)
    assert talk.rows(VerdictRecord) == []
