"""What an erasure reaches: staff texts, unknown numbers, the provider, copies, and every table."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from escalation.handoffs.handoffs import open_handoff
from gateway.accounts.notices import tell_of_change
from gateway.messaging.sms import Twilio, connect
from gateway.privacy.data_export import export_data
from gateway.privacy.erasure import CannotErase, erase_stranger
from gateway.privacy.legal_hold import begin_hold, end_hold
from models import (
    AuditEntry,
    Base,
    Conversation,
    Debrief,
    FailedTry,
    KeyToDestroy,
    Message,
    Need,
    Person,
    ProviderCopy,
    Urgency,
    keys,
)
from models.encryption.ownership import encrypted_columns
from tests.commands import warmline
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN, FakeTwilio, Fault
from tests.line import MAYA, NOOR, RUTH, SAM, STRANGER, Talk


def words_everywhere(talk: Talk) -> str:
    return "\n".join(message.words for message in talk.rows(Message))


# --- staff texts ---


def test_a_mentors_texts_go_with_the_mentee_without_any_number_in_them(talk: Talk) -> None:
    number = talk.claims(SAM, MAYA)
    talk.texts(SAM, "how is pumpernickel?")
    talk.texts(SAM, "DONE {} TALKED she misses pumpernickel")
    assert talk.handoff().closed_at
    assert "pumpernickel" in words_everywhere(talk)
    assert number
    talk.erases(MAYA)
    assert "pumpernickel" not in words_everywhere(talk)


def test_a_mentors_text_that_names_no_mentee_goes_with_those_he_held(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.texts(SAM, "note about pumpernickel and 2 more")
    talk.texts(SAM, "AWAY until pumpernickel is back")
    talk.texts(SAM, "DONE {} TALKED")
    keyed = [one for one in talk.rows(Message) if one.key_id]
    assert keyed, "it has a key of its own"
    talk.erases(MAYA)
    assert "pumpernickel" not in words_everywhere(talk)
    assert not any(keys().has(one.key_id or "") for one in keyed)


def test_a_text_of_somebody_who_held_her_before_her_last_mentor_goes_too(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.texts(SAM, "AWAY until pumpernickel is back")
    assert [one.key_id for one in talk.thread(SAM) if "pumpernickel" in one.words] != [None]
    talk.texts(SAM, "GIVE {} TO NOOR")
    talk.texts(NOOR, "TAKE {}")
    talk.texts(NOOR, "DONE {} TALKED")
    assert talk.handoff().mentor_id == talk.person(NOOR).id
    talk.erases(MAYA)
    assert "pumpernickel" not in words_everywhere(talk)


def test_what_a_mentor_under_a_legal_hold_wrote_for_herself_stays(talk: Talk) -> None:
    talk.claims(NOOR, MAYA, "i want to kill myself tonight")
    talk.texts(NOOR, "hello")
    talk.texts(NOOR, "DONE {} TALKED she is safe with her aunt")
    talk.texts(NOOR, "DEBRIEF that was hard")
    talk.texts(NOOR, "AWAY until pumpernickel is back")
    with talk.database.writing() as session:
        noor = session.get_one(Person, talk.person(NOOR).id)
        begin_hold(session, noor, "court order", by=None, now=talk.clock())
    talk.erases(MAYA)
    assert "AWAY until pumpernickel is back" in words_everywhere(talk)
    assert [one.words for one in talk.rows(Debrief)] == ["that was hard"]


def test_a_linked_text_has_the_mentees_key_and_its_own_is_destroyed(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.texts(SAM, "hello Maya")
    [sent] = [one for one in talk.thread(SAM) if one.words == "hello Maya"]
    assert sent.key_id is None
    assert sent.about_id == talk.conversation(MAYA).id
    assert getattr(sent.words, "key", None) == talk.person(MAYA).key_id
    destroyed = {one.key_id for one in talk.rows(KeyToDestroy)}
    assert destroyed
    assert not any(keys().has(name) for name in destroyed)


# --- every table ---


def test_no_value_has_a_destroyed_key(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.texts(SAM, "hello Maya")
    talk.texts(SAM, "DONE {} TALKED about it")
    former = talk.person(MAYA).key_id
    talk.erases(MAYA)
    with talk.database.reading() as session:
        for mapper in Base.registry.mappers:
            for name in encrypted_columns(mapper):
                table = mapper.class_.__tablename__
                stored = session.scalars(text(f'SELECT "{name}" FROM "{table}"')).all()
                assert not [one for one in stored if one and one.startswith(former)], (table, name)


def test_every_table_with_a_persons_key_is_in_the_export(talk: Talk) -> None:
    """A new table fails here until gateway/privacy/data_export.py knows it."""
    source = export_data.__globals__
    about_people = {
        mapper.class_.__name__
        for mapper in Base.registry.mappers
        for link in mapper.local_table.foreign_keys
        if link.column.table.name in ("person", "conversation", "handoff", "message")
    }
    missing = {name for name in about_people if name not in source}
    assert not missing


def test_the_export_has_debriefs_transfer_notes_schedules_and_passkeys(talk: Talk) -> None:
    talk.claims(NOOR, MAYA, "i want to kill myself tonight")
    talk.texts(NOOR, "hello")
    talk.texts(NOOR, "GIVE {} TO RUTH she knows her aunt")
    talk.texts(RUTH, "PASS")
    talk.texts(NOOR, "DONE {} TALKED she is safe with her aunt")
    talk.texts(NOOR, "DEBRIEF that was hard")
    with talk.database.reading() as session:
        noors = export_data(session, session.get_one(Person, talk.person(NOOR).id))
        mayas = export_data(session, session.get_one(Person, talk.person(MAYA).id))
    written = json.dumps(noors)
    assert "that was hard" in written
    assert "she knows her aunt" in written
    assert noors["debriefs"][0]["words"] == "that was hard"
    assert {"passkeys", "shifts", "schedules"} <= noors.keys()
    assert "she knows her aunt" in json.dumps(mayas)
    assert "that was hard" not in json.dumps(mayas["written_by_others"]), "that is Noor's own"


# --- unknown numbers ---


def test_an_unknown_number_can_be_exported_and_erased(local: Talk) -> None:
    local.texts(STRANGER, "i am pumpernickel")
    ran = warmline("export", STRANGER)
    assert ran.exit_code == 0, ran.output
    assert "i am pumpernickel" in ran.stdout
    assert STRANGER in ran.stdout
    ran = warmline("erase", STRANGER, "--yes")
    assert ran.exit_code == 0, ran.output
    assert "The bot cannot be reached" in ran.stdout
    assert "pumpernickel" not in words_everywhere(local)
    [thread] = [one for one in local.rows(Conversation) if one.person_id is None]
    assert STRANGER not in (thread.stranger_phone or "")
    assert thread.forget_due_at
    assert "number.erased" in [one.action for one in local.rows(AuditEntry)]


def test_a_former_thread_of_the_number_does_not_hide_its_owner(local: Talk) -> None:
    with local.database.writing() as session:
        maya = session.get_one(Person, local.person(MAYA).id)
        tell_of_change(local.line.at(session), maya, old_phone=MAYA)
    [former] = [one for one in local.rows(Conversation) if one.person_id is None]
    local.texts(MAYA, "my cat is called pumpernickel")
    assert "pumpernickel" in warmline("export", MAYA).stdout
    assert warmline("erase", MAYA, "--yes").exit_code == 0
    assert "pumpernickel" not in words_everywhere(local)
    ran = warmline("erase", f"conversation:{former.id}", "--yes")
    assert ran.exit_code == 0, ran.output
    assert warmline("erase", MAYA, "--yes").exit_code == 2, "nobody has it any more"


def test_a_stranger_in_a_crisis_is_not_erased_while_it_is_open(talk: Talk) -> None:
    talk.texts(STRANGER, "hello")
    with talk.database.writing() as session:
        thread = session.scalars(select(Conversation).where(Conversation.person_id.is_(None))).one()
        open_handoff(talk.line.at(session), thread, Need.CRISIS, Urgency.CRISIS, message=None)
        with pytest.raises(CannotErase, match="Close it first"):
            erase_stranger(session, thread, now=talk.clock())
    assert "hello" in words_everywhere(talk)


# --- what comes again, and what Twilio keeps ---


def test_a_replayed_text_does_not_bring_erased_words_back(talk: Talk) -> None:
    talk.texts(MAYA, "my cat is called pumpernickel")
    first = talk.thread(MAYA)[0].provider_id
    assert first
    talk.erases(MAYA)
    before = len(talk.rows(Message))
    talk.arrives(MAYA, "my cat is called pumpernickel", provider_id=first)
    assert len(talk.rows(Message)) == before
    talk.arrives(MAYA, "hello again")
    assert len(talk.rows(Message)) == before + 1


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as fake:
        yield fake


def test_twilios_copies_are_deleted_after_an_erasure_and_again_until_it_worked(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.kept.ignored = ("check_ins",)
    client = connect(ACCOUNT_SID, TOKEN, base_url=twilio.url)
    talk.line.texts = Twilio(client, public_url="https://warmline.example", from_=NUMBER)
    talk.texts(MAYA, "hello")
    [sent] = [text for text in twilio.sent if text.to == MAYA][:1]
    twilio.set_fault(sent.sid, Fault("server_error", times=1))
    talk.erases(MAYA)
    assert sent.sid in {one.provider_id for one in talk.rows(ProviderCopy)}
    talk.passes(minutes=1)
    talk.runs_watchdog()
    assert sent in twilio.sent, "the fake failed once"
    talk.passes(hours=2)
    talk.runs_watchdog()
    assert sent not in twilio.sent
    assert talk.rows(ProviderCopy) == []
    assert twilio.violations == []


def test_a_text_that_was_not_delivered_does_not_stop_an_erasure(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    with talk.database.writing() as session:
        for number, message in enumerate(talk.thread(MAYA)):
            tried = {"provider_id": f"SM{number}", "code": "30003", "at": talk.clock()}
            session.add(FailedTry(message_id=message.id, **tried))
    talk.erases(MAYA)
    assert talk.rows(Message) == []
    assert "SM0" in {one.provider_id for one in talk.rows(ProviderCopy)}


# --- legal holds ---


def test_a_hold_stops_her_erasure_until_it_ends(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    ruth = talk.person(RUTH)
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        begin_hold(session, maya, "court order", by=ruth, now=talk.clock())
    with pytest.raises(CannotErase, match="legal hold"):
        talk.erases(MAYA)
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        end_hold(session, maya, by=ruth, now=talk.clock() + timedelta(days=1))
    talk.erases(MAYA)
    assert [one.action for one in talk.rows(AuditEntry)][-3:] == [
        "hold.begun",
        "hold.ended",
        "person.erased",
    ]


def test_the_command_needs_a_reason_for_a_hold(local: Talk) -> None:
    refused = warmline("hold", MAYA)
    assert refused.exit_code == 2
    assert "Say why" in refused.stderr
    assert warmline("hold", MAYA, "--reason", "court order").exit_code == 0
    refused = warmline("erase", MAYA, "--yes")
    assert refused.exit_code == 2
    assert "legal hold" in refused.stderr
    assert warmline("hold", MAYA, "--end").exit_code == 0
