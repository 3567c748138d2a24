"""The mentors' console: lists, brief, notes, canned replies, transfers, debriefs."""

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
    Base,
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


@pytest.fixture
def sam(talk: Talk, web: Web) -> Web:
    """Sam at the console, with Maya's conversation."""
    sam_takes(talk, web, ASKS)
    return web


def sam_takes(talk: Talk, web: Web, words: str) -> None:
    talk.texts(MAYA, words)
    web.is_now(SAM)
    assert web.posts("/console/1/take").status_code == 303


def count(talk: Talk, table: type[Base]) -> int | None:
    with talk.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table))


def message_box(page: str) -> str:
    found = re.search(r"<textarea id=\"words\".*?>(.*?)</textarea>", page)
    assert found is not None, page
    return found[1]


def rows_of(page: str) -> list[str]:
    return re.findall(r'<li id="h(\d+)"', page)


def count_of(page: str, tab: str) -> int:
    found = re.search(rf'tab={tab}"[^>]*>\w+ <span class="count">(\d+)<', page)
    assert found is not None, page
    return int(found[1])


# --- the queue ---


def test_the_console_opens_where_the_mentors_work_is(talk: Talk, web: Web) -> None:
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
    assert "answered after 2 min" in web.gets("/console?tab=mine").text
    talk.texts(JO, "thank you for coming")
    assert "waiting for your answer" in web.gets("/console?tab=mine").text


def test_only_managers_see_all_conversations(talk: Talk, web: Web) -> None:
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


def test_noor_clicks_too_late_and_learns_who_has_it(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    web.is_now(NOOR)
    assert 'action="/console/1/take"' in web.gets("/console").text
    talk.texts(SAM, "TAKE 1")
    late = web.clicks("/console/1/take")
    assert (late.status_code, late.text) == (409, "Sam already has #1.")


def test_sam_cannot_take_maya_after_her_concern_about_him(talk: Talk, web: Web) -> None:
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
        assert "One of your colleagues takes #1" in refused.text
        assert "concern" not in refused.text
    web.is_now(NOOR)
    assert rows_of(web.gets("/console").text) == ["1"]


# --- one's own mentees ---


def mentees_on(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><bdi>(\w+)</bdi>', page)


def test_sam_sees_his_mentees_with_the_longest_silence_first(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    assert 'href="/console/mentees"' in web.gets("/console").text
    never = web.gets("/console/mentees").text
    assert mentees_on(never) == ["Maya", "Jo"]
    assert (never.count("you are a backup"), never.count("never")) == (1, 4)
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
    assert "1 check-in missed" in maya_row
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
    assert "You have no mentees now" in web.gets("/console/mentees").text
    with talk.database.reading() as session:
        about = select(AuditEntry.by_id).where(AuditEntry.about == "mentees")
        read_by = list(session.scalars(about.order_by(AuditEntry.id)))
    sam, noor, ruth = (talk.person(number).id for number in (SAM, NOOR, RUTH))
    assert read_by == [sam, sam, noor, ruth], "every visit is in the audit log"


def test_sam_does_not_see_maya_waiting_after_her_concern(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "CONCERN Sam is strange to me")
    talk.texts(MAYA, ASKS)
    web.is_now(SAM)
    page = web.gets("/console/mentees").text
    assert sorted(mentees_on(page)) == ["Jo", "Maya"]
    assert "#1" not in page
    assert "oncern" not in page
    web.is_now(NOOR)
    assert "#1" in web.gets("/console/mentees").text


def test_the_list_has_only_active_mentees_of_the_mentor(talk: Talk, web: Web) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(JO).id).left_at = talk.clock()
        session.execute(delete(Match).where(Match.mentor_id == talk.person(NOOR).id))
    web.is_now(SAM)
    assert mentees_on(web.gets("/console/mentees").text) == ["Maya"]
    web.is_now(NOOR)
    assert mentees_on(web.gets("/console/mentees").text) == []


# --- presence, and who read what ---


def test_sam_gets_no_text_while_his_page_is_open(talk: Talk, sam: Web) -> None:
    person_id, handoff_id = talk.person(SAM).id, talk.handoff().id
    where = (Presence.person_id == person_id, Presence.handoff_id == handoff_id)

    def seen_at() -> object:
        with talk.database.reading() as session:
            return session.scalar(select(Presence.seen_at).where(*where))

    began = talk.clock()
    assert sam.gets("/console/1/now").status_code == 200
    assert seen_at() == began
    talk.clock.now += timedelta(seconds=5)
    sam.gets("/console/1/now")
    assert seen_at() == began
    talk.clock.now += timedelta(seconds=30)
    sam.gets("/console/1/now")
    assert seen_at() == talk.clock()
    talk.new_texts()
    talk.texts(MAYA, "are you there?")
    assert [who for who, _ in talk.new_texts() if who == "sam"] == [], "he reads it on the page"
    sam.posts("/console/1/give-back")
    assert seen_at() is None
    sam.gets("/console/1/now")
    assert seen_at() is None, "he may not read it now"


def test_two_tabs_are_one_presence(talk: Talk, sam: Web) -> None:
    noor, now = talk.person(NOOR), talk.clock()
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, 1)
        assert is_worth_noting(session, noor, handoff, now=now)
    for later in (0, 20):
        with talk.database.writing() as session:
            touch(session, noor, handoff, now=now + timedelta(seconds=later))
    with talk.database.reading() as session:
        seen = session.scalars(select(Presence).where(Presence.person_id == noor.id)).all()
    assert [one.seen_at for one in seen] == [now + timedelta(seconds=20)]


def test_the_audit_log_records_each_reader(talk: Talk, web: Web) -> None:
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


def test_sam_reads_the_brief_before_he_writes(talk: Talk, web: Web) -> None:
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
    sam_takes(talk, web, LONELY)
    for path in ("/console/1", "/console/1/brief"):
        page = web.gets(path).text
        assert "Practiced breathing" in page
        assert "8 before, 5 after (how tense they feel), <strong>better</strong>" in page
        assert '<svg viewBox="0 0 280 96"' in page
        assert "Mood, 0 to 10" in page
        assert "this is their first handoff" in page
        assert "We never send it for you" in page
        assert "Hi Maya. I have read what you wrote" in page
        for quote in re.findall(r'<q dir="auto">(.*?)</q>', page):
            assert quote in LONELY
        assert not re.search(r"\sstyle=|\son\w+=|<script>", page)
    assert "Hi Maya. I have read" not in " ".join(talk.read_by(MAYA)), "only Sam can send it"


def test_sam_must_take_maya_to_read_her_brief(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    web.is_now(SAM)
    assert web.gets("/console/1/brief").headers["Location"] == "/console/1"
    web.is_now(talk.a_manager_elsewhere())
    assert web.gets("/console/1/brief").status_code == 404


def test_sam_can_start_with_the_suggested_message(talk: Talk, web: Web) -> None:
    sam_takes(talk, web, LONELY)
    assert message_box(web.gets("/console/1").text) == ""
    box = message_box(web.gets("/console/1?suggested=true").text)
    assert box.startswith("Hi Maya. I have read what you wrote")
    web.is_now(RUTH)
    assert "Put it in the message box" not in web.gets("/console/1?suggested=true").text


def test_maya_who_shares_a_summary_hides_earlier_messages(talk: Talk, web: Web) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).shares_whole = False
    talk.texts(MAYA, "my secret from before")
    talk.clock.now += timedelta(minutes=1)
    sam_takes(talk, web, LONELY)
    for path in ("/console/1", "/console/1/now", "/console/1?all=1", "/console/1/brief"):
        page = web.gets(path).text
        assert "my secret" not in page, path
    assert "shares only the messages since they needed a person" in web.gets("/console/1").text
    talk.texts(MAYA, CRISIS)
    assert "my secret from before" in web.gets("/console/1").text, "in a crisis it is the whole"


# --- notes ---


def test_only_sam_and_ruth_read_sams_note(talk: Talk, sam: Web) -> None:
    words = "Her aunt lives nearby.\r\nAsk <b>her</b>."
    assert sam.clicks("/console/1/note", note=words).status_code == 204
    assert sam.clicks("/console/1/note", note=words).status_code == 204
    assert count(talk, Note) == 1, "a double click"
    page = sam.gets("/console/1/notes").text
    assert "Her aunt lives nearby.\nAsk &lt;b&gt;her&lt;/b&gt;." in page
    assert "aunt" not in " ".join(talk.read_by(MAYA))
    sam.is_now(RUTH)
    assert "Her aunt lives nearby." in sam.gets("/console/1").text
    sam.is_now(NOOR)
    assert sam.gets("/console/1/notes").status_code == 403
    refused = sam.clicks("/console/1/note", note="mine")
    assert refused.status_code == 409


def test_a_refused_note_comes_back(sam: Web) -> None:
    for words, sentence in (("  ", "Write a note first"), ("x" * 4001, "1 too long")):
        answer = sam.posts("/console/1/note", note=words)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert words.strip() in answer.text
    assert sam.posts("/console/1/note", note="\x00").status_code == 303


# --- canned replies ---


def test_sam_inserts_ruths_reply_with_mayas_name(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    form = {"title": "Back soon ", "words": "Hi {name}, I am back at six. {this} stays."}
    for _ in range(2):
        assert web.posts("/console/replies", **form).headers["Location"] == "/console/replies"
    page = web.gets("/console/replies").text
    assert page.count("Back soon") == 2, "once as title, once in the name of its button"
    sam_takes(talk, web, ASKS)
    page = web.gets("/console/1").text
    assert "Hi Maya, I am back at six. {this} stays." in page
    box = message_box(web.gets("/console/1?reply=1").text)
    assert box == "Hi Maya, I am back at six. {this} stays."
    assert "back at six" not in " ".join(talk.read_by(MAYA))
    web.is_now(RUTH)
    for _ in range(2):
        assert web.posts("/console/replies/1/remove").status_code == 303
    web.is_now(SAM)
    assert "back at six" not in web.gets("/console/1?reply=1").text


def test_a_refused_reply_comes_back_with_the_reason(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    web.posts("/console/replies", title="There", words="it is")
    for title, words, sentence in (
        ("", "hello", "needs a title"),
        ("x" * 61, "hello", "under 61"),
        ("Long", "y" * 1501, "1 too long"),
        ("there", "again", "“there” already"),
    ):
        refused = web.posts("/console/replies", title=title, words=words)
        assert refused.status_code == 422, title
        assert sentence in refused.text
        assert words in refused.text


def test_only_managers_of_the_program_edit_its_replies(talk: Talk, web: Web) -> None:
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


def test_only_the_name_is_filled_in() -> None:
    assert filled("Hi {name}!", "Maya") == "Hi Maya!"
    assert filled("Hi {name}!", None) == "Hi!"
    assert filled("{name.__class__} {0}", "Maya") == "{name.__class__} {0}"
    assert filled("Hi {name}", "{name}") == "Hi {name}"


# --- transfers ---


def test_noor_accepts_mayas_conversation_from_sam(talk: Talk, web: Web) -> None:
    sam_takes(talk, web, "my secret. " + ASKS)
    noor = talk.person(NOOR)
    form = {"to": str(noor.id), "handing": "I am on a train."}
    for _ in range(2):
        assert web.clicks("/console/1/transfer", **form).status_code == 204
    assert "You asked <bdi>Noor</bdi>" in web.gets("/console/1/now").text
    assert talk.handoff().mentor_id == talk.person(SAM).id, "it is his until she accepts"
    web.is_now(NOOR)
    page = web.gets("/console").text
    assert (count_of(page, "mine"), rows_of(page)) == (1, ["1"])
    assert "<bdi>Sam</bdi> asked you" in page
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


def test_noor_declines_and_sam_keeps_maya(talk: Talk, sam: Web) -> None:
    sam.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    sam.is_now(NOOR)
    for _ in range(2):
        assert sam.posts("/console/1/pass").headers["Location"] == "/console"
    late = sam.clicks("/console/1/accept")
    assert (late.status_code, late.text) == (409, "#1 is no longer offered to you.")
    sam.is_now(SAM)
    assert "<bdi>Noor</bdi> declined" in sam.gets("/console/1").text
    assert talk.handoff().mentor_id == talk.person(SAM).id
    assert sam.clicks("/console/1/transfer", to=str(talk.person(RUTH).id)).status_code == 204


def test_a_refused_offer_comes_back_with_the_reason(talk: Talk, sam: Web) -> None:
    for to in ("", "x", "9" * 40, "99", str(talk.person(JO).id)):
        refused = sam.posts("/console/1/transfer", to=to, handing="please read")
        assert refused.status_code == 422
        assert "Choose a colleague" in refused.text
        assert "please read" in refused.text
    sam.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    talk.clock.now += timedelta(seconds=30)
    again = sam.clicks("/console/1/transfer", to=str(talk.person(RUTH).id))
    assert again.status_code == 409
    assert "You already offered it to a colleague" in again.text
    sam.is_now(RUTH)
    assert sam.clicks("/console/1/accept").text == "No one offered #1 to you."
    assert count(talk, Transfer) == 1


def test_noor_cannot_accept_what_sam_gave_back(talk: Talk, sam: Web) -> None:
    sam.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    sam.posts("/console/1/give-back")
    sam.is_now(NOOR)
    assert sam.clicks("/console/1/accept").status_code == 409
    assert talk.handoff().status is Status.WAITING
    assert sam.posts("/console/1/take").status_code == 303


# --- afterwards ---


def test_only_noor_reads_her_debrief(talk: Talk, web: Web) -> None:
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


def test_a_refused_closing_comes_back(talk: Talk, sam: Web) -> None:
    refused = sam.posts("/console/1/done", outcome="", reason="we had a good talk")
    assert refused.status_code == 422
    assert "we had a good talk" in refused.text
    refused = sam.posts("/console/1/done", outcome="talked", reason="x" * 1501)
    assert 'value="talked" required checked' in refused.text


def test_only_staff_of_the_program_can_make_a_move(talk: Talk, sam: Web) -> None:
    verbs = ["take", "reply", "give-back", "done", "note", "transfer", "accept", "pass", "debrief"]
    form = {"words": "hi", "note": "hi", "to": "1", "outcome": "talked", "debrief": "hi"}
    sam.is_now(talk.a_manager_elsewhere())
    for verb in verbs:
        assert sam.posts(f"/console/1/{verb}", **form).status_code == 404, verb
    sam.posts("/sign-out")
    for verb in verbs:
        signed_out = sam.clicks(f"/console/1/{verb}", **form)
        assert signed_out.status_code == 401, verb
        assert "what you wrote stays here" in signed_out.text
    assert talk.handoff().status is Status.CLAIMED
    assert count(talk, Note) == 0


def test_sam_can_write_in_the_chat_after_maya_stopped_texts(talk: Talk, sam: Web) -> None:
    talk.texts(MAYA, "STOP")
    assert sam.clicks("/console/1/reply", words="hello").status_code == 409
    with talk.database.writing() as session:
        session.get_one(Conversation, talk.handoff().conversation_id).channel = Channel.WEB
    assert "texted STOP" not in sam.gets("/console/1/now").text
    assert sam.clicks("/console/1/reply", words="hello again").status_code == 204
    assert talk.thread(MAYA)[-1].words == "hello again"


# --- with much in it ---


def test_the_console_is_fast_with_ten_thousand_handoffs(database: Database) -> None:
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
