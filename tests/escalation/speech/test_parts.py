"""A mentor's long text goes out in parts that a phone can show."""

from hypothesis import given
from hypothesis import strategies as st

from escalation.speech.parts import split_into_parts

FAMILY = "👩‍👩‍👧"


def test_a_short_text_stays_as_it_is() -> None:
    assert split_into_parts("See you at four.", 20) == ["See you at four."]


def test_a_long_text_is_cut_between_words_and_numbered() -> None:
    parts = split_into_parts("I wrote you a long letter about the trip.", 30)
    assert parts == ["(1/2) I wrote you a long", "(2/2) letter about the trip."]


def test_a_family_of_signs_is_not_torn_apart() -> None:
    for letters in range(30, 50):
        parts = split_into_parts("a" * letters + FAMILY + "b" * 20, 50)
        assert sum(FAMILY in part for part in parts) == 1, letters


@given(st.text("ab é👩‍👧\n", max_size=400), st.integers(20, 60))
def test_every_character_but_spaces_arrives_in_order(words: str, longest: int) -> None:
    parts = split_into_parts(words, longest)
    assert all(len(part) <= longest for part in parts)
    if len(parts) > 1:
        parts = [part.partition(") ")[2] for part in parts]
    assert "".join("".join(parts).split()) == "".join(words.split())
