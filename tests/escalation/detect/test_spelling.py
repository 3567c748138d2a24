"""However Maya spells it, it reads as what she meant, and as nothing worse."""

from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.detect.normalize import normalize
from escalation.detect.spelling import LONGEST, english, meant
from escalation.detect.wording import in_plain_words
from tests.escalation.detect.english_texts import TEXTS

SPELLING = TEXTS["spelling"]


def test_a_slip_of_the_finger_reads_as_the_word_that_was_meant() -> None:
    slips = SPELLING["slips"]
    assert {written: meant(written) for written in slips} == slips


def test_a_word_a_name_or_a_short_form_is_left_as_it_is() -> None:
    unchanged = SPELLING["unchanged"]
    words = [*unchanged["words"], *unchanged["names"], *unchanged["short"]]
    assert [word for word in words if meant(word) != word] == []
    texts = unchanged["not_in_films"]
    assert [text for text in texts if in_plain_words(text).text != text] == []


@given(word=st.text(max_size=LONGEST + 4))
@settings(deadline=None)  # the first word loads the list
def test_any_word_is_read_the_same_twice_and_as_something_as_long(word: str) -> None:
    assert meant(word) == meant(word)
    assert abs(len(meant(word)) - len(word)) <= 1


def test_only_a_common_word_is_read_into_a_slip() -> None:
    words = english()

    assert all(words.count(word) > 0 for word in words.common)
    assert words.count("suicide") > words.count("kiln") > words.count("sicide") == 0


def test_slips_dialects_and_filler_read_as_plain_words() -> None:
    plain = SPELLING["plain"]
    assert {written: in_plain_words(written).text for written in plain} == plain


def test_no_mark_is_left_where_nothing_was_said() -> None:
    expected = SPELLING["normalized"]
    assert {written: normalize(written).text for written in expected} == expected


def test_what_is_cut_off_the_ends_does_not_move_the_quote() -> None:
    text = "\U0001f937\U0001f3fd  he hit me \u2764\ufe0f"
    read = normalize(text)
    first, past = read.original_span(0, len(read.text))

    assert text[first:past] == "he hit me"
