"""Maya's data: what whoever comes may read, written out for her, and gone when she wishes it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from bot.client import Answer
from bot.client import CheckIn as ToldCheckIn
from escalation.ruleset import load_rules
from gateway.chat.handoff_history import own_handoffs
from gateway.cli import app
from gateway.conversations.relay import what_may_be_read
from gateway.handoffs.notes import write_note
from gateway.privacy.data_requests import (
    ERASED_NAME,
    CannotErase,
    Erase,
    erase,
    everything_about,
)
from gateway.runtime.audit import first_broken, read
from gateway.runtime.database import Database, make_engine
from gateway.safeguarding.records import open_record
from gateway.worker import do_work
from models import (
    Base,
    Channel,
    Concern,
    Conversation,
    Handoff,
    HandoffEvent,
    Message,
    Person,
    SafeguardingRecord,
    Schedule,
    Status,
)
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.processes import KEY
from tests.web_client import Web

ASKS = "can i talk to a person please"
SECRET = "my cat is called pumpernickel"


@pytest.fixture
def talk(talk: Talk) -> Talk:
    talk.kept.ignored = ("check_ins",)
    return talk


def maya_shows(talk: Talk, words: str) -> list[str]:
    talk.new_texts()
    talk.texts(MAYA, words)
    return [shown for name, shown in talk.new_texts() if name == "maya"]


def at_the_chat(talk: Talk, number: str = MAYA) -> Web:
    web = Web(talk)
    assert web.posts(f"/chat/as/{talk.person(number).id}").status_code == 303
    return web


def everything_kept(talk: Talk) -> str:
    """All that stands in any row of any table, decrypted."""
    with talk.database.reading() as session:
        return "\n".join(
            str(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        )


def maya_in(talk: Talk, maya_id: int) -> Person:
    with talk.database.reading() as session:
        return session.get_one(Person, maya_id)


def wishes(talk: Talk) -> None:
    talk.texts(MAYA, "delete my data")
    talk.texts(MAYA, "DELETE ALL")
    talk.new_texts()


# --- what whoever comes may read ---


def test_whoever_comes_reads_no_word_from_before_the_wish(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/sharing", whole="no")
    talk.texts(MAYA, SECRET)
    talk.texts(MAYA, ASKS)
    talk.texts(MAYA, "it is about school")
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    sams = Web(talk)
    sams.is_now(SAM)
    for address in (f"/console/{number}", f"/console/{number}?all=1", f"/console/{number}/now"):
        page = sams.gets(address).text
        assert "it is about school" in page
        assert ASKS in page
        assert "pumpernickel" not in page


def test_in_a_crisis_it_is_the_whole_and_her_page_says_so(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/sharing", whole="no")
    assert "In a crisis, a mentor can read the whole chat" in web.gets("/chat/you").text
    talk.texts(MAYA, SECRET)
    talk.texts(MAYA, "i want to kill myself tonight")
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    sams = Web(talk)
    sams.is_now(SAM)
    assert "pumpernickel" in sams.gets(f"/console/{number}").text
    assert "The whole chat, because it was a crisis." in web.gets("/chat/you").text


def test_she_is_told_what_whoever_comes_can_read(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    assert any("can read this chat." in said.words for said in talk.thread(MAYA))
    talk.texts(MAYA, "never mind")
    web = at_the_chat(talk)
    web.posts("/chat/you/sharing", whole="no")
    before = len(talk.thread(MAYA))
    talk.texts(MAYA, ASKS)
    told = [said.words for said in talk.thread(MAYA)[before:]]
    assert any("from your last text on" in words for words in told), told
    assert not any("can read this chat." in words for words in told)


def test_by_default_it_is_the_whole(talk: Talk) -> None:
    talk.texts(MAYA, SECRET)
    talk.texts(MAYA, ASKS)
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        assert what_may_be_read(session, handoff, handoff.conversation.person) is None


def test_a_handoff_that_no_message_opened_begins_at_its_opening(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/sharing", whole="no")
    talk.texts(MAYA, SECRET)
    talk.passes(minutes=1)
    web.posts("/chat/terms/person")
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        first = what_may_be_read(session, handoff, handoff.conversation.person)
        secret = session.scalars(select(Message).order_by(Message.id)).all()
        assert first is not None
        assert all("pumpernickel" not in said.words for said in secret if said.id >= first)
        assert any("pumpernickel" in said.words for said in secret)


# --- her page ---


def test_her_page_tells_why_who_how_long_and_what_was_read(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.passes(minutes=4)
    talk.texts(SAM, f"TAKE {number}")
    talk.texts(SAM, "Hey")
    read(talk.line, talk.person(SAM), f"handoff:{number}")
    talk.texts(SAM, f"DONE {number} TALKED")
    page = at_the_chat(talk).gets("/chat/you").text
    assert "You asked for a person." in page
    assert "4 min until a mentor wrote." in page
    assert "The whole chat. <bdi>Sam</bdi> opened it." in page
    assert "You talked." in page
    with talk.database.reading() as session:
        theirs = session.scalars(
            select(Conversation).where(Conversation.person_id == talk.person(JO).id)
        ).one_or_none()
        assert own_handoffs(session, theirs) == []


def test_a_handoff_below_crisis_can_be_declined_once_and_no_later_one_with_it(talk: Talk) -> None:
    web = at_the_chat(talk)
    talk.texts(MAYA, ASKS)
    first = talk.handoff().id
    assert "I no longer need a person" in web.gets("/chat/you").text
    done = web.posts("/chat/you/decline", number=str(first))
    assert done.headers["Location"] == "/chat/you?done=declined#talks"
    assert talk.handoff().status is Status.WITHDRAWN
    talk.texts(MAYA, ASKS)
    again = web.posts("/chat/you/decline", number=str(first))
    assert again.headers["Location"] == "/chat/you?done=ended#talks"
    assert talk.handoff().status is Status.WAITING


def test_a_crisis_cannot_be_declined(talk: Talk) -> None:
    web = at_the_chat(talk)
    talk.texts(MAYA, "i want to kill myself tonight")
    number = talk.handoff().id
    assert "I no longer need a person" not in web.gets("/chat/you").text
    refused = web.posts("/chat/you/decline", number=str(number))
    assert refused.status_code == 409
    assert "A person will still write to you" in refused.text
    assert talk.handoff().is_open


def test_pausing_stopping_and_deleting_are_three_things(talk: Talk) -> None:
    web = at_the_chat(talk)
    maya = talk.person(MAYA).id
    web.posts("/chat/you/check-ins", pause="yes")
    with talk.database.reading() as session:
        assert session.scalars(select(Schedule)).one().paused
    assert "Start check-ins again" in web.gets("/chat/you?done=paused").text
    assert not talk.person(MAYA).opted_out_at
    web.posts("/chat/you/check-ins", pause="no")

    web.posts("/chat/you/texts", stop="yes")
    assert talk.person(MAYA).opted_out_at
    with talk.database.reading() as session:
        assert not session.scalars(select(Schedule)).one().paused
    assert "We don't text you" in web.gets("/chat/you").text
    web.posts("/chat/you/texts", stop="no")
    assert not talk.person(MAYA).opted_out_at

    assert web.posts("/chat/you/delete").status_code == 422
    web.posts("/chat/you/delete", sure="yes")
    assert "Tuesday 17 November 2026" in web.gets("/chat/you").text
    web.posts("/chat/you/keep")
    talk.passes(days=8)
    assert maya_in(talk, maya).name == "Maya"


def test_jo_sees_nothing_of_maya_and_nobody_gets_in_without_a_sign_in(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    web = at_the_chat(talk, JO)
    page = web.gets("/chat/you").text
    assert "This hasn't happened yet." in page
    assert "Maya" not in page
    web.posts("/chat/you/decline", number=str(number))
    assert talk.handoff().is_open
    outside = Web(talk)
    assert outside.gets("/chat/you").headers["Location"] == "/chat/sign-in"
    for path in ("sharing", "decline", "check-ins", "texts", "delete", "keep", "follow-up"):
        assert outside.posts(f"/chat/you/{path}").status_code == 401
    outside.is_now(SAM)
    assert outside.gets("/chat/you").status_code == 303


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("sharing", {"whole": "perhaps"}),
        ("check-ins", {}),
        ("texts", {"stop": "<script>"}),
        ("follow-up", {"says": "x"}),
        ("decline", {"number": "seven"}),
    ],
)
def test_a_form_that_says_nothing_changes_nothing(
    talk: Talk, path: str, form: dict[str, str]
) -> None:
    web = at_the_chat(talk)
    refused = web.client.post(f"/chat/you/{path}", data=form, headers={"Accept": "text/html"})
    assert refused.status_code == 422
    assert "<script>" not in refused.text.replace('<script src="', "")


# --- the wish to have it deleted ---


def test_deletion_by_text_is_asked_twice_and_says_when(talk: Talk) -> None:
    [asked] = maya_shows(talk, "Delete my data")
    assert "text DELETE ALL" in asked
    assert "7 days" in asked
    [said] = maya_shows(talk, "delete all")
    assert "on Tuesday 17 November" in said
    assert talk.bot.heard == []


def test_without_the_second_text_nothing_is_set(talk: Talk) -> None:
    maya_shows(talk, "DELETE MY DATA")
    maya_shows(talk, "what is stress")
    talk.passes(days=8)
    assert talk.person(MAYA).name == "Maya"
    assert maya_shows(talk, "delete all")[-1] == "Warmline bot: You wrote: delete all"


def test_writing_again_undoes_it_and_thanks_do_not(talk: Talk) -> None:
    wishes(talk)
    assert maya_shows(talk, "thanks")[-1] == "Warmline bot: You wrote: thanks"
    assert "we delete nothing" in maya_shows(talk, "wait, what is sleep")[0]
    talk.passes(days=8)
    assert talk.person(MAYA).name == "Maya"
    assert "DELETE ALL" in maya_shows(talk, "delete my data")[0]


def test_a_crisis_undoes_it_too(talk: Talk) -> None:
    wishes(talk)
    shown = maya_shows(talk, "i want to kill myself tonight")
    assert "we delete nothing" in shown[0]
    assert "988" in shown[1]


def test_a_week_later_her_words_name_and_number_are_gone(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    talk.texts(MAYA, SECRET)
    talk.bot.answers["seven"] = Answer(check_in=ToldCheckIn("mood", 7, note="pumpernickel"))
    talk.texts(MAYA, "seven")
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    talk.texts(SAM, "Hi Maya, how is pumpernickel?")
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, number)
        sam = session.get_one(Person, talk.person(SAM).id)
        write_note(session, handoff, sam, "Maya talks of pumpernickel", now=talk.clock())
    talk.texts(SAM, f"DONE {number} TALKED about pumpernickel")
    assert "pumpernickel" in everything_kept(talk)
    wishes(talk)
    talk.passes(days=6, hours=23)
    assert maya_in(talk, maya).name == "Maya"

    talk.passes(hours=1)
    for _ in range(2):
        do_work(talk.line, Erase(talk.handoff().conversation_id))
        kept = everything_kept(talk)
    for gone in ("pumpernickel", "Maya", MAYA, ASKS):
        assert gone not in kept
    gone_maya = maya_in(talk, maya)
    assert (gone_maya.name, gone_maya.phone, gone_maya.left_at) == (
        ERASED_NAME,
        None,
        talk.clock(),
    )
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(HandoffEvent)) or 0 > 0
        assert first_broken(session) is None
    assert talk.bot.forgot[-1] == talk.handoff().conversation_id
    # Ruth's page of the handoff still opens, with nobody's words in it.
    ruth = Web(talk)
    ruth.is_now(RUTH)
    page = ruth.gets(f"/log/{number}")
    assert page.status_code == 200
    assert ERASED_NAME in page.text
    assert "pumpernickel" not in page.text
    assert ruth.gets(f"/console/{number}").status_code == 200


def test_words_passed_on_to_a_mentors_phone_are_gone_there_too(
    database: Database, tmp_path: Path
) -> None:
    text = Path("escalation/policy.toml").read_text("utf-8")
    policy = tmp_path / "policy.toml"
    policy.write_text(text.replace('mentor_sms = "link"', 'mentor_sms = "words"'), "utf-8")
    rules = load_rules("https://warmline.example", Channel.SMS, policy_file=policy)
    talk = Talk(database, rules=rules)
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    talk.texts(MAYA, SECRET)
    talk.texts(SAM, f"DONE {number} REFERRED she told me of pumpernickel")
    assert any("pumpernickel" in words for words in talk.read_by(SAM))
    with talk.database.writing() as session:
        erase(session, session.get_one(Person, talk.person(MAYA).id), by=None, now=talk.clock())
    assert all("pumpernickel" not in message.words for message in talk.thread(SAM))


def test_it_waits_while_a_crisis_is_open_and_goes_on_when_a_person_has_closed_it(
    talk: Talk,
) -> None:
    maya = talk.person(MAYA).id
    talk.texts(MAYA, "i want to kill myself tonight")
    number = talk.handoff().id
    web = at_the_chat(talk)
    web.posts("/chat/you/delete", sure="yes")
    assert "a crisis or a concern about your safety is still open" in web.gets("/chat/you").text
    # A jump: nine days of a crisis ladder are thousands of pages.
    talk.clock.now += timedelta(days=9)
    talk.passes(seconds=0)
    assert maya_in(talk, maya).name == "Maya"
    talk.texts(NOOR, f"TAKE {number}")
    talk.texts(NOOR, "hello")
    talk.texts(NOOR, f"DONE {number} TALKED she is safe with her aunt")
    talk.passes(hours=1)
    assert maya_in(talk, maya).name == ERASED_NAME


def test_it_waits_while_a_concern_for_her_is_open_and_the_record_stays(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    talk.texts(MAYA, "CONCERN he shouts at me")
    wishes(talk)
    talk.passes(days=8)
    assert maya_in(talk, maya).name == "Maya"
    with talk.database.writing() as session:
        record = session.scalars(select(SafeguardingRecord)).one()
        record.outcome, record.closed_at = "looked into", talk.clock()
    talk.passes(hours=1)
    assert maya_in(talk, maya).name == ERASED_NAME
    with talk.database.reading() as session:
        assert session.scalars(select(SafeguardingRecord)).one().words == "he shouts at me"


def test_a_wish_for_a_person_below_crisis_ends_with_it(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    web = at_the_chat(talk)
    web.posts("/chat/you/delete", sure="yes")
    # A jump: eight days of a ladder are a thousand pages.
    talk.clock.now += timedelta(days=8)
    talk.passes(seconds=0)
    assert talk.handoff().status is Status.WITHDRAWN
    assert "Maya" not in everything_kept(talk)


def test_it_waits_for_the_bot_and_for_what_she_has_just_written(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    wishes(talk)
    talk.bot.away = True
    talk.passes(days=8)
    assert maya_in(talk, maya).name == "Maya"
    talk.bot.away = False
    talk.arrives(MAYA, "i changed my mind")
    talk.passes(hours=1)
    assert maya_in(talk, maya).name == "Maya"


def test_who_writes_after_all_is_gone_is_a_stranger(talk: Talk) -> None:
    wishes(talk)
    talk.passes(days=8)
    talk.new_texts()
    talk.texts(MAYA, "hi")
    assert "This number is not enrolled" in talk.new_texts()[-1][1]


# --- commands ---


@pytest.fixture
def warmline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'commands.db'}")
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setenv("RASA_URL", "http://127.0.0.1:9")
    return CliRunner()


@pytest.fixture
def here(tmp_path: Path) -> Talk:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'commands.db'}"))
    database.migrate()
    return Talk(database)


def test_export_writes_out_everything_and_nothing_secret(here: Talk, warmline: CliRunner) -> None:
    here.texts(MAYA, SECRET)
    here.texts(MAYA, ASKS)
    with here.database.writing() as session:
        maya = session.get_one(Person, here.person(MAYA).id)
        open_record(
            session,
            program_id=maya.program_id,
            mentee=maya,
            concern=Concern.OTHER,
            words="a bruise",
            opened_by=session.get_one(Person, here.person(RUTH).id),
            now=here.clock(),
        )
    ran = warmline.invoke(app, ["export", MAYA])
    assert ran.exit_code == 0, ran.output
    # The command itself writes its log to the other stream; this runner has not set that up.
    everything = json.loads(ran.stdout[ran.stdout.index("{\n") :])
    assert everything["person"]["name"] == "Maya"
    assert SECRET in [message["words"] for message in everything["messages"]]
    assert everything["handoffs"][0]["need"] == "request"
    assert everything["matched_with"][0] == {"kind": "own", "name": "Sam"}
    assert everything["written_by_others"]["safeguarding"][0]["words"] == "a bruise"
    assert "password_hash" not in everything["person"]
    assert "phone_index" not in ran.stdout
    assert "token_hash" not in ran.stdout


def test_jos_words_are_not_in_what_is_written_out_for_maya(talk: Talk) -> None:
    talk.texts(JO, SECRET)
    talk.texts(MAYA, ASKS)
    with talk.database.reading() as session:
        everything = everything_about(session, session.get_one(Person, talk.person(MAYA).id))
    assert "pumpernickel" not in json.dumps(everything)


def test_erase_refuses_in_words_and_loses_nothing(here: Talk, warmline: CliRunner) -> None:
    here.texts(MAYA, "i want to kill myself tonight")
    ran = warmline.invoke(app, ["erase", MAYA, "--yes"])
    assert ran.exit_code == 2
    assert "the bot cannot be reached" in ran.stderr
    with here.database.writing() as session, pytest.raises(CannotErase, match="is a crisis"):
        erase(session, session.get_one(Person, here.person(MAYA).id), by=None, now=here.clock())
    assert here.person(MAYA).name == "Maya"


def test_erase_a_mentor_leaves_what_was_said_to_a_mentee(here: Talk, warmline: CliRunner) -> None:
    here.texts(MAYA, ASKS)
    number = here.handoff().id
    here.texts(SAM, f"TAKE {number}")
    here.texts(SAM, "hello from sam")
    held = warmline.invoke(app, ["erase", SAM, "--yes"])
    assert held.exit_code == 2
    assert f"Sam holds #{number}" in held.stderr
    here.texts(SAM, f"DONE {number} TALKED")
    sam = here.person(SAM).id
    ran = warmline.invoke(app, ["erase", SAM, "--yes"])
    assert ran.exit_code == 0, ran.output
    assert maya_in(here, sam).phone is None
    assert "hello from sam" in [message.words for message in here.thread(MAYA)]
    with here.database.reading() as session:
        own = session.scalars(
            select(Message).join(Conversation).where(Conversation.person_id == sam)
        ).all()
    # Alerts stay in the log; his own commands do not.
    assert all(message.outgoing for message in own)
