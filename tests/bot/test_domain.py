"""Every word of the bot, and the order of its files. No Rasa is needed to read them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.environment import ROOT

# 3GPP TS 23.038, default alphabet; the second line's characters count twice.
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENDED = set("\f^{}\\[~]|€")

# Two segments of 153, less the label that says who speaks.
LONGEST = 290

# What a program must not claim (docs/decisions: the authenticity guard does this in full).
FORBIDDEN = re.compile(
    r"\b(i|we) (really |truly |do )?(feel|care|worry|love|miss|understand how|know how you)\b"
    r"|\bi('m| am) (sorry|worried|glad|happy|proud|sad|here for you|listening|always|your friend)\b"
    r"|\b(here for you|watching over|always there|i promise|i remember|as a friend|trust me"
    r"|we all|i have felt|like you,? i)\b",
    re.IGNORECASE,
)

# Words that the carrier or Twilio takes for a command; the bot must not ask for them.
TAKEN = {"STOP", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "STOPALL", "HELP", "INFO", "START", "YES"}


def responses() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((ROOT / "domain").glob("*.yml")):
        for name, variations in (yaml.safe_load(file.read_text()).get("responses") or {}).items():
            for variation in variations:
                yield name, variation


TEXTS = [(name, variation["text"]) for name, variation in responses() if "text" in variation]
IDS = [f"{name}-{position}" for position, (name, _) in enumerate(TEXTS)]


def septets(text: str) -> int:
    return sum(2 if character in GSM_7_EXTENDED else 1 for character in text)


def as_sent(text: str) -> str:
    """With the longest values that a slot of ratings can have in place of its name."""
    return re.sub(r"\{\w+\}", "10", text)


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=IDS)
def test_every_text_fits_two_segments(name: str, text: str) -> None:
    assert set(as_sent(text)) <= GSM_7 | GSM_7_EXTENDED, set(text) - GSM_7
    assert septets(as_sent(text)) <= LONGEST


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=IDS)
def test_no_text_claims_what_a_program_cannot_do(name: str, text: str) -> None:
    assert not FORBIDDEN.search(text)


@pytest.mark.parametrize(
    "text",
    ["I care about you", "I'm here for you, always", "We all feel that", "I am so... I feel"],
)
def test_such_claims_would_be_found(text: str) -> None:
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=IDS)
def test_no_text_asks_for_a_word_that_the_carrier_takes(name: str, text: str) -> None:
    shouted = set(re.findall(r"\b[A-Z]{3,}(?: [A-Z]{3,})*\b", text))
    assert not shouted & TAKEN


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=IDS)
def test_only_ratings_are_repeated_to_the_mentee(name: str, text: str) -> None:
    """A mentee's own words may be any length and alphabet; a text that quotes them may not fit."""
    assert set(re.findall(r"\{(\w+)\}", text)) <= {"tension_before", "tension_after"}


def test_every_word_to_text_starts_what_it_names() -> None:
    """BREATHE, MENU and the rest are training examples of the intent they stand for."""
    shouted = {
        word.lower()
        for _, text in TEXTS
        for word in re.findall(r"\b[A-Z]{4,}(?: [A-Z]{4,})*\b", text)
    }
    assert shouted == {
        "breathe", "done", "leave", "lonely", "menu", "mood", "more", "person", "problem", "skip",
        "sleep", "start over", "stress",
    }  # fmt: skip
    examples = {line for _, lines in training_examples() for line in lines}
    assert shouted <= examples


def test_no_sentence_trains_two_intents() -> None:
    seen: dict[str, str] = {}
    for intent, lines in training_examples():
        for line in lines:
            assert seen.setdefault(line.casefold(), intent) == intent, line
        assert len(lines) == len(set(lines)), intent


def test_every_intent_has_enough_examples() -> None:
    counts = {intent: len(lines) for intent, lines in training_examples()}
    assert min(counts.values()) >= 15, counts


def training_examples() -> Iterator[tuple[str, list[str]]]:
    for file in sorted((ROOT / "data").glob("*.yml")):
        for block in yaml.safe_load(file.read_text())["nlu"]:
            if "intent" in block:
                lines = re.findall(r"^- (.+)$", block["examples"], re.MULTILINE)
                yield block["intent"], [re.sub(r"\[(.+?)\]\(\w+\)", r"\1", line) for line in lines]


def names(folder: str, prefix: str = "") -> set[str]:
    return {path.stem.removeprefix(prefix) for path in (ROOT / folder).glob("*.yml")}


def test_every_skill_has_the_same_name_in_every_folder() -> None:
    assert names("domain") == names("data") == names("tests", prefix="test_")


def test_every_topic_names_its_sources() -> None:
    """A comment with a year stands above every text that teaches something."""
    for topic in ("stress", "sleep", "loneliness"):
        lines = (ROOT / "domain" / f"{topic}.yml").read_text().splitlines()
        for number, line in enumerate(lines):
            if re.match(rf"  utter_{topic}_(what|why|helps|more|when):", line):
                above = "\n".join(lines[max(0, number - 3) : number])
                assert re.search(r"#.*\b(19|20)\d\d\b", above, re.DOTALL), line


def test_every_source_stands_in_the_documentation() -> None:
    documented = Path("docs/content/sources.md").read_text()
    for topic in ("stress", "sleep", "loneliness", "breathing", "problem_solving"):
        comments = re.findall(r"#(.*)", (ROOT / "domain" / f"{topic}.yml").read_text())
        for year in re.findall(r"\b(?:19|20)\d\d\b", " ".join(comments)):
            assert year in documented, (topic, year)


def test_asking_for_a_person_has_no_words_in_rasa() -> None:
    """They are the script's; two places would soon say two things."""
    [said] = [variation for name, variation in responses() if name == "utter_person_asked_for"]
    assert said == {"custom": {"asked_for_person": True}}
