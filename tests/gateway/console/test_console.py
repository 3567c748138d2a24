"""The mentors' console: the queue, the brief, notes, canned replies, transfers, debriefs."""

import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from gateway.console.canned_replies import filled
from gateway.handoffs.presence import is_worth_noting, touch
from gateway.runtime.database import Database
from models import (
    AuditEntry,
    CannedReply,
    Channel,
    CheckIn,
    Concern,
    Conversation,
    Debrief,
    Handoff,
    Match,
    Note,
    Person,
    Presence,
    Role,
    SafeguardingRecord,
    Schedule,
    ScheduledCheckIn,
    SkillOutcome,
    SkillUse,
    Status,
    Transfer,
)
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.many_handoffs import HELD, WAITING, fill
from tests.web_client import ASKS, Web

LONELY = "nobody would notice if i was gone, i just want someone to talk to"
CRISIS = "i want to kill myself"


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def sam_holds_mayas(talk: Talk, web: Web, words: str = ASKS) -> None:
    """Maya writes `words`, Sam takes it, and sits at the console."""
    talk.texts(MAYA, words)
    web.is_now(SAM)
    assert web.posts("/console/1/take").status_code == 303


def rows_of(page: str) -> list[str]:
    return re.findall(r'<li id="h(\d+)"', page)


def count_of(page: str, tab: str) -> int:
    found = re.search(rf'tab={tab}"[^>]*>\w+ <span class="count">(\d+)<', page)
    assert found is not None, page
    return int(found[1])


# --- the queue ---


def test_the_tabs_tell_how_many_and_the_first_one_shown_is_where_the_work_is(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, ASKS)
    talk.clock.now += timedelta(minutes=3)
    talk.texts(JO, CRISIS)
    web.is_now(SAM)
    page = web.gets("/console").text
    assert rows_of(page) == ["2", "1"], "the crisis first, though it has waited less"
    assert (count_of(page, "mine"), count_of(page, "waiting")) == (0, 2)
    assert 'class="crisis"' in page
    web.posts("/console/2/take")
    page = web.gets("/console").text
    assert rows_of(page) == ["2"]
    assert (count_of(page, "mine"), count_of(page, "waiting")) == (1, 1)
    assert "not answered yet" in page
    talk.clock.now += timedelta(minutes=2)
    web.posts("/console/2/reply", words="Hi Jo, I am here.")
    assert "first answer after 2 min" in web.gets("/console?tab=mine").text
    talk.texts(JO, "thank you for coming")
    assert "waits for an answer" in web.gets("/console?tab=mine").text


def test_all_is_for_managers(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(JO, ASKS)
    talk.texts(SAM, "TAKE 1")
    web.is_now(RUTH)
    page = web.gets("/console?tab=all").text
    assert set(rows_of(page)) == {"1", "2"}
    assert count_of(page, "all") == 2
    assert "<bdi>Sam</bdi>, <strong>not answered yet</strong>" in page
    web.is_now(SAM)
    assert "tab=all" not in web.gets("/console").text
    assert web.gets("/console?tab=all").status_code == 403
    assert web.gets("/console?tab=theirs").status_code == 422


def test_from_the_queue_one_click_takes_it_and_a_late_one_is_told_who_has_it(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(NOOR)
    assert 'action="/console/1/take"' in web.gets("/console").text
    talk.texts(SAM, "TAKE 1")
    late = web.clicks("/console/1/take")
    assert (late.status_code, late.text) == (409, "Sam already has #1.")


def test_whom_maya_named_in_a_concern_neither_sees_nor_takes_her(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    maya, sam = talk.person(MAYA), talk.person(SAM)
    with talk.database.writing() as session:
        session.add(
            SafeguardingRecord(
                program_id=maya.program_id,
                mentee_id=maya.id,
                mentor_id=sam.id,
                concern=Concern.MENTOR,
                words="he is strange to me",
                opened_at=talk.clock(),
                opened_by_id=maya.id,
                due_at=talk.clock() + timedelta(days=1),
            )
        )
    web.is_now(SAM)
    page = web.gets("/console").text
    assert (rows_of(page), count_of(page, "waiting")) == ([], 0)
    for refused in (web.gets("/console/1"), web.clicks("/console/1/take")):
        assert refused.status_code == 403
        assert "goes to one of your colleagues" in refused.text
        assert "concern" not in refused.text
    web.is_now(NOOR)
    assert rows_of(web.gets("/console").text) == ["1"]


# --- one's own mentees ---


def mentees_on(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><bdi>(\w+)</bdi>', page)


def test_sam_sees_his_own_mentees_who_is_quiet_longest_first_and_no_words(
    talk: Talk, web: Web
) -> None:
    web.is_now(SAM)
    assert 'href="/console/mentees"' in web.gets("/console").text
    never = web.gets("/console/mentees").text
    assert mentees_on(never) == ["Maya", "Jo"]
    assert (never.count("you are a back-up"), never.count("never")) == (1, 4)
    talk.texts(JO, "hi there")
    talk.passes(days=20)
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(SAM, "Hey Maya, Sam here.")
    with talk.database.writing() as session:
        maya = talk.person(MAYA)
        schedule = session.scalars(select(Schedule).where(Schedule.person_id == maya.id)).one()
        asked = talk.clock() - timedelta(days=3)
        session.add(
            ScheduledCheckIn(
                schedule_id=schedule.id,
                local_date=asked.date(),
                due_at=asked,
                sent_at=asked,
                missed_at=asked + timedelta(hours=20),
            )
        )
    talk.passes(days=2)
    web.is_now(SAM)
    page = web.gets("/console/mentees").text
    assert mentees_on(page) == ["Jo", "Maya"], "Jo wrote 22 days ago, Maya two"
    jo, maya_row = page.split("<tr>")[2:]
    assert "silent for 21 days or more" in jo
    assert "missed" not in jo
    assert "#1" not in jo
    assert "silent" not in maya_row
    assert "1 agreed check-in missed" in maya_row
    assert '<a href="/console/1">#1</a>' in maya_row
    assert "with you" in maya_row
    assert "30 Nov 2026" in maya_row
    assert "10 Nov 2026" in jo
    assert ASKS not in page
    assert "Hey Maya" not in page
    web.is_now(NOOR)
    page = web.gets("/console/mentees").text
    assert mentees_on(page) == ["Jo", "Maya"]
    assert "with <bdi>Sam</bdi>" in page
    web.is_now(RUTH)
    assert "matched with nobody" in web.gets("/console/mentees").text
    with talk.database.reading() as session:
        about = select(AuditEntry.by_id).where(AuditEntry.about == "mentees")
        read_by = list(session.scalars(about.order_by(AuditEntry.id)))
    sam, noor, ruth = (talk.person(number).id for number in (SAM, NOOR, RUTH))
    assert read_by == [sam, sam, noor, ruth], "each reading is kept, with the time between them"


def test_who_was_named_in_a_concern_does_not_see_that_she_waits(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "CONCERN Sam is strange to me")
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    page = web.gets("/console/mentees").text
    assert sorted(mentees_on(page)) == ["Jo", "Maya"]
    assert "#1" not in page
    assert "oncern" not in page
    web.is_now(NOOR)
    assert "#1" in web.gets("/console/mentees").text


def test_who_left_or_is_another_mentors_is_not_on_the_list(talk: Talk, web: Web) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(JO).id).left_at = talk.clock()
        session.execute(delete(Match).where(Match.mentor_id == talk.person(NOOR).id))
    web.is_now(SAM)
    assert mentees_on(web.gets("/console/mentees").text) == ["Maya"]
    web.is_now(NOOR)
    assert mentees_on(web.gets("/console/mentees").text) == []


# --- presence, and who read what ---


def test_an_open_page_says_that_it_is_open_and_not_at_every_reading(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    sam, handoff = talk.person(SAM), talk.handoff()

    def seen_at() -> object:
        with talk.database.reading() as session:
            return session.scalar(
                select(Presence.seen_at).where(
                    Presence.person_id == sam.id, Presence.handoff_id == handoff.id
                )
            )

    began = talk.clock()
    assert web.gets("/console/1/now").status_code == 200
    assert seen_at() == began
    talk.clock.now += timedelta(seconds=5)
    web.gets("/console/1/now")
    assert seen_at() == began
    talk.clock.now += timedelta(seconds=30)
    web.gets("/console/1/now")
    assert seen_at() == talk.clock()
    talk.new_texts()
    talk.texts(MAYA, "are you there?")
    assert [who for who, _ in talk.new_texts() if who == "sam"] == [], "he reads it on the page"
    web.posts("/console/1/give-back")
    assert seen_at() is None
    web.gets("/console/1/now")
    assert seen_at() is None, "who may not read it looks at nothing"


def test_two_tabs_that_open_at_once_are_one_presence(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    sam, now = talk.person(NOOR), talk.clock()
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, 1)
        assert is_worth_noting(session, sam, handoff, now=now)
    for later in (0, 20):
        with talk.database.writing() as session:
            touch(session, sam, handoff, now=now + timedelta(seconds=later))
    with talk.database.reading() as session:
        seen = session.scalars(select(Presence).where(Presence.person_id == sam.id)).all()
    assert [one.seen_at for one in seen] == [now + timedelta(seconds=20)]


def test_who_opens_a_thread_or_its_brief_is_kept_and_who_may_not_read_is_not(
    talk: Talk, web: Web
) -> None:
    def readers() -> list[tuple[int | None, str]]:
        with talk.database.reading() as session:
            read = select(AuditEntry).where(AuditEntry.action == "read").order_by(AuditEntry.id)
            return [(entry.by_id, entry.about) for entry in session.scalars(read)]

    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    web.gets("/console/1")
    web.gets("/console/1/brief")
    assert readers() == []
    web.posts("/console/1/take")
    for path in ("/console/1", "/console/1/now", "/console/1/brief", "/console/1/notes"):
        assert web.gets(path).status_code == 200
    web.is_now(RUTH)
    web.gets("/console/1/brief")
    assert readers() == [
        (talk.person(SAM).id, "handoff:1"),
        (talk.person(RUTH).id, "handoff:1"),
    ]


# --- the brief ---


def test_sam_reads_before_he_writes_what_was_tried_how_she_was_and_what_is_not_known(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, "hello")
    thread = talk.thread(MAYA)
    with talk.database.writing() as session:
        session.add(
            SkillUse(
                conversation_id=thread[0].conversation_id,
                skill="breathing",
                started_at=talk.clock(),
                ended_at=talk.clock(),
                outcome=SkillOutcome.DONE,
                before=8,
                after=5,
            )
        )
        inbound = [said for said in thread if not said.outgoing]
        session.add(
            CheckIn(
                conversation_id=thread[0].conversation_id,
                message_id=inbound[0].id,
                at=talk.clock(),
                kind="mood",
                score=4,
            )
        )
    talk.clock.now += timedelta(minutes=5)
    sam_holds_mayas(talk, web, LONELY)
    for path in ("/console/1", "/console/1/brief"):
        page = web.gets(path).text
        assert "Practiced breathing" in page
        assert "8 before, 5 after (how tense they feel), <strong>better</strong>" in page
        assert '<svg viewBox="0 0 280 96"' in page
        assert "Mood, 0 to 10" in page
        assert "it is the first handoff" in page
        assert "Only a suggestion" in page
        assert "Hi Maya. I have read what you wrote" in page
        for quote in re.findall(r'<q dir="auto">(.*?)</q>', page):
            assert quote in LONELY
        assert not re.search(r"\sstyle=|\son\w+=|<script>", page)
    assert "Hi Maya. I have read" not in " ".join(talk.read_by(MAYA)), "nothing is sent by itself"


def test_the_brief_of_what_one_does_not_hold_leads_to_where_it_can_be_taken(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, LONELY)
    web.is_now(SAM)
    assert web.gets("/console/1/brief").headers["Location"] == "/console/1"
    web.is_now(talk.a_manager_elsewhere())
    assert web.gets("/console/1/brief").status_code == 404


def test_the_suggestion_begins_the_box_without_script_too(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web, LONELY)
    box = re.search(r"<textarea id=\"words\".*?>(.*?)</textarea>", web.gets("/console/1").text)
    assert box is not None
    assert box[1] == ""
    page = web.gets("/console/1?suggested=true").text
    box = re.search(r"<textarea id=\"words\".*?>(.*?)</textarea>", page)
    assert box is not None
    assert box[1].startswith("Hi Maya. I have read what you wrote")
    web.is_now(RUTH)
    assert "Put it into the box" not in web.gets("/console/1?suggested=true").text


def test_who_shares_a_summary_shows_nothing_from_before_the_call(talk: Talk, web: Web) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).shares_whole = False
    talk.texts(MAYA, "my secret from before")
    talk.clock.now += timedelta(minutes=1)
    sam_holds_mayas(talk, web, LONELY)
    for path in ("/console/1", "/console/1/now", "/console/1?all=1", "/console/1/brief"):
        page = web.gets(path).text
        assert "my secret" not in page, path
    assert "shares what was written from the call for a person on" in web.gets("/console/1").text
    talk.texts(MAYA, CRISIS)
    assert "my secret from before" in web.gets("/console/1").text, "in a crisis it is the whole"


# --- notes ---


def test_a_note_is_read_by_sam_and_ruth_and_not_by_maya_or_noor(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    words = "Her aunt lives nearby.\r\nAsk <b>her</b>."
    assert web.clicks("/console/1/note", note=words).status_code == 204
    assert web.clicks("/console/1/note", note=words).status_code == 204
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Note)) == 1, "one click, sent twice"
    page = web.gets("/console/1/notes").text
    assert "Her aunt lives nearby.\nAsk &lt;b&gt;her&lt;/b&gt;." in page
    assert "aunt" not in " ".join(talk.read_by(MAYA))
    web.is_now(RUTH)
    assert "Her aunt lives nearby." in web.gets("/console/1").text
    web.is_now(NOOR)
    assert web.gets("/console/1/notes").status_code == 403
    refused = web.clicks("/console/1/note", note="mine")
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("words", "sentence"),
    [("  ", "nothing to note yet"), ("x" * 4001, "1 too long"), ("\x00", None)],
)
def test_a_note_that_cannot_be_kept_is_given_back(
    talk: Talk, web: Web, words: str, sentence: str | None
) -> None:
    sam_holds_mayas(talk, web)
    answer = web.posts("/console/1/note", note=words)
    if sentence is None:
        assert answer.status_code == 303
        return
    assert answer.status_code == 422
    assert sentence in answer.text
    assert words.strip() in answer.text


# --- canned replies ---


def test_ruth_writes_a_reply_sam_inserts_it_with_mayas_name_and_edits_it(
    talk: Talk, web: Web
) -> None:
    web.is_now(RUTH)
    form = {"title": "Back soon ", "words": "Hi {name}, I am back at six. {this} stays."}
    for _ in range(2):
        assert web.posts("/console/replies", **form).headers["Location"] == "/console/replies"
    page = web.gets("/console/replies").text
    assert page.count("Back soon") == 2, "once as title, once in the name of its button"
    sam_holds_mayas(talk, web)
    page = web.gets("/console/1").text
    assert "Hi Maya, I am back at six. {this} stays." in page
    begun = web.gets("/console/1?reply=1").text
    box = re.search(r"<textarea id=\"words\".*?>(.*?)</textarea>", begun)
    assert box is not None
    assert box[1] == "Hi Maya, I am back at six. {this} stays."
    assert "back at six" not in " ".join(talk.read_by(MAYA))
    web.is_now(RUTH)
    for _ in range(2):
        assert web.posts("/console/replies/1/remove").status_code == 303
    web.is_now(SAM)
    assert "back at six" not in web.gets("/console/1?reply=1").text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"title": "", "words": "hello"}, "needs a title"),
        ({"title": "x" * 61, "words": "hello"}, "under 61"),
        ({"title": "Long", "words": "y" * 1501}, "1 too long"),
        ({"title": "there", "words": "again"}, "“there” already"),
    ],
)
def test_a_reply_that_cannot_be_kept_says_why_and_is_given_back(
    talk: Talk, web: Web, form: dict[str, str], sentence: str
) -> None:
    web.is_now(RUTH)
    web.posts("/console/replies", title="There", words="it is")
    refused = web.posts("/console/replies", **form)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert form["words"] in refused.text


def test_replies_are_the_managers_and_their_programs(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    web.posts("/console/replies", title="<i>Ours</i>", words="<script>alert(1)</script>")
    page = web.gets("/console/replies").text
    assert "<script>alert" not in page
    assert "&lt;i&gt;Ours" in page
    web.is_now(talk.a_manager_elsewhere())
    assert "Ours" not in web.gets("/console/replies").text
    web.posts("/console/replies/1/remove")
    with talk.database.reading() as session:
        assert session.get_one(CannedReply, 1).removed_at is None
    web.is_now(SAM)
    assert web.gets("/console/replies").status_code == 403
    assert web.posts("/console/replies", title="a", words="b").status_code == 403
    assert web.posts("/console/replies/1/remove").status_code == 403


@pytest.mark.parametrize(
    ("words", "name", "said"),
    [
        ("Hi {name}!", "Maya", "Hi Maya!"),
        ("Hi {name}!", None, "Hi!"),
        ("{name.__class__} {0}", "Maya", "{name.__class__} {0}"),
        ("Hi {name}", "{name}", "Hi {name}"),
    ],
)
def test_only_the_name_is_filled_in(words: str, name: str | None, said: str) -> None:
    assert filled(words, name) == said


# --- transfers ---


def test_sam_asks_noor_who_accepts_and_maya_is_told(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web, "my secret. " + ASKS)
    noor = talk.person(NOOR)
    form = {"to": str(noor.id), "handing": "I am on a train."}
    for _ in range(2):
        assert web.clicks("/console/1/transfer", **form).status_code == 204
    assert "Offered to <bdi>Noor</bdi>" in web.gets("/console/1/now").text
    assert talk.handoff().mentor_id == talk.person(SAM).id, "it is his until she accepts"
    web.is_now(NOOR)
    page = web.gets("/console").text
    assert (count_of(page, "mine"), rows_of(page)) == (1, ["1"])
    assert "<bdi>Sam</bdi> asks you" in page
    offered = web.gets("/console/1").text
    assert "I am on a train." in offered
    assert "my secret" not in offered, "she reads the thread once it is hers"
    assert web.gets("/console/1/brief").headers["Location"] == "/console/1"
    for _ in range(2):
        assert web.posts("/console/1/accept").headers["Location"] == "/console/1"
    assert talk.handoff().mentor_id == noor.id
    assert "my secret" in web.gets("/console/1").text
    assert "Noor is here now" in talk.read_by(MAYA)[-1]
    web.is_now(SAM)
    assert web.gets("/console/1").status_code == 403
    kept = web.posts("/console/1/reply", words="I was in mid-sentence")
    assert kept.status_code == 409
    assert "I was in mid-sentence" in kept.text
    assert "my secret" not in kept.text


def test_noor_passes_and_sam_still_holds_it(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    web.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    web.is_now(NOOR)
    for _ in range(2):
        assert web.posts("/console/1/pass").headers["Location"] == "/console"
    late = web.clicks("/console/1/accept")
    assert (late.status_code, late.text) == (409, "#1 is no longer offered to you.")
    web.is_now(SAM)
    assert "<bdi>Noor</bdi> did not take it over" in web.gets("/console/1").text
    assert talk.handoff().mentor_id == talk.person(SAM).id
    assert web.clicks("/console/1/transfer", to=str(talk.person(RUTH).id)).status_code == 204


def test_an_offer_that_cannot_be_made_says_why_and_keeps_what_was_written(
    talk: Talk, web: Web
) -> None:
    sam_holds_mayas(talk, web)
    for to in ("", "x", "9" * 40, "99", str(talk.person(JO).id)):
        refused = web.posts("/console/1/transfer", to=to, handing="please read")
        assert refused.status_code == 422
        assert "Choose the colleague" in refused.text
        assert "please read" in refused.text
    web.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    talk.clock.now += timedelta(seconds=30)
    again = web.clicks("/console/1/transfer", to=str(talk.person(RUTH).id))
    assert again.status_code == 409
    assert "offered to a colleague already" in again.text
    web.is_now(RUTH)
    assert web.clicks("/console/1/accept").text == "#1 was not offered to you."
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Transfer)) == 1


def test_what_is_given_back_meanwhile_is_no_longer_offered(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    web.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    web.posts("/console/1/give-back")
    web.is_now(NOOR)
    assert web.clicks("/console/1/accept").status_code == 409
    assert talk.handoff().status is Status.WAITING
    assert web.posts("/console/1/take").status_code == 303


# --- afterwards ---


def test_after_a_crisis_noor_is_asked_how_it_was_and_only_she_reads_it(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, CRISIS)
    web.is_now(NOOR)
    web.posts("/console/1/take")
    web.posts("/console/1/reply", words="Hi Maya, are you safe right now?")
    web.posts("/console/1/done", outcome="referred", reason="Her aunt is with her.")
    assert "How was it for you?" in web.gets("/console?tab=mine").text
    page = web.gets("/console/1").text
    assert "How was it for you?" in page
    assert "Was this handoff right?" in page, "the verdict stays in view"
    form = {"debrief": "I was shaking after.", "wants_to_talk": "1"}
    for _ in range(2):
        assert web.posts("/console/1/debrief", **form).status_code == 303
    assert "I was shaking after." in web.gets("/console/1").text
    assert "How was it for you?" not in web.gets("/console?tab=mine").text
    with talk.database.reading() as session:
        kept = session.scalars(select(Debrief)).one()
    assert (kept.words, kept.wants_to_talk) == ("I was shaking after.", True)
    told = [words for words in talk.read_by(RUTH) if "Noor" in words and "#1" in words]
    assert len(told) == 1
    assert "shaking" not in " ".join(talk.read_by(RUTH))
    web.is_now(RUTH)
    assert "shaking" not in web.gets("/console/1").text
    assert web.clicks("/console/1/debrief", debrief="for her").status_code == 404


def test_a_refused_closing_keeps_the_choice_and_the_reason(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    refused = web.posts("/console/1/done", outcome="", reason="we had a good talk")
    assert refused.status_code == 422
    assert "we had a good talk" in refused.text
    refused = web.posts("/console/1/done", outcome="talked", reason="x" * 1501)
    assert 'value="talked" required checked' in refused.text


@pytest.mark.parametrize(
    "verb", ["take", "reply", "give-back", "done", "note", "transfer", "accept", "pass", "debrief"]
)
def test_nothing_of_another_program_can_be_moved_and_no_mentee_moves_anything(
    talk: Talk, web: Web, verb: str
) -> None:
    sam_holds_mayas(talk, web)
    web.is_now(talk.a_manager_elsewhere())
    form = {"words": "hi", "note": "hi", "to": "1", "outcome": "talked", "debrief": "hi"}
    assert web.posts(f"/console/1/{verb}", **form).status_code == 404
    web.posts("/sign-out")
    signed_out = web.clicks(f"/console/1/{verb}", **form)
    assert signed_out.status_code == 401
    assert "what you wrote stays here" in signed_out.text
    assert talk.handoff().status is Status.CLAIMED
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Note)) == 0


def test_a_mentee_on_the_web_is_written_to_though_texts_are_stopped(talk: Talk, web: Web) -> None:
    sam_holds_mayas(talk, web)
    talk.texts(MAYA, "STOP")
    assert web.clicks("/console/1/reply", words="hello").status_code == 409
    with talk.database.writing() as session:
        session.get_one(Conversation, talk.handoff().conversation_id).channel = Channel.WEB
    assert "has texted STOP" not in web.gets("/console/1/now").text
    assert web.clicks("/console/1/reply", words="hello again").status_code == 204
    assert talk.thread(MAYA)[-1].words == "hello again"


# --- with much in it ---


def test_the_console_is_quick_with_ten_thousand_handoffs(database: Database) -> None:
    talk = Talk(database)
    fill(database, 10_000, now=talk.clock())
    web = Web(talk)
    web.is_now(RUTH)
    with database.reading() as session:
        one = session.scalars(
            select(Handoff.id).where(Handoff.status == Status.CLAIMED).limit(1)
        ).one()
        staff = session.scalar(
            select(func.count()).where(Person.role != Role.MENTEE).select_from(Person)
        )
        assert staff == 3
    for path in (
        "/console?tab=waiting",
        "/console?tab=all",
        "/console?tab=mine",
        f"/console/{one}",
    ):
        took = []
        for _ in range(3):
            began = time.perf_counter()
            assert web.gets(path).status_code == 200
            took.append(time.perf_counter() - began)
        assert min(took) < 1, f"{path} took {min(took):.2f} s"
    page = web.gets("/console?tab=waiting").text
    assert len(rows_of(page)) == WAITING
    assert count_of(page, "all") == WAITING + HELD
