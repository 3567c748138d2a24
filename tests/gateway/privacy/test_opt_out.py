"""Mentees stop texts in any words, and words about other people stop nothing."""

from gateway.privacy.stop_words import STOP_WORDS, asks_to_stop
from gateway.runtime.audit import list_entries
from models import AgeBand, Channel
from tests.gateway.privacy.test_terms import says_yes
from tests.line import MAYA, NOOR, SAM, Talk
from tests.web_client import at_the_chat

CONFIRMED = "no more texts for you"


def test_any_reasonable_words_stop_texts() -> None:
    stops = [
        *sorted(STOP_WORDS),
        *("STOP.", "please stop texting me", "Stop messaging me!!", "dont text me anymore"),
        *("can you stop sending me these messages please", "don\u2019t message me again"),
        *("no more texts please", "Take me off this list.", "unsubscribe me", "opt out"),
        "I don't want any more messages from you",
        "i want to stop getting these texts",
        *("ALTO", "parar", "No me escriban más", "ya no quiero mensajes"),
    ]
    assert not [words for words in stops if not asks_to_stop(words)]


def test_words_about_somebody_or_something_else_stop_nothing() -> None:
    others = [
        "he won't stop texting me",
        "my ex keeps texting me, how do i make him stop",
        "i told him dont text me again and he still does",
        *("i can't stop", "please stop", "stop it", "make it stop", "leave me alone", "no more"),
        "i want it all to stop",
        "she said stop messaging me and i feel sick",
        "i don't want to be here any more",
        "how do i end this conversation with my mom",
        "my messages don't send",
    ]
    assert not [words for words in others if asks_to_stop(words)]


def test_she_reads_one_confirmation_after_she_stopped_texts(talk: Talk) -> None:
    talk.texts(MAYA, "please stop texting me")
    assert talk.person(MAYA).opted_out_at is not None
    talk.texts(MAYA, "stop texting me")
    talk.texts(MAYA, "hello?")
    assert [CONFIRMED in words for words in talk.read_by(MAYA)] == [True]


def test_the_audit_log_shows_when_texts_stopped_and_started(talk: Talk) -> None:
    for words in ("STOP", "stop", "no more texts", "START"):
        talk.texts(MAYA, words)
    maya = talk.person(MAYA)
    with talk.database.reading() as session:
        entries = list_entries(session, maya.program_id, about=f"person:{maya.id}")
        noted = [(one.action, one.by_id) for one in entries]
    assert sorted(noted) == [("texts.started", maya.id), ("texts.stopped", maya.id)]


def test_we_do_not_confirm_what_the_carrier_confirms(talk: Talk) -> None:
    talk.texts(MAYA, "STOP")
    assert talk.person(MAYA).opted_out_at is not None
    assert talk.read_by(MAYA) == []


def test_on_the_demos_phones_we_confirm_because_no_carrier_does(talk: Talk) -> None:
    talk.texts(MAYA, "STOP", channel=Channel.PHONES)
    assert CONFIRMED in talk.read_by(MAYA)[-1]


def test_she_stops_with_alto_and_starts_again_with_si(talk: Talk) -> None:
    talk.texts(MAYA, "ALTO")
    talk.texts(MAYA, "vale")
    assert talk.person(MAYA).opted_out_at is not None, "a yes to no question is not a yes to texts"
    talk.texts(MAYA, "Sí")
    assert talk.person(MAYA).opted_out_at is None
    assert "You will get texts from Harbor Mentoring again" in talk.read_by(MAYA)[-1]


def test_a_mentors_words_to_their_mentee_stop_nothing(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to somebody")
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "alto")
    talk.texts(SAM, "don't text me")
    assert talk.read_by(MAYA)[-2:] == ["Sam: alto", "Sam: don't text me"]
    assert talk.person(SAM).opted_out_at is None


def test_in_the_chat_each_stop_is_answered(talk: Talk) -> None:
    web = at_the_chat(talk)
    says_yes(web, AgeBand.FROM_16)
    for key in ("one", "two"):
        web.posts("/chat", words="stop texting me", key=key)
    said = [one.words for one in talk.thread(MAYA) if one.script == "texts_stopped"]
    assert len(said) == 2


def test_the_chat_shows_each_mentor_who_joined(talk: Talk) -> None:
    web = at_the_chat(talk)
    says_yes(web, AgeBand.FROM_16)
    talk.texts(MAYA, "can i talk to somebody")
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "give {1} to noor")
    talk.texts(NOOR, "accept {}")
    assert web.gets("/chat").text.count("a person joined") == 2
