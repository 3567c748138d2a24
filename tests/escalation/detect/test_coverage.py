"""Maya may write in another language; then the scores say little, and the record says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.detect.coverage import covered, less_sure
from escalation.detect.training.example_files import read_examples
from escalation.policy import load_policy
from escalation.signals import Axis

MARKS = load_policy().thresholds

# "I don't want to live any more", "I feel very alone", "my stepfather hits me", "I need help", ...
OTHERS = [
    "ya no quiero vivir",
    "me siento muy solo",
    "mi padrastro me pega",
    "necesito ayuda",
    "hola",
    "je veux mourir",
    "je me sens tellement seule ce soir",
    "j'en peux plus",
    "ich will nicht mehr leben",
    "ich hab niemanden",
    "eu quero morrer",
    "não aguento mais",
    "non ce la faccio più",
    "ik voel me zo alleen",
    "nie chcę już żyć",
    "jag vill inte leva längre",
    "yaşamak istemiyorum ben bu gece",
    "tôi không muốn sống nữa",
    "toi khong muon song nua",
    "gusto ko nang mamatay",
    "aku sudah tidak kuat lagi",
    "mwen pa vle viv ankò",
    "waan dhiman rabaa",
    "nataka kufa",
    "mujhe ab jeena nahi hai",
    "я больше не хочу жить",
    "لا أريد أن أعيش",
    "我想死",
    "死にたい",
    "살고 싶지 않아",
    "मैं जीना नहीं चाहता",
    "መኖር አልፈልግም",
]
OURS = [
    "",
    "?",
    "12:30",
    "\U0001f62d\U0001f62d",
    "ok",
    "k",
    "gm",
    "brb",
    "sam",
    "Oluwaseun Adeyemi",
    "Xiomara Guadalupe Hernandez",
    "no",
    "hahahaha",
    "asdfghjkl",
    "I WANT TO DIE",
    "\uff49 \uff57\uff41\uff4e\uff54 \uff54\uff4f die",
    "i w\u0430nt to kill mys\u0435lf",
    "k i l l m y s e l f",
    "ngl im deadass finna kms fr fr",
    "abeg i no fit again o",
    "i cannae dae it anymair",
    "i told my abuela i love her",
    "hola can i talk to someone",
    "https://example.org/es/que-hacer",
]


@pytest.mark.parametrize("text", OTHERS)
def test_maya_writing_in_another_language_is_not_covered(text: str) -> None:
    assert not covered(text)


@pytest.mark.parametrize("text", OURS)
def test_short_strange_or_dialect_english_is_covered(text: str) -> None:
    assert covered(text)


def test_hardly_any_of_our_own_messages_is_taken_for_another_language() -> None:
    texts = [example.text for example in read_examples() if len(example.text.split()) >= 4]
    missed = [text for text in texts if not covered(text)]

    assert len(missed) <= 0.005 * len(texts), missed


@given(text=st.text(st.characters(), max_size=300))
@settings(deadline=None)
def test_any_text_is_covered_or_not_the_same_twice(text: str) -> None:
    assert covered(text) is covered(text)


def test_a_word_of_another_language_does_not_hide_english() -> None:
    assert covered("mi familia doesn't know that i want to die")
    assert not covered("mi familia no sabe que quiero morir, sorry")


def test_a_score_of_words_nobody_reads_is_drawn_to_the_middle_and_calls_nobody_by_itself() -> None:
    assert less_sure(0.0, Axis.CONNECTION) > 0.0
    assert less_sure(0.2, Axis.TOOLS) < less_sure(0.9, Axis.TOOLS) < 0.9
    assert less_sure(0.0, Axis.CRISIS) < MARKS.concern
    assert less_sure(1.0, Axis.CONNECTION) < MARKS.offer
