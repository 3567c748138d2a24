"""Maya may write in Spanish: a crisis and a wish for a person are seen by rules of their own.

spanish.tsv holds our own sentences: what is expected of each, what it speaks of, and the words.
`crisis` calls people at once, `soon` a person soon, `person` is a request, `nothing` is neither.
"""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation.decide import BotState, Do, Standing, decide
from escalation.detect import detect
from escalation.detect.lexicon import SPANISH, Kind, load_lexicon
from escalation.detect.spanish import in_spanish
from escalation.detect.training.example_files import read_conversations, read_examples
from escalation.policy import load_policy
from escalation.signals import Axis, YesOrNo
from models import Need, Urgency

POLICY = load_policy()
MARKS = POLICY.thresholds
FILE = Path(__file__).with_name("spanish.tsv")


def sentences(expected: str) -> list[str]:
    with FILE.open(encoding="utf-8", newline="") as lines:
        return [
            row["text"]
            for row in csv.DictReader(lines, delimiter="\t")
            if row["expected"] == expected
        ]


def english_texts() -> Iterator[str]:
    yield from (example.text for example in read_examples())
    for conversation in read_conversations():
        yield from (turn.text for turn in conversation.turns)


@pytest.mark.parametrize("text", sentences("crisis"))
def test_a_crisis_in_spanish_is_a_crisis(text: str) -> None:
    seen = detect(text)
    decision = decide(seen, Standing(), POLICY)

    assert (decision.do, decision.urgency) == (Do.HAND_OFF, Urgency.CRISIS)
    assert any(span.axis is Axis.CRISIS and span.rule.startswith("es: ") for span in seen.evidence)
    assert all(text[span.start : span.end] == span.quote for span in seen.evidence)


@pytest.mark.parametrize("text", sentences("soon"))
def test_near_despair_brings_a_person_soon(text: str) -> None:
    decision = decide(detect(text), Standing(), POLICY)

    assert (decision.need, decision.urgency) == (Need.CONCERN, Urgency.SOON)


@pytest.mark.parametrize("text", sentences("person"))
def test_who_asks_for_a_person_in_spanish_gets_one(text: str) -> None:
    seen = detect(text)

    assert seen.asked_for_person
    assert decide(seen, Standing(), POLICY).need is Need.REQUEST


@pytest.mark.parametrize("text", sentences("nothing"))
def test_sayings_songs_denials_and_everyday_words_call_nobody(text: str) -> None:
    seen = detect(text)

    assert seen.crisis < MARKS.concern
    assert not seen.asked_for_person
    assert decide(seen, Standing(), POLICY, BotState.ANSWERED).do in (Do.REPLY, Do.OFFER)


@pytest.mark.parametrize("text", ["me quiero morir", "quiero hablar con una persona"])
def test_spelling_case_and_accents_do_not_matter(text: str) -> None:
    written = [text, text.upper(), text.replace("qu", "k"), text.replace("o", "ó"), f"  {text}!!! "]

    shown = [detect(words) for words in written]
    assert len({(round(seen.crisis, 3), seen.asked_for_person) for seen in shown}) == 1


def test_the_record_says_that_the_wishes_are_not_covered_and_names_the_spanish_lists() -> None:
    seen = detect("me kiero morir")

    assert not seen.covered
    assert load_lexicon(SPANISH).version in seen.version
    assert len(seen.version) <= 80, "as long as its column"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sí", YesOrNo.YES),
        ("si por favor", YesOrNo.YES),
        ("claro que sí", YesOrNo.YES),
        ("no, gracias", YesOrNo.NO),
        ("ahora no", YesOrNo.NO),
        ("si me muero nadie llora", None),
    ],
)
def test_a_yes_or_no_in_spanish_answers_the_offer(text: str, says: YesOrNo | None) -> None:
    assert detect(text).says is says


def test_what_english_messages_show_does_not_change() -> None:
    """The Spanish rules add to what English shows only where they match; they match nowhere."""
    touched = [
        text
        for text in english_texts()
        if (seen := in_spanish(text)) and (seen.crisis or seen.requests or seen.says)
    ]

    assert touched == []


def test_every_kind_of_crisis_has_a_spanish_rule_and_no_name_is_used_twice() -> None:
    spanish, english = load_lexicon(SPANISH), load_lexicon()

    assert {rule.kind for rule in spanish.crisis} == set(Kind) - {Kind.PAST}
    for ours, theirs in (
        (spanish.crisis, english.crisis),
        (spanish.requests, english.requests),
        (spanish.guards, english.guards),
        (spanish.idioms, english.idioms),
    ):
        names = [rule.name for rule in (*ours, *theirs)]
        assert len(names) == len(set(names))


def test_the_patterns_are_written_as_folded_text_is_read() -> None:
    """A letter with an accent in a pattern would never match: folding takes it away."""
    spanish = load_lexicon(SPANISH)
    patterns = [rule.pattern.pattern for rule in spanish.crisis]
    patterns += [rule.pattern.pattern for rule in spanish.requests]
    patterns += [guard.pattern.pattern for guard in spanish.guards]

    assert [pattern for pattern in patterns if not pattern.isascii()] == []


def test_the_spanish_rules_cost_next_to_nothing_of_the_time_that_detection_has() -> None:
    texts = sentences("crisis")
    in_spanish(texts[0])
    times = []
    for text in texts:
        began = time.perf_counter()
        in_spanish(text)
        times.append(time.perf_counter() - began)

    assert sorted(times)[len(times) // 2] < 0.004, "the median; it is 0.2 ms on a quiet machine"


def test_long_spanish_text_does_not_take_long() -> None:
    began = time.perf_counter()
    in_spanish("no es que yo ya no quiera " * 400)

    assert time.perf_counter() - began < 1
