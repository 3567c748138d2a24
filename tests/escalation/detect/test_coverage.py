"""If Maya writes in another language, the scores mean little, and the record says so."""

from escalation.detect.coverage import covered, less_sure
from escalation.detect.training.example_files import read_examples
from escalation.policy_file import load_policy
from escalation.signals import Axis
from tests.escalation.detect.english_texts import TEXTS

MARKS = load_policy().thresholds


def test_short_strange_or_dialect_english_is_covered_and_other_languages_are_not() -> None:
    assert not [text for text in TEXTS["coverage"]["covered"] if not covered(text)]
    assert not [text for text in TEXTS["coverage"]["not_covered"] if covered(text)]


def test_hardly_any_of_our_own_messages_is_taken_for_another_language() -> None:
    texts = [example.text for example in read_examples() if len(example.text.split()) >= 4]
    missed = [text for text in texts if not covered(text)]

    assert len(missed) <= 0.005 * len(texts), missed


def test_a_word_of_another_language_does_not_hide_english() -> None:
    assert covered("mi familia doesn't know that i want to die")
    assert not covered("mi familia no sabe que quiero morir, sorry")


def test_a_score_for_unknown_words_moves_to_the_middle_and_brings_no_one_by_itself() -> None:
    assert less_sure(0.0, Axis.CONNECTION) > 0.0
    assert less_sure(0.2, Axis.TOOLS) < less_sure(0.9, Axis.TOOLS) < 0.9
    assert less_sure(0.0, Axis.CRISIS) < MARKS.concern
    assert less_sure(1.0, Axis.CONNECTION) < MARKS.offer
