"""Who is called does not depend on how Maya writes, and an edit changes only how she writes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.decide import Do
from escalation.detect.coverage import covered
from escalation.detect.normalize import fold
from escalation.detect.training import edits
from escalation.detect.training.edits import EDITS, Edit, Group
from escalation.detect.training.example_files import read_examples
from escalation.detect.training.robustness import (
    Route,
    draw_sample,
    flip_rates,
    overall,
    route,
)
from escalation.intervals import Rate
from escalation.policy import load_policy
from models import Urgency

POLICY = load_policy()

DENIAL = re.compile(
    r"\b(?:not|never|no|cannot"
    r"|(?:do|does|did|ca|wo|is|are|was|were|have|has|had|could|would|should|ai|am)n'?t"
    r"|(?:din|doesn|didn|can|couldn|wouldn|shouldn|willn|isn|aren|wasn|haven|hasn)n?ae)\b"
)

CRISES = [
    "i want to kill myself",
    "I'm going to kill myself tonight. I don't see another way.",
    "i don't want to be alive anymore",
    "i just took all my pills",
    "i cut myself again last night and it was deeper",
    "my stepdad hit me again",
    "he said he will kill me if i leave",
    "i have a plan to end my life and nobody knows",
    "I was raped.",
    "i'm hanging myself tomorrow",
]
REQUESTS = [
    "can i talk to a real person",
    "PERSON",
    "is my mentor there",
    "i want to talk to my mentor",
    "i don't want to talk to a bot",
    "please can you get my mentor to text me",
    "i need to speak to a human please",
    "Can a person text me? I can't do this with a bot.",
]
LONELY = [
    "i feel so alone, nobody ever calls me and i cry every night",
    "i have no friends and i feel so alone tonight",
    "I feel so lonely. Nobody understands me and I just want someone to listen.",
    "everyone left me out again, i feel invisible and worthless",
    "i'm so sad and lonely since my best friend stopped talking to me",
    "nobody texts me back. i just feel so alone tonight",
]
TOOLS = [
    "how can i sleep better",
    "how do i ask my boss for more hours? any tips?",
    "what should i say in a job interview?",
    "Can you show me a breathing exercise?",
    "what is the best way to revise for a maths exam",
    "how do i tell my manager that i can't work on sunday",
    "any advice on how to save money as a student?",
    "how do i make a study plan for my exams",
]
PLAIN = [
    "ok thanks, see you tomorrow",
    "i had pizza for dinner",
    "the bus was late but i made it",
    "yes i did my homework and it wasn't hard",
    "happy birthday to your dog",
    "we won the match 3-1 on saturday",
    "good morning, it's raining here",
    "i'm watching a film with my sister",
]

by_chance = st.text(st.characters(), max_size=80)
WORDS = """i you my not never no don't can't want to really the with please because mum people going
am isn't something friend talk feel alone Tonight. what? killing, help! - \u2019 \U0001f62d"""
about_something = st.lists(st.sampled_from(WORDS.split()), max_size=14).map(" ".join)


def denials(text: str) -> int:
    return len(DENIAL.findall(fold(text).text))


@given(text=by_chance | about_something, edit=st.sampled_from(EDITS), seed=st.integers(0, 9))
@settings(max_examples=400, deadline=None)
def test_any_text_can_be_written_otherwise_and_the_same_way_twice(
    text: str, edit: Edit, seed: int
) -> None:
    assert edit.of(text, seed) == edit.of(text, seed)


@given(text=about_something, edit=st.sampled_from(EDITS), seed=st.integers(0, 9))
@settings(max_examples=400, deadline=None)
def test_what_maya_denies_she_denies_in_every_form(text: str, edit: Edit, seed: int) -> None:
    assert denials(edit.of(text, seed)) == denials(text)


@given(text=about_something, seed=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_a_finger_slips_once_in_four_words_at_most_and_makes_no_other_word(
    text: str, seed: int
) -> None:
    words = text.split()
    for edit in EDITS:
        if edit.group is Group.SLIPS:
            slipped = edit.of(text, seed).split()
            changed = [(was, now) for was, now in zip(words, slipped, strict=True) if was != now]
            assert len(changed) <= len(words) / edits.WORDS_PER_SLIP
            assert all(len(was) >= edits.SHORTEST for was, _ in changed)


def test_the_edits_write_as_people_do() -> None:
    text = "I'm going to tell my mum that I don't want to, \"ok\"? You know - killing time..."
    written = {(edit.group, edit.name): edit.of(text, 3) for edit in EDITS}

    assert written[Group.CASE, "all upper case"].startswith("I'M GOING TO TELL")
    assert "mum that I dont want to" in written[Group.CASE, "no apostrophes"]
    assert "gonna tell my mum that I don't wanna" in written[Group.SLANG, "short forms"]
    assert "\u201cok\u201d" in written[Group.SIGNS, "curly quotes"]
    assert "ma maw that I dinnae want tae" in written[Group.SCOTS_IRISH, "Scots"]
    assert "dat I no wan" in written[Group.NIGERIAN, "spellings"]
    assert "killin' time" in written[Group.AFRICAN_AMERICAN, "without g"]
    assert "my mom" in written[Group.BRITISH, "American"]


def routes_of(text: str, *, laughing: bool = False) -> dict[str, Route]:
    """The routes of the text in every form that changes it."""
    forms = {f"{edit.group}, {edit.name}: {edit.of(text)}": edit for edit in EDITS}
    return {
        form: route(edit.of(text), POLICY)
        for form, edit in forms.items()
        if (edit.group is Group.LAUGH) is laughing
    }


@pytest.mark.parametrize("text", CRISES)
def test_maya_in_danger_is_heard_however_she_writes(text: str) -> None:
    crisis = (Do.HAND_OFF, Urgency.CRISIS)

    assert route(text, POLICY) == crisis
    assert {form: seen for form, seen in routes_of(text).items() if seen != crisis} == {}


@pytest.mark.parametrize("text", CRISES)
def test_a_laugh_beside_danger_still_brings_a_person_soon(text: str) -> None:
    for seen in routes_of(text, laughing=True).values():
        assert seen[1] in {Urgency.SOON, Urgency.CRISIS}


@pytest.mark.parametrize("text", REQUESTS)
def test_maya_asking_for_a_person_gets_one_however_she_writes(text: str) -> None:
    soon = (Do.HAND_OFF, Urgency.SOON)

    assert route(text, POLICY) == soon
    assert {form: seen for form, seen in routes_of(text).items() if seen != soon} == {}


@pytest.mark.parametrize("text", LONELY)
def test_maya_alone_is_at_least_offered_somebody_however_she_writes(text: str) -> None:
    seen = routes_of(text) | routes_of(text, laughing=True)

    assert {form: do for form, (do, _) in seen.items() if do not in {Do.HAND_OFF, Do.OFFER}} == {}


@pytest.mark.parametrize("text", TOOLS + PLAIN)
def test_nobody_is_called_because_of_how_maya_writes(text: str) -> None:
    seen = routes_of(text) | routes_of(text, laughing=True)

    assert {form: do for form, (do, _) in seen.items() if do is Do.HAND_OFF} == {}


@pytest.mark.parametrize("text", CRISES + REQUESTS + LONELY + TOOLS + PLAIN)
def test_no_spelling_of_english_is_taken_for_another_language(text: str) -> None:
    assert [edit.of(text) for edit in EDITS if not covered(edit.of(text))] == []


def test_the_rates_count_only_what_an_edit_changed() -> None:
    shout = Edit("shouted away", Group.CASE, lambda text, _: re.sub("kill", "hug", text))
    rates = flip_rates(["i want to kill myself", "hello"], POLICY, edits=[shout])

    assert rates[Group.CASE].of == 1
    assert rates[Group.CASE].share == 1.0
    (flip,) = rates[Group.CASE].flips
    assert flip.lost > 0
    assert list(rates) == [Group.CASE]


def test_a_laugh_is_counted_apart() -> None:
    laugh = Edit("after", Group.LAUGH, lambda text, _: f"{text} lol")
    rates = flip_rates(["i want to kill myself"], POLICY, edits=[laugh])

    assert rates[Group.LAUGH].share == 1.0
    assert overall(rates).of == 0


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
