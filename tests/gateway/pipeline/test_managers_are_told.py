"""Managers learn at once, by text, what a colleague does during a crisis, and who stops texts."""

from escalation.handoffs.ladder import people_to_call
from gateway.runtime.line import TextFailed
from models import Message
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web


def told(talk: Talk) -> list[str]:
    """What Ruth, the manager, reads now."""
    return [
        words.removeprefix("Warmline bot: ") for name, words in talk.new_texts() if name == "ruth"
    ]


def test_a_manager_reads_at_once_who_closed_a_crisis(talk: Talk) -> None:
    talk.claims(NOOR, asks=CRISIS)
    talk.texts(NOOR, "DONE {1} REFERRED her aunt is with her")
    assert told(talk) == [
        "Noor closed #{1}, a crisis. Read: https://warmline.example/console/to/{1}"
    ]


def test_a_manager_who_closes_a_crisis_is_not_told(talk: Talk) -> None:
    talk.claims(RUTH, asks=CRISIS)
    talk.texts(RUTH, "DONE {1} REFERRED her aunt is with her")
    assert not [words for words in told(talk) if "closed #" in words]


def test_a_manager_reads_who_goes_away_during_a_crisis_only(talk: Talk) -> None:
    talk.texts(SAM, "AWAY 2 weeks")
    talk.texts(SAM, "ON")
    assert told(talk) == []
    talk.texts(MAYA, CRISIS)
    talk.new_texts()
    talk.texts(SAM, "AWAY 2 weeks")
    assert told(talk) == [
        "Sam is away from now on, while a crisis is open. If Sam did not do that, please call them."
    ]


def test_a_manager_reads_that_a_mentor_stopped_texts_but_not_that_a_mentee_did(talk: Talk) -> None:
    talk.texts(JO, "STOP")
    assert told(talk) == []
    for _ in range(2):
        talk.texts(SAM, "STOP")
    assert told(talk) == [
        "Sam stopped texts from Warmline, so we can't page them. If Sam did not do that, "
        "please call them."
    ]


def test_a_manager_reads_that_the_carrier_stopped_texts_to_a_mentor(talk: Talk) -> None:
    talk.phones.refuse[SAM] = TextFailed("21610", final=True)
    talk.texts(MAYA, ASKS)
    assert [words for words in told(talk) if words.startswith("Sam stopped texts")]


# --- nobody can be reached ---


def test_a_mentee_in_crisis_never_reads_that_people_were_told_when_nobody_was(talk: Talk) -> None:
    """Maya waits; everyone opts out; then she is in danger."""
    talk.texts(MAYA, ASKS)
    for number in (SAM, NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    with talk.database.reading() as session:
        tx = talk.line.at(session)
        assert people_to_call(tx, session.merge(talk.handoff()), 0)[1] == []
    [words] = [words for name, words in talk.new_texts() if name == "maya"]
    assert "988" in words
    assert "couldn't reach anyone on the team" in words
    assert "told" not in words


def test_a_crisis_from_the_start_with_nobody_reachable_says_so(talk: Talk) -> None:
    for number in (SAM, NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    talk.texts(MAYA, "are you there")
    first, second = [words for name, words in talk.new_texts() if name == "maya"]
    for words in (first, second):
        assert "couldn't reach anyone" in words
        assert "988" in words
        assert "I asked" not in words


def test_managers_and_monitors_see_that_nobody_can_be_texted(talk: Talk) -> None:
    web = Web(talk)
    web.is_now(RUTH)
    warning = "Nobody on the team can be reached by text"
    assert warning not in web.gets("/log").text
    assert web.gets("/readyz").json()["programs_without_anyone_to_text"] == 0
    for number in (SAM, NOOR, RUTH):
        talk.texts(number, "STOP")
    assert warning in web.gets("/log").text
    ready = web.gets("/readyz")
    assert ready.json()["programs_without_anyone_to_text"] == 1
    assert ready.status_code == 200, "a restart would not help"


def test_a_mentor_who_leaves_when_nobody_else_is_there_promises_no_other(talk: Talk) -> None:
    talk.claims()
    for number in (NOOR, RUTH, SAM):
        talk.texts(number, "STOP")
    talk.new_texts()
    talk.texts(SAM, "PASS {1}")
    [words] = [words for name, words in talk.new_texts() if name == "maya"]
    assert "couldn't reach anyone else" in words
    assert "asking another mentor" not in words


def test_words_to_managers_have_no_content(talk: Talk) -> None:
    talk.claims(NOOR, asks=CRISIS)
    talk.texts(NOOR, "DONE {1} REFERRED pumpernickel")
    assert not [one for one in talk.rows(Message) if one.outgoing and "pumpernickel" in one.words]
