"""The checks of texts report every mistake in words that a writer can act on."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.authoring import gsm, readability
from gateway.authoring.checks import find_faults, run
from gateway.authoring.content import LABEL, ROOT, Text, read_content
from gateway.cli import app

SEGMENTS = Path(__file__).with_name("sms_segments.jsonl")
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


COPIED = ("breathing", "more", "leaving", "greeting", "person", "ratings", "problem_solving")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one exercise, breathing, and one topic, tea."""
    for folder in ("bot/domain", "bot/data", "bot/tests", "docs/content", "escalation"):
        (tmp_path / folder).mkdir(parents=True)
    for name in COPIED:
        for file in (f"domain/{name}.yml", f"data/{name}.yml", f"tests/test_{name}.yml"):
            shutil.copy(ROOT / "bot" / file, tmp_path / "bot" / file)
    write(tmp_path, "escalation/script.toml", '[hi]\ntext = "Hi."\nsource = "Program wording"\n')
    write(tmp_path, "bot/domain/tea.yml", TEA)
    write(tmp_path, "bot/data/tea.yml", TRAINING)
    write(tmp_path, "bot/tests/test_tea.yml", "stories: []\n")
    write(tmp_path, "docs/content/tea.md", "# Tea\n")
    return tmp_path


def write(project: Path, name: str, words: str) -> None:
    (project / name).write_text(words, "utf-8")


def faults(project: Path) -> list[str]:
    return [str(fault) for fault in find_faults(read_content(project))]


DOMAIN, DATA, BREATHING = "bot/domain/tea.yml", "bot/data/tea.yml", "bot/domain/breathing.yml"
LAST = TEA[TEA.rindex("    - text") :]
FEWER = "".join(EXAMPLES.splitlines(keepends=True)[:19])
HARD = (
    "Consider alternative possibilities concerning telecommunication equipment while "
    "simultaneously enjoying an infusion."
)
# In this file, these words are replaced by those, and so the checks say this.
MISTAKES = [
    (DOMAIN, "A break helps", "A break\u2026 helps", "cannot be sent in a plain SMS"),
    (DOMAIN, "Put the phone", "Put the phone away. " * 14 + "Put the phone", "Cut 2"),
    (DOMAIN, "Put the phone away while you drink it.", HARD, "reading grade"),
    (DOMAIN, "Put the phone", "I care about you, so put the phone", '"I care" is a claim'),
    (DOMAIN, "Put the phone", "Text HELP and put the phone", '"HELP" belongs to the phone'),
    (DOMAIN, "Put the phone", "Text KETTLE and put the phone", 'Add "- kettle"'),
    (DOMAIN, "Put the phone", "{tea_note} Put the phone", "unknown length of {tea_note}"),
    (DOMAIN, "offers: breathing", "offers: brewing", "no such exercise"),
    (DOMAIN, ", offers: breathing", "", "offers no exercise"),
    (DOMAIN, "utter_tea_more:", "utter_tea_most:", "the topic tea has no utter_tea_more"),
    (DOMAIN, "utter_tea_more:", "utter_greet:", "utter_greet: is in bot/domain/greeting.yml, too"),
    (DOMAIN, "- topic_tea", "- topic_teas", "the intent topic_teas has no examples"),
    (DOMAIN, "- topic_tea", "- topic_teas", "no file in bot/domain lists the intent topic_tea"),
    (DOMAIN, "Tea is a warm", 'Tea is "a warm', "cannot be read in line 6"),
    (DOMAIN, LAST, LAST.partition("\n")[0], f"{DOMAIN}, utter_tea_more: no source."),
    (DATA, EXAMPLES, FEWER, f"{DATA}: the intent topic_tea has 19 examples"),
    (DATA, "tell me about tea number 3", "Breathe", "is an example of topic_tea and of ask_breath"),
    (BREATHING, "utter_breathing_left:", "utter_gone:", "has no utter_breathing_left. Add it"),
    (BREATHING, "utter_ask_breathing_after:", "utter_ask:", "no utter_ask_breathing_after"),
    ("escalation/script.toml", '"Hi."', '"Hi.', "escalation/script.toml: cannot be read"),
]


def test_a_mistake_is_reported_with_its_place(project: Path) -> None:
    before = faults(project)
    assert not [fault for fault in before if "tea" in fault], "a valid topic has no faults"
    missed = []
    for file, old, new, says in MISTAKES:
        words = (project / file).read_text("utf-8")
        assert old in words, old
        write(project, file, words.replace(old, new, 1))
        found = [fault for fault in faults(project) if fault not in before]
        if not any(says in fault for fault in found):
            missed.append((says, found))
        assert all(fault.startswith(("bot/d", "escalation/script.toml")) for fault in found)
        write(project, file, words)
    assert missed == []


def test_a_missing_file_is_reported(project: Path) -> None:
    for missing in ("docs/content/tea.md", "bot/data/tea.yml", "bot/tests/test_tea.yml"):
        (project / missing).unlink()
        assert any(f"{missing} is missing" in fault for fault in faults(project)), missing


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
    assert [fault for fault in faults(ROOT) if fault.startswith("escalation/")] == []


def test_the_command_exits_1_with_a_fault(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, DOMAIN, TEA.replace("Put the phone", "I miss you. Put the phone"))
    assert run(brief=True, root=project) == 1
    assert " problems." in capsys.readouterr().out
    assert "Usage" in CliRunner().invoke(app, ["content", "--help"]).output


# --- measuring ---


def test_the_label_counts() -> None:
    assert Text("a.yml", "b", "x" * (160 - len(LABEL)), "c").as_sent == LABEL + "x" * 146
    assert gsm.segments(LABEL + "x" * 146) == 1
    assert gsm.segments(LABEL + "x" * 147) == 2


def test_segments_match_twilios_own_calculator() -> None:
    """1,500 generated texts; the encodings and counts are what Twilio's message-segment-calculator
    1.2.0 prints for them."""
    known = [json.loads(line) for line in SEGMENTS.read_text("utf-8").splitlines()]
    assert len(known) == 1500
    wrong = [
        one["text"]
        for one in known
        if gsm.segments(one["text"]) != one["segments"]
        or bool(gsm.outside_gsm_7(one["text"])) != (one["encoding"] == "UCS-2")
    ]
    assert wrong == []


def test_segments_match_the_gsm_standard() -> None:
    segments = {"": 1, "a" * 160: 1, "a" * 161: 2, "a" * 306: 2, "a" * 307: 3}
    segments |= {"€" * 80: 1, "€" * 81: 2}
    assert {text: gsm.segments(text) for text in segments} == segments


def test_a_placeholder_counts_with_its_longest_value() -> None:
    said = Text("a.toml", "who_own", "I have asked {mentor}. You went from {x_before}.", "s")
    assert said.as_sent == f"{LABEL}I have asked Maximilian. You went from 10."
    assert said.unknown_blanks == []


def test_syllables_are_those_of_the_dictionary() -> None:
    beats = {"stress": 1, "people": 2, "every": 3, "loneliness": 3, "don't": 1, "988": 1}
    assert {word: readability.syllables(word) for word in beats} == beats


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
