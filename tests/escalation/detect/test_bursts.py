"""Texts that a person sends one after the other, read as the one message they are."""

from escalation.detect import detect
from escalation.detect.bursts import detect_together, part_of
from escalation.policy_file import load_policy

MARKS = load_policy().thresholds

CRISES = (
    ("i want to kill", "myself"),
    ("i wanna", "kill", "myself"),
    ("i dont want to", "be here", "anymore"),
    ("im gonna take", "all my pills"),
    ("hey", "so", "i wanna", "die"),
    ("my stepdad", "keeps", "hitting me"),
    ("omg sorry for all the texts", "i think im going to end", "my life"),
    ("i want to ki", "ll myself"),
    ("hoy me quiero", "morir"),
    ("ya no quiero", "vivir"),
    ("(1/2) nobody knows this but tonight i am going to ki", "(2/2) ll myself, sorry"),
    ("1 of 3: i cant do this anymore i am gon", "2 of 3: na take all of my pil", "3 of 3: ls"),
)

# Each begins as a danger could, and is none when it is read to its end.
HARMLESS = (
    ("im gonna kill", "this exam"),
    ("i dont wanna be here", "at school lol"),
    ("i finished my essay", "i want to kill"),
    ("i told my mom", "hit me back when u can"),
    ("my mom is here", "hit me up later"),
    ("i love my cousin", "suicide squad is on tonight"),
    ("we played the game till 2.", "die trying was so good"),
    ("thats the best ski", "ll see you there"),
    ("im going to", "the mall"),
    ("i have to take", "my meds at 8"),
    ("(1/2) we had a math test today and then pra", "(2/2) ctice until six"),
    ("i killed", "it at practice"),
    ("my coach", "touched base with my mom"),
    ("voy a matar", "el examen"),
)


def crisis_at_last(texts: tuple[str, ...]) -> float:
    """The score once the last text is there, as a worker sees it."""
    together = detect_together(texts)
    return max(detect(texts[-1]).crisis, together.crisis if together else 0.0)


def reached(texts: tuple[str, ...]) -> float:
    return max(crisis_at_last(texts[:count]) for count in range(1, len(texts) + 1))


def test_a_crisis_in_two_or_three_texts_is_a_crisis() -> None:
    missed = {texts: reached(texts) for texts in CRISES if reached(texts) < MARKS.crisis}
    assert not missed


def test_no_text_of_those_is_a_crisis_alone() -> None:
    """Otherwise the list above would show nothing."""
    assert not [t for texts in CRISES for t in texts if detect(t).crisis >= MARKS.crisis]


def test_harmless_texts_make_no_danger_together() -> None:
    false = {texts: crisis_at_last(texts) for texts in HARMLESS}
    assert not {texts: score for texts, score in false.items() if score >= MARKS.concern}


def test_the_number_of_a_part_is_no_word_of_it() -> None:
    for text, number, words in (
        ("(1/2) hey there", (1, 2), "hey there"),
        ("2 of 3: and then", (2, 3), "and then"),
        ("(2/2)ll be fine", (2, 2), "ll be fine"),
        ("and then 3/3", (3, 3), "and then"),
    ):
        part = part_of(text)
        assert part is not None, text
        assert ((part.number, part.of), part.words) == (number, words)
    for text in ("7/10", "i am here 24/7", "1 of my friends", "3 of 2 people", "hello"):
        assert part_of(text) is None, text
