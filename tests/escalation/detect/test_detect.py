"""What detection hears in a message, and what it must not mishear."""

from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.detect import detect
from escalation.detect.lexicon import load_lexicon
from escalation.detect.rules import crisis_hits
from escalation.detect.wording import in_plain_words
from escalation.policy_file import load_policy
from escalation.signals import Axis
from tests.escalation.detect.english_texts import TEXTS, all_texts

MARKS = load_policy().thresholds

# With a higher score, a rule brings a person even if the classifier finds nothing.
ENOUGH = 0.25


def crises(text: str) -> set[str]:
    """The crisis rules that bring a person for this text."""
    hits = crisis_hits(in_plain_words(text).text, load_lexicon())
    return {hit.rule for hit in hits if hit.score > ENOUGH}


def test_crises_are_heard_also_with_a_no_or_a_serious_condition() -> None:
    assert not [text for text in all_texts("crisis") if detect(text).crisis < MARKS.crisis]


def test_each_rule_hears_its_own_words() -> None:
    heard = [(rule, text) for rule, texts in TEXTS["by_rule"].items() for text in texts]
    assert not [(rule, text) for rule, text in heard if rule not in crises(text)]
    assert not [text for _, text in heard if detect(text).crisis < MARKS.concern]


def test_a_disguise_does_not_hide_maya() -> None:
    assert not [t for t in TEXTS["concern"]["disguised"] if detect(t).crisis < MARKS.concern]


def test_sayings_and_denials_bring_no_one() -> None:
    assert not [text for text in all_texts("no_concern") if detect(text).crisis >= MARKS.concern]


def test_past_trifling_or_exaggerated_despair_and_harmless_words_are_no_crisis() -> None:
    assert not [text for text in all_texts("no_crisis") if detect(text).crisis >= MARKS.crisis]


def test_a_laugh_makes_it_less_sure_but_a_person_still_comes() -> None:
    joking, serious = detect("i want to kill myself lol"), detect("i want to kill myself")

    assert MARKS.concern <= joking.crisis < serious.crisis


def test_maya_saying_nobody_would_notice_brings_a_person_though_it_is_not_yet_a_crisis() -> None:
    seen = detect("nobody would notice if i was gone, i just want someone to talk to")

    assert seen.asked_for_person
    assert seen.crisis >= MARKS.concern


def test_maya_asking_how_to_sleep_wants_tools_and_nothing_else() -> None:
    seen = detect("how can i sleep better")

    assert seen.tools >= MARKS.tools
    assert seen.connection < MARKS.connection
    assert seen.crisis < MARKS.concern
    assert not seen.asked_for_person


def test_maya_worried_about_a_friend_gets_a_person() -> None:
    assert detect("my friend says she wants to kill herself").crisis >= MARKS.concern


def test_maya_can_ask_for_a_person_in_her_own_words_and_talk_about_people() -> None:
    texts = TEXTS["person"]
    assert not [text for text in texts["asked_for"] if not detect(text).asked_for_person]
    assert not [text for text in texts["not_asked_for"] if detect(text).asked_for_person]


def test_the_two_axes_are_told_apart() -> None:
    lonely = detect("nobody texts me back. i just feel so alone tonight")
    practical = detect("how do i ask my boss for more hours? any tips?")
    both = detect(
        "i feel so lonely, i cry every night and nobody knows. how do i make friends? please help"
    )
    neither = detect("ok thanks, see you tomorrow")

    assert lonely.connection >= MARKS.connection > practical.connection
    assert practical.tools >= MARKS.tools > lonely.tools
    assert both.connection >= MARKS.connection
    assert both.tools >= MARKS.tools
    assert neither.connection < MARKS.connection
    assert neither.tools < MARKS.tools


def test_a_need_that_maya_repeats_weighs_more_if_the_first_was_at_most_three_messages_ago() -> None:
    now = "i don't know, it's just quiet here"
    alone = detect(now, ["hi", "ok", "yes"])

    repeated = detect(now, ["i feel so alone", "nobody calls me"])
    assert repeated.connection > detect(now).connection
    assert detect(now, ["i feel so alone", "ok", "yes"]).connection > alone.connection
    assert detect(now, ["i feel so alone", "hi", "ok", "yes"]) == alone


def test_a_need_that_was_met_falls() -> None:
    before = ["i feel so alone here", "nobody at school talks to me", "i eat lunch in the toilet"]
    still = detect("i dont know what i did wrong, nobody likes me", before)
    met = detect("thanks, that really helps. i will try it tomorrow", before)

    assert met.connection < MARKS.offer < still.connection


@given(
    crisis=st.sampled_from(TEXTS["crisis"]["plain"]),
    upper=st.booleans(),
    curly=st.booleans(),
    invisible=st.sampled_from(["", "\u200b", "\u200d", "\ufeff"]),
    where=st.integers(min_value=0, max_value=60),
)
@settings(max_examples=60, deadline=None)
def test_quotes_case_and_invisible_characters_do_not_change_what_is_heard(
    crisis: str, upper: bool, curly: bool, invisible: str, where: int
) -> None:
    text = crisis.upper() if upper else crisis
    text = text.replace("'", "\u2019") if curly else text
    text = text[:where] + invisible + text[where:]

    assert detect(text).crisis >= MARKS.crisis


@given(
    before=st.text(max_size=40),
    crisis=st.sampled_from(TEXTS["crisis"]["plain"]),
    after=st.text(max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_evidence_of_a_crisis_is_quoted_as_it_was_written(
    before: str, crisis: str, after: str
) -> None:
    text = f"{before}\n{crisis}\n{after}"

    for evidence in detect(text).evidence:
        assert text[evidence.start : evidence.end] == evidence.quote


def test_the_evidence_names_the_words_and_the_rule() -> None:
    text = "hey. so \u201cfine\u201d is a lie. i\u2019m going to k\u200bill myself tonight"
    rules = [e for e in detect(text).evidence if e.axis is Axis.CRISIS]

    assert rules[0].rule == "plan with a time"
    assert rules[0].quote.endswith("k\u200bill myself tonight")


def test_a_crisis_at_the_end_of_a_very_long_message_is_read() -> None:
    text = "so today was like this. " * 4_000 + "i am going to kill myself tonight"
    assert detect(text).crisis >= MARKS.crisis
