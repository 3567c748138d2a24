"""The page of a handoff: its readers, the brief, notes, and canned replies."""

import re
from datetime import timedelta

from gateway.console.canned_replies import filled
from models import AuditEntry, CannedReply, CheckIn, Note, Presence, SkillOutcome, SkillUse
from tests.gateway.console.steps import CRISIS, LONELY, message_box, sam_takes
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import ASKS, Web


def test_sam_gets_no_text_while_his_page_is_open(talk: Talk, sam: Web) -> None:
    def seen_at() -> object:
        return [one.seen_at for one in talk.rows(Presence)]

    began = talk.clock()
    assert sam.gets("/console/1/now").status_code == 200
    assert seen_at() == [began]
    talk.clock.now += timedelta(seconds=5)
    sam.gets("/console/1/now")
    assert seen_at() == [began]
    talk.clock.now += timedelta(seconds=30)
    sam.gets("/console/1/now")
    assert seen_at() == [talk.clock()]
    talk.new_texts()
    talk.texts(MAYA, "are you there?")
    assert [who for who, _ in talk.new_texts() if who == "sam"] == [], "he reads it on the page"
    sam.posts("/console/1/give-back")
    assert seen_at() == []
    sam.gets("/console/1/now")
    assert seen_at() == [], "he may not read it now"


def test_a_link_that_was_changed_opens_nothing(web: Web) -> None:
    """PostgreSQL takes no NUL in a text."""
    web.is_now(SAM)
    for code in ("%00", "C2CC", "K4RT%00", "1"):
        assert web.gets(f"/console/to/{code}").status_code == 404, code


def test_the_audit_log_records_each_reader(talk: Talk, web: Web) -> None:
    def readers() -> list[tuple[int | None, str]]:
        read = [entry for entry in talk.rows(AuditEntry) if entry.action == "read"]
        return [(entry.by_id, entry.about) for entry in read]

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


def test_sam_reads_the_brief_before_he_writes(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "hello")
    now, message = talk.clock(), talk.thread(MAYA)[0]
    thread = message.conversation_id
    breathing = SkillUse(
        conversation_id=thread, skill="breathing", started_at=now, ended_at=now, before=8, after=5
    )
    breathing.outcome = SkillOutcome.DONE
    mood = CheckIn(conversation_id=thread, message_id=message.id, at=now, kind="mood", score=4)
    with talk.database.writing() as session:
        session.add_all([breathing, mood])
    talk.clock.now += timedelta(minutes=5)
    sam_takes(talk, web, LONELY)
    for path in ("/console/1", "/console/1/brief"):
        page = web.gets(path).text
        for words in (
            "Practiced breathing",
            "8 before, 5 after (how tense they feel), <strong>better</strong>",
            '<svg viewBox="0 0 280 96"',
            "Mood, 0 to 10",
            "this is their first handoff",
            "We never send it for you",
            "Hi Maya. I have read what you wrote",
        ):
            assert words in page, path
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
    talk.sets(MAYA, shares_whole=False)
    talk.texts(MAYA, "my secret from before")
    talk.clock.now += timedelta(minutes=1)
    sam_takes(talk, web, LONELY)
    for path in ("/console/1", "/console/1/now", "/console/1?all=1", "/console/1/brief"):
        page = web.gets(path).text
        assert "my secret" not in page, path
    assert "shares only the messages since they needed a person" in web.gets("/console/1").text
    talk.texts(MAYA, CRISIS)
    assert "my secret from before" in web.gets("/console/1").text, (
        "in a crisis Sam reads the whole thread"
    )


def test_only_sam_and_ruth_read_sams_note(talk: Talk, sam: Web) -> None:
    words = "Her aunt lives nearby.\r\nAsk <b>her</b>."
    for _ in range(2):
        assert sam.clicks("/console/1/note", note=words).status_code == 204
    assert len(talk.rows(Note)) == 1, "a double click"
    page = sam.gets("/console/1/notes").text
    assert "Her aunt lives nearby.\nAsk &lt;b&gt;her&lt;/b&gt;." in page
    assert "aunt" not in " ".join(talk.read_by(MAYA))
    sam.is_now(RUTH)
    assert "Her aunt lives nearby." in sam.gets("/console/1").text
    sam.is_now(NOOR)
    assert sam.gets("/console/1/notes").status_code == 403
    assert sam.clicks("/console/1/note", note="mine").status_code == 409


def test_a_refused_note_comes_back(sam: Web) -> None:
    for words, sentence in (("  ", "Write a note first"), ("x" * 4001, "1 too long")):
        answer = sam.posts("/console/1/note", note=words)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert words.strip() in answer.text
    assert sam.posts("/console/1/note", note="\x00").status_code == 303


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
    assert talk.rows(CannedReply)[0].removed_at is None
    web.is_now(SAM)
    assert web.gets("/console/replies").status_code == 403
    assert web.posts("/console/replies", title="a", words="b").status_code == 403
    assert web.posts("/console/replies/1/remove").status_code == 403


def test_only_the_name_is_filled_in() -> None:
    assert filled("Hi {name}!", "Maya") == "Hi Maya!"
    assert filled("Hi {name}!", None) == "Hi!"
    assert filled("{name.__class__} {0}", "Maya") == "{name.__class__} {0}"
    assert filled("Hi {name}", "{name}") == "Hi {name}"
