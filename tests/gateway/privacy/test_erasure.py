"""Maya's data: who may read it, her privacy page, the export, and the erasure she asks for."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.client import Answer
from bot.client import CheckIn as ToldCheckIn
from escalation.ruleset import load_rules
from gateway.conversations.relay import what_may_be_read
from gateway.handoffs.notes import write_note
from gateway.privacy.data_export import export_data
from gateway.privacy.erasure import ERASED_NAME, CannotErase, Erase, erase
from gateway.runtime.audit import first_broken, read
from gateway.runtime.database import Database
from gateway.safeguarding.records import Report, open_record
from gateway.worker import do_work
from models import (
    Base,
    Channel,
    Concern,
    Handoff,
    HandoffEvent,
    Message,
    Person,
    SafeguardingRecord,
    Schedule,
    Status,
)
from tests.commands import warmline
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web, at_the_chat

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


def everything_stored(talk: Talk) -> str:
    """All rows of all tables, decrypted."""
    with talk.database.reading() as session:
        return "\n".join(
            str(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        )


def person_with(talk: Talk, person_id: int) -> Person:
    """Also after the phone number is erased."""
    return next(person for person in talk.rows(Person) if person.id == person_id)


def asks_for_erasure(talk: Talk) -> None:
    talk.texts(MAYA, "delete my data")
    talk.texts(MAYA, "DELETE ALL")
    talk.new_texts()


def signed_in(talk: Talk, number: str) -> Web:
    web = Web(talk)
    web.is_now(number)
    return web


# --- what a mentor may read ---


def test_if_she_shares_less_a_mentor_reads_nothing_from_before_her_request(talk: Talk) -> None:
    at_the_chat(talk).posts("/chat/you/sharing", whole="no")
    talk.texts(MAYA, SECRET)
    before = len(talk.thread(MAYA))
    talk.texts(MAYA, ASKS)
    told = [said.words for said in talk.thread(MAYA)[before:]]
    assert any("from your last text on" in words for words in told), told
    assert not any("can read this chat." in words for words in told)
    talk.texts(MAYA, "it is about school")
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{number}}}")
    sams = signed_in(talk, SAM)
    for address in (f"/console/{number}", f"/console/{number}?all=1", f"/console/{number}/now"):
        page = sams.gets(address).text
        assert "it is about school" in page
        assert ASKS in page
        assert "pumpernickel" not in page


def test_in_a_crisis_a_mentor_reads_the_whole_chat_and_her_page_says_so(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/sharing", whole="no")
    assert "In a crisis, a mentor can read the whole chat" in web.gets("/chat/you").text
    talk.texts(MAYA, SECRET)
    talk.texts(MAYA, "i want to kill myself tonight")
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{number}}}")
    assert "pumpernickel" in signed_in(talk, SAM).gets(f"/console/{number}").text
    assert "The whole chat, because it was a crisis." in web.gets("/chat/you").text


def test_by_default_a_mentor_reads_the_whole_chat_and_she_is_told(talk: Talk) -> None:
    talk.texts(MAYA, SECRET)
    talk.texts(MAYA, ASKS)
    assert any("can read this chat." in said.words for said in talk.thread(MAYA))
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        assert what_may_be_read(session, handoff, handoff.conversation.person) is None


def test_without_a_request_by_text_a_mentor_reads_from_the_opening_on(talk: Talk) -> None:
    web = at_the_chat(talk)
    web.posts("/chat/you/sharing", whole="no")
    talk.texts(MAYA, SECRET)
    talk.passes(minutes=1)
    web.posts("/chat/terms/person")
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        first = what_may_be_read(session, handoff, handoff.conversation.person)
    secret = [said.id for said in talk.thread(MAYA) if "pumpernickel" in said.words]
    assert secret
    assert first is not None
    assert max(secret) < first


# --- her page ---


def test_her_page_shows_why_who_how_long_and_what_they_read(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.passes(minutes=4)
    talk.texts(SAM, f"TAKE {{{number}}}")
    talk.texts(SAM, "Hey")
    read(talk.line, talk.person(SAM), f"handoff:{number}")
    talk.texts(SAM, f"DONE {{{number}}} TALKED")
    page = at_the_chat(talk).gets("/chat/you").text
    assert "You asked for a person." in page
    assert "4 min until a mentor wrote." in page
    assert "The whole chat. <bdi>Sam</bdi> opened it." in page
    assert "You talked." in page


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
    [schedule] = talk.rows(Schedule)
    assert schedule.paused
    assert "Start check-ins again" in web.gets("/chat/you?done=paused").text
    assert not talk.person(MAYA).opted_out_at
    web.posts("/chat/you/check-ins", pause="no")

    web.posts("/chat/you/texts", stop="yes")
    assert talk.person(MAYA).opted_out_at
    [schedule] = talk.rows(Schedule)
    assert not schedule.paused
    assert "We don't text you" in web.gets("/chat/you").text
    web.posts("/chat/you/texts", stop="no")
    assert not talk.person(MAYA).opted_out_at

    assert web.posts("/chat/you/delete").status_code == 422
    web.posts("/chat/you/delete", sure="yes")
    assert "Tuesday 17 November 2026" in web.gets("/chat/you").text
    web.posts("/chat/you/keep")
    talk.passes(days=8)
    assert person_with(talk, maya).name == "Maya"


def test_jo_sees_nothing_of_mayas_handoffs(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    web = at_the_chat(talk, JO)
    page = web.gets("/chat/you").text
    assert "This hasn't happened yet." in page
    assert "Maya" not in page
    web.posts("/chat/you/decline", number=str(talk.handoff().id))
    assert talk.handoff().is_open


def test_an_invalid_form_changes_nothing(talk: Talk) -> None:
    web = at_the_chat(talk)
    forms: dict[str, dict[str, str]] = {
        "sharing": {"whole": "perhaps"},
        "check-ins": {},
        "texts": {"stop": "<script>"},
        "follow-up": {"says": "x"},
        "decline": {"number": "seven"},
    }
    for path, form in forms.items():
        refused = web.client.post(f"/chat/you/{path}", data=form, headers={"Accept": "text/html"})
        assert refused.status_code == 422, path
        assert "<script>" not in refused.text.replace('<script src="', "")


# --- asking for erasure ---


def test_a_request_by_text_is_confirmed_and_says_when(talk: Talk) -> None:
    [asked] = maya_shows(talk, "Delete my data")
    assert "text DELETE ALL" in asked
    assert "7 days" in asked
    [said] = maya_shows(talk, "delete all")
    assert "on Tuesday 17 November" in said
    assert talk.bot.heard == []


def test_without_the_second_text_nothing_is_erased(talk: Talk) -> None:
    maya_shows(talk, "DELETE MY DATA")
    maya_shows(talk, "what is stress")
    talk.passes(days=8)
    assert talk.person(MAYA).name == "Maya"
    assert maya_shows(talk, "delete all")[-1] == "Warmline bot: You wrote: delete all"


def test_writing_again_cancels_it_but_thanks_do_not(talk: Talk) -> None:
    asks_for_erasure(talk)
    assert maya_shows(talk, "thanks")[-1] == "Warmline bot: You wrote: thanks"
    assert "we delete nothing" in maya_shows(talk, "wait, what is sleep")[0]
    talk.passes(days=8)
    assert talk.person(MAYA).name == "Maya"
    assert "DELETE ALL" in maya_shows(talk, "delete my data")[0]


def test_a_crisis_cancels_it_too(talk: Talk) -> None:
    asks_for_erasure(talk)
    shown = maya_shows(talk, "i want to kill myself tonight")
    assert "we delete nothing" in shown[0]
    assert "988" in shown[1]


def test_a_week_later_her_words_name_and_number_are_erased(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    talk.texts(MAYA, SECRET)
    talk.bot.answers["seven"] = Answer(check_in=ToldCheckIn("mood", 7, note="pumpernickel"))
    talk.texts(MAYA, "seven")
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{number}}}")
    talk.texts(SAM, "Hi Maya, how is pumpernickel?")
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, number)
        sam = session.get_one(Person, talk.person(SAM).id)
        write_note(session, handoff, sam, "Maya talks of pumpernickel", now=talk.clock())
    talk.texts(SAM, f"DONE {{{number}}} TALKED about pumpernickel")
    assert "pumpernickel" in everything_stored(talk)
    asks_for_erasure(talk)
    talk.passes(days=6, hours=23)
    assert person_with(talk, maya).name == "Maya"

    talk.passes(hours=1)
    for _ in range(2):
        do_work(talk.line, Erase(talk.handoff().conversation_id))
        stored = everything_stored(talk)
    for gone in ("pumpernickel", "Maya", MAYA, ASKS):
        assert gone not in stored
    erased = person_with(talk, maya)
    assert (erased.name, erased.phone, erased.left_at) == (ERASED_NAME, None, talk.clock())
    assert talk.rows(HandoffEvent)
    with talk.database.reading() as session:
        assert first_broken(session) is None
    assert talk.bot.forgot[-1] == talk.handoff().conversation_id
    # Ruth's page of the handoff still opens, without any words.
    ruth = signed_in(talk, RUTH)
    page = ruth.gets(f"/log/{number}")
    assert page.status_code == 200
    assert ERASED_NAME in page.text
    assert "pumpernickel" not in page.text
    assert ruth.gets(f"/console/{number}").status_code == 200


def test_words_relayed_to_a_mentors_phone_are_erased_there_too(
    database: Database, tmp_path: Path
) -> None:
    text = Path("escalation/policy.toml").read_text("utf-8")
    policy = tmp_path / "policy.toml"
    policy.write_text(text.replace('mentor_sms = "link"', 'mentor_sms = "words"'), "utf-8")
    rules = load_rules("https://warmline.example", Channel.SMS, policy_file=policy)
    talk = Talk(database, rules=rules)
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{number}}}")
    talk.texts(MAYA, SECRET)
    talk.texts(SAM, f"DONE {{{number}}} REFERRED she told me of pumpernickel")
    assert any("pumpernickel" in words for words in talk.read_by(SAM))
    talk.erases(MAYA)
    assert all("pumpernickel" not in message.words for message in talk.thread(SAM))


def test_alerts_that_name_maya_are_erased_on_her_mentors_phone_record(talk: Talk) -> None:
    talk.adopts("alert", names_mentee="first_name")
    talk.texts(MAYA, ASKS)
    assert "your mentee Maya needs" in talk.thread(SAM)[-1].words
    talk.texts(MAYA, "never mind")
    talk.erases(MAYA)
    assert all("Maya" not in message.words for message in talk.thread(SAM))


def test_it_waits_until_a_person_closes_an_open_crisis(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    talk.texts(MAYA, "i want to kill myself tonight")
    number = talk.handoff().id
    web = at_the_chat(talk)
    web.posts("/chat/you/delete", sure="yes")
    assert "a crisis or a concern about your safety is still open" in web.gets("/chat/you").text
    # A jump: nine days of a crisis ladder are thousands of pages.
    talk.clock.now += timedelta(days=9)
    talk.passes(seconds=0)
    assert person_with(talk, maya).name == "Maya"
    talk.texts(NOOR, f"TAKE {{{number}}}")
    talk.texts(NOOR, "hello")
    talk.texts(NOOR, f"DONE {{{number}}} TALKED she is safe with her aunt")
    talk.passes(hours=1)
    assert person_with(talk, maya).name == ERASED_NAME


def test_it_waits_until_a_concern_for_her_is_closed_and_the_record_stays(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    talk.texts(MAYA, "CONCERN he shouts at me")
    asks_for_erasure(talk)
    talk.passes(days=8)
    assert person_with(talk, maya).name == "Maya"
    with talk.database.writing() as session:
        record = session.scalars(select(SafeguardingRecord)).one()
        record.outcome, record.closed_at = "looked into", talk.clock()
    talk.passes(hours=1)
    assert person_with(talk, maya).name == ERASED_NAME
    [record] = talk.rows(SafeguardingRecord)
    assert record.words == "he shouts at me"


def test_it_withdraws_an_open_request_for_a_person(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    web = at_the_chat(talk)
    web.posts("/chat/you/delete", sure="yes")
    # A jump: eight days of a ladder are a thousand pages.
    talk.clock.now += timedelta(days=8)
    talk.passes(seconds=0)
    assert talk.handoff().status is Status.WITHDRAWN
    assert "Maya" not in everything_stored(talk)


def test_it_waits_for_what_she_has_just_written(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    asks_for_erasure(talk)
    talk.arrives(MAYA, "i changed my mind")
    talk.passes(days=8)
    assert person_with(talk, maya).name == "Maya"


def test_her_words_go_while_the_bot_is_away_and_its_copy_when_it_is_back(talk: Talk) -> None:
    maya = talk.person(MAYA).id
    asks_for_erasure(talk)
    thread = talk.conversation(MAYA).id
    talk.bot.away = True
    talk.passes(days=8)
    assert person_with(talk, maya).name == ERASED_NAME
    talk.bot.away = False
    talk.passes(minutes=1)
    talk.runs_watchdog()
    assert talk.bot.forgot == [thread]


def test_after_the_erasure_she_is_a_stranger(talk: Talk) -> None:
    asks_for_erasure(talk)
    talk.passes(days=8)
    talk.new_texts()
    talk.texts(MAYA, "hi")
    assert "This number is not enrolled" in talk.new_texts()[-1][1]


# --- commands ---


def test_the_export_has_everything_and_no_secrets(local: Talk) -> None:
    local.texts(MAYA, SECRET)
    local.texts(MAYA, ASKS)
    with local.database.writing() as session:
        maya = session.get_one(Person, local.person(MAYA).id)
        ruth = session.get_one(Person, local.person(RUTH).id)
        report = Report(maya, Concern.OTHER, "a bruise", opened_by=ruth)
        open_record(local.line.at(session), report)
    ran = warmline("export", MAYA)
    assert ran.exit_code == 0, ran.output
    # The command writes its log to stderr; this runner does not.
    everything = json.loads(ran.stdout[ran.stdout.index("{\n") :])
    assert everything["person"]["name"] == "Maya"
    assert SECRET in [message["words"] for message in everything["messages"]]
    assert everything["handoffs"][0]["need"] == "request"
    assert everything["matched_with"][0] == {"kind": "own", "name": "Sam"}
    assert everything["written_by_others"]["safeguarding"][0]["words"] == "a bruise"
    assert "password_hash" not in everything["person"]
    assert "phone_index" not in ran.stdout
    assert "token_hash" not in ran.stdout


def test_jos_words_are_not_in_mayas_export(talk: Talk) -> None:
    talk.texts(JO, SECRET)
    talk.texts(MAYA, ASKS)
    with talk.database.reading() as session:
        everything = export_data(session, session.get_one(Person, talk.person(MAYA).id))
    assert "pumpernickel" not in json.dumps(everything)


def test_erase_explains_a_refusal_and_loses_nothing(local: Talk) -> None:
    local.texts(MAYA, "i want to kill myself tonight")
    ran = warmline("erase", MAYA, "--yes")
    assert ran.exit_code == 2
    assert "is a crisis and open" in ran.stderr
    with local.database.writing() as session, pytest.raises(CannotErase, match="is a crisis"):
        erase(session, session.get_one(Person, local.person(MAYA).id), by=None, now=local.clock())
    assert local.person(MAYA).name == "Maya"


def test_erasing_a_mentor_leaves_what_they_wrote_to_a_mentee(local: Talk) -> None:
    local.texts(MAYA, ASKS)
    number = local.handoff().id
    local.texts(SAM, f"TAKE {{{number}}}")
    local.texts(SAM, "hello from sam")
    held = warmline("erase", SAM, "--yes")
    assert held.exit_code == 2
    assert f"Sam holds #{number}" in held.stderr
    local.texts(SAM, f"DONE {{{number}}} TALKED")
    sam, thread = local.person(SAM).id, local.conversation(SAM).id
    ran = warmline("erase", SAM, "--yes")
    assert ran.exit_code == 0, ran.output
    assert "The bot" not in ran.stdout, "it is off, and never heard what Sam wrote"
    assert person_with(local, sam).phone is None
    assert "hello from sam" in [message.words for message in local.thread(MAYA)]
    # Alerts stay in the log; his own commands do not.
    own = [one for one in local.rows(Message) if one.conversation_id == thread]
    assert all(message.outgoing for message in own)
