"""Sam or Ruth opens a safeguarding record about Maya: by text or on a page, and only managers read
it.
"""

import pytest
from sqlalchemy import delete, select

from models import Concern, Match, Person, Role, SafeguardingRecord, Status
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

WORDS = "she told me her dad hits her"


def the_record(talk: Talk) -> SafeguardingRecord:
    [record] = talk.rows(SafeguardingRecord)
    return record


def signed_in(talk: Talk, number: str) -> Web:
    web = Web(talk)
    web.is_now(number)
    return web


def test_what_sam_records_by_text_reaches_the_managers_and_not_maya(talk: Talk) -> None:
    number = talk.claims()
    talk.texts(SAM, f"RECORD {{{number}}} abuse {WORDS}")
    record = the_record(talk)
    assert (record.concern, record.words, record.handoff_id) == (Concern.ABUSE, WORDS, number)
    assert (record.mentee.name, record.mentor) == ("Maya", None)
    told = dict(talk.new_texts())
    assert set(told) == {"sam", "ruth"}
    assert told["ruth"].endswith("/safeguarding")
    assert "Only managers read it" in told["sam"]
    assert not [one for one in told.values() if WORDS in one or "abuse" in one.lower()]
    assert not [one.words for one in talk.thread(SAM) if WORDS in one.words]


def test_sam_can_name_his_mentee_and_writes_as_people_write(talk: Talk) -> None:
    talk.claims(mentee=JO)
    for text, kind in {
        "record maya abuse: her dad hits her": Concern.ABUSE,
        "Record Máya self harm, she cuts": Concern.SELF_HARM,
        "RECORD MAYA exploitation a man pays her": Concern.EXPLOITATION,
        "concern maya suicide she has a plan": Concern.SUICIDE,
        "RECORD maya something is wrong at home": Concern.OTHER,
    }.items():
        talk.texts(SAM, text)
        record = talk.rows(SafeguardingRecord)[-1]
        assert (record.mentee.name, record.concern) == ("Maya", kind), text
    assert record.words == "something is wrong at home"
    assert talk.read_by(MAYA) == []
    assert not [words for words in talk.read_by(JO) if "Sam: " in words and "hello" not in words]


def test_an_unfinished_command_is_asked_about_and_goes_to_no_mentee(talk: Talk) -> None:
    talk.claims()
    for text in (
        *("RECORD", "record maya", "RECORD abuse her dad hits her", "Record {} abuse"),
        *("record abuse her dad hits her", "RECORD Zed abuse he hits", "record maya abuse"),
    ):
        answer = talk.says(SAM, text)
        assert answer.startswith("Not saved, and not sent."), text
    kinds = [kind.value.replace("_", "-") for kind in Concern if kind is not Concern.MENTOR]
    assert answer.endswith(f"Kinds: {', '.join(kinds)}.")
    assert talk.rows(SafeguardingRecord) == []
    assert [who for who, _ in talk.new_texts() if who == "maya"] == []


def test_what_only_begins_like_it_is_words_for_maya(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "record your sleep for a week and tell me")
    assert ("maya", "Sam: record your sleep for a week and tell me") in talk.new_texts()


def test_a_manager_opens_one_from_scratch(talk: Talk) -> None:
    web = signed_in(talk, RUTH)
    assert "Nothing here yet" in web.gets("/safeguarding").text
    assert 'href="/safeguarding/new"' in web.gets("/safeguarding").text
    maya, noor = str(talk.person(MAYA).id), str(talk.person(NOOR).id)
    form = {"mentee": maya, "kind": "abuse", "words": WORDS, "about": noor}
    answer = web.posts("/safeguarding/new", **form)
    record = the_record(talk)
    assert answer.headers["location"] == f"/safeguarding/{record.id}"
    assert (record.concern, record.mentor and record.mentor.name) == (Concern.ABUSE, "Noor")
    assert "Opened by <bdi>Ruth</bdi>" in web.gets(f"/safeguarding/{record.id}").text
    web.posts("/safeguarding/new", **form)  # a double click
    the_record(talk)
    assert talk.new_texts() == []  # she knows, and there is no other manager


def test_the_page_says_what_is_missing_and_keeps_the_words(talk: Talk) -> None:
    web, maya = signed_in(talk, RUTH), str(talk.person(MAYA).id)
    for form, sentence in (
        ({"kind": "abuse", "words": WORDS}, "Choose the mentee"),
        ({"mentee": str(talk.person(SAM).id), "kind": "abuse", "words": WORDS}, "Choose the men"),
        ({"mentee": maya, "kind": "gossip", "words": WORDS}, "Choose a kind"),
        ({"mentee": maya, "kind": "mentor", "words": WORDS}, "Choose the mentor"),
        ({"mentee": maya, "kind": "abuse", "words": WORDS, "about": maya}, "Choose the mentor"),
        ({"mentee": maya, "kind": "abuse", "words": WORDS + "!" * 5000}, "This is"),
    ):
        answer = web.posts("/safeguarding/new", **form)
        assert (answer.status_code, sentence in answer.text) == (422, True), form
        assert WORDS in answer.text
    assert "Write what" in web.posts("/safeguarding/new", mentee=maya, kind="abuse").text
    assert talk.rows(SafeguardingRecord) == []


def test_sam_opens_one_from_the_conversation_and_cannot_read_it(talk: Talk) -> None:
    number = talk.claims()
    web = signed_in(talk, SAM)
    assert f'href="/safeguarding/new?handoff={number}"' in web.gets(f"/console/{number}").text
    form = web.gets(f"/safeguarding/new?handoff={number}").text
    assert '<option value="4" selected>Maya</option>' in form
    maya = str(talk.person(MAYA).id)
    said = {"mentee": maya, "kind": "neglect", "words": WORDS, "handoff": str(number)}
    answer = web.posts("/safeguarding/new", **said)
    done = web.gets(answer.headers["location"])
    assert "The managers were told" in done.text
    assert WORDS not in done.text
    assert the_record(talk).handoff_id == number
    assert web.gets("/safeguarding/1").status_code == 403
    assert [who for who, _ in talk.new_texts()] == ["ruth"]
    assert WORDS not in web.gets(f"/console/{number}").text


def test_a_changed_link_opens_the_empty_form(talk: Talk) -> None:
    web = signed_in(talk, SAM)
    for number in ("9" * 20, "-1", "x"):
        assert web.gets(f"/safeguarding/new?handoff={number}").status_code == 200


def test_sam_opens_none_about_a_mentee_who_is_not_his(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.execute(delete(Match).where(Match.mentee_id == talk.person(JO).id))
    web = signed_in(talk, SAM)
    jo = str(talk.person(JO).id)
    assert web.posts("/safeguarding/new", mentee=jo, kind="abuse", words="x").status_code == 422
    talk.claims()
    for text in ("RECORD JO abuse he hits her", "record jo abuse he hits her"):
        assert talk.says(SAM, text).startswith("Not saved, and not sent."), text
    assert talk.rows(SafeguardingRecord) == []


@pytest.mark.parametrize("kind", ["mentor", "abuse"])
def test_a_record_about_sam_takes_maya_from_him_whatever_its_kind(talk: Talk, kind: str) -> None:
    number = talk.claims()
    web = signed_in(talk, NOOR)
    sam, maya = str(talk.person(SAM).id), str(talk.person(MAYA).id)
    web.posts("/safeguarding/new", mentee=maya, kind=kind, words=WORDS, about=sam)
    assert talk.handoff().status is Status.WAITING
    told = talk.new_texts()
    assert ("sam", f"Warmline bot: #{{{number}}} is no longer yours. We are asking others.") in told
    talk.passes(minutes=60)
    assert "sam" not in talk.paged()


def test_sam_reads_plainly_when_no_manager_could_be_told(talk: Talk) -> None:
    with talk.database.writing() as session:
        for person in session.scalars(select(Person).where(Person.role == Role.MANAGER)):
            person.opted_out_at = talk.clock()
    answer = talk.says(SAM, f"RECORD MAYA abuse {WORDS}")
    assert "could not text a manager" in answer
    assert the_record(talk).words == WORDS
