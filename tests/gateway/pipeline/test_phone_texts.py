"""What phones write by themselves: reactions, automatic replies, pictures, and contact cards."""

import pytest

from escalation.received.phone_text import read_phone_text
from models import DecisionRecord, Status, TextKind
from tests.line import CRISIS, MAYA, RUTH, SAM, STRANGER, Talk

REACTIONS = [
    "Liked “Warmline bot: You can write PERSON whenever you want a person.”",
    "Loved “In crisis: call or text 988, free, 24/7. In danger: 911.”",
    "Reacted 😢 to “Sam: do you ever feel like you want to die”",
    "👍 to “You can write PERSON whenever you want a person.”",
    "\u200a👍\u200a to “\u200ahe said “i want to die” once\u200a” ",
    *("Liked an image", "Laughed at a photo", "Emphasized “a person”", "Disliked “STOP”"),
    "Removed a heart from “talk to a person”",
    *("Le gustó “Escribe PERSONA”", "Reaccionó con 😢 a “quieres morir”", "Le encantó una foto"),
    *("Quitó un corazón de “PERSONA”", "A Maya le gustó “988”", "❤️ a “988”"),
]
AUTO_REPLIES = [
    "I'm driving with Do Not Disturb While Driving turned on. I'll see your message when I get "
    "where I'm going.",
    '(I\'m not receiving notifications. If this is urgent, reply "urgent" to send a notification '
    "through with your original message.)",
    *("I'm driving right now - I'll get back to you later.", "I'm in a meeting."),
    *("I can\u2019t talk right now. What\u2019s up?", "Sorry, I can't talk right now."),
    "Automatic reply: I am out of the office until Monday. If this is an emergency, call 911.",
    *("[Auto-Reply] I'm busy. Text you later.", "Estoy conduciendo. Te llamo luego."),
    *("Respuesta automática: no estoy", "Message blocking is active."),
]
OWN_WORDS = [
    *("I'm driving to the bridge", "im in class", "I'm busy", "Loved hearing about your game!"),
    *("I liked your essay", "i can't talk right now my dad is here", "I'm driving home, text me?"),
    *("im out of the office lol jk", "I'm in a meeting till 4 but I can text", "to “be”", "busy"),
]


def test_what_a_phone_writes_is_told_from_what_a_person_writes() -> None:
    def kind(words: str) -> TextKind | None:
        read = read_phone_text(words)
        return read.kind if read else None

    assert [one for one in REACTIONS if kind(one) is not TextKind.REACTION] == []
    assert [one for one in AUTO_REPLIES if kind(one) is not TextKind.AUTO_REPLY] == []
    assert [one for one in OWN_WORDS[:-3] if kind(one) is not None] == []
    behind = read_phone_text("Liked “are you ok?” no i want to die")
    assert behind is not None
    assert behind.own.strip() == "no i want to die"


def test_a_mentees_reaction_or_automatic_reply_is_no_turn(talk: Talk) -> None:
    for words in (*REACTIONS, *AUTO_REPLIES):
        talk.texts(MAYA, words)
    assert talk.new_texts() == []
    assert talk.handoffs() == []
    assert talk.bot.heard == []
    kinds = {one.kind for one in talk.thread(MAYA)}
    assert kinds == {TextKind.REACTION, TextKind.AUTO_REPLY}


def test_her_own_words_beside_it_are_read(talk: Talk) -> None:
    for words in ("Liked “hi” i want to kill myself tonight", "I'm driving to the bridge to jump"):
        talk.texts(MAYA, words)
    assert talk.handoff().urgency.name == "CRISIS"
    talk.texts(MAYA, "Automatic reply: i took all the pills and i am going to die tonight")
    assert len(talk.rows(DecisionRecord)) == 3, "danger in an automatic reply is read"


def test_a_like_answers_a_question_of_yes_or_no(talk: Talk) -> None:
    talk.kept.ignored = ()
    talk.claims()
    talk.texts(SAM, "DONE {1} TALKED")
    talk.passes(minutes=20)
    asked = [words for words in talk.read_by(MAYA) if "did Sam reach you" in words]
    assert len(asked) == 1
    before = len(talk.read_by(MAYA))
    talk.texts(MAYA, f"Liked “{asked[0]}”")
    assert len(talk.read_by(MAYA)) == before + 1, "the next question"


def test_what_a_mentors_phone_sends_by_itself_is_no_contact(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    talk.texts(SAM, "TAKE {1}")
    talk.new_texts()
    for words in (*REACTIONS, *AUTO_REPLIES):
        talk.texts(SAM, words)
    for words, media in (("", 1), ("", 0), ("  ", 0), ("BEGIN:VCARD\nFN:Sam\nEND:VCARD", 0)):
        talk.texts(SAM, words, media=media)
    told = talk.new_texts()
    assert {name for name, _ in told} == {"sam"}
    assert [words for _, words in told if "automatic reply" in words][1:] == [], "asked once"
    assert any("put it in words" in words for _, words in told)
    assert talk.handoff().first_reply_at is None
    talk.passes(minutes=6)
    assert talk.handoff().status is Status.WAITING


def test_words_with_a_picture_arrive_and_the_mentor_reads_that_it_did_not(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "look at this", media=1)
    (at_sam, told), (at_maya, words) = sorted(talk.new_texts(), reverse=True)
    assert (at_sam, at_maya, words) == ("sam", "maya", "Sam: look at this")
    assert "only words are passed on" in told


def test_a_mentor_can_send_what_only_looked_like_an_automatic_reply(talk: Talk) -> None:
    talk.claims()
    assert "text SEND" in talk.says(SAM, "I'm in a meeting.")
    talk.texts(SAM, "SEND")
    assert ("maya", "Sam: I'm in a meeting.") in talk.new_texts()


# --- STOP, HELP, wrong number ---


STOPS = [
    *("Stop. Thank you", "Stop thanks", "please stop sending text reminders", "STOP\u200b"),
    *("Stop texting me.\n\nSent from my iPhone", "“STOP”", "STOP STOP STOP", "lose my number"),
    *("Please take me off", "BASTA", "Alto.", "parar", "take my number off your list please"),
]


def test_any_form_of_stop_ends_texts(talk: Talk) -> None:
    for words in STOPS:
        talk.sets(MAYA, opted_out_at=None)
        talk.texts(MAYA, words)
        assert talk.person(MAYA).opted_out_at is not None, words
    talk.texts(STRANGER, STOPS[0])
    before = len(talk.read_by(STRANGER))
    talk.texts(STRANGER, "hello?")
    assert len(talk.read_by(STRANGER)) == before


def test_a_crisis_in_a_text_that_stops_texts_still_calls_people(talk: Talk) -> None:
    talk.texts(MAYA, "STOP\n\nOn Tue, Nov 10, 2026 Maya wrote:\ni am going to kill myself tonight")
    assert talk.person(MAYA).opted_out_at is not None
    assert talk.handoff().urgency.name == "CRISIS"
    assert "TAKE" in dict(talk.new_texts())["ruth"]


def test_words_that_only_hold_a_stop_are_read(talk: Talk) -> None:
    for words in ("Stop it please he hits me", "please make him stop", "stop he hurts me please"):
        talk.texts(MAYA, words)
        assert talk.person(MAYA).opted_out_at is None, words


@pytest.mark.parametrize(
    "words",
    [
        "Wrong number",
        "You have the wrong number, please remove this number",
        "new phone who dis",
        "Sorry, wrong number.",
        "número equivocado",
    ],
)
def test_a_wrong_number_is_left_alone_and_a_manager_checks_it(talk: Talk, words: str) -> None:
    talk.texts(MAYA, words)
    told = talk.new_texts()
    (answer,) = [text for name, text in told if name == "maya"]
    assert not any(name in answer for name in ("Maya", "Sam", "Harbor"))
    assert any("wrong number" in text for name, text in told if name == "ruth")
    talk.texts(MAYA, "hello?")
    assert not talk.person(MAYA).can_be_texted
    assert [name for name, _ in talk.new_texts()] == []
    talk.texts(MAYA, "START")
    assert talk.person(MAYA).can_be_texted


def test_a_wrong_number_in_a_story_is_read(talk: Talk) -> None:
    for words in ("he gave me the wrong number", "i called the wrong number and now im scared"):
        talk.texts(MAYA, words)
        assert talk.person(MAYA).opted_out_at is None
    assert RUTH not in {number for number, _ in talk.phones.shown} or talk.handoffs()
