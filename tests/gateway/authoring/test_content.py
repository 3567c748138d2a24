"""The checks of texts report every mistake in words that a writer can act on."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.authoring import gsm, readability
from gateway.authoring.checks import find_faults, run
from gateway.authoring.content import LABEL, ROOT, Text, read_content
from gateway.cli import app

TEA = """\
version: "3.1"
intents:
  - topic_tea
responses:
  utter_tea_what:
    - text: "Tea is a warm drink. It can be a small break in a long day."
      metadata: {source: Program wording}
  utter_tea_why:
    - text: "A break helps you to see what comes next."
      metadata: {source: Program wording}
  utter_tea_helps:
    - text: "What helps: sit down with it. Text BREATHE for a short exercise, or MORE."
      metadata: {source: Program wording, offers: breathing}
  utter_tea_more:
    - text: "Put the phone away while you drink it."
      metadata: {source: Program wording}
"""
EXAMPLES = "".join(f"      - tell me about tea number {number}\n" for number in range(25))
TRAINING = f"""\
version: "3.1"
nlu:
  - intent: topic_tea
    examples: |
{EXAMPLES}
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A project with one exercise, breathing, and one topic, tea."""
    for folder in ("bot/domain", "bot/data", "bot/tests", "docs/content", "escalation"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (
        "breathing",
        "more",
        "leaving",
        "greeting",
        "person",
        "ratings",
        "problem_solving",
    ):
        for copied in (
            f"bot/domain/{name}.yml",
            f"bot/data/{name}.yml",
            f"bot/tests/test_{name}.yml",
        ):
            shutil.copy(ROOT / copied, tmp_path / copied)
    write(tmp_path, "escalation/script.toml", '[hi]\ntext = "Hi."\nsource = "Program wording"\n')
    write(tmp_path, "bot/domain/tea.yml", TEA)
    write(tmp_path, "bot/data/tea.yml", TRAINING)
    write(tmp_path, "bot/tests/test_tea.yml", "stories: []\n")
    write(tmp_path, "docs/content/tea.md", "# Tea\n")
    return tmp_path


def write(house: Path, name: str, words: str) -> None:
    (house / name).write_text(words, "utf-8")


def change(house: Path, old: str, new: str, name: str = "bot/domain/tea.yml") -> None:
    words = (house / name).read_text("utf-8")
    assert old in words
    write(house, name, words.replace(old, new, 1))


def faults(house: Path) -> list[str]:
    """The faults about tea."""
    return [str(fault) for fault in find_faults(read_content(house)) if "tea" in str(fault)]


def test_a_valid_topic_has_no_faults(house: Path) -> None:
    assert faults(house) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("A break helps", "A break\u2026 helps", "cannot be sent in a plain SMS"),
        ("Put the phone", "Put the phone away. " * 14 + "Put the phone", "Cut 2"),
        (
            "Put the phone away while you drink it.",
            "Consider alternative possibilities concerning telecommunication equipment while "
            "simultaneously enjoying an infusion.",
            "reading grade",
        ),
        ("Put the phone away", "I care about you, so put the phone away", '"I care" is a claim'),
        ("Put the phone away", "Text HELP and put the phone away", '"HELP" belongs to the phone'),
        ("Put the phone away", "Text KETTLE and put the phone away", 'Add "- kettle"'),
        ("Put the phone away", "{tea_note} Put the phone away", "unknown length of {tea_note}"),
        ("offers: breathing", "offers: brewing", "no such exercise"),
        (", offers: breathing", "", "offers no exercise"),
        ("utter_tea_more:", "utter_tea_most:", "the topic tea has no utter_tea_more"),
        ("- topic_tea", "- topic_teas", "the intent topic_teas has no examples"),
        ("- topic_tea", "- topic_teas", "no file in bot/domain lists the intent topic_tea"),
        ("Tea is a warm", 'Tea is "a warm', "cannot be read in line 6"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_place(house: Path, old: str, new: str, says: str) -> None:
    change(house, old, new)
    found = faults(house)
    assert any(says in fault for fault in found), found
    assert all(fault.startswith("bot/d") for fault in found)


def test_a_text_without_a_source_is_reported(house: Path) -> None:
    last = TEA.rindex("      metadata")
    write(house, "bot/domain/tea.yml", TEA[:last])
    [fault] = faults(house)
    assert fault.startswith("bot/domain/tea.yml, utter_tea_more: no source.")


def test_too_few_examples_are_counted(house: Path) -> None:
    nineteen = "".join(EXAMPLES.splitlines(keepends=True)[:19])
    write(house, "bot/data/tea.yml", TRAINING.replace(EXAMPLES, nineteen))
    [fault] = faults(house)
    assert fault.startswith("bot/data/tea.yml: the intent topic_tea has 19 examples")


def test_an_example_of_two_intents_is_reported(house: Path) -> None:
    change(house, "tell me about tea number 3", "Breathe", "bot/data/tea.yml")
    [fault] = faults(house)
    assert '"Breathe" is an example of topic_tea and of ask_breathing' in fault


@pytest.mark.parametrize(
    "missing", ["docs/content/tea.md", "bot/data/tea.yml", "bot/tests/test_tea.yml"]
)
def test_a_missing_file_is_reported(house: Path, missing: str) -> None:
    (house / missing).unlink()
    assert any(f"{missing} is missing" in fault for fault in faults(house))


def test_missing_responses_of_a_skill_are_reported(house: Path) -> None:
    change(house, "utter_breathing_left:", "utter_breathing_gone:", "bot/domain/breathing.yml")
    change(house, "utter_ask_breathing_after:", "utter_ask_after:", "bot/domain/breathing.yml")
    found = [str(fault) for fault in find_faults(read_content(house))]
    said = "breathing has no utter_breathing_left. Add it under responses."
    assert f"bot/domain/breathing.yml: {said}" in found
    assert any("utter_ask_breathing_after" in fault for fault in found)


def test_a_response_in_two_files_is_reported(house: Path) -> None:
    change(house, "utter_tea_more:", "utter_greet:")
    assert any(
        "utter_greet: is in bot/domain/greeting.yml, too" in fault for fault in faults(house)
    )


def test_an_unreadable_script_is_reported(house: Path) -> None:
    write(house, "escalation/script.toml", '[hi]\ntext = "Hi.\n')
    [fault] = [f for f in find_faults(read_content(house)) if f.where.endswith("script.toml")]
    assert "cannot be read" in str(fault)


def test_the_table_lists_every_text(capsys: pytest.CaptureFixture[str]) -> None:
    run(brief=False)
    shown = capsys.readouterr().out
    for key in (
        "first_contact",
        "why_crisis + who_team",
        "utter_breathing_done",
        "utter_stress_what",
    ):
        assert key in shown


def test_the_script_has_no_faults() -> None:
    found = [
        fault for fault in find_faults(read_content()) if fault.where.startswith("escalation/")
    ]
    assert found == []


def test_the_command_exits_1_with_a_fault(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(house, "Put the phone away", "I miss you. Put the phone away")
    assert run(brief=True, root=house) == 1
    assert " problems." in capsys.readouterr().out
    assert "Usage" in CliRunner().invoke(app, ["content", "--help"]).output


# --- measuring ---


def test_the_label_counts() -> None:
    assert Text("a.yml", "b", "x" * (160 - len(LABEL)), "c").as_sent == LABEL + "x" * 146
    assert gsm.segments(LABEL + "x" * 146) == 1
    assert gsm.segments(LABEL + "x" * 147) == 2


@pytest.mark.parametrize(
    ("text", "how_many"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
    ],
)
def test_segments_match_the_gsm_standard(text: str, how_many: int) -> None:
    assert gsm.segments(text) == how_many


def test_a_placeholder_counts_with_its_longest_value() -> None:
    said = Text("a.toml", "who_own", "I have asked {mentor}. You went from {x_before}.", "s")
    assert said.as_sent == f"{LABEL}I have asked Maximilian. You went from 10."
    assert said.unknown_blanks == []


@pytest.mark.parametrize(
    ("word", "beats"),
    [("stress", 1), ("people", 2), ("every", 2), ("loneliness", 3), ("don't", 1), ("988", 1)],
)
def test_syllables_are_those_of_the_dictionary(word: str, beats: int) -> None:
    assert abs(readability.syllables(word) - beats) <= (word == "every")


def test_the_grade_is_flesch_kincaid() -> None:
    """18 words, 2 sentences, 22 syllables: 0.39 * 9 + 11.8 * 22 / 18 - 15.59."""
    text = "The cat sat on the mat and slept well. Then the dog came in to play with it."
    assert len(readability.words(text)) == 18
    beats = sum(readability.syllables(word) for word in readability.words(text))
    assert readability.grade(text) == pytest.approx(0.39 * 9 + 11.8 * beats / 18 - 15.59)


def test_keys_numbers_and_options_do_not_make_a_text_hard() -> None:
    plain = "Text a word and I tell you what it is and what can help you with it: key."
    listed = plain.replace("key.", "LONELINESS, MOTIVATION, RELATIONSHIPS, GO ON.")
    assert readability.grade(listed) == pytest.approx(readability.grade(plain))
    scale = "How often was that so for you? 0 not at all, 1 several days, 2 most days"
    assert len(readability.sentences(scale)) == 4


def test_a_short_text_has_no_grade() -> None:
    assert readability.grade("Anything else?") is None
