"""Spanish messages: rules of their own find a crisis and a request for a person.

spanish.tsv holds our own sentences: the expected result, the topic, and the words. `crisis` pages
people at once, `soon` brings a person soon, `person` is a request, `nothing` is neither.
"""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

from escalation.decide import BotState, Do, Standing, decide
from escalation.detect import detect
from escalation.detect.lexicon import SPANISH, Kind, load_lexicon
from escalation.detect.spanish import in_spanish
from escalation.detect.training.example_files import read_conversations, read_examples
from escalation.policy_file import load_policy
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


def test_a_crisis_in_spanish_is_a_crisis() -> None:
    wrong = []
    for text in sentences("crisis"):
        seen = detect(text)
        decision = decide(seen, Standing(), POLICY)
        rules = [span.rule for span in seen.evidence if span.axis is Axis.CRISIS]
        quoted = all(text[span.start : span.end] == span.quote for span in seen.evidence)
        spanish = any(rule.startswith("es: ") for rule in rules)
        called = (decision.do, decision.urgency) == (Do.HAND_OFF, Urgency.CRISIS)
        if not (called and spanish and quoted):
            wrong.append((text, decision, rules))
    assert not wrong


def test_near_despair_brings_a_person_soon() -> None:
    decided = {text: decide(detect(text), Standing(), POLICY) for text in sentences("soon")}
    soon = (Need.CONCERN, Urgency.SOON)
    assert not {text: one for text, one in decided.items() if (one.need, one.urgency) != soon}


def test_a_request_for_a_person_in_spanish_is_one() -> None:
    seen = {text: detect(text) for text in sentences("person")}
    assert not [text for text, one in seen.items() if not one.asked_for_person]
    decided = {text: decide(one, Standing(), POLICY) for text, one in seen.items()}
    assert not {text: one for text, one in decided.items() if one.need is not Need.REQUEST}


def test_sayings_songs_denials_and_everyday_words_call_no_one() -> None:
    wrong = []
    for text in sentences("nothing"):
        seen = detect(text)
        do = decide(seen, Standing(), POLICY, BotState.ANSWERED).do
        if (
            seen.crisis >= MARKS.concern
            or seen.asked_for_person
            or do not in (Do.REPLY, Do.OFFER, Do.LEAVE_IT)
        ):
            wrong.append((text, seen.crisis, seen.asked_for_person, do))
    assert not wrong


def test_spelling_case_and_accents_do_not_matter() -> None:
    for text in ("me quiero morir", "quiero hablar con una persona"):
        k, accents = text.replace("qu", "k"), text.replace("o", "ó")
        shown = [detect(words) for words in (text, text.upper(), k, accents, f"  {text}!!! ")]
        assert len({(round(seen.crisis, 3), seen.asked_for_person) for seen in shown}) == 1


def test_the_record_says_that_it_is_not_covered_and_names_the_spanish_lists() -> None:
    seen = detect("me kiero morir")

    assert not seen.covered
    assert load_lexicon(SPANISH).version in seen.version
    assert len(seen.version) <= 80, "as long as its column"


def test_a_yes_or_no_in_spanish_answers_the_offer() -> None:
    said = {
        YesOrNo.YES: ["sí", "si por favor", "claro que sí"],
        YesOrNo.NO: ["no, gracias", "ahora no"],
        None: ["si me muero nadie llora"],
    }
    assert not [one for says, texts in said.items() for one in texts if detect(one).says != says]


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


def test_the_patterns_are_written_as_normalized_text_is_read() -> None:
    """A letter with an accent in a pattern would never match: normalizing removes it."""
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
