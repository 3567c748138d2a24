"""No example may come out close to a text that the detector is measured on."""

import json
from pathlib import Path

from escalation.detect.training.leakage import (
    evaluation_texts,
    find_duplicates,
    saying_the_same,
    sharing_a_run,
)

THEIRS = "my landlord keeps the heating off and says it is my own fault for being cold"


def test_texts_titles_and_turns_are_all_read(tmp_path: Path) -> None:
    rows = [
        {"text": "a post", "title": "its title"},
        {"turns": [{"sp": "usr", "text": "hello"}, {"sp": "sys", "text": "hi there"}]},
        {"turns": ["one", "two"]},
    ]
    (tmp_path / "some.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")

    assert evaluation_texts(tmp_path) == sorted(
        ["a post", "its title", "hello", "hi there", "one", "two"]
    )


def test_a_run_of_words_that_was_carried_over_is_found_whatever_its_case() -> None:
    copied = "Ugh. My landlord keeps the HEATING off, and says it is my own... what do i do"
    (found,) = sharing_a_run([copied, "my landlord is kind"], [THEIRS])

    assert found.ours == copied
    assert found.theirs == THEIRS


def test_the_same_said_in_other_words_is_found_and_the_same_topic_is_not() -> None:
    reworded = "my landlord keeps the heating off and tells me it's my own fault that i'm cold"
    topic = "is my landlord allowed to come in without asking?"
    found = list(saying_the_same([reworded, topic], [THEIRS, "i like trains a lot"]))

    assert [close.ours for close in found] == [reworded]


def test_duplicates_are_found_under_other_punctuation() -> None:
    assert list(find_duplicates(["I miss him.", "i miss him", "I miss her", "👋", "👋"])) == [
        "i miss him",
        "👋",
    ]
