"""What looks like a command is carried out or asked about, and never reaches a mentee."""

import itertools
import random
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from gateway.pipeline.mentor.reading.everyday import ORDINARY
from gateway.pipeline.mentor.reading.read import read_command
from gateway.pipeline.turns import take_turns
from models import Outcome, Status
from tests.line import CRISIS, JO, MAYA, NOOR, SAM, Talk

CODES = ("K4RT", "M7P3", "TCD2")
ALERT = (
    "Warmline bot: #{code}: your mentee M. needs a person soon. TAKE {code} to answer, or open "
    "https://warmline.example/console/to/{code}"
)
WITH_CODE = ["TAKE", "PASS", "DONE", "BRIEF", "ACCEPT", "NOTE", "LATER", "GIVE"]
AFTER_CODE = {
    "DONE": ["", " NOANSWER", " no answer", " talked, all well"],
    "NOTE": [" dad hits her, do not tell him"],
    "LATER": [" 30", " 2h"],
    "GIVE": [" to Noor", " to Noor she knows"],
}
BARE = ["TAKE", "PASS", "DONE", "WAITING", "BRIEF", "ACCEPT"]
DRESSES = [
    "{}",
    "  {} ",
    "\u200b{}\u200b",
    "“{}”",
    '"{}"',
    "'{}'",
    "*{}*",
    "({})",
    "{}.",
    "{}!",
    "{}?",
    "{} 👍",
    "👍 {}",
    "{} please",
    "please {}",
    "Yes {}",
    "ok, {}",
    "{} on my way",
    "{} thanks!",
    "{}\nSent from my iPhone",
    "{}\n\nSent from my Galaxy S23",
    "{}\n\nGet Outlook for Android",
    "{}\n-- Sam",
    "{}\nEnviado desde mi iPhone",
    "{} Sent from my iPhone",
    "> ALERT\n{}",
    "“ALERT”\n{}",
    "{}\n\nALERT",
    "{}\n\n> ALERT",
    "{}\n\nOn Tue, Nov 10, 2026 at 10:00 Warmline <1@sms.example> wrote:\n> ALERT",
]
CASES = (str.upper, str.lower, str.capitalize, str.swapcase)
GAPS = ("", " ", "  ", " #", "#", ": ", ", ", "\n", "\u00a0", "-", "\u200b ")


def misspelled(word: str, chance: random.Random) -> str:
    """The word with one letter lost, doubled, swapped, or another."""
    while True:
        at = chance.randrange(len(word))
        before, letter, after = word[:at], word[at], word[at + 1 :]
        other = chance.choice("abcdefghijklmnopqrstuvwxyz")
        kinds = [before + after, before + 2 * letter + after, before + other + after]
        if after:
            kinds.append(before + after[0] + letter + after[1:])
        found = chance.choice(kinds)
        if found != word:
            return found


def command_variants(count: int) -> Iterator[str]:
    """Ways to text a command, always the same ones."""
    chance = random.Random(16)
    for _ in range(count):
        code, typed = chance.choice(CODES), chance.choice(CASES)
        word = chance.choice(WITH_CODE)
        wrong = chance.random() < 0.3
        if wrong:
            word = misspelled(word.lower(), chance)
        rest = chance.choice(AFTER_CODE.get(word.upper(), [""]))
        # A mistyped word in front of a glued code stays one: "tkaek4rt".
        text = typed(word) + chance.choice(GAPS) + chance.choice((str.upper, str.lower))(code)
        yield chance.choice(DRESSES).replace("ALERT", ALERT.format(code=code)).format(text + rest)
    for word, case, dress in itertools.product(BARE, CASES, DRESSES):
        yield dress.replace("ALERT", ALERT.format(code="K4RT")).format(case(word))


def test_no_variant_of_a_command_reads_as_words_for_a_mentee() -> None:
    variants = list(command_variants(6000))
    assert len(set(variants)) > 5000
    assert [text for text in variants if read_command(text) is None][:20] == []


def test_a_misspelled_word_alone_is_asked_about_unless_it_is_another_word() -> None:
    chance = random.Random(16)
    texts = {misspelled(word.lower(), chance) for word in BARE for _ in range(60)} - ORDINARY
    assert sorted(text for text in texts if read_command(text) is None) == []


def test_none_of_a_sample_reaches_a_mentee_with_one_or_two_held(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    for held in (1, 2):
        if held == 2:
            talk.claims(SAM, JO)
        talk.new_texts()
        for text in list(command_variants(6000))[:: 6900 // 30]:
            talk.clock.now += timedelta(hours=2)  # no limit on texts or wrong codes is reached
            talk.texts(SAM, text)
            told = {name for name, _ in talk.new_texts()}
            assert not told & {"maya", "jo"}, (held, text)
            assert "sam" in told, (held, text)


REPORTED = [
    *("TAKE {2} please", "take{2}", "Take #{2}!", "TAKE {2}\nSent from my iPhone", "TAKE {2} 👍"),
    *("Yes take {2}", "TAKE {2} on my way", "“TAKE {2}”", "Take number {2}", "tkae {2}"),
    "“Warmline bot: #{2}: your mentee M. needs a person soon. TAKE {2} to answer” TAKE {2}",
]


def test_a_command_in_any_dress_is_carried_out(talk: Talk) -> None:
    """Sam holds Maya's handoff while Jo is in a crisis."""
    talk.claims(SAM, MAYA)
    talk.texts(JO, CRISIS)
    talk.new_texts()
    for text in REPORTED:
        talk.texts(SAM, text)
        assert talk.handoffs()[1].status is Status.CLAIMED, text
        assert not [words for name, words in talk.new_texts() if name == "maya"], text
        talk.texts(SAM, "PASS {2}")
        talk.new_texts()


def test_a_note_in_any_form_is_saved_or_asked_about(talk: Talk) -> None:
    talk.claims()
    code = talk.code(SAM)
    saved = [f"NOTE{code}: dad", f"Notes {code} dad", f"note #{code} dad", f"notr {code} dad"]
    asked = ["Note: dad hits her", "NOTE dad hits her", "Notes: dad hits her", f"my note {code}"]
    for text in saved:
        assert "Note saved" in talk.says(SAM, text), text
    for text in asked:
        assert "SEND" in talk.says(SAM, text), text
    assert not any("dad" in words for words in talk.read_by(MAYA))


ASKED = [
    *("RECRD Maya abuse dad hits her", "“RECORD Maya abuse dad”", "please record Maya abuse dad"),
    *("AWAY tomorrow", "away this weekend", "give to zoe", "DONE", "TAKE MAYA", "take KRT"),
    *("PASS{1}", "DONE{1} no idea", "LATER{1} 30", "BRIEF {1}!", "WAITING?", "Who is waiting?"),
    *("{1} TAKE", "#{1} NOTE dad hits her", "can you close {1}", "take one", "take K four RT"),
    *("#{1} RECORD abuse dad hits her", "{1} record Maya abuse dad hits her", "#{1} WRITE MAYA hi"),
    *("{1} OPEN MAYA soon low", "{1} RELEASE", "#{1} CRISIS she has pills", "{1} TAKE OVER"),
    *("“RAISE crisis she has pills”", "please RELEASE"),
]


def test_what_is_typed_slightly_off_reaches_no_mentee(talk: Talk) -> None:
    talk.enrolls("Zoë", "+12025550113", role=talk.person(SAM).role)
    for text in ASKED:
        if not any(one.is_open for one in talk.handoffs()) or not talk.handoffs()[0].mentor_id:
            talk.claims() if not talk.handoffs() else talk.texts(SAM, "TAKE {1}")
        talk.new_texts()
        talk.texts(SAM, text)
        told = {name for name, _ in talk.new_texts()}
        assert "sam" in told, text
        assert not any(
            words.startswith("Sam: ") for words in talk.read_by(MAYA) if words != "Sam: hello"
        ), text


def test_ordinary_sentences_reach_the_mentee_and_few_are_asked_about(talk: Talk) -> None:
    file = Path(__file__).with_name("mentor_sentences.toml")
    sentences = tomllib.loads(file.read_text())["sentences"]
    talk.claims()
    asked = []
    for words in sentences:
        talk.new_texts()
        talk.texts(SAM, words)
        if ("maya", f"Sam: {words}") not in talk.new_texts():
            asked.append(words)
            assert "SEND" in talk.read_by(SAM)[-1], words
            talk.texts(SAM, "SEND")
            assert ("maya", f"Sam: {words}") in talk.new_texts()
    assert len(asked) <= 3, asked


def test_what_was_held_back_is_sent_with_send(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    assert "text SEND" in talk.says(SAM, "Away tomorrow, but I am here now")
    talk.texts(SAM, "Send.")
    assert ("maya", "Sam: Away tomorrow, but I am here now") in talk.new_texts()
    assert "Nothing waits" in talk.says(SAM, "SEND"), "it is sent once"
    talk.claims(SAM, JO)
    talk.texts(SAM, "AWAY tomorrow, my dears")
    assert "#{1}, #{2}" in talk.says(SAM, "send")
    talk.texts(SAM, "AWAY tomorrow, my dears")
    talk.new_texts()
    talk.texts(SAM, "SEND {2}")
    assert ("jo", "Sam: AWAY tomorrow, my dears") in talk.new_texts()


def handles_at_once(talk: Talk, *texts: str) -> None:
    """Sam's texts all arrive before the first is handled, each a moment after the one before."""
    ticks = itertools.count()
    talk.line.clock = lambda: talk.clock() + timedelta(microseconds=next(ticks))
    conversation = [talk.arrives(SAM, words) for words in texts][-1]
    assert conversation is not None
    talk.line.soon(take_turns, conversation)


def test_send_means_the_text_that_we_asked_about_and_not_one_that_came_meanwhile(
    talk: Talk,
) -> None:
    talk.claims(SAM, MAYA)
    code = talk.code(SAM)
    handles_at_once(talk, "Away tomorrow, but I am here", f"NOTE {code} her dad hits her")
    talk.texts(SAM, "SEND")
    assert [words for words in talk.read_by(MAYA) if words.startswith("Sam: ")][1:] == [
        "Sam: Away tomorrow, but I am here"
    ]
    assert "Nothing waits" in talk.says(SAM, "SEND")


def test_send_with_manners_or_a_typing_error_sends_and_send_with_a_name_is_asked_about(
    talk: Talk,
) -> None:
    talk.claims(SAM, MAYA)
    for said in ("ok send", "snd", "Yes, send please"):
        talk.texts(SAM, "AWAY tomorrow, my dears")
        talk.new_texts()
        talk.texts(SAM, said)
        assert ("maya", "Sam: AWAY tomorrow, my dears") in talk.new_texts(), said
    talk.texts(SAM, "AWAY tomorrow, my dears")
    before = len(talk.read_by(MAYA))
    assert "text SEND" in talk.says(SAM, "SEND JO")
    assert len(talk.read_by(MAYA)) == before


def test_the_text_that_a_reaction_quotes_is_not_sent(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    assert "text SEND" in talk.says(SAM, "Liked “I took the pills” AWAY tomorrow, my dears")
    talk.texts(SAM, "SEND")
    assert talk.read_by(MAYA)[-1] == "Sam: AWAY tomorrow, my dears"
    talk.texts(SAM, "Liked “I took the pills” I am calling you")
    assert talk.read_by(MAYA)[-1] == "Sam: I am calling you"


def test_a_mentor_who_holds_two_says_with_a_code_whom_send_is_for(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.claims(SAM, JO)
    for number, name in ((1, "maya"), (2, "jo")):
        talk.texts(SAM, "AWAY tomorrow, my dears")
        talk.texts(SAM, "SEND")
        talk.new_texts()
        talk.texts(SAM, ("#{1} send", "SEND {2}")[number - 1])
        sent = (name, "Sam: AWAY tomorrow, my dears")
        assert [one for one in talk.new_texts() if one[0] != "sam"] == [sent]
        assert "Nothing waits" in talk.says(SAM, "SEND")


def test_a_shouted_sentence_is_held_back_and_not_lost(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    for words in ("CLOSE YOUR EYES AND BREATHE", "OPEN UP TO HER", "WRITE ME BACK"):
        assert "text SEND" in talk.says(SAM, words), words
        talk.texts(SAM, "SEND")
        assert talk.read_by(MAYA)[-1] == f"Sam: {words}"


def test_a_picture_beside_a_text_that_was_held_back_is_named(talk: Talk) -> None:
    talk.claims(SAM, MAYA)
    talk.texts(SAM, "AWAY tomorrow, my dears", media=1)
    assert "only words are passed on" in talk.says(SAM, "SEND")


def test_an_outcome_is_read_however_it_is_spelled_and_never_guessed(talk: Talk) -> None:
    outcomes = {
        "NO ANSWER": Outcome.NOANSWER,
        "no-answer": Outcome.NOANSWER,
        "Noanswer.": Outcome.NOANSWER,
        "not needed, she found her keys": Outcome.NOTNEEDED,
        "noanswr": Outcome.NOANSWER,
        "refered to the nurse": Outcome.REFERRED,
        "all well": Outcome.TALKED,
    }
    for number, (words, outcome) in enumerate(outcomes.items(), start=1):
        talk.claims()
        assert "outcome" in talk.says(SAM, f"DONE {{{number}}} no idea what happened")
        talk.texts(SAM, f"DONE {{{number}}} {words}")
        assert talk.handoff().outcome is outcome, words


def test_give_finds_a_colleague_without_accents(talk: Talk) -> None:
    for number, name in ((13, "Zoë"), (14, "D'Andre"), (15, "José")):
        talk.enrolls(name, f"+120255501{number}", role=talk.person(NOOR).role)
    names = (("Zoe", "Zoë"), ("D\u2019Andre", "D'Andre"), ("jose, she", "José"))
    for handoff, (typed, name) in enumerate(names, start=1):
        talk.claims()
        assert name in talk.says(SAM, f"GIVE {{{handoff}}} to {typed}")
        talk.texts(SAM, f"DONE {{{handoff}}}")
