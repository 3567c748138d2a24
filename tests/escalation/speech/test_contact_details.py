"""Contact details in a mentor's words: they are delivered, and the managers learn of them."""

from escalation.speech.contact_details import find_contact_details
from models import Message
from tests.line import MAYA, RUTH, SAM, Talk
from tests.web_client import Web

# Written after the rules and never used to change them.
CONTACTS = [
    *("reach me at 415.555.0162", "(646) 555-0199 is my cell", "+1 305 555 0123", "3055550123"),
    *("ping me: noor.h@school.edu", "noor [at] gmail [dot] com", "it is noor_h@proton.me"),
    *(
        "my snap is noor.h22",
        "insta: noorrr",
        "add me on insta",
        "find me on discord: noor#1",
    ),
    *("https://zoom.us/j/123", "see www.noor.org", "noorsblog.com has it", "@noor_runs"),
    *("I'm at 18 Birch Lane", "221 E Main St, second floor", "meet at 9 Sunset Blvd"),
    "four one five five five five oh one six two",
]
NONE = [
    *("text 988 any time", "call 911 if he is there", "see you at 10:30 on 5/12", "I ran 5 miles"),
    *("Childhelp, 800-422-4453, is free", "I liked page 212 best", "breathe in 4, hold 7, out 8"),
    *("my sister likes TikTok a lot", "you signed up in 2024", "two or three deep breaths"),
    *("that road was long for you", "it takes 15 minutes each way", "well done. I am proud of you"),
    *("he blocked you on snap, that hurts", "you got 88 percent!", "the 3 of us at lunch"),
]


def test_contact_details_are_found_in_texts_that_the_rules_never_saw() -> None:
    missed = [words for words in CONTACTS if not find_contact_details(words)]
    wrong = {words: found for words in NONE if (found := find_contact_details(words))}
    assert len(missed) <= 1, missed
    assert len(wrong) <= 1, wrong


def test_a_mentors_phone_number_arrives_and_the_managers_get_one_text_a_day(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "call me at 202-555-0147")
    talk.texts(SAM, "or write to sam@school.org")
    told = talk.new_texts()
    assert ("maya", "Sam: call me at 202-555-0147") in told
    assert [words for name, words in told if name == "ruth"] == [
        "Warmline bot: A mentor wrote contact details to a mentee. They were delivered. See: "
        "https://warmline.example/log#contact-details-heading"
    ]
    kinds = [one.contact_details for one in talk.rows(Message) if one.contact_details]
    assert kinds == ["phone", "email"]


def test_a_long_text_that_arrives_in_parts_is_listed_once(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "call me at 202-555-0147. " + "I wrote you a long letter. " * 120)
    parts = [one for one in talk.thread(MAYA) if "a long letter" in one.words]
    assert [one.contact_details for one in parts] == ["phone", None, None]


def test_managers_find_the_message_on_their_log(talk: Talk) -> None:
    talk.claims()
    web = Web(talk)
    web.is_now(RUTH)
    assert "Contact details in a mentor" not in web.gets("/log").text
    talk.texts(SAM, "call me at 202-555-0147 or write to sam@school.org")
    page = web.gets("/log").text
    listed = page.partition("Contact details in a mentor")[2]
    assert "a phone number, an e-mail address" in listed
    assert 'href="/log/1"' in listed
    assert "0147" not in page


def test_a_mentees_own_number_is_nobodys_business(talk: Talk) -> None:
    talk.claims()
    talk.texts(MAYA, "call me at 202-555-0147")
    assert not [one for one in talk.rows(Message) if one.contact_details]
