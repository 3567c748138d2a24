"""Commands are read tolerantly, and never out of ordinary words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consent import HELP_WORDS, START_WORDS, STOP_WORDS
from gateway.mentor_texts import Command, read_command
from tests.line import MAYA, SAM, Talk


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("TAKE 7", Command("take", 7, "")),
        ("take7", None),
        ("  take   #7 ", Command("take", 7, "")),
        ("Take: 7.", Command("take", 7, "")),
        ("TAKE", Command("take", None, "")),
        ("take care of yourself", None),
        ("take 7 deep breaths", None),
        ("DONE", Command("done", None, "")),
        ("done 7", Command("done", 7, "")),
        ("Done 7 noanswer", Command("done", 7, "noanswer")),
        (
            "DONE REFERRED to the school nurse",
            Command("done", None, "REFERRED to the school nurse"),
        ),
        ("done with work at five", None),
        ("pass 7", Command("pass", 7, "")),
        ("pass me your number", None),
        ("waiting", Command("waiting", None, "")),
        ("waiting for the bus", None),
        ("untake 7", None),
    ],
)
def test_how_a_text_is_read(text: str, command: Command | None) -> None:
    assert read_command(text) == command


@given(st.text(max_size=200))
def test_no_text_is_too_strange_to_read(text: str) -> None:
    read_command(text)


@given(
    word=st.sampled_from(["take", "done", "pass"]),
    code=st.integers(0, 999_999_999),
    before=st.text(" \t\n", max_size=3),
    between=st.sampled_from([" ", "  ", " #", ": ", " # ", "\n", ", "]),
    after=st.sampled_from(["", " ", ".", "\n", "!"][:4]),
    upper=st.booleans(),
)
def test_case_and_spaces_do_not_matter(
    word: str, code: int, before: str, between: str, after: str, upper: bool
) -> None:
    text = f"{before}{word.upper() if upper else word}{between}{code}{after}"
    assert read_command(text) == Command(word, code, "")


def test_no_command_is_a_word_that_carriers_act_on() -> None:
    assert not {"take", "done", "pass", "waiting"} & (STOP_WORDS | START_WORDS | HELP_WORDS)


def test_each_text_of_a_mentor_is_answered_or_passed_on(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person")
    for words in ("take 99", "done", "pass", "hello", "#1 hi", "WAITING", "take 1", "take 1"):
        talk.new_texts()
        talk.texts(SAM, words)
        assert [name for name, _ in talk.new_texts() if name == "sam"], words


def test_long_words_of_a_mentor_arrive_in_parts_that_lose_nothing(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person")
    talk.texts(SAM, "take")
    talk.new_texts()
    words = "I wrote you a long letter. " * 120
    talk.texts(SAM, words)
    parts = [text.removeprefix("Sam: ") for name, text in talk.new_texts() if name == "maya"]
    assert "".join(parts) == words
    assert all(len(part) <= 1500 for part in parts)
