"""An edit changes only how Maya writes, and how she writes does not change who is called."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.decide import Do
from escalation.detect.coverage import covered
from escalation.detect.normalize import normalize
from escalation.detect.training import edits
from escalation.detect.training.edits import EDITS, Edit, Group
from escalation.detect.training.example_files import read_examples
from escalation.detect.training.robustness import (
    against_targets,
    draw_sample,
    flip_rates,
    overall,
    route,
)
from escalation.intervals import Rate
from escalation.policy_file import load_policy
from models import Urgency
from tests.escalation.detect.english_texts import TEXTS

POLICY = load_policy()

DENIAL = re.compile(
    r"\b(?:not|never|no|cannot"
    r"|(?:do|does|did|ca|wo|is|are|was|were|have|has|had|could|would|should|ai|am)n'?t"
    r"|(?:din|doesn|didn|can|couldn|wouldn|shouldn|willn|isn|aren|wasn|haven|hasn)n?ae)\b"
)

ROUTES = TEXTS["routes"]

by_chance = st.text(st.characters(), max_size=80)
WORDS = """i you my not never no don't can't want to really the with please because mum people going
am isn't something friend talk feel alone Tonight. what? killing, help! - \u2019 \U0001f62d"""
about_something = st.lists(st.sampled_from(WORDS.split()), max_size=14).map(" ".join)


def denials(text: str) -> int:
    return len(DENIAL.findall(normalize(text).text))


@given(text=by_chance | about_something, edit=st.sampled_from(EDITS), seed=st.integers(0, 9))
@settings(max_examples=400, deadline=None)
def test_any_text_can_be_written_otherwise_and_the_same_way_twice(
    text: str, edit: Edit, seed: int
) -> None:
    assert edit.apply(text, seed) == edit.apply(text, seed)


@given(text=about_something, edit=st.sampled_from(EDITS), seed=st.integers(0, 9))
@settings(max_examples=400, deadline=None)
def test_what_maya_denies_she_denies_in_every_form(text: str, edit: Edit, seed: int) -> None:
    assert denials(edit.apply(text, seed)) == denials(text)


@given(text=about_something, seed=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_a_finger_slips_once_in_four_words_at_most_and_makes_no_other_word(
    text: str, seed: int
) -> None:
    words = text.split()
    for edit in EDITS:
        if edit.group is Group.SLIPS:
            slipped = edit.apply(text, seed).split()
            changed = [(was, now) for was, now in zip(words, slipped, strict=True) if was != now]
            assert len(changed) <= len(words) / edits.WORDS_PER_SLIP
            assert all(len(was) >= edits.SHORTEST for was, _ in changed)


def test_the_edits_write_as_people_do() -> None:
    text = "I'm going to tell my mum that I don't want to, \"ok\"? You know - killing time..."
    written = {(edit.group, edit.name): edit.apply(text, 3) for edit in EDITS}

    assert written[Group.CASE, "all upper case"].startswith("I'M GOING TO TELL")
    assert "mum that I dont want to" in written[Group.CASE, "no apostrophes"]
    assert "gonna tell my mum that I don't wanna" in written[Group.SLANG, "short forms"]
    assert "\u201cok\u201d" in written[Group.MARKS, "curly quotes"]
    assert "ma maw that I dinnae want tae" in written[Group.SCOTS_IRISH, "Scots"]
    assert "dat I no wan" in written[Group.NIGERIAN, "spellings"]
    assert "killin' time" in written[Group.AFRICAN_AMERICAN, "without g"]
    assert "my mom" in written[Group.BRITISH, "American"]


def test_the_route_does_not_depend_on_how_maya_writes() -> None:
    """In danger, asking for a person, lonely, with a practical question, in small talk."""
    crisis, soon = (Do.HAND_OFF, Urgency.CRISIS), (Do.HAND_OFF, Urgency.SOON)
    wrong = []
    for kind, texts in ROUTES.items():
        for text in texts:
            forms = {(edit.group, edit.name): edit.apply(text) for edit in EDITS}
            for (group, name), form in [((None, "as written"), text), *forms.items()]:
                seen = route(form, POLICY)
                laughing = group is Group.LAUGH
                right = {
                    "crisis": seen == crisis or (laughing and seen == soon),
                    "request": seen == soon or laughing,
                    "lonely": seen[0] in {Do.HAND_OFF, Do.OFFER},
                    "practical": seen[0] is not Do.HAND_OFF,
                    "small_talk": seen[0] is not Do.HAND_OFF,
                }[kind]
                if not right or not covered(form):
                    wrong.append((kind, name, form, seen))
    assert not wrong


def test_the_rates_count_only_what_an_edit_changed() -> None:
    shout = Edit("shouted away", Group.CASE, lambda text, _: re.sub("kill", "hug", text))
    rates = flip_rates(["i want to kill myself", "hello"], POLICY, edits=[shout])

    assert rates[Group.CASE].of == 1
    assert rates[Group.CASE].rate.share == 1.0
    (flip,) = rates[Group.CASE].flips
    assert flip.lost > 0
    assert list(rates) == [Group.CASE]
    assert all(rate.share > most for _, rate, most in against_targets(rates))


def test_a_laugh_is_counted_apart() -> None:
    laugh = Edit("after", Group.LAUGH, lambda text, _: f"{text} lol")
    rates = flip_rates(["i want to kill myself"], POLICY, edits=[laugh])

    assert rates[Group.LAUGH].rate.share == 1.0
    assert overall(rates).of == 0
    assert all(rate.share <= most for _, rate, most in against_targets(rates))


def test_the_interval_of_a_rate_holds_it_and_narrows() -> None:
    few, many = Rate(1, 20).interval, Rate(50, 1000).interval

    assert few == pytest.approx((0.00888, 0.2361), abs=1e-3)  # Wilson 1927, by hand
    assert many[1] - many[0] < few[1] - few[0]
    assert Rate(0, 0).interval == (0.0, 1.0)


def test_the_sample_holds_every_large_label_in_proportion() -> None:
    examples = read_examples()
    texts = set(draw_sample(examples, 300, seed=1))
    plain = sum(1 for e in examples if (e.connection, e.tools, e.kind) == (0, 0, None))
    taken = sum(
        1 for e in examples if e.text in texts and (e.connection, e.tools, e.kind) == (0, 0, None)
    )

    assert len(texts) == 300
    assert abs(taken - 300 * plain / len(examples)) <= 2
    assert draw_sample(examples, 300, seed=1) == draw_sample(examples, 300, seed=1)
