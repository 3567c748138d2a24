"""Every word of the bot, and the order of its files. No Rasa is needed to read them."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from bot.environment import ROOT

# Words that the carrier or Twilio takes for a command; the bot must not ask for them.
TAKEN = {"STOP", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "STOPALL", "HELP", "INFO", "START", "YES"}


def responses() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((ROOT / "domain").glob("*.yml")):
        for name, variations in (yaml.safe_load(file.read_text()).get("responses") or {}).items():
            for variation in variations:
                yield name, variation


BLANK = re.compile(r"\{(\w+)\}")
TEXTS = [(name, variation["text"]) for name, variation in responses() if "text" in variation]
SHOUTED = re.compile(r"\b[A-Z]{3,}(?: [A-Z]{3,})*\b")
WORD_TO_TEXT = re.compile(r"\b[A-Z]{3,}(?: [A-Z]{2,})*\b")


def test_no_text_asks_for_a_word_that_the_carrier_takes() -> None:
    assert not [name for name, text in TEXTS if TAKEN & set(SHOUTED.findall(text))]


def test_only_ratings_are_repeated_to_the_mentee() -> None:
    """A mentee's own words may be any length and alphabet; a text that quotes them may not fit."""
    blanks = [(name, blank) for name, text in TEXTS for blank in BLANK.findall(text)]
    assert not [one for one in blanks if not re.fullmatch(r"\w+_(before|after)|also", one[1])]


def test_every_word_to_text_starts_what_it_names() -> None:
    """BREATHE, MENU and the rest are training examples of their intent."""
    shouted = {word.lower() for _, text in TEXTS for word in WORD_TO_TEXT.findall(text)}
    assert len(shouted) > 40
    examples = {line.lower() for _, lines in training_examples() for line in lines}
    assert shouted - examples == {"who"}, "the World Health Organization is no keyword"


def test_no_sentence_trains_two_intents() -> None:
    seen: dict[str, str] = {}
    for intent, lines in training_examples():
        for line in lines:
            assert seen.setdefault(line.casefold(), intent) == intent, line
        assert len(lines) == len(set(lines)), intent


def training_examples() -> Iterator[tuple[str, list[str]]]:
    for file in sorted((ROOT / "data").glob("*.yml")):
        for block in yaml.safe_load(file.read_text())["nlu"]:
            if "intent" in block:
                lines = re.findall(r"^- (.+)$", block["examples"], re.MULTILINE)
                yield block["intent"], [re.sub(r"\[(.+?)\]\(\w+\)", r"\1", line) for line in lines]


def test_every_offer_is_a_skill_that_exists() -> None:
    offers = {
        variation["metadata"]["offers"]
        for _, variation in responses()
        if "offers" in variation.get("metadata", {})
    }
    assert len(offers) >= 8
    assert offers <= names("domain")


def test_no_test_message_was_copied_into_the_training_examples() -> None:
    """Single words and the shortest phrases may coincide; sentences may not."""
    written = yaml.safe_load((ROOT / "tests" / "nlu" / "messages.yml").read_text())["nlu"]
    tested = {
        line.lower()
        for block in written
        if block["intent"] != "give_frequency"  # the official answers of the scales
        for line in re.findall(r"^- (.+)$", block["examples"], re.MULTILINE)
    }
    trained = {line.lower() for _, lines in training_examples() for line in lines}
    assert len(tested) >= 400
    assert {line for line in tested & trained if len(line.split()) > 3} == set()


def names(folder: str, prefix: str = "") -> set[str]:
    return {path.stem.removeprefix(prefix) for path in (ROOT / folder).glob("*.yml")}


def test_every_skill_has_the_same_name_in_every_folder() -> None:
    assert names("domain") == names("tests", prefix="test_")
    # What the bot is not for has many examples and no words of its own.
    assert names("domain") == names("data") - {"out_of_scope"}


def test_asking_for_a_person_has_no_words_in_rasa() -> None:
    """They are the script's; two places would soon say two things."""
    [said] = [variation for name, variation in responses() if name == "utter_person_asked_for"]
    assert said == {"custom": {"asked_for_person": True}}
