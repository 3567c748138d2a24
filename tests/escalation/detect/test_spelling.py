"""However Maya spells it, it reads as what she meant, and as nothing worse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.detect.lexicon import load_lexicon
from escalation.detect.normalize import fold
from escalation.detect.spelling import LONGEST, english, meant
from escalation.detect.wording import in_plain_words


def plain(text: str) -> str:
    return in_plain_words(text, load_lexicon()).text


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("sicide", "suicide"),
        ("mysekf", "myself"),
        ("tnoight", "tonight"),
        ("killling", "killing"),
        ("abudive", "abusive"),
        ("embarassed", "embarrassed"),
        ("hrt", "hurt"),
        ("tlk", "talk"),
        ("killin", "killing"),
        ("nevr", "never"),
    ],
)
def test_a_slip_of_the_finger_reads_as_the_word_that_was_meant(written: str, word: str) -> None:
    assert meant(written) == word


@pytest.mark.parametrize(
    "word",
    [
        "kill", "kiln", "nigeria", "priya", "aisha", "oluwaseun", "xiomara",  # words and names
        "noor",  # who is not "nor": a denial must not come from a name
        "thin", "cousin", "begin", "cabin",  # not "thing", "cousing"
        "idk", "omg", "gcse", "k", "", "don't", "h3llo", "na\u00efve", "\u4f60\u597d\u5417\u5440",
    ],
)  # fmt: skip
def test_a_word_a_name_or_a_short_form_is_left_as_it_is(word: str) -> None:
    assert meant(word) == word


@pytest.mark.parametrize(
    "text", ["i vape", "vaping again", "texting him", "my adhd meds", "the bot"]
)
def test_words_that_no_dictionary_of_films_holds_are_not_slips(text: str) -> None:
    assert plain(text) == text


@given(word=st.text(max_size=LONGEST + 4))
@settings(deadline=None)  # the list of words is read with the first of them
def test_any_word_is_read_the_same_twice_and_as_something_as_long(word: str) -> None:
    assert meant(word) == meant(word)
    assert abs(len(meant(word)) - len(word)) <= 1


def test_a_word_of_our_own_is_read_into_a_slip_too() -> None:
    assert plain("my stepdaf hit me") == "my stepdad hit me"
    assert plain("unaliivng myself") == "killing myself"


def test_only_a_common_word_is_read_into_a_slip() -> None:
    words = english()

    assert all(words.count(word) > 0 for word in words.common)
    assert words.count("suicide") > words.count("kiln") > words.count("sicide") == 0


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("i dinnae want tae live", "i do not want to live"),
        ("i cannae talk tae ma mam", "i can not talk to my mum"),
        ("i no wan live again", "i do not want to live again"),
        ("i no fit sleep", "i can not sleep"),
        ("i dey at di bridge", "i am at the bridge"),
        ("abeg wetin i go do", "please what i go do"),
        ("i ain't finna hurt nobody", "i am not going to hurt nobody"),
        ("thinkin' of da boys", "thinking of the boys"),
        ("me mam hit me", "my mum hit me"),
        ("my da hits me", "my dad hits me"),
        ("i want 2 talk 2 sum1", "i want to talk to someone"),
        ("took 2 pills, have 2 kids", "took 2 pills, have 2 kids"),
        ("vitamin d tablets", "vitamin d tablets"),
        ("do it now only", "do it now"),
        ("pls do the needful", "please"),
        ("i h8 myself", "i hate myself"),
        ("no reason 2 live 4 me", "no reason to live for me"),
        ("me cuts hurt", "my cuts hurt"),
        ("i can\u2032t w/o her", "i can not without her"),
    ],
)
def test_other_spellings_of_english_read_alike(written: str, read: str) -> None:
    assert plain(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("um so yeah i want to die", "i want to die"),
        ("ngl i feel alone tbh", "i feel alone"),
        ("i want to die na", "i want to die"),
        ("sorry for the long text but he hits me", "he hits me"),
        ("idk how to sleep", "i do not know how to sleep"),
        ("idk", "i do not know"),
        ("um", "um"),
        ("well done", "well done"),
        ("like a bird", "like a bird"),
    ],
)
def test_filler_is_not_read_unless_it_says_something(written: str, read: str) -> None:
    assert plain(written) == read


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("\U0001f937\U0001f3fd\u200d\u2640\ufe0f no one gets it", "no one gets it"),
        ("who touched me \u2764\ufe0f", "who touched me"),
        ("I don\u2032t \u2212 can\uff07t", "i don't - can't"),
        (" \n hi \n ", "hi"),
        (" \u2764 ", ""),
    ],
)
def test_no_sign_is_left_where_nothing_was_said(written: str, folded: str) -> None:
    assert fold(written).text == folded


def test_what_is_cut_off_the_ends_does_not_move_the_quote() -> None:
    text = "\U0001f937\U0001f3fd  he hit me \u2764\ufe0f"
    folded = fold(text)
    first, past = folded.original_span(0, len(folded.text))

    assert text[first:past] == "he hit me"
